//! The external mark of a message (R-ADDR-13), and whom it is from.

use crate::address::Address;
use crate::{ListItem, address_list, header_fields, hidden_addresses};

/// The field that says that a message is from outside. Only this server writes it.
pub const EXTERNAL_FIELD: &str = "X-Posthorn-External";

/// LIMIT: authors of a message that are looked at; one that names more is from outside.
const AUTHORS_MAX: usize = 50;

/// The authors of a message (RFC 5322 §3.6.2), as mail programs read them; `None` where somebody
/// at a domain is named by what is no address, or there are too many, groups counted.
pub fn authors(message: &[u8]) -> Option<Vec<Address>> {
    let mut found = Vec::new();
    for field in header_fields(message).filter(|field| field.is("From")) {
        let items = address_list(field.value, AUTHORS_MAX.saturating_add(1));
        if items.len() > AUTHORS_MAX || !hidden_addresses(field.value, &items).is_empty() {
            return None;
        }
        for item in items {
            let ListItem::Mailbox(listed) = item else { continue };
            if listed.host.is_empty() {
                continue;
            }
            let local = String::from_utf8_lossy(&listed.local);
            found.push(Address::of(&local, &String::from_utf8_lossy(&listed.host)).ok()?);
        }
    }
    (found.len() <= AUTHORS_MAX).then_some(found)
}

/// The message with the mark, below its Return-Path if it has one (RFC 5321 §4.4).
pub fn mark_external(message: &[u8]) -> Vec<u8> {
    let first = header_fields(message).next().filter(|field| field.is("Return-Path"));
    let (head, rest) = message.split_at(first.map_or(0, |field| field.range.end));
    [head, format!("{EXTERNAL_FIELD}: yes\r\n").as_bytes(), rest].concat()
}

/// The message without marks.
pub fn without_external(message: &[u8]) -> Vec<u8> {
    let (mut bytes, mut end) = (Vec::with_capacity(message.len()), 0);
    for field in header_fields(message) {
        end = field.range.end;
        if !field.is(EXTERNAL_FIELD) {
            bytes.extend_from_slice(field.line);
        }
    }
    bytes.extend_from_slice(message.get(end..).unwrap_or_default());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authors_are_those_that_programs_show() {
        for (header, expect) in [
            ("From: A <a@b>, c@d\r\n", Some(vec!["a@b", "c@d"])),
            (
                "from: a@b\r\nFrom: c@d\r\nSender: e@f\r\n\r\nFrom: g@h\r\n",
                Some(vec!["a@b", "c@d"]),
            ),
            ("From: undisclosed:;\r\n", Some(vec![])),
            ("Subject: x\r\n", Some(vec![])),
            ("", Some(vec![])),
        ] {
            let found = authors(header.as_bytes());
            let found = found.map(|all| all.iter().map(Address::to_string).collect::<Vec<_>>());
            assert_eq!(found, expect.map(|all| all.into_iter().map(str::to_owned).collect()));
        }
        let long = format!("From: {}@b\r\n", "a".repeat(300));
        assert_eq!(authors(long.as_bytes()), None);
        assert_eq!(authors("From: a@b\r\n".repeat(51).as_bytes()), None);
        // What programs show, and nobody looked at.
        let groups = format!("From: {}a@b\r\n", "g:;".repeat(26));
        for header in [groups.as_str(), "From: =?utf-8?q?c=40d?=, a@b\r\n", "From: (a@b\r\n"] {
            assert_eq!(authors(header.as_bytes()), None, "{header}");
        }
        let quoted = authors(b"From: \"a@b\"\r\n").map(|all| all.first().map(Address::to_string));
        assert_eq!(quoted, Some(Some("a@b".to_owned())));
    }

    #[test]
    fn the_mark_stands_below_the_return_path() {
        let mark = "X-Posthorn-External: yes\r\n";
        for (before, after) in [
            (
                "Return-Path: <a>\r\nReceived: x\r\n\r\ny",
                "Return-Path: <a>\r\n@Received: x\r\n\r\ny",
            ),
            ("Subject: x\r\n\r\ny", "@Subject: x\r\n\r\ny"),
            ("", "@"),
        ] {
            let marked = mark_external(before.as_bytes());
            assert_eq!(String::from_utf8_lossy(&marked), after.replace('@', mark));
            assert_eq!(without_external(&marked), before.as_bytes());
        }
        let forged = b"x-posthorn-external: no\r\n folded\r\nA: b\r\n\r\nX-Posthorn-External: c";
        assert_eq!(without_external(forged), b"A: b\r\n\r\nX-Posthorn-External: c");
    }
}
