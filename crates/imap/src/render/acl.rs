//! The ACL, LISTRIGHTS and MYRIGHTS responses (RFC 4314 §3.6 to §3.8).

use super::{astring, mailbox};
use crate::parse::Dialect;

/// Letters of rights with those of RFC 2086 that stand for some of them (RFC 4314 §2.1.1).
fn with_old(letters: &str) -> String {
    let mut all = letters.to_owned();
    for (members, old) in [("kx", 'c'), ("te", 'd')] {
        if letters.contains(|letter| members.contains(letter)) {
            all.push(old);
        }
    }
    all
}

/// `acl-data = "ACL" SP mailbox *(SP identifier SP rights)` (RFC 4314 §7), the whole untagged
/// line.
pub fn acl(out: &mut Vec<u8>, name: &str, dialect: Dialect, entries: &[(String, String)]) {
    out.extend_from_slice(b"* ACL ");
    mailbox(out, name, dialect);
    for (identifier, rights) in entries {
        out.push(b' ');
        astring(out, identifier.as_bytes());
        out.push(b' ');
        astring(out, with_old(rights).as_bytes());
    }
    out.extend_from_slice(b"\r\n");
}

/// `myrights-data = "MYRIGHTS" SP mailbox SP rights` (RFC 4314 §7), the whole untagged line.
pub fn my_rights(out: &mut Vec<u8>, name: &str, dialect: Dialect, rights: &str) {
    out.extend_from_slice(b"* MYRIGHTS ");
    mailbox(out, name, dialect);
    out.push(b' ');
    astring(out, with_old(rights).as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// `listrights-data = "LISTRIGHTS" SP mailbox SP identifier SP rights *(SP rights)`
/// (RFC 4314 §7), the whole untagged line: `always` are had without being given, each of the
/// `others` can be given by itself.
pub fn list_rights(
    out: &mut Vec<u8>,
    name: &str,
    dialect: Dialect,
    identifier: &str,
    always: &str,
    others: &str,
) {
    out.extend_from_slice(b"* LISTRIGHTS ");
    mailbox(out, name, dialect);
    out.push(b' ');
    astring(out, identifier.as_bytes());
    out.push(b' ');
    astring(out, with_old(always).as_bytes());
    for letter in with_old(others).chars() {
        out.push(b' ');
        out.extend_from_slice(letter.to_string().as_bytes());
    }
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_come_with_their_old_letters() {
        let mut out = Vec::new();
        let pair = |who: &str, rights: &str| (who.to_owned(), rights.to_owned());
        let entries = [pair("Fred", "lrswipkxtea"), pair("-Fred", "w"), pair("a b", "")];
        acl(&mut out, "INBOX/Drafts", Dialect::Rev1, &entries);
        my_rights(&mut out, "INBOX", Dialect::Rev1, "lrt");
        list_rights(&mut out, "INBOX", Dialect::Rev1, "smith", "", "lrk");
        assert_eq!(
            String::from_utf8_lossy(&out),
            "* ACL INBOX/Drafts Fred lrswipkxteacd -Fred w \"a b\" \"\"\r\n\
             * MYRIGHTS INBOX lrtd\r\n* LISTRIGHTS INBOX smith \"\" l r k c\r\n"
        );
    }
}
