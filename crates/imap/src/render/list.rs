//! The LIST, LSUB, XLIST, NAMESPACE (RFC 9051 §7.3) and ID (RFC 2971 §3.2) responses.

use super::{mailbox, nstring, string};
use crate::parse::Dialect;
use crate::types::{ListAttribute, ListAttributes};

/// One line of LIST.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ListItem<'a> {
    /// Attributes.
    pub attributes: ListAttributes,
    /// The mailbox; empty in the answer to the question for the delimiter.
    pub name: &'a str,
    /// `CHILDINFO ("SUBSCRIBED")` (RFC 9051 §6.3.9.6): something below it is subscribed.
    pub child_subscribed: bool,
    /// `CHILDINFO ("SPECIAL-USE")`: something below it has a special use.
    pub child_special_use: bool,
    /// `OLDNAME` (RFC 9051 §6.3.9.7): the name it had or was asked under.
    pub old_name: Option<&'a str>,
}

/// `"LIST" SP mailbox-list` (RFC 9051 §9), the whole untagged line.
pub fn list_item(out: &mut Vec<u8>, item: &ListItem<'_>, dialect: Dialect) {
    line(out, b"* LIST (", item, dialect);
}

/// `"LSUB" SP mailbox-list` (RFC 3501 §9), the whole untagged line.
pub fn lsub_item(out: &mut Vec<u8>, item: &ListItem<'_>, dialect: Dialect) {
    line(out, b"* LSUB (", item, dialect);
}

/// `"XLIST" SP mailbox-list`, the whole untagged line. The junk mailbox is `\Spam`
/// there, and INBOX `\Inbox`.
pub fn xlist_item(out: &mut Vec<u8>, item: &ListItem<'_>, dialect: Dialect) {
    line(out, b"* XLIST (", item, dialect);
}

fn line(out: &mut Vec<u8>, intro: &[u8], item: &ListItem<'_>, dialect: Dialect) {
    out.extend_from_slice(intro);
    let xlist = intro == b"* XLIST (";
    if xlist && item.name == "INBOX" {
        out.extend_from_slice(b"\\Inbox");
    }
    for (index, attribute) in item.attributes.iter().enumerate() {
        if index > 0 || out.last() != Some(&b'(') {
            out.push(b' ');
        }
        let xlist_junk = attribute == ListAttribute::Junk && xlist;
        let name = if xlist_junk { "\\Spam" } else { attribute.name() };
        out.extend_from_slice(name.as_bytes());
    }
    // R-FOLD-1: the delimiter is the same everywhere.
    out.extend_from_slice(b") \"/\" ");
    mailbox(out, item.name, dialect);
    extended(out, item, dialect);
    out.extend_from_slice(b"\r\n");
}

/// `mbox-list-extended` (RFC 9051 §9).
fn extended(out: &mut Vec<u8>, item: &ListItem<'_>, dialect: Dialect) {
    let child = item.child_subscribed || item.child_special_use;
    if !child && item.old_name.is_none() {
        return;
    }
    out.extend_from_slice(b" (");
    if child {
        out.extend_from_slice(match (item.child_subscribed, item.child_special_use) {
            (true, true) => b"\"CHILDINFO\" (\"SUBSCRIBED\" \"SPECIAL-USE\")".as_slice(),
            (true, false) => b"\"CHILDINFO\" (\"SUBSCRIBED\")",
            (false, _) => b"\"CHILDINFO\" (\"SPECIAL-USE\")",
        });
    }
    if let Some(old_name) = item.old_name {
        out.extend_from_slice(if child { b" \"OLDNAME\" (" } else { b"\"OLDNAME\" (" });
        mailbox(out, old_name, dialect);
        out.push(b')');
    }
    out.push(b')');
}

/// One namespace: its prefix, delimited by `/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Namespace<'a> {
    /// What names in it begin with, empty or ending in the delimiter.
    pub prefix: &'a str,
    /// What people are shown for that in their language (RFC 5255 §3.4).
    pub translation: Option<&'a str>,
}

/// `namespace-response` (RFC 9051 §9), the whole untagged line: personal, other users', shared.
pub fn namespaces(out: &mut Vec<u8>, kinds: [&[Namespace<'_>]; 3], dialect: Dialect) {
    out.extend_from_slice(b"* NAMESPACE");
    for kind in kinds {
        if kind.is_empty() {
            out.extend_from_slice(b" NIL");
            continue;
        }
        out.extend_from_slice(b" (");
        for namespace in kind {
            out.push(b'(');
            match dialect {
                Dialect::Utf8 | Dialect::Utf8Accept => string(out, namespace.prefix.as_bytes()),
                Dialect::Rev1 => {
                    let mut encoded = Vec::new();
                    crate::mutf7::encode(namespace.prefix, &mut encoded);
                    string(out, &encoded);
                }
            }
            out.extend_from_slice(b" \"/\"");
            if let Some(translation) = namespace.translation {
                // `namespace-trans` (RFC 5255 §3.5), in modified UTF-7 whatever else is spoken.
                let mut encoded = Vec::new();
                crate::mutf7::encode(translation, &mut encoded);
                out.extend_from_slice(b" \"TRANSLATION\" (");
                string(out, &encoded);
                out.push(b')');
            }
            out.push(b')');
        }
        out.push(b')');
    }
    out.extend_from_slice(b"\r\n");
}

/// `id-response = "ID" SP id-params-list` (RFC 2971 §4), the whole untagged line.
pub fn id_response(out: &mut Vec<u8>, fields: &[(&str, Option<&str>)]) {
    out.extend_from_slice(b"* ID ");
    if fields.is_empty() {
        out.extend_from_slice(b"NIL\r\n");
        return;
    }
    for (index, (field, value)) in fields.iter().enumerate() {
        out.push(if index == 0 { b'(' } else { b' ' });
        string(out, field.as_bytes());
        out.push(b' ');
        nstring(out, value.map(str::as_bytes));
    }
    out.extend_from_slice(b")\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_as_in_rfc_9051_and_5258() {
        let with = |attributes: &[ListAttribute]| attributes.iter().copied().collect();
        for (item, expect) in [
            (
                ListItem { attributes: with(&[ListAttribute::Noselect]), ..Default::default() },
                "* LIST (\\Noselect) \"/\" \"\"\r\n",
            ),
            (
                ListItem {
                    name: "Fruit/Apple",
                    attributes: with(&[ListAttribute::Subscribed, ListAttribute::NonExistent]),
                    ..Default::default()
                },
                "* LIST (\\NonExistent \\Subscribed) \"/\" Fruit/Apple\r\n",
            ),
            (
                ListItem { name: "Foo", child_subscribed: true, ..Default::default() },
                "* LIST () \"/\" Foo (\"CHILDINFO\" (\"SUBSCRIBED\"))\r\n",
            ),
            (
                ListItem { name: "NewMailbox", old_name: Some("Old Box"), ..Default::default() },
                "* LIST () \"/\" NewMailbox (\"OLDNAME\" (\"Old Box\"))\r\n",
            ),
        ] {
            let mut out = Vec::new();
            list_item(&mut out, &item, Dialect::Rev1);
            assert_eq!(String::from_utf8_lossy(&out), expect);
        }
        let mut out = Vec::new();
        let junk = ListItem {
            name: "Junk",
            attributes: with(&[ListAttribute::Junk]),
            ..Default::default()
        };
        xlist_item(&mut out, &junk, Dialect::Rev1);
        lsub_item(&mut out, &junk, Dialect::Rev1);
        assert_eq!(out, b"* XLIST (\\Spam) \"/\" Junk\r\n* LSUB (\\Junk) \"/\" Junk\r\n");
    }

    #[test]
    fn namespaces_and_id() {
        let mut out = Vec::new();
        namespaces(
            &mut out,
            [
                &[Namespace { prefix: "", translation: None }],
                &[Namespace { prefix: "Other Users/", translation: Some("Andere Benützer/") }],
                &[],
            ],
            Dialect::Rev1,
        );
        id_response(&mut out, &[("name", Some("Posthorn")), ("os", None)]);
        id_response(&mut out, &[]);
        assert_eq!(
            String::from_utf8_lossy(&out),
            "* NAMESPACE ((\"\" \"/\")) ((\"Other Users/\" \"/\" \"TRANSLATION\" (\"Andere Ben&APw-tzer/\"))) NIL\r\n* ID (\"name\" \"Posthorn\" \"os\" NIL)\r\n* ID NIL\r\n"
        );
    }
}
