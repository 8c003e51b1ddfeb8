//! What a message bears that was posted to a list (RFC 2369, RFC 2919).

use crate::external::EXTERNAL_FIELD;
use crate::header_fields;
use crate::surrogate::push_phrase;

/// LIMIT: times that a message was delivered before no list takes it any more (RFC 9228).
const DELIVERED_MAX: usize = 8;

/// Fields that a message is sent without; most are such as a list sets for itself. RFC 2369 §4 and
/// RFC 2919 §7 have those of a list before it removed; List-Archive stays, since there is no
/// archive here.
const UNWANTED: [&str; 9] = [
    "Return-Path",
    // Said of one recipient's copy.
    EXTERNAL_FIELD,
    "List-Id",
    "List-Help",
    "List-Subscribe",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "List-Owner",
    "List-Post",
];

/// What a list is known by; its address is of dots, atoms and ASCII.
#[derive(Debug, Clone, Copy)]
pub struct ListMarks<'a> {
    /// The address to post to.
    pub address: &'a str,
    /// What people call it; may be empty.
    pub description: &'a str,
    /// Where its owner is written to.
    pub owner: &'a str,
}

impl ListMarks<'_> {
    /// The message as the list sends it: without a Return-Path and the marks of other lists, with
    /// its own. `None` where it came from this list, or goes round and round.
    pub fn put_on(&self, message: &[u8]) -> Option<Vec<u8>> {
        let mut bytes = Vec::with_capacity(message.len() + 512);
        self.render(&mut bytes);
        let (mut delivered, mut end, mut has_precedence) = (0, 0, false);
        for field in header_fields(message) {
            end = field.range.end;
            if field.is("Delivered-To") {
                delivered += 1;
                let address = field.value.trim_ascii();
                if address.eq_ignore_ascii_case(self.address.as_bytes()) {
                    return None;
                }
            }
            has_precedence |= field.is("Precedence");
            if !UNWANTED.iter().any(|name| field.is(name)) {
                bytes.extend_from_slice(field.line);
            }
        }
        if delivered >= DELIVERED_MAX {
            return None;
        }
        if !has_precedence {
            // Programs older than RFC 3834 look at this before they answer.
            bytes.splice(0..0, *b"Precedence: list\r\n");
        }
        bytes.extend_from_slice(message.get(end..).unwrap_or_default());
        Some(bytes)
    }

    fn render(&self, out: &mut Vec<u8>) {
        let Self { address, description, owner } = self;
        // RFC 9228 §2: whose mailbox it was in before it was sent on.
        out.extend_from_slice(format!("Delivered-To: {address}\r\nList-Id:").as_bytes());
        if !description.is_empty() {
            push_phrase(out, description);
        }
        // RFC 2919 §3: no blank within the brackets; the address is a name of this list alone.
        let id = address.replacen('@', ".", 1);
        let blank = if description.is_empty() { " " } else { "\r\n " };
        out.extend_from_slice(format!("{blank}<{id}>\r\n").as_bytes());
        // RFC 2369 §3.4, §3.5. The plus of the owner's address stands for itself in a URL.
        let urls = format!("List-Post: <mailto:{address}>\r\nList-Owner: <mailto:{owner}>\r\n");
        out.extend_from_slice(urls.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(description: &str, message: &str) -> Option<String> {
        let marks = ListMarks {
            address: "sales@example.test",
            description,
            owner: "sales+owner@example.test",
        };
        marks.put_on(message.as_bytes()).map(|bytes| String::from_utf8(bytes).unwrap())
    }

    const MARKS: &str = "Delivered-To: sales@example.test\r\nList-Id: <sales.example.test>\r\n\
        List-Post: <mailto:sales@example.test>\r\nList-Owner: <mailto:sales+owner@example.test>\r\n";

    #[test]
    fn messages_bear_the_marks_of_the_list() {
        let before = "Return-Path: <a@b>\r\nReceived: x\r\nSubject: a\r\n\r\nText\r\n";
        let after = "Received: x\r\nSubject: a\r\n\r\nText\r\n";
        assert_eq!(put("", before), Some(format!("Precedence: list\r\n{MARKS}{after}")));
        let marked = put("Sales & friends", "Precedence: bulk\r\n\r\n").unwrap();
        let id = "List-Id: Sales & friends\r\n <sales.example.test>\r\n";
        let rest = MARKS.replace("List-Id: <sales.example.test>\r\n", id);
        assert_eq!(marked, format!("{rest}Precedence: bulk\r\n\r\n"));
        let marked = put("Équipe", "\r\n").unwrap();
        assert!(marked.contains("List-Id: =?utf-8?q?=C3=89quipe?=\r\n <sales.example.test>\r\n"));
        assert!(marked.is_ascii());
    }

    #[test]
    fn marks_of_other_lists_go() {
        let others = "list-id: <x.y>\r\nList-Help: <a>\r\nList-Unsubscribe: <mailto:a@b>\r\n \
             folded\r\nList-Archive: <c>\r\nList-Post: NO\r\nPrecedence: list\r\nSubject: x\r\n";
        let kept = "List-Archive: <c>\r\nPrecedence: list\r\nSubject: x\r\n\r\nbody";
        assert_eq!(put("", &format!("{others}\r\nbody")), Some(format!("{MARKS}{kept}")));
        assert_eq!(put("", ""), Some(format!("Precedence: list\r\n{MARKS}")));
    }

    #[test]
    fn a_loop_is_found() {
        let once = put("", "Subject: x\r\n\r\n").unwrap();
        assert_eq!(put("", &once), None);
        let sent_on = "Delivered-To: a@b\r\n".repeat(7);
        assert!(put("", &format!("{sent_on}\r\n")).is_some());
        assert_eq!(put("", &format!("{sent_on}Delivered-To: a@c\r\n\r\n")), None);
    }
}
