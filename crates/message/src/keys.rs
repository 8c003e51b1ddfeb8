//! What SORT, THREAD, SEARCH and PREVIEW need of a message without reading it again.

use mail_parser::{Message, PartKind};

use crate::Limits;
use crate::address_list::{Item, address_list};
use crate::date::{DateTime, parse_rfc5322};
use crate::fields::{Fields, ListedFields};
use crate::header::decode_header_text;
use crate::message_id::{first_message_id, message_ids};
use crate::sort_text::texts_of;
use crate::subject::base_subject;
use crate::text::{Collation, casemap, cut, one_line};

/// LIMIT: the longest name a file system takes.
const NAME_BYTES_MAX: usize = 255;

/// Keys of one message. Texts that are compared in order have the form of [`crate::casemap`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Keys {
    /// The Date field; RFC 5256 §2.2 puts the internal date where there is none.
    pub sent_date: Option<DateTime>,
    /// RFC 5256 §2.1, casemapped.
    pub base_subject: String,
    /// Whether the subject marks a reply or a forward (RFC 5256 §3, REFERENCES).
    pub is_reply: bool,
    /// Local part of the first From address (RFC 5256 §3, SORT FROM), casemapped.
    pub from_mailbox: String,
    /// Local part of the first To address, casemapped.
    pub to_mailbox: String,
    /// Local part of the first Cc address, casemapped.
    pub cc_mailbox: String,
    /// RFC 5957 §3 for the first From address, casemapped.
    pub display_from: String,
    /// RFC 5957 §3 for the first To address, casemapped.
    pub display_to: String,
    /// Message-ID, normalized.
    pub message_id: Option<String>,
    /// In-Reply-To, normalized.
    pub in_reply_to: Vec<String>,
    /// References, normalized, oldest first.
    pub references: Vec<String>,
    /// Subject, decoded.
    pub subject: String,
    /// From, decoded: names and addresses as one text.
    pub from: String,
    /// To, decoded.
    pub to: String,
    /// Cc, decoded.
    pub cc: String,
    /// Bcc, decoded.
    pub bcc: String,
    /// Whether one of the five texts above was cut, so that a search that does not find here
    /// has to look into the header.
    pub is_cut: bool,
    /// RFC 8970 §3.3: the beginning of the text in one line.
    pub preview: String,
    /// File names of parts, decoded.
    pub attachments: Vec<String>,
    /// Whether a part is offered as an attachment, named or not.
    pub has_attachments: bool,
}

impl Keys {
    /// The ids by which THREAD finds the ancestors, oldest first (RFC 5256 §3): References, or
    /// the first id of In-Reply-To where there are none.
    pub fn ancestors(&self) -> &[String] {
        match self.references.as_slice() {
            [] => self.in_reply_to.get(..1).unwrap_or_default(),
            references => references,
        }
    }

    pub(crate) fn of(
        fields: &Fields<'_>,
        listed: &ListedFields,
        message: Option<&Message<'_>>,
        limits: &Limits,
    ) -> Self {
        let ids = |raw: Option<&[u8]>| {
            raw.map(|raw| message_ids(raw, limits.references_max)).unwrap_or_default()
        };
        let mut keys = Self {
            sent_date: fields.date.and_then(parse_rfc5322),
            message_id: fields.message_id.and_then(first_message_id),
            in_reply_to: ids(fields.in_reply_to),
            references: ids(fields.references),
            ..Self::default()
        };
        let texts = |items: &[Item]| texts_of(items.first(), Collation::default());
        (keys.from_mailbox, keys.display_from) = texts(&listed.from);
        (keys.to_mailbox, keys.display_to) = texts(&listed.to);
        keys.cc_mailbox = texts(&listed.cc).0;
        keys.subject = keys.text(decode_header_text(fields.subject.unwrap_or_default()), limits);
        keys.from = keys.addresses(fields.from.as_slice(), &listed.from, limits);
        keys.to = keys.addresses(&fields.to, &listed.to, limits);
        keys.cc = keys.addresses(&fields.cc, &listed.cc, limits);
        keys.bcc = keys.addresses(&fields.bcc, &listed.bcc, limits);
        let base = base_subject(&keys.subject);
        (keys.base_subject, keys.is_reply) = (casemap(&base.text), base.is_reply);
        if let Some(message) = message {
            keys.preview = preview(message, limits.preview_chars_max);
            keys.has_attachments = message.has_attachments();
            keys.attachments = message
                .parts()
                .filter_map(|part| part.attachment_name().map(one_line))
                .filter(|name| !name.is_empty())
                .map(|name| cut(&name, NAME_BYTES_MAX).to_owned())
                .take(limits.attachments_max)
                .collect();
        }
        keys
    }

    fn addresses(&mut self, raw: &[&[u8]], items: &[Item], limits: &Limits) -> String {
        self.text(address_text(raw, items), limits)
    }

    fn text(&mut self, decoded: String, limits: &Limits) -> String {
        let mut text = one_line(&decoded);
        let kept = cut(&text, limits.key_bytes_max).len();
        self.is_cut |= kept < text.len();
        text.truncate(kept);
        text
    }
}

/// LIMIT: addresses looked at one by one; each is sought in the text of the field.
pub(crate) const ADDRESSES_MAX: usize = 100;

/// The text of a field with addresses, as SEARCH FROM, TO, CC and BCC look into it: decoded, and
/// behind it those addresses that do not stand there in one piece.
///
/// RFC 9051 §6.4.4: those keys are asked of the envelope, in which an address has neither
/// comments nor blanks.
pub fn decode_address_text(raw_value: &[u8]) -> String {
    address_text(&[raw_value], &address_list(raw_value, ADDRESSES_MAX))
}

/// [`decode_address_text`] of fields that are one list whose items were read.
fn address_text(raw_values: &[&[u8]], items: &[Item]) -> String {
    let texts = raw_values.iter().map(|raw| decode_header_text(raw));
    let texts: Vec<String> = texts.filter(|text| !text.is_empty()).collect();
    let mut text = texts.join(", ");
    for item in items.iter().take(ADDRESSES_MAX) {
        let Item::Mailbox(listed) = item else { continue };
        let (local, host) =
            (String::from_utf8_lossy(&listed.local), String::from_utf8_lossy(&listed.host));
        let address = format!("{local}@{host}");
        if !host.is_empty() && !text.contains(&address) {
            text.push(' ');
            text.push_str(&address);
        }
    }
    text
}

// RFC 8970 §3.3: text/plain, no markup.
fn preview(message: &Message<'_>, chars_max: usize) -> String {
    // Blanks that vanish are allowed for, up to a point.
    let bytes_max = chars_max.saturating_mul(6);
    let root = message.root();
    // mail-parser's own preview of a text takes CRs out, and words together that one parts.
    let text = root.text_body().next().filter(|part| matches!(part.kind(), PartKind::Text));
    let text = text.and_then(|part| part.text_prefix_bytes(bytes_max));
    let text = text.or_else(|| root.body_preview(bytes_max)).unwrap_or_default();
    // Mostly its beginning is enough.
    let few = cut(&text, chars_max.saturating_mul(2));
    let line = Some(one_line(few)).filter(|line| line.len() > chars_max && line.is_ascii());
    let line = line.unwrap_or_else(|| one_line(&text));
    match line.char_indices().nth(chars_max) {
        Some((end, _)) => line.get(..end).unwrap_or_default().trim_end().to_owned(),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found_as_the_envelope_has_them() {
        for (raw, expect) in [
            (&b" Joe <joe@example.org>, b@c"[..], "Joe <joe@example.org>, b@c"),
            (
                b" <a (comment)@ (comment) b.example>",
                "<a (comment)@ (comment) b.example> a@b.example",
            ),
            (b" \"j. d\"@example.org", "\"j. d\"@example.org j. d@example.org"),
            (b" undisclosed:;", "undisclosed:;"),
            (b"", ""),
        ] {
            assert_eq!(decode_address_text(raw), expect);
        }
    }

    #[test]
    fn line_ends_of_all_kinds_part_the_words_of_a_preview() {
        for (header, body, expect) in [
            ("", "a\rb\r\rc\r\nd\ne\r", "a b c d e"),
            ("Content-Type: text/html\r\n", "<p>a\rb</p>", "a b"),
            ("Content-Transfer-Encoding: quoted-printable\r\n", "a=0Db=\r\nc", "a bc"),
            ("Content-Transfer-Encoding: base64\r\n", "YQ1i", "a b"),
        ] {
            let message = format!("Subject: x\r\n{header}\r\n{body}");
            let keys = crate::Summary::of(message.as_bytes(), &Limits::default()).keys;
            assert_eq!(keys.preview, expect, "{message:?}");
        }
    }

    #[test]
    fn previews_do_not_depend_on_how_much_is_looked_at() {
        let mut rng = fastrand::Rng::with_seed(8970);
        let pieces = ["word", " ", "  ", "\r\n", "\t", "\u{e9}", "longer-words", "."];
        for _ in 0..2_000 {
            let count = rng.usize(0..400);
            let text: String = (0..count).map(|_| pieces[rng.usize(..pieces.len())]).collect();
            let message = format!("Content-Type: text/plain; charset=utf-8\r\n\r\n{text}");
            let limits = Limits { preview_chars_max: 40, ..Limits::default() };
            let parsed = mail_parser::MessageParser::new().parse(message.as_bytes()).unwrap();
            let seen = parsed.root().text_body().next().unwrap();
            let seen = seen.text_prefix_bytes(240).unwrap();
            let line: String = one_line(&seen).chars().take(40).collect();
            let found = crate::Summary::of(message.as_bytes(), &limits).keys.preview;
            assert_eq!(found, line.trim_end(), "{text:?}");
        }
    }
}
