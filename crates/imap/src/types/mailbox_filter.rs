//! Which mailboxes a command is about, named in groups (RFC 5465 §6).

use super::MailboxName;

/// `filter-mailboxes` (RFC 5465 §8, RFC 7377 §4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MailboxFilter {
    /// `selected`: the open mailbox.
    Selected,
    /// `selected-delayed`: the same, told of expunges only when they may be told.
    SelectedDelayed,
    /// `inboxes`: where mail may be delivered to.
    Inboxes,
    /// `personal`: every mailbox of one's own.
    Personal,
    /// `subscribed`.
    Subscribed,
    /// `subtree`: these and all below them.
    Subtree(Vec<MailboxName>),
    /// `subtree-one`: these and those right below them (RFC 7377 §2.2).
    SubtreeOne(Vec<MailboxName>),
    /// `mailboxes`: these.
    Mailboxes(Vec<MailboxName>),
}
