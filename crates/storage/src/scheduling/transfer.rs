//! COPY and MOVE over a meeting (RFC 6638 §3.2.3.3, §3.2.3.4).

use super::Answering;
use crate::collection::{Collection, ObjectName};
use crate::object::{Condition, MeetingPlace, Object, PutOutcome};
use crate::{AccountTx, CollectionRights, Result};

/// An object that is brought elsewhere in its account.
#[derive(Debug, Clone, Copy)]
pub struct Transfer<'t> {
    /// Whether the object is copied or moved.
    pub kind: TransferKind,
    /// The collection that it comes from.
    pub from: &'t Collection,
    /// The object.
    pub object: &'t Object,
    /// The collection that it goes to.
    pub to: &'t Collection,
    /// The name at the target.
    pub name: &'t str,
}

/// Whether an object leaves where it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransferKind {
    /// A copy: the object also stays where it was.
    Copy,
    /// A move: the object leaves its place.
    Move,
}

impl AccountTx<'_, '_> {
    /// [`copy_object`](Self::copy_object) or [`move_object`](Self::move_object) with all that
    /// follows for others. After [`lock_place`](crate::WriteTx::lock_place) of the destination.
    pub fn transfer_scheduled(
        &mut self,
        transfer: &Transfer<'_>,
        condition: &Condition<'_>,
        answering: Answering,
    ) -> Result<PutOutcome> {
        let Transfer { kind, from, object, to, name } = *transfer;
        let there = self.find_object(to.id, ObjectName::parse(name)?.as_str())?;
        let replaced = self.load_meeting(there.as_ref())?;
        // RFC 6638 §3.2.3.4: between calendars of one owner a meeting is what it was, and nobody
        // hears of it.
        let outcome = match kind {
            TransferKind::Copy => {
                let outcome = self.copy_object(from, object, to, name, condition)?;
                if matches!(outcome, PutOutcome::Created | PutOutcome::Replaced) {
                    self.copy_as_seen((from, object), (to, name))?;
                }
                outcome
            }
            TransferKind::Move => self.move_object(from, object, to, name, condition)?,
        };
        // RFC 4918 §9.9.3: what stood there is deleted first, and a meeting that is deleted ends
        // (RFC 6638 §3.2.3.2).
        if let (PutOutcome::Replaced, Some(replaced)) = (&outcome, replaced) {
            self.tell_of_end(&replaced, answering)?;
        }
        Ok(outcome)
    }

    /// A meeting stands there already: where is told to those who may read that calendar.
    pub(super) fn meeting_taken(&mut self, calendar: String, name: String) -> Result<PutOutcome> {
        let is_seen = self.is_own() || {
            let (account, actor) = (self.account, self.actor);
            let found = self.find_collection(account, crate::Home::Calendars, &calendar)?;
            let rights = found.map(|found| self.collection_rights(actor, &found)).transpose()?;
            rights.is_some_and(|rights| rights.contains(CollectionRights::READ))
        };
        let place = is_seen.then_some(MeetingPlace { calendar, name });
        Ok(PutOutcome::MeetingTaken { place })
    }
}
