//! The text SEARCH BODY and TEXT look at (RFC 9051 §6.4.4), beyond the header of the message.

use std::borrow::Cow;
use std::ops::{ControlFlow, Range};

use mail_parser::{Charset, html_to_text};

use crate::fields::Fields;
use crate::header::{decode_header_text, header_fields};
use crate::parameter::Parameterized;
use crate::part_index::{Part, PartIndex, PartKind};
use crate::{Limits, decode_part};

/// Hands every text of the body to `visit`, decoded to UTF-8, in document order, until it
/// breaks: text parts (HTML without its markup) and the header fields of messages inside. What
/// cannot be decoded is left out. `parts` is the index of this very message.
pub fn searchable_text(
    message: &[u8],
    parts: &PartIndex,
    limits: &Limits,
    visit: &mut dyn FnMut(&str) -> ControlFlow<()>,
) -> ControlFlow<()> {
    for (number, part) in parts.iter() {
        match part.kind {
            PartKind::Text | PartKind::Html => {
                if let Some(text) = part_text(message, &part, limits) {
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
            _ => {}
        }
    }
    ControlFlow::Continue(())
}

/// One header field as SEARCH TEXT sees it: `name: value`, decoded.
pub fn header_line(name: &[u8], raw_value: &[u8]) -> String {
    format!("{}: {}", String::from_utf8_lossy(name), decode_header_text(raw_value))
}

/// The text of a text part, decoded to UTF-8, HTML without its markup; `None` where its encoding
/// is unknown.
pub fn part_text<'a>(message: &'a [u8], part: &Part, limits: &Limits) -> Option<Cow<'a, str>> {
    let fields = Fields::of(slice(message, &part.mime), limits.header_fields_max);
    let content_type = fields.content_type.and_then(Parameterized::parse);
    let charset = content_type
        .as_ref()
        .and_then(|content_type| content_type.parameter("charset"))
        .and_then(Charset::from_label)
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

fn slice<'a>(message: &'a [u8], range: &Range<u32>) -> &'a [u8] {
    message.get(range.start as usize..range.end as usize).unwrap_or_default()
}
