//! Messages that a run asks for, put together: answers, notices, refusals.
//!
//! **Invariant:** whatever a script or a message says, a rendered field is one field, of lines of
//! at most 998 bytes (RFC 5322 §2.1.1).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use message::date::format_rfc5322;

use crate::action::{Notify, Reject, Stamp, Vacation};

// LIMIT: RFC 5322 §2.1.1 asks for 78 characters in a line.
const LINE_MAX: usize = 78;
// LIMIT: RFC 2047 §2, an encoded word has at most 75 characters; `=?utf-8?b?` and `?=` are 12,
// and base64 makes 4 characters of 3 bytes.
const WORD_BYTES_MAX: usize = 45;

/// Adds a header field: encoded where it is not ASCII (RFC 2047), folded, its line breaks
/// blanks.
pub fn push_field(out: &mut Vec<u8>, name: &str, value: &str) {
    let start = out.len();
    out.extend_from_slice(name.as_bytes());
    out.push(b':');
    let mut column = out.len() - start;
    let value = one_line(value);
    let words: Vec<String> = match value.is_ascii() {
        true => value.split(' ').map(str::to_owned).collect(),
        false => encoded_words(&value),
    };
    for (index, word) in words.iter().enumerate() {
        let fits = column + 1 + word.len() <= LINE_MAX || word.is_empty();
        // A line of blanks alone would end the header for some readers.
        if index > 0 && !fits {
            out.extend_from_slice(b"\r\n");
            column = 0;
        }
        out.push(b' ');
        for piece in word.as_bytes().chunks(900) {
            if piece.len() < word.len() && column > 900 {
                out.extend_from_slice(b"\r\n ");
                column = 1;
            }
            out.extend_from_slice(piece);
            column += piece.len();
        }
        column += 1;
    }
    out.extend_from_slice(b"\r\n");
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
    let phrase = match (name.is_empty(), name.is_ascii()) {
        (true, _) => return address.to_owned(),
        (false, true) => {
            let escaped = name.replace('\\', "\\\\").replace('"', "\\\"");
            format!("\"{escaped}\"")
        }
        (false, false) => encoded_words(&name).join(" "),
    };
    format!("{phrase} <{address}>")
}

/// A text of at most `max` characters; where something is missing, three dots say so.
pub(crate) fn shortened(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        None => text.to_owned(),
        Some(_) => text.chars().take(max - 3).chain("...".chars()).collect(),
    }
}

// encoded-word = "=?" charset "?" encoding "?" encoded-text "?=" (RFC 2047 §2)
fn encoded_words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        // RFC 2047 §5: each word holds whole characters.
        let len = rest.floor_char_boundary(WORD_BYTES_MAX);
        let (piece, after) = rest.split_at(len.max(1).min(rest.len()));
        words.push(format!("=?utf-8?b?{}?=", STANDARD.encode(piece)));
        rest = after;
    }
    words
}

fn push_text_body(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(b"MIME-Version: 1.0\r\n");
    let long = text.split("\r\n").any(|line| line.len() > 998);
    if long || !text.is_ascii() {
        // Base64 passes every relay, whatever the text.
        out.extend_from_slice(
            b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n",
        );
        for line in STANDARD.encode(text).as_bytes().chunks(76) {
            out.extend_from_slice(line);
            out.extend_from_slice(b"\r\n");
        }
        return;
    }
    out.extend_from_slice(b"Content-Type: text/plain; charset=us-ascii\r\n\r\n");
    out.extend_from_slice(text.as_bytes());
    if !text.ends_with("\r\n") {
        out.extend_from_slice(b"\r\n");
    }
}

impl Vacation {
    /// The answer as a message.
    pub fn render(&self, stamp: Stamp<'_>) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.reason.len() + 1024);
        push_field(&mut out, "From", &self.from);
        push_field(&mut out, "To", &self.recipient);
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
            out.extend_from_slice(b"MIME-Version: 1.0\r\n");
            out.extend_from_slice(self.reason.as_bytes());
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
        push_field(&mut out, "From", &self.from);
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
        let boundary = "=_refused_message";
        let Refusal { host, recipient, sender, header, in_reply_to } = refusal;
        let mut out = Vec::with_capacity(self.reason.len() + header.len() + 1024);
        push_field(&mut out, "From", &format!("Mail Delivery Subsystem <MAILER-DAEMON@{host}>"));
        push_field(&mut out, "To", sender);
        push_field(&mut out, "Subject", "Automatically rejected mail");
        push_field(&mut out, "Date", &format_rfc5322(stamp.date));
        push_field(&mut out, "Message-ID", &format!("<{}>", stamp.message_id));
        if let Some(id) = in_reply_to {
            push_field(&mut out, "In-Reply-To", id);
            push_field(&mut out, "References", id);
        }
        push_field(&mut out, "Auto-Submitted", "auto-replied (rejected)");
        let head = format!(
            "MIME-Version: 1.0\r\nContent-Type: multipart/report; \
             report-type=disposition-notification;\r\n boundary=\"{boundary}\"\r\n\r\n--{boundary}\r\n"
        );
        out.extend_from_slice(head.as_bytes());
        let text = format!(
            "Your message was automatically rejected by {recipient}.\r\n\r\nThe reason given was:\r\n\r\n{}\r\n",
            self.reason.trim_end()
        );
        let mut body = Vec::new();
        push_text_body(&mut body, &text);
        // A part needs no MIME-Version.
        out.extend_from_slice(body.strip_prefix(b"MIME-Version: 1.0\r\n").unwrap_or(&body));
        let fields = format!(
            "--{boundary}\r\nContent-Type: message/disposition-notification\r\n\r\n\
             Reporting-UA: {host}; Posthorn\r\nFinal-Recipient: rfc822; {recipient}\r\n"
        );
        out.extend_from_slice(fields.as_bytes());
        if let Some(id) = in_reply_to {
            push_field(&mut out, "Original-Message-ID", id);
        }
        let disposition = "automatic-action/MDN-sent-automatically; deleted";
        push_field(&mut out, "Disposition", disposition);
        out.extend_from_slice(
            format!("\r\n--{boundary}\r\nContent-Type: text/rfc822-headers\r\n\r\n").as_bytes(),
        );
        out.extend_from_slice(header);
        out.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
        out
    }
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
            ("Grüße", "X: =?utf-8?b?R3LDvMOfZQ==?=\r\n"),
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
            ("Zo\u{eb}", "=?utf-8?b?Wm/Dqw==?= <a@b>"),
            ("a\r\nBcc: c", "\"a Bcc: c\" <a@b>"),
        ] {
            assert_eq!(mailbox(name, "a@b"), expect);
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
             Content-Type: text/plain; charset=us-ascii\r\n\r\nGone.\r\n"
        );
    }
}
