//! The mailboxes that a group names (RFC 5465 §6, RFC 7377 §2.2).

use storage::{Mailbox, MailboxEntry, MailboxTree, Rights};

use crate::types::{MailboxFilter, MailboxName};

/// The mailboxes of `tree` that one of `filters` names, each once, in the order of the tree;
/// `selected` names none here. Names that are no mailbox are passed over.
pub(super) fn mailboxes_of<'t>(
    tree: &'t MailboxTree,
    filters: &[MailboxFilter],
) -> Vec<&'t Mailbox> {
    let named = tree.entries.iter().filter(|entry| filters.iter().any(|f| names(f, entry)));
    // A ghost, and what is merely subscribed to, holds no messages (R-FOLD-2).
    let readable = named.filter(|entry| entry.rights.contains(Rights::READ));
    readable.filter_map(|entry| entry.mailbox.as_ref()).collect()
}

/// The mailboxes of others that are named one by one.
pub(super) fn named_of_others(filters: &[MailboxFilter]) -> impl Iterator<Item = &MailboxName> {
    let named = filters.iter().flat_map(|filter| match filter {
        MailboxFilter::Mailboxes(names) => names.as_slice(),
        _ => &[],
    });
    named.filter(|name| !is_personal(name.as_str()))
}

/// Whether a mailbox is among those of the group.
pub(super) fn names(filter: &MailboxFilter, entry: &MailboxEntry) -> bool {
    is_named(filter, entry.name.as_str(), entry.subscribed)
}

/// Whether a name, subscribed to or not, is among those of the group.
pub(super) fn is_named(filter: &MailboxFilter, name: &str, subscribed: bool) -> bool {
    let any = |names: &[MailboxName], test: &dyn Fn(&str) -> bool| {
        names.iter().any(|named| test(named.as_str()))
    };
    let is = |named: &str| named == name;
    // What follows the name of a mailbox and the delimiter.
    let below = |named: &str| name.strip_prefix(named).and_then(|rest| rest.strip_prefix('/'));
    match filter {
        MailboxFilter::Selected | MailboxFilter::SelectedDelayed => false,
        // RFC 5465 §6.3: plus addresses and scripts may deliver to any mailbox, so that the two
        // are one.
        MailboxFilter::Inboxes | MailboxFilter::Personal => is_personal(name),
        MailboxFilter::Subscribed => subscribed,
        MailboxFilter::Mailboxes(list) => any(list, &is),
        MailboxFilter::Subtree(list) => any(list, &|named| match named {
            "" => is_personal(name),
            named => is(named) || below(named).is_some(),
        }),
        MailboxFilter::SubtreeOne(list) => any(list, &|named| match named {
            "" => is_personal(name) && !name.contains('/'),
            named => is(named) || below(named).is_some_and(|rest| !rest.contains('/')),
        }),
    }
}

/// Whether a name is one of one's own mailboxes. They are all below the empty name, which is the
/// prefix of their namespace (RFC 2342 §5) and no mailbox itself.
pub(super) fn is_personal(name: &str) -> bool {
    !matches!(name.split('/').next(), Some("Other Users" | "Shared Folders"))
}

#[cfg(test)]
mod tests {
    use storage::MailboxName as StoredName;

    use super::*;

    #[test]
    fn below_the_empty_name_are_all_mailboxes_of_ones_own() {
        let list = |name: &str| vec![MailboxName::new(name).unwrap()];
        let subtree = |name| MailboxFilter::Subtree(list(name));
        let one = |name| MailboxFilter::SubtreeOne(list(name));
        for (filter, expect) in [
            (subtree(""), &["INBOX", "a", "a/b", "a/b/c"][..]),
            (one(""), &["INBOX", "a"]),
            (subtree("a"), &["a", "a/b", "a/b/c"]),
            (one("a"), &["a", "a/b"]),
            (MailboxFilter::Mailboxes(list("")), &[]),
            (MailboxFilter::Personal, &["INBOX", "a", "a/b", "a/b/c"]),
            (subtree("Other Users"), &["Other Users/x@example.test/a"]),
        ] {
            let all = [
                "INBOX",
                "a",
                "a/b",
                "a/b/c",
                "Other Users/x@example.test/a",
                "Shared Folders/x/a",
            ];
            let is_named = |name: &&&str| {
                let entry = MailboxEntry {
                    name: StoredName::parse(name).unwrap(),
                    mailbox: None,
                    has_children: false,
                    subscribed: false,
                    ghost: false,
                    rights: Rights::NONE,
                };
                names(&filter, &entry)
            };
            let found: Vec<&str> = all.iter().filter(is_named).copied().collect();
            assert_eq!(found, expect, "{filter:?}");
        }
    }
}
