//! ENVELOPE as FETCH sends it (RFC 9051 §7.5.2), rendered from the fields of a header.

use crate::address_list::{Item, Listed};
use crate::fields::{Fields, ListedFields};
use crate::header::unfold;
use crate::imap_string::{push_nstring, push_string};

/// Appends `envelope = "(" env-date SP … SP env-message-id ")"` (RFC 9051 §9).
pub(crate) fn render_envelope(out: &mut Vec<u8>, fields: &Fields<'_>, listed: &ListedFields) {
    let from = rendered_list(&listed.from);
    out.push(b'(');
    push_text(out, fields.date);
    out.push(b' ');
    push_text(out, fields.subject);
    push_list(out, &from, b"NIL");
    // RFC 9051 §7.5.2: Sender and Reply-To, absent or empty, repeat From.
    let default = if from.is_empty() { b"NIL" } else { from.as_slice() };
    push_list(out, &rendered_list(&listed.sender), default);
    push_list(out, &rendered_list(&listed.reply_to), default);
    for items in [&listed.to, &listed.cc, &listed.bcc] {
        push_list(out, &rendered_list(items), b"NIL");
    }
    out.push(b' ');
    push_text(out, fields.in_reply_to);
    out.push(b' ');
    push_text(out, fields.message_id);
    out.push(b')');
}

fn push_list(out: &mut Vec<u8>, list: &[u8], default: &[u8]) {
    out.push(b' ');
    out.extend_from_slice(if list.is_empty() { default } else { list });
}

// RFC 9051 §7.5.2: NIL where the field is absent, an empty string where it is empty.
fn push_text(out: &mut Vec<u8>, raw: Option<&[u8]>) {
    push_nstring(out, raw.map(unfold).as_deref());
}

// "(" 1*address ")", or nothing where there is no address.
fn rendered_list(items: &[Item]) -> Vec<u8> {
    if items.is_empty() {
        return Vec::new();
    }
    // RFC 9051 §9 puts nothing between addresses.
    let mut list = Vec::with_capacity(items.len() * 64 + 2);
    list.push(b'(');
    for item in items {
        push_address(&mut list, item);
    }
    list.push(b')');
    list
}

// address = "(" addr-name SP addr-adl SP addr-mailbox SP addr-host ")"
fn push_address(out: &mut Vec<u8>, item: &Item) {
    match item {
        Item::GroupStart(name) => {
            out.extend_from_slice(b"(NIL NIL ");
            push_string(out, name);
            out.extend_from_slice(b" NIL)");
        }
        Item::GroupEnd => out.extend_from_slice(b"(NIL NIL NIL NIL)"),
        Item::Mailbox(Listed { name, route, local, host }) => {
            out.push(b'(');
            push_nstring(out, name.as_deref());
            out.push(b' ');
            push_nstring(out, route.as_deref());
            out.push(b' ');
            push_string(out, local);
            // A NIL host would make it the beginning of a group.
            out.push(b' ');
            push_string(out, host);
            out.push(b')');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(header: &str, expect: &str) {
        let mut out = Vec::new();
        let fields = Fields::of(header.as_bytes(), 100);
        render_envelope(&mut out, &fields, &ListedFields::of(&fields, 100));
        assert_eq!(String::from_utf8_lossy(&out), expect);
    }

    #[test]
    fn the_example_of_rfc9051() {
        // RFC 9051 §8
        check(
            "Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\r\n\
             From: Terry Gray <gray@cac.washington.edu>\r\n\
             Subject: IMAP4rev2 WG mtg summary and minutes\r\n\
             To: imap@cac.washington.edu\r\n\
             cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>\r\n\
             Message-Id: <B27397-0100000@cac.washington.edu>\r\n\
             MIME-Version: 1.0\r\n\
             Content-Type: TEXT/PLAIN; CHARSET=US-ASCII\r\n\r\n",
            "(\"Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\" \
             \"IMAP4rev2 WG mtg summary and minutes\" \
             ((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) \
             ((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) \
             ((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) \
             ((NIL NIL \"imap\" \"cac.washington.edu\")) \
             ((NIL NIL \"minutes\" \"CNRI.Reston.VA.US\")\
             (\"John Klensin\" NIL \"KLENSIN\" \"MIT.EDU\")) NIL NIL \
             \"<B27397-0100000@cac.washington.edu>\")",
        );
    }

    #[test]
    fn absent_and_empty_fields() {
        check("\r\n", "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)");
        check(
            "Date:\r\nSubject: \r\nFrom: a@b\r\nSender: \r\nReply-To: ,\r\nTo:\r\nMessage-ID:\r\n\r\n",
            "(\"\" \"\" ((NIL NIL \"a\" \"b\")) ((NIL NIL \"a\" \"b\")) ((NIL NIL \"a\" \"b\")) \
             NIL NIL NIL NIL \"\")",
        );
    }

    // RFC 5322 §4.5.3
    #[test]
    fn several_destination_fields_are_one_list() {
        check(
            "To: a@b\r\nCc: g: h@i;\r\nTo:\r\nBcc: r@s\r\nTO: c@d, e@f\r\nCc: j@k\r\nBcc: t@u\r\n\
             From: l@m\r\nFrom: n@o\r\n\r\n",
            "(NIL NIL ((NIL NIL \"l\" \"m\")) ((NIL NIL \"l\" \"m\")) ((NIL NIL \"l\" \"m\")) \
             ((NIL NIL \"a\" \"b\")(NIL NIL \"c\" \"d\")(NIL NIL \"e\" \"f\")) \
             ((NIL NIL \"g\" NIL)(NIL NIL \"h\" \"i\")(NIL NIL NIL NIL)(NIL NIL \"j\" \"k\")) \
             ((NIL NIL \"r\" \"s\")(NIL NIL \"t\" \"u\")) NIL NIL)",
        );
        let header = "To: a@b, c@d\r\n".repeat(3);
        let fields = Fields::of(header.as_bytes(), 100);
        assert_eq!(ListedFields::of(&fields, 5).to.len(), 5);
    }

    #[test]
    fn odd_values() {
        check(
            "Subject: =?utf-8?q?caf=C3=A9?=\r\n \"x\\y\"\r\nTo: g:a@b,\"c \\\" d\"@e;\r\nCc: root\r\n",
            "(NIL \"=?utf-8?q?caf=C3=A9?= \\\"x\\\\y\\\"\" NIL NIL NIL \
             ((NIL NIL \"g\" NIL)(NIL NIL \"a\" \"b\")(NIL NIL \"c \\\" d\" \"e\")(NIL NIL NIL NIL)) \
             ((NIL NIL \"root\" \"\")) NIL NIL NIL)",
        );
        check(
            "Subject: caf\u{e9}\0\r\nSubject: second\r\nSender: s@t\r\n",
            "(NIL {5}\r\ncaf\u{e9} NIL ((NIL NIL \"s\" \"t\")) NIL NIL NIL NIL NIL NIL)",
        );
    }
}
