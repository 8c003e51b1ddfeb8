//! The METADATA response (RFC 5464 §4.4).

use super::{astring, literal8_or_string, mailbox};
use crate::parse::Dialect;
use crate::types::EntryName;

/// `metadata-resp = "METADATA" SP mailbox SP entry-values` (RFC 5464 §5), the whole untagged
/// line; nothing where there is no value. The server's name is empty.
pub fn metadata(
    out: &mut Vec<u8>,
    name: &str,
    dialect: Dialect,
    values: &[(EntryName, Option<&[u8]>)],
) {
    if values.is_empty() {
        return;
    }
    out.extend_from_slice(b"* METADATA ");
    mailbox(out, name, dialect);
    out.extend_from_slice(b" (");
    for (index, (entry, value)) in values.iter().enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        astring(out, entry.to_wire().as_bytes());
        out.push(b' ');
        match value {
            Some(value) => literal8_or_string(out, value),
            None => out.extend_from_slice(b"NIL"),
        }
    }
    out.extend_from_slice(b")\r\n");
}

/// `"METADATA" SP mailbox SP entry-list` (RFC 5464 §5), the whole untagged line: entries that
/// changed, without their values.
pub fn metadata_changed(out: &mut Vec<u8>, name: &str, dialect: Dialect, entries: &[EntryName]) {
    out.extend_from_slice(b"* METADATA ");
    mailbox(out, name, dialect);
    for entry in entries {
        out.push(b' ');
        astring(out, entry.to_wire().as_bytes());
    }
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_in_the_form_that_carries_them() {
        let name = |text: &str| EntryName::parse(text.as_bytes()).unwrap();
        let mut out = Vec::new();
        metadata(&mut out, "", Dialect::Rev1, &[]);
        metadata(
            &mut out,
            "",
            Dialect::Rev1,
            &[(name("/shared/comment"), Some(b"Shared comment"))],
        );
        metadata(
            &mut out,
            "INBOX",
            Dialect::Rev1,
            &[
                (name("/private/a"), Some(b"two\r\nlines")),
                (name("/private/b"), Some(b"\0")),
                (name("/private/c"), None),
            ],
        );
        assert_eq!(
            String::from_utf8_lossy(&out),
            "* METADATA \"\" (/shared/comment \"Shared comment\")\r\n\
             * METADATA INBOX (/private/a {10}\r\ntwo\r\nlines /private/b ~{1}\r\n\0 \
             /private/c NIL)\r\n"
        );
    }
}
