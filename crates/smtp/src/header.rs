//! What reception needs to know of a message's header section: how far it has come, what a
//! submission lacks, and whom it says it is from.
//!
//! **Absent:** decoding, the body; `message` computes the rest when the message is stored.

use message::address::Address;
use message::{Field, ListItem, address_list, header_fields};

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

/// How the fields begin that say who sent a message again.
const RESENT: &[u8] = b"Resent-";
/// LIMIT: fields of one time; RFC 5322 §3.6.6 has seven, and obsolete ones one more.
const RESENT_FIELDS: usize = 8;

/// Whom a message names as its origin (RFC 5322 §3.6.2), or as who sent it again (RFC 5322 §3.6.6).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Originators {
    /// The addresses in From, or in Resent-From.
    pub(crate) authors: Vec<Address>,
    /// The addresses in Sender, or in Resent-Sender.
    pub(crate) senders: Vec<Address>,
    /// From names somebody at a domain by what is no address.
    pub(crate) unreadable: bool,
}

impl Originators {
    /// The addresses that `message` names, at most `max` in all; text that is no address is passed
    /// over.
    pub(crate) fn of(message: &[u8], max: usize) -> Self {
        let mut found = Self::default();
        for field in header_fields(message) {
            if field.is("From") {
                found.add_authors(field.value, max);
            } else if field.is("Sender") {
                found.add_senders(field.value, max);
            }
        }
        found
    }

    /// Those who sent the message again last, as Resent-From and Resent-Sender name them; `None`
    /// where no address is in the first. RFC 5322 §3.6.6: the fields of one time stand together,
    /// above those of the times before, and each of them once.
    pub(crate) fn resent(message: &[u8], max: usize) -> Option<Self> {
        let is_resent = |field: &Field<'_>| {
            let start = field.name.get(..RESENT.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(RESENT))
        };
        let fields = header_fields(message).skip_while(|field| !is_resent(field));
        let (mut found, mut names) = (Self::default(), Vec::new());
        for field in fields.take_while(is_resent) {
            let name = field.name.to_ascii_lowercase();
            if names.contains(&name) || names.len() == RESENT_FIELDS {
                break;
            }
            names.push(name);
            if field.is("Resent-From") {
                found.add_authors(field.value, max);
            } else if field.is("Resent-Sender") {
                found.add_senders(field.value, max);
            }
        }
        (!found.authors.is_empty()).then_some(found)
    }

    fn add_authors(&mut self, value: &[u8], max: usize) {
        let rest = max.saturating_sub(self.len());
        self.authors.extend(addresses(value).take(rest));
        self.add_lenient(value, max);
    }

    fn add_senders(&mut self, value: &[u8], max: usize) {
        let rest = max.saturating_sub(self.len());
        self.senders.extend(addresses(value).take(rest));
    }

    /// Adds authors whom only a more lenient reader sees: mail programs are such, and the domain
    /// of who they show is the one that signs.
    fn add_lenient(&mut self, value: &[u8], max: usize) {
        for item in address_list(value, max.saturating_add(1)) {
            let ListItem::Mailbox(listed) = item else { continue };
            let local = String::from_utf8_lossy(&listed.local);
            match Address::of(&local, &String::from_utf8_lossy(&listed.host)) {
                Ok(author) if self.authors.contains(&author) => {}
                Ok(author) if self.len() < max => self.authors.push(author),
                Ok(_) => self.unreadable = true,
                Err(_) => self.unreadable |= !listed.host.is_empty(),
            }
        }
    }

    /// All of them in one text, which no others have.
    pub(crate) fn text(&self) -> String {
        let list = |list: &[Address]| {
            list.iter().map(Address::to_string).collect::<Vec<String>>().join("\0")
        };
        format!("{}\0\0{}", list(&self.authors), list(&self.senders))
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.authors.len() + self.senders.len()
    }
}

/// `address-list` of RFC 5322 §3.4, read for its addr-specs only.
fn addresses(value: &[u8]) -> impl Iterator<Item = Address> {
    Specs { rest: value }.filter_map(|spec| Address::parse_path(&spec).ok())
}

/// What may be an addr-spec: the text between commas, or between angle brackets.
struct Specs<'a> {
    rest: &'a [u8],
}

impl Iterator for Specs<'_> {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let mut spec = Vec::new();
        let (mut bracketed, mut done) = (false, false);
        while let Some((&byte, rest)) = self.rest.split_first() {
            self.rest = rest;
            match byte {
                b'(' => self.rest = after_comment(rest),
                b'"' => {
                    let end = quoted_len(rest);
                    let (quoted, after) = rest.split_at(end);
                    if !done {
                        spec.push(b'"');
                        spec.extend(quoted.iter().filter(|byte| !matches!(byte, b'\r' | b'\n')));
                    }
                    self.rest = after;
                }
                // What stood before the bracket was a display name, or the name of a group.
                b'<' if !bracketed => {
                    spec.clear();
                    (bracketed, done) = (true, false);
                }
                b'>' if bracketed => done = true,
                b',' | b';' if !bracketed || done => return Some(spec),
                b':' if !bracketed => spec.clear(),
                // RFC 5322 §4.4: blanks around the parts of an addr-spec are obsolete, but read.
                byte if byte.is_ascii_whitespace() || done => {}
                byte => spec.push(byte),
            }
        }
        (!spec.is_empty()).then_some(spec)
    }
}

/// RFC 5322 §3.2.2: comments nest; what follows the one that begins before `text`.
fn after_comment(text: &[u8]) -> &[u8] {
    let (mut depth, mut escaped) = (1_usize, false);
    for (at, byte) in text.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'(' => depth += 1,
            b')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return text.get(at + 1..).unwrap_or_default();
        }
    }
    &[]
}

/// The length of a quoted string after its first quote, its last one included.
fn quoted_len(text: &[u8]) -> usize {
    let mut escaped = false;
    for (at, byte) in text.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
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
    fn authors_are_found_however_they_are_written() {
        let cases: &[(&str, &[&str])] = &[
            ("a@b", &["a@b"]),
            ("A <a@b>", &["a@b"]),
            ("\"x, <c@d>\" <a@b>, e@f", &["a@b", "e@f"]),
            ("(c@d) a@b (nested (comment) \\) here)", &["a@b"]),
            ("team: a@b, C <c@d>;", &["a@b", "c@d"]),
            ("a . b @ c", &["a.b@c"]),
            ("\"a b\"@c", &["\"a b\"@c"]),
            ("<a@b> x@y", &["a@b"]),
            ("=?utf-8?q?x?= <a@b>,\r\n c@d", &["a@b", "c@d"]),
            ("undisclosed-recipients:;", &[]),
            ("", &[]),
            ("\"open", &[]),
            ("(open a@b", &[]),
            ("<a@b", &["a@b"]),
            (",,;a@b", &["a@b"]),
        ];
        for (value, expected) in cases {
            let header = format!("Subject: x@y\r\nFrom: {value}\r\n\r\nFrom: body@x\r\n");
            let found = Originators::of(header.as_bytes(), 10).authors;
            let found: Vec<String> = found.iter().map(Address::to_string).collect();
            assert_eq!(found, *expected, "{value:?}");
        }
        let long = format!("{}@b", "a".repeat(300));
        // What mail programs show all the same is looked at, and nothing else is signed.
        for (value, expected, unreadable) in [
            ("<@route.test:a@b>", &["a@b"][..], false),
            ("c@d, <@route.test:a@b>", &["c@d", "a@b"], false),
            ("<a..b@c>", &["\"a..b\"@c"], false),
            ("\u{e9}@b", &["\u{e9}@b"], false),
            (long.as_str(), &[], true),
        ] {
            let found = Originators::of(format!("From: {value}\r\n").as_bytes(), 10);
            let authors: Vec<String> = found.authors.iter().map(Address::to_string).collect();
            assert_eq!(authors, expected, "{value}");
            assert_eq!(found.unreadable, unreadable, "{value}");
        }
        let both = b"From: a@b, c@d\r\nSender: e@f\r\nsender: g@h\r\n";
        assert_eq!(Originators::of(both, 2).len(), 2);
        let found = Originators::of(both, 10);
        assert_eq!((found.authors.len(), found.senders.len()), (2, 2));
    }

    #[test]
    fn who_sent_a_message_again_last_is_found() {
        // The authors and the senders.
        type Named<'n> = (&'n [&'n str], &'n [&'n str]);
        let cases: &[(&str, Option<Named<'_>>)] = &[
            ("From: a@b\r\n", None),
            ("Resent-To: a@b\r\nFrom: c@d\r\n", None),
            ("Resent-From: nobody\r\nFrom: c@d\r\n", None),
            ("X: y\r\nresent-from: A <a@b>\r\nFrom: c@d\r\n", Some((&["a@b"], &[]))),
            (
                "Resent-From: a@b\r\nResent-Date: x\r\nRESENT-SENDER: c@d\r\n",
                Some((&["a@b"], &["c@d"])),
            ),
            // Who sent it again before is no business of the last one.
            (
                "Resent-From: a@b\r\nResent-From: c@d\r\nResent-Sender: e@f\r\n",
                Some((&["a@b"], &[])),
            ),
            ("Resent-From: a@b\r\nReceived: x\r\nResent-Sender: c@d\r\n", Some((&["a@b"], &[]))),
            ("Resent-To: a@b\r\nReceived: x\r\nResent-From: c@d\r\n", None),
            ("From: a@b\r\n\r\nResent-From: c@d\r\n", None),
        ];
        for (header, expected) in cases {
            let text = |list: &[Address]| list.iter().map(Address::to_string).collect::<Vec<_>>();
            let found = Originators::resent(header.as_bytes(), 10);
            let found = found.map(|found| (text(&found.authors), text(&found.senders)));
            let owned = |list: &[&str]| list.iter().map(|one| (*one).to_owned()).collect();
            let expected = expected.map(|(authors, senders)| (owned(authors), owned(senders)));
            assert_eq!(found, expected, "{header:?}");
        }
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
