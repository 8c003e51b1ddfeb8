//! Arguments of NOTIFY (RFC 5465 §8): groups of mailboxes, and the events of each.

use super::list::named_set;
use super::{FetchAttribute, MailboxFilter};

/// `NOTIFY …` (RFC 5465 §3.1).
#[derive(Debug, Clone, PartialEq)]
pub enum NotifyArgs {
    /// `NONE`: of nothing any more.
    None,
    /// `SET`.
    Set {
        /// `STATUS`: what is so now is told first.
        status: bool,
        /// Which mailboxes, and what of them; at least one.
        groups: Vec<EventGroup>,
    },
}

/// `event-group` (RFC 5465 §8).
#[derive(Debug, Clone, PartialEq)]
pub struct EventGroup {
    /// The mailboxes that the events are of.
    pub filter: MailboxFilter,
    /// The events to be told.
    pub events: NotifyEvents,
    /// What is told of new messages in the open mailbox.
    pub fetch: Vec<FetchAttribute>,
    /// Whether something was asked that nobody here knows.
    pub is_unknown: bool,
}

impl EventGroup {
    /// Whether it is about the open mailbox.
    pub fn is_selected(&self) -> bool {
        matches!(self.filter, MailboxFilter::Selected | MailboxFilter::SelectedDelayed)
    }
}

named_set!(
    /// A set of [`NotifyEvent`]s.
    NotifyEvents of
    /// `event-name` (RFC 5465 §8).
    NotifyEvent {
        /// Messages came.
        MessageNew = "MessageNew",
        /// Messages went.
        MessageExpunge = "MessageExpunge",
        /// Flags changed.
        FlagChange = "FlagChange",
        /// Annotations of messages changed.
        AnnotationChange = "AnnotationChange",
        /// A mailbox was created, deleted or renamed.
        MailboxName = "MailboxName",
        /// A name was subscribed to or no more.
        SubscriptionChange = "SubscriptionChange",
        /// Metadata of a mailbox changed.
        MailboxMetadataChange = "MailboxMetadataChange",
        /// Metadata of the server changed.
        ServerMetadataChange = "ServerMetadataChange",
    }
);

impl NotifyEvent {
    /// Whether it is about messages (RFC 5465 §8, `message-event`).
    pub fn is_of_messages(self) -> bool {
        use NotifyEvent::{AnnotationChange, FlagChange, MessageExpunge, MessageNew};
        matches!(self, MessageNew | MessageExpunge | FlagChange | AnnotationChange)
    }
}
