//! What happened in the open mailbox and was not told before the client left it: that is delayed,
//! and not dropped (RFC 5465 §6.1.2). Once the mailbox is left, it is told by the groups that name
//! it.

use ids::CollectionId;

use super::super::Ctx;
use super::Notify;
use crate::session::Selected;
use crate::types::{NotifyEvent, NotifyEvents};

/// A mailbox that was left.
pub(crate) struct Left {
    pub(super) mailbox: CollectionId,
    pub(super) events: NotifyEvents,
}

impl Left {
    /// What the client was not told of an open mailbox.
    pub(crate) fn of(selected: &Selected) -> Self {
        use NotifyEvent::{AnnotationChange, FlagChange, MessageExpunge, MessageNew};
        let untold = selected.untold();
        let mut events = NotifyEvents::new();
        if untold.appended > 0 {
            events.insert(MessageNew);
        }
        if !untold.expunged_seqs.is_empty() {
            events.insert(MessageExpunge);
        }
        if !untold.changed.is_empty() {
            // Which of them it was is not known.
            events.insert(FlagChange);
            events.insert(AnnotationChange);
        }
        Self { mailbox: selected.known().mailbox(), events }
    }
}

impl Notify {
    /// The open mailbox was left.
    pub(crate) fn note_left(&mut self, left: Left) {
        self.left = Some(left).filter(|left| !left.events.is_empty());
    }
}

impl Ctx<'_> {
    /// Leaves the open mailbox; whether there was one.
    pub(crate) fn leave(&mut self) -> bool {
        let Some(selected) = self.state.unselect() else { return false };
        if let Some(notify) = self.notify {
            notify.note_left(Left::of(&selected));
        }
        true
    }
}
