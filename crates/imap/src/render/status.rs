//! The STATUS response (RFC 9051 §7.3.3).

use super::{mailbox, number};
use crate::parse::Dialect;
use crate::types::{StatusItem, StatusItems};

/// What is known of a mailbox; fill in at least what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StatusValues<'a> {
    /// Messages.
    pub messages: u32,
    /// Messages with `\Recent`.
    pub recent: u32,
    /// Next UID.
    pub uid_next: u32,
    /// UID validity.
    pub uid_validity: u32,
    /// Messages without `\Seen`.
    pub unseen: u32,
    /// Messages with `\Deleted`.
    pub deleted: u32,
    /// Octets of all messages.
    pub size_bytes: u64,
    /// Highest modseq.
    pub highest_modseq: u64,
    /// Largest message APPEND takes; None is no limit, NIL (RFC 7889 §3.1).
    pub append_limit: Option<u64>,
    /// Object id (RFC 8474 §4.3).
    pub mailbox_id: &'a str,
    /// Octets of the messages with `\Deleted`.
    pub deleted_bytes: u64,
}

/// `"STATUS" SP mailbox SP "(" [status-att-list] ")"` (RFC 9051 §9), the whole untagged line.
pub fn status(
    out: &mut Vec<u8>,
    name: &str,
    dialect: Dialect,
    asked: StatusItems,
    values: &StatusValues<'_>,
) {
    out.extend_from_slice(b"* STATUS ");
    mailbox(out, name, dialect);
    out.extend_from_slice(b" (");
    for (index, item) in asked.iter().enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(item.name().as_bytes());
        out.push(b' ');
        match item {
            StatusItem::Messages => number(out, values.messages),
            StatusItem::Recent => number(out, values.recent),
            StatusItem::UidNext => number(out, values.uid_next),
            StatusItem::UidValidity => number(out, values.uid_validity),
            StatusItem::Unseen => number(out, values.unseen),
            StatusItem::Deleted => number(out, values.deleted),
            StatusItem::Size => number(out, values.size_bytes),
            StatusItem::HighestModSeq => number(out, values.highest_modseq),
            StatusItem::DeletedStorage => number(out, values.deleted_bytes),
            StatusItem::AppendLimit => match values.append_limit {
                Some(limit) => number(out, limit),
                None => out.extend_from_slice(b"NIL"),
            },
            StatusItem::MailboxId => {
                out.push(b'(');
                out.extend_from_slice(values.mailbox_id.as_bytes());
                out.push(b')');
            }
        }
    }
    out.extend_from_slice(b")\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_asked_and_no_others() {
        let values = StatusValues {
            messages: 231,
            uid_next: 44_292,
            mailbox_id: "F2",
            ..Default::default()
        };
        for (items, expect) in [
            (
                &[StatusItem::UidNext, StatusItem::Messages][..],
                "* STATUS \"b l\" (MESSAGES 231 UIDNEXT 44292)\r\n",
            ),
            (
                &[StatusItem::AppendLimit, StatusItem::MailboxId],
                "* STATUS \"b l\" (APPENDLIMIT NIL MAILBOXID (F2))\r\n",
            ),
        ] {
            let mut out = Vec::new();
            status(&mut out, "b l", Dialect::Rev1, items.iter().copied().collect(), &values);
            assert_eq!(String::from_utf8_lossy(&out), expect);
        }
    }
}
