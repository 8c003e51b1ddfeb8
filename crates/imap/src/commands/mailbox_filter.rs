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

/// Whether a name is among those of the group.
pub(super) fn names(filter: &MailboxFilter, entry: &MailboxEntry) -> bool {
    let name = entry.name.as_str();
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
        MailboxFilter::Inboxes | MailboxFilter::Personal => {
            let of_others = |above: &str| is(above) || below(above).is_some();
            !of_others("Other Users") && !of_others("Shared")
        }
        MailboxFilter::Subscribed => entry.subscribed,
        MailboxFilter::Mailboxes(list) => any(list, &is),
        MailboxFilter::Subtree(list) => any(list, &|named| is(named) || below(named).is_some()),
        MailboxFilter::SubtreeOne(list) => {
            any(list, &|named| is(named) || below(named).is_some_and(|rest| !rest.contains('/')))
        }
    }
}
