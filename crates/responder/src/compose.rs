//! Messages that a run asks for, put together: answers, notices, refusals.
//!
//! **Invariant:** whatever a script or a message says, a rendered field is one field, of lines of
//! at most 998 bytes (RFC 5322 §2.1.1).

use std::borrow::Cow;

use mail_builder::headers::Header;
use mail_builder::headers::address::Address;
use mail_builder::headers::content_type::ContentType;
use mail_builder::headers::raw::Raw;
use mail_builder::headers::text::Text;
use mail_builder::mime::{BodyPart, MimePart};
use message::date::format_rfc5322;

use crate::action::{Notify, Reject, Stamp, Vacation};

// LIMIT: RFC 5322 §2.1.1, a line has at most 998 bytes; a longer word goes into encoded words,
// which can be folded.
const WORD_BYTES_MAX: usize = 900;

/// Adds a header field: encoded where it is not ASCII (RFC 2047), folded, its line breaks
/// blanks.
pub fn push_field(out: &mut Vec<u8>, name: &str, value: &str) {
    let value = one_line(value);
    let can_fold = value.split([' ', '\t']).all(|word| word.len() <= WORD_BYTES_MAX);
    match value.is_ascii() && can_fold {
        true => push(out, name, &Raw::new(value)),
        false => push(out, name, &Text::new(value)),
    }
}

/// Adds a field that holds one mailbox (RFC 5322 §3.4), of which the name alone is encoded.
fn push_mailbox(out: &mut Vec<u8>, name: &str, value: &str) {
    let value = one_line(value);
    match value.strip_suffix('>').and_then(|rest| rest.rsplit_once('<')) {
        Some((phrase, address)) if !value.is_ascii() => {
            push(out, name, &Address::new_address(Some(unquoted(phrase.trim())), address));
        }
        // RFC 6532 §3.2: an address in UTF-8 stands as it is.
        None if !value.is_ascii() => push(out, name, &Raw::new(value)),
        _ => push_field(out, name, &value),
    }
}

fn push(out: &mut Vec<u8>, name: &str, value: &impl Header) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    value.write_header(out, name.len() + 2);
}

// quoted-string and quoted-pair (RFC 5322 §3.2.4), taken off.
fn unquoted(phrase: &str) -> Cow<'_, str> {
    let Some(inner) = phrase.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return phrase.into();
    };
    let mut text = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(char) = chars.next() {
        text.extend(if char == '\\' { chars.next() } else { Some(char) });
    }
    text.into()
}

// A line break with the blanks after it becomes one blank; other controls vanish.
fn one_line(value: &str) -> String {
    let mut line = String::with_capacity(value.len());
    for piece in value.trim().split(['\r', '\n']) {
        let piece = if line.is_empty() { piece } else { piece.trim_start() };
        if !line.is_empty() && !piece.is_empty() {
            line.truncate(line.trim_end().len());
            line.push(' ');
        }
        line.extend(piece.chars().filter(|char| !char.is_control() || *char == '\t'));
    }
    line
}

/// A mailbox with the name of its holder, for a field (RFC 5322 §3.4); without one, the address
/// alone.
pub fn mailbox(name: &str, address: &str) -> String {
    let name = one_line(name);
    if name.is_empty() {
        return address.to_owned();
    }
    format!("\"{}\" <{address}>", name.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A text of at most `max` characters; where something is missing, three dots say so.
pub(crate) fn shortened(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        None => text.to_owned(),
        Some(_) => text.chars().take(max - 3).chain("...".chars()).collect(),
    }
}

/// A text whose lines end as mail has them (RFC 5321 §2.3.8), however a script put it together.
pub(crate) fn with_crlf(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let is_bare = |(at, byte): (usize, &u8)| match byte {
        b'\n' => at == 0 || bytes.get(at - 1) != Some(&b'\r'),
        b'\r' => bytes.get(at + 1) != Some(&b'\n'),
        _ => false,
    };
    match bytes.iter().enumerate().any(is_bare) {
        true => text.replace("\r\n", "\n").replace(['\r', '\n'], "\r\n").into(),
        false => text.into(),
    }
}

/// Adds a MIME entity as a message's body. RFC 2045 §2.4: of its header, the fields that describe
/// it; what else stands there is not for a part to say.
fn push_entity(out: &mut Vec<u8>, entity: &str) {
    let entity = with_crlf(entity);
    let mut header_len = 0;
    out.extend_from_slice(b"MIME-Version: 1.0\r\n");
    for field in message::header_fields(entity.as_bytes()) {
        // A text without a header is all body.
        if !std::str::from_utf8(field.name).is_ok_and(crate::mail::is_field_name) {
            break;
        }
        header_len = field.range.end;
        if field.name.get(..8).is_some_and(|start| start.eq_ignore_ascii_case(b"content-")) {
            out.extend_from_slice(field.line);
        }
    }
    let body = entity.get(header_len..).unwrap_or_default();
    if !out.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(body.strip_prefix("\r\n").unwrap_or(body).as_bytes());
}

/// Adds a text as a whole message's body: in 7 bits, quoted-printable or base64, whichever is the
/// shortest that passes every relay.
fn push_text_body(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(b"MIME-Version: 1.0\r\n");
    text_part(text).write_part(out);
    if !out.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
}

fn text_part(text: &str) -> MimePart<'_> {
    MimePart::new("text/plain", text)
}

impl Vacation {
    /// The answer as a message.
    pub fn render(&self, stamp: Stamp<'_>) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.reason.len() + 1024);
        push_mailbox(&mut out, "From", &self.from);
        push_mailbox(&mut out, "To", &self.recipient);
        push_field(&mut out, "Subject", &self.subject);
        push_field(&mut out, "Date", &format_rfc5322(stamp.date));
        push_field(&mut out, "Message-ID", &format!("<{}>", stamp.message_id));
        // RFC 5230 §5.8, RFC 3834 §3.1.5
        if let Some(id) = &self.in_reply_to {
            push_field(&mut out, "In-Reply-To", id);
        }
        if let Some(references) = &self.references {
            push_field(&mut out, "References", references);
        }
        // RFC 5230 §5.6: and the word that says which kind of answer.
        push_field(&mut out, "Auto-Submitted", "auto-replied (vacation)");
        // QUIRK(Microsoft Exchange, 2010 on): asks other Exchange servers not to answer this.
        push_field(&mut out, "X-Auto-Response-Suppress", "All");
        if self.is_mime {
            push_entity(&mut out, &self.reason);
        } else {
            push_text_body(&mut out, &self.reason);
        }
        out
    }
}

impl Notify {
    /// The notice as a message (RFC 5436 §2.7).
    pub fn render(&self, stamp: Stamp<'_>) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.body.len() + 1024);
        push_mailbox(&mut out, "From", &self.from);
        for (name, addresses) in [("To", &self.to), ("Cc", &self.cc)] {
            if !addresses.is_empty() {
                push_field(&mut out, name, &addresses.join(", "));
            }
        }
        push_field(&mut out, "Subject", &self.subject);
        push_field(&mut out, "Date", &format_rfc5322(stamp.date));
        push_field(&mut out, "Message-ID", &format!("<{}>", stamp.message_id));
        push_field(&mut out, "Auto-Submitted", "auto-notified");
        let importance = match self.importance {
            1 => Some(("High", "1 (Highest)")),
            3 => Some(("Low", "5 (Lowest)")),
            _ => None,
        };
        if let Some((importance, priority)) = importance {
            push_field(&mut out, "Importance", importance);
            push_field(&mut out, "X-Priority", priority);
        }
        for (name, value) in &self.fields {
            push_field(&mut out, name, value);
        }
        push_text_body(&mut out, &self.body);
        out
    }
}

/// The names of a refusal.
#[derive(Debug, Clone, Copy)]
pub struct Refusal<'a> {
    /// The host that refuses.
    pub host: &'a str,
    /// The recipient that refuses.
    pub recipient: &'a str,
    /// The sender, who is told.
    pub sender: &'a str,
    /// The header of the refused message.
    pub header: &'a [u8],
    /// The id of the refused message, with its brackets.
    pub in_reply_to: Option<&'a str>,
}

impl Reject {
    /// A disposition notification that tells the sender (RFC 5429 §2.2.1, RFC 8098 §3).
    pub fn render(&self, refusal: Refusal<'_>, stamp: Stamp<'_>) -> Vec<u8> {
        let Refusal { host, recipient, sender, header, in_reply_to } = refusal;
        let mut out = Vec::with_capacity(self.reason.len() + header.len() + 1024);
        push_field(&mut out, "From", &format!("Mail Delivery Subsystem <MAILER-DAEMON@{host}>"));
        push_mailbox(&mut out, "To", sender);
        push_field(&mut out, "Subject", "Automatically rejected mail");
        push_field(&mut out, "Date", &format_rfc5322(stamp.date));
        push_field(&mut out, "Message-ID", &format!("<{}>", stamp.message_id));
        if let Some(id) = in_reply_to {
            push_field(&mut out, "In-Reply-To", id);
            push_field(&mut out, "References", id);
        }
        push_field(&mut out, "Auto-Submitted", "auto-replied (rejected)");
        out.extend_from_slice(b"MIME-Version: 1.0\r\n");
        let text = format!(
            "Your message was automatically rejected by {recipient}.\r\n\r\nThe reason given was:\r\n\r\n{}\r\n",
            self.reason.trim_end()
        );
        let parts = vec![
            text_part(&text),
            part("message/disposition-notification", refusal.disposition()),
            part("text/rfc822-headers", header.to_vec()),
        ];
        // An id of ours is in no message that came before it, and so the boundary in none.
        let boundary = stamp.message_id.split('@').next().unwrap_or_default();
        let kind = ContentType::new("multipart/report")
            .attribute("report-type", "disposition-notification")
            .attribute("boundary", format!("=_{boundary}"));
        MimePart::new(kind, parts).write_part(&mut out);
        out
    }
}

impl Refusal<'_> {
    // RFC 8098 §3.1
    fn disposition(&self) -> Vec<u8> {
        let Refusal { host, recipient, in_reply_to, .. } = self;
        let mut fields =
            format!("Reporting-UA: {host}; Posthorn\r\nFinal-Recipient: rfc822; {recipient}\r\n")
                .into_bytes();
        if let Some(id) = in_reply_to {
            push_field(&mut fields, "Original-Message-ID", id);
        }
        let disposition = "automatic-action/MDN-sent-automatically; deleted";
        push_field(&mut fields, "Disposition", disposition);
        fields
    }
}

/// A part whose bytes stand as they are.
fn part(media_type: &'static str, bytes: Vec<u8>) -> MimePart<'static> {
    let encoding = if bytes.is_ascii() { "7bit" } else { "8bit" };
    MimePart::new(media_type, BodyPart::Binary(bytes.into())).transfer_encoding(encoding)
}

#[cfg(test)]
mod tests {
    use super::*;
    use message::date::DateTime;

    fn field(name: &str, value: &str) -> String {
        let mut out = Vec::new();
        push_field(&mut out, name, value);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn fields_are_single_and_folded() {
        for (value, expect) in [
            ("", "X: \r\n"),
            (" a  b ", "X: a  b\r\n"),
            ("a\r\n Bcc: x\0", "X: a Bcc: x\r\n"),
            ("Grüße", "X: =?utf-8?B?R3LDvMOfZQ==?=\r\n"),
        ] {
            assert_eq!(field("X", value), expect, "{value:?}");
        }
        let long = field("Subject", &"word ".repeat(40));
        assert!(long.lines().all(|line| line.len() <= 78), "{long}");
        assert_eq!(long.replace("\r\n", ""), "Subject: ".to_owned() + "word ".repeat(40).trim());
        for value in ["é".repeat(500), "x".repeat(5000)] {
            let field = field("Subject", &value);
            assert!(field.lines().all(|line| line.len() <= 998), "{field}");
            assert_eq!(message::header_fields(field.as_bytes()).count(), 1);
        }
        let encoded = field("Subject", &"é".repeat(100));
        let raw = encoded.strip_prefix("Subject:").unwrap();
        assert_eq!(message::decode_header_text(raw.as_bytes()), "é".repeat(100));
    }

    #[test]
    fn mailboxes_have_names() {
        for (name, expect) in [
            ("", "a@b"),
            ("Julie", "\"Julie\" <a@b>"),
            ("J \"x\" \\", "\"J \\\"x\\\" \\\\\" <a@b>"),
            ("Zo\u{eb}", "\"Zo\u{eb}\" <a@b>"),
            ("a\r\nBcc: c", "\"a Bcc: c\" <a@b>"),
        ] {
            assert_eq!(mailbox(name, "a@b"), expect);
        }
        for (value, expect) in [
            ("\"Zo\u{eb}\" <a@b>", "From: =?utf-8?B?Wm/Dqw==?= <a@b>\r\n"),
            ("Zo\u{eb} <a@b>", "From: =?utf-8?B?Wm/Dqw==?= <a@b>\r\n"),
            ("\"J \\\"x\\\"\" <a@b>", "From: \"J \\\"x\\\"\" <a@b>\r\n"),
            ("zo\u{eb}@b", "From: zo\u{eb}@b\r\n"),
            ("a@b", "From: a@b\r\n"),
        ] {
            let mut out = Vec::new();
            push_mailbox(&mut out, "From", value);
            assert_eq!(String::from_utf8(out).unwrap(), expect);
        }
    }

    #[test]
    fn refusals() {
        let reject = Reject { reason: "No, thanks.\r\n".into(), in_protocol: false };
        let refusal = Refusal {
            host: "h.test",
            recipient: "me@h.test",
            sender: "you@x",
            header: b"Subject: x\r\n\r\n",
            in_reply_to: Some("<1@x>"),
        };
        let stamp = Stamp { date: DateTime::from_unix_secs(0), message_id: "2@y" };
        let text = String::from_utf8(reject.render(refusal, stamp)).unwrap();
        assert_eq!(
            text,
            "From: Mail Delivery Subsystem <MAILER-DAEMON@h.test>\r\nTo: you@x\r\n\
             Subject: Automatically rejected mail\r\nDate: Thu, 1 Jan 1970 00:00:00 +0000\r\n\
             Message-ID: <2@y>\r\nIn-Reply-To: <1@x>\r\nReferences: <1@x>\r\n\
             Auto-Submitted: auto-replied (rejected)\r\nMIME-Version: 1.0\r\n\
             Content-Type: multipart/report; report-type=\"disposition-notification\";\r\n\
             \x20boundary=\"=_2\"\r\n\r\n--=_2\r\n\
             Content-Type: text/plain; charset=\"utf-8\"\r\n\
             Content-Transfer-Encoding: 7bit\r\n\r\n\
             Your message was automatically rejected by me@h.test.\r\n\r\n\
             The reason given was:\r\n\r\nNo, thanks.\r\n\r\n--=_2\r\n\
             Content-Type: message/disposition-notification\r\n\
             Content-Transfer-Encoding: 7bit\r\n\r\n\
             Reporting-UA: h.test; Posthorn\r\nFinal-Recipient: rfc822; me@h.test\r\n\
             Original-Message-ID: <1@x>\r\n\
             Disposition: automatic-action/MDN-sent-automatically; deleted\r\n\r\n--=_2\r\n\
             Content-Type: text/rfc822-headers\r\nContent-Transfer-Encoding: 7bit\r\n\r\n\
             Subject: x\r\n\r\n\r\n--=_2--\r\n"
        );
    }

    #[test]
    fn entities_describe_themselves_alone() {
        for (entity, expect) in [
            ("Content-Type: text/html\r\n\r\n<p>", "Content-Type: text/html\r\n\r\n<p>"),
            ("Content-Type: a/b\n\nx\ry\n", "Content-Type: a/b\r\n\r\nx\r\ny\r\n"),
            (
                "From: ceo@b.test\r\nBcc: x@y\r\nContent-Type: a/b;\r\n c=d\r\n\r\nx",
                "Content-Type: a/b;\r\n c=d\r\n\r\nx",
            ),
            ("Hello\r\n", "\r\nHello\r\n"),
            ("\r\nHello", "\r\nHello"),
            ("Content-Type: a/b", "Content-Type: a/b\r\n\r\n"),
        ] {
            let mut out = Vec::new();
            push_entity(&mut out, entity);
            let expect = format!("MIME-Version: 1.0\r\n{expect}");
            assert_eq!(String::from_utf8(out).unwrap(), expect, "{entity:?}");
        }
    }

    #[test]
    fn answers() {
        let vacation = Vacation {
            handle: "h".into(),
            seconds: 1,
            recipient: "acm@frobnitzm.edu".into(),
            from: "me@example.com".into(),
            subject: "Auto: Hello".into(),
            reason: "Gone.\r\n".into(),
            is_mime: false,
            in_reply_to: Some("<1@x>".into()),
            references: Some("<0@x> <1@x>".into()),
            fcc: None,
        };
        let stamp = Stamp { date: DateTime::from_unix_secs(0), message_id: "2@y" };
        assert_eq!(
            String::from_utf8(vacation.render(stamp)).unwrap(),
            "From: me@example.com\r\nTo: acm@frobnitzm.edu\r\nSubject: Auto: Hello\r\n\
             Date: Thu, 1 Jan 1970 00:00:00 +0000\r\nMessage-ID: <2@y>\r\nIn-Reply-To: <1@x>\r\n\
             References: <0@x> <1@x>\r\nAuto-Submitted: auto-replied (vacation)\r\n\
             X-Auto-Response-Suppress: All\r\nMIME-Version: 1.0\r\n\
             Content-Type: text/plain; charset=\"utf-8\"\r\n\
             Content-Transfer-Encoding: 7bit\r\n\r\nGone.\r\n"
        );
    }
}
