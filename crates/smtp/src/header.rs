//! What reception needs to know of a message's header section: how far it has come, and what a
//! submission lacks; `originators` has whom it says it is from.
//!
//! **Absent:** decoding, the body; `message` computes the rest when the message is stored.

use message::{Field, header_fields};

/// What one pass over the header section finds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct HeaderFacts {
    /// Received fields: RFC 5321 §6.3 finds loops by their number.
    pub(crate) received_fields: usize,
    /// A Date field is there.
    pub(crate) has_date: bool,
    /// What is in angle brackets in the first Message-ID field, where there is one.
    pub(crate) message_id: Option<String>,
    /// `TLS-Required: No` (RFC 8689 §3).
    pub(crate) tls_optional: bool,
    /// The first line is no field, though no empty line came before it: all of it is text.
    pub(crate) is_text: bool,
}

impl HeaderFacts {
    /// Reads the header section of `message`.
    pub(crate) fn of(message: &[u8]) -> Self {
        let mut facts = Self::default();
        let (mut tls_fields, mut tls_no) = (0, false);
        for field in header_fields(message) {
            if field.range.start == 0 && field.name.is_empty() && !is_mbox_line(&field) {
                facts.is_text = true;
                break;
            }
            match field.name.first().map(u8::to_ascii_lowercase) {
                Some(b'r') if field.is("Received") => facts.received_fields += 1,
                Some(b'd') if field.is("Date") => facts.has_date = true,
                Some(b'm') if field.is("Message-ID") => {
                    facts.message_id.get_or_insert_with(|| message_id(field.value));
                }
                Some(b't') if field.is("TLS-Required") => {
                    tls_fields += 1;
                    tls_no = field.value.trim_ascii().eq_ignore_ascii_case(b"No");
                }
                _ => {}
            }
        }
        // RFC 8689 §3: more than one of it says nothing.
        facts.tls_optional = tls_fields == 1 && tls_no;
        facts
    }
}

/// QUIRK(mbox, any): some programs send the line that begins a message in a mailbox file (RFC 4155)
/// above its first field.
fn is_mbox_line(field: &Field<'_>) -> bool {
    let begin = field.line.iter().position(|byte| *byte != b'>').unwrap_or_default();
    let text = field.line.get(begin..).unwrap_or_default();
    text.starts_with(b"From ")
}

/// The id as people look for it, whatever else stands in the field.
fn message_id(value: &[u8]) -> String {
    let text = String::from_utf8_lossy(value);
    let inner = text.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
    inner.map_or(&*text, |(id, _)| id).trim().to_owned()
}

/// Removes from the header section that begins at `start` the fields that are unwanted, in one
/// pass and in place, however many there are.
pub(crate) fn remove_fields(
    message: &mut Vec<u8>,
    start: usize,
    unwanted: impl Fn(&Field<'_>) -> bool,
) {
    let (mut read, mut written) = (start, start);
    loop {
        let field = header_fields(message.get(read..).unwrap_or_default()).next();
        let Some((length, unwanted)) = field.map(|field| (field.line.len(), unwanted(&field)))
        else {
            break;
        };
        let end = read + length;
        if !unwanted {
            if read > written {
                message.copy_within(read..end, written);
            }
            written += length;
        }
        read = end;
    }
    message.drain(written..read);
}

/// How fields begin that only checks here add. What a stranger wrote under such a name would be
/// taken for their word by filters and mail programs.
const FIELDS_OF_CHECKS: [&str; 4] = ["x-spam", "x-virus-", "x-rspamd-", "x-posthorn-"];

/// Whether a field has a name that is for checks here.
pub(crate) fn is_of_checks(field: &Field<'_>) -> bool {
    FIELDS_OF_CHECKS.iter().any(|prefix| {
        let start = field.name.get(..prefix.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_come_from_the_header_section_only() {
        let message = b"Received: a\r\nreceived: b\r\n\tDate: folded\r\nMessage-Id: <a@b>\r\n\r\n\
                        Received: body\r\nDate: body\r\n";
        let expected = HeaderFacts {
            received_fields: 2,
            has_date: false,
            message_id: Some("a@b".to_owned()),
            tls_optional: false,
            is_text: false,
        };
        assert_eq!(HeaderFacts::of(message), expected);
        assert_eq!(HeaderFacts::of(b""), HeaderFacts::default());
        assert!(HeaderFacts::of(b"DATE : x\r\n").has_date);
        for (field, id) in
            [(" <a@b>", "a@b"), ("\r\n <a@b> (x)", "a@b"), ("a@b", "a@b"), ("<", "<")]
        {
            let message = format!("Message-ID:{field}\r\nMessage-ID: <2@b>\r\n\r\n");
            assert_eq!(HeaderFacts::of(message.as_bytes()).message_id.as_deref(), Some(id));
        }
    }

    #[test]
    fn unwanted_fields_are_removed() {
        let cases: &[(&str, &str)] = &[
            ("", ""),
            ("A: b\r\n\r\nBcc: c\r\n", "A: b\r\n\r\nBcc: c\r\n"),
            ("Bcc: a\r\n\tb\r\nA: b\r\nbcc : c\r\nB: d\r\n\r\nx", "A: b\r\nB: d\r\n\r\nx"),
            ("A: b\r\nBCC: c", "A: b\r\n"),
            ("Bcc: a\r\nBcc: b\r\n\r\n", "\r\n"),
            ("\tfolded\r\nBcc: a\r\nBccX: b\r\n", "\tfolded\r\nBccX: b\r\n"),
        ];
        for (before, after) in cases {
            let mut message = [b"Bcc: ours\r\n", before.as_bytes()].concat();
            remove_fields(&mut message, 11, |field| field.is("Bcc"));
            assert_eq!(message, [b"Bcc: ours\r\n", after.as_bytes()].concat(), "{before:?}");
        }
    }

    #[test]
    fn fields_of_checks_are_known() {
        let message =
            b"X-Spam: Yes\r\nx-SPAM-Status: No\r\nX-Spamd-Bar: +\r\nX-Virus-Status: Clean\r\n\
                        X-Posthorn-External: no\r\nX-Spa: 1\r\nSpam: 1\r\nX-Virus: 1\r\n\r\n";
        let found: Vec<bool> = header_fields(message).map(|field| is_of_checks(&field)).collect();
        assert_eq!(found, [true, true, true, true, true, false, false, false]);
    }

    #[test]
    fn tls_is_optional_where_one_field_says_so() {
        for (header, optional) in [
            ("TLS-Required: No\r\n", true),
            ("tls-required:no \r\n", true),
            ("TLS-Required: Yes\r\n", false),
            ("TLS-Required: No\r\nTLS-Required: No\r\n", false),
            ("X: a\r\n\r\nTLS-Required: No\r\n", false),
        ] {
            assert_eq!(HeaderFacts::of(header.as_bytes()).tls_optional, optional, "{header:?}");
        }
    }
}
