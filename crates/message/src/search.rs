//! The text SEARCH BODY and TEXT look at (RFC 9051 §6.4.4), beyond the header of the message.

use std::borrow::Cow;
use std::ops::{ControlFlow, Range};

use mail_parser::html_to_text;

use crate::charset::charset_of;
use crate::fields::Fields;
use crate::header::{decode_header_text, header_fields};
use crate::parameter::Parameterized;
use crate::part_index::{Part, PartIndex, PartKind};
use crate::{Limits, decode_part};

/// A part with a text, as it names itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchablePart {
    /// The media type in lower case, such as `text/csv`.
    pub media_type: String,
    /// Whether it is to be shown as an attachment (RFC 2183 §2.2).
    pub is_attachment: bool,
}

/// Hands every text of the body to `visit`, decoded to UTF-8, in document order, until it
/// breaks: text parts (HTML without its markup), the header fields of messages inside, and parts
/// of other message types, such as message/delivery-status (RFC 9051 §6.4.4 has servers look into
/// all of TEXT and MESSAGE). What cannot be decoded is left out. `parts` is the index of this very
/// message.
pub fn searchable_text(
    message: &[u8],
    parts: &PartIndex,
    limits: &Limits,
    visit: &mut dyn FnMut(&str) -> ControlFlow<()>,
) -> ControlFlow<()> {
    searchable_text_of(message, parts, limits, &mut |_| true, visit)
}

/// Like `searchable_text`, without the parts that `wants` refuses.
pub fn searchable_text_of(
    message: &[u8],
    parts: &PartIndex,
    limits: &Limits,
    wants: &mut dyn FnMut(&SearchablePart) -> bool,
    visit: &mut dyn FnMut(&str) -> ControlFlow<()>,
) -> ControlFlow<()> {
    for (number, part) in parts.iter() {
        match part.kind {
            PartKind::Text | PartKind::Html | PartKind::Binary => {
                if let Some(text) = wanted_text(message, &part, limits, wants) {
                    visit(&text)?;
                }
            }
            // The header of the whole message belongs to TEXT only.
            PartKind::Message if !number.is_empty() => {
                let header = part.message.map_or(0..0, |ranges| ranges.header);
                for field in header_fields(slice(message, &header)).take(limits.header_fields_max) {
                    visit(&header_line(field.name, field.value))?;
                }
            }
            PartKind::Message | PartKind::Multipart => {}
        }
    }
    ControlFlow::Continue(())
}

/// Hands the header fields of every part inside the message to `visit`, as [`header_line`] has
/// them, until it breaks: TEXT looks into them beside the header of the message and the body
/// (RFC 9051 §6.4.4, "including MIME header fields").
pub fn part_headers(
    message: &[u8],
    parts: &PartIndex,
    limits: &Limits,
    visit: &mut dyn FnMut(&str) -> ControlFlow<()>,
) -> ControlFlow<()> {
    for (_, part) in parts.iter().filter(|(number, _)| !number.is_empty()) {
        for field in header_fields(slice(message, &part.mime)).take(limits.header_fields_max) {
            visit(&header_line(field.name, field.value))?;
        }
    }
    ControlFlow::Continue(())
}

/// One header field as SEARCH TEXT sees it: `name: value`, decoded.
pub fn header_line(name: &[u8], raw_value: &[u8]) -> String {
    format!("{}: {}", String::from_utf8_lossy(name), decode_header_text(raw_value))
}

/// The text of a text part or of one of a message type that is no message, decoded to UTF-8, HTML
/// without its markup; `None` for other parts and where the encoding is unknown.
pub fn part_text<'a>(message: &'a [u8], part: &Part, limits: &Limits) -> Option<Cow<'a, str>> {
    wanted_text(message, part, limits, &mut |_| true)
}

fn wanted_text<'a>(
    message: &'a [u8],
    part: &Part,
    limits: &Limits,
    wants: &mut dyn FnMut(&SearchablePart) -> bool,
) -> Option<Cow<'a, str>> {
    let fields = Fields::of(slice(message, &part.mime), limits.header_fields_max);
    let content_type = fields.content_type.and_then(Parameterized::parse);
    let is_message = || content_type.as_ref().is_some_and(|given| given.is_main("message"));
    if part.kind == PartKind::Binary && !is_message() {
        return None;
    }
    if !wants(&described(&fields, content_type.as_ref())) {
        return None;
    }
    let charset = content_type
        .as_ref()
        .and_then(|content_type| content_type.parameter("charset"))
        .and_then(charset_of)
        .unwrap_or_default();
    let text = match decode_part(slice(message, &part.body), part.encoding).ok()? {
        Cow::Borrowed(bytes) => charset.decode(bytes),
        Cow::Owned(bytes) => Cow::Owned(charset.decode_owned(bytes)),
    };
    Some(match part.kind {
        PartKind::Html => Cow::Owned(html_to_text(&text)),
        _ => text,
    })
}

fn described(fields: &Fields<'_>, content_type: Option<&Parameterized>) -> SearchablePart {
    let media_type = content_type.map(|given| {
        let words = [&given.main, &given.sub].map(|word| String::from_utf8_lossy(word));
        words.join("/").to_ascii_lowercase()
    });
    let disposition = fields.disposition.and_then(Parameterized::parse);
    SearchablePart {
        // RFC 2045 §5.2: what a part without a type is.
        media_type: media_type.unwrap_or_else(|| "text/plain".to_owned()),
        is_attachment: disposition.is_some_and(|given| given.is_main("attachment")),
    }
}

fn slice<'a>(message: &'a [u8], range: &Range<u32>) -> &'a [u8] {
    message.get(range.start as usize..range.end as usize).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Summary;

    #[test]
    fn parts_are_refused_by_what_they_are() {
        let message = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\none\r\n\
            --b\r\nContent-Type: Text/CSV; charset=utf-8\r\n\
            Content-Disposition: ATTACHMENT; filename=a.csv\r\n\r\ntwo\r\n\
            --b\r\nContent-Type: text/calendar; charset=cp932\r\n\r\n\x93\xfa\r\n--b--\r\n";
        let parts = Summary::of(message, &Limits::default()).parts;
        let (mut seen, mut texts) = (Vec::new(), Vec::new());
        let mut wants = |part: &SearchablePart| {
            seen.push((part.media_type.clone(), part.is_attachment));
            part.media_type != "text/csv"
        };
        let mut visit = |text: &str| {
            texts.push(text.trim_end().to_owned());
            ControlFlow::Continue(())
        };
        let _ = searchable_text_of(message, &parts, &Limits::default(), &mut wants, &mut visit);
        assert_eq!(texts, ["one", "日"]);
        let mut lines = Vec::new();
        let _ = part_headers(message, &parts, &Limits::default(), &mut |line| {
            lines.push(line.to_owned());
            ControlFlow::Continue(())
        });
        assert_eq!(
            lines,
            [
                "Content-Type: Text/CSV; charset=utf-8",
                "Content-Disposition: ATTACHMENT; filename=a.csv",
                "Content-Type: text/calendar; charset=cp932",
            ]
        );
        let expect = [("text/plain", false), ("text/csv", true), ("text/calendar", false)];
        assert!(seen.iter().map(|(name, is)| (name.as_str(), *is)).eq(expect));
    }
    // RFC 9051 §6.4.4
    #[test]
    fn message_types_that_are_no_message_are_texts() {
        let message = b"Content-Type: multipart/report; boundary=b\r\n\r\n\
            --b\r\nContent-Type: Message/Delivery-Status\r\n\r\nStatus: 5.1.1\r\n\
            --b\r\nContent-Type: message/partial; id=x\r\nContent-Transfer-Encoding: base64\r\n\r\n\
            aGVsbG8=\r\n\
            --b\r\nContent-Type: message/x; charset=iso-8859-1\r\n\
            Content-Transfer-Encoding: x\r\n\r\nopaque\r\n\
            --b\r\nContent-Type: application/pdf\r\n\r\npdf\r\n\
            --b\r\nContent-Type: message/external-body; access-type=URL\r\n\
            Content-Disposition: attachment\r\n\r\nouter\r\n--b--\r\n";
        let parts = Summary::of(message, &Limits::default()).parts;
        let (mut seen, mut texts) = (Vec::new(), Vec::new());
        let mut wants = |part: &SearchablePart| {
            seen.push(part.media_type.clone());
            !part.is_attachment
        };
        let mut visit = |text: &str| {
            texts.push(text.to_owned());
            ControlFlow::Continue(())
        };
        let _ = searchable_text_of(message, &parts, &Limits::default(), &mut wants, &mut visit);
        assert_eq!(texts, ["Status: 5.1.1", "hello"]);
        let asked =
            ["message/delivery-status", "message/partial", "message/x", "message/external-body"];
        assert_eq!(seen, asked);
        assert!(parts.iter().skip(1).all(|(_, part)| part.kind == PartKind::Binary));
    }
}
