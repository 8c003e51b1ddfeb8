//! DELETE of a meeting (RFC 6638 §3.2.3.2).

use ical::scheduling::Role;

use crate::collection::{Collection, CollectionRights};
use crate::object::Condition;
use crate::{AccountTx, Result};

/// Whether an organizer hears of an attendee who deletes a meeting (RFC 6638 §8.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answering {
    /// They are told that the attendee will not come.
    Reply,
    /// They are told nothing.
    Silent,
}

impl AccountTx<'_, '_> {
    /// [`delete_object`](Self::delete_object) with all that follows for others: an organizer
    /// cancels, an attendee refuses. After [`lock_meeting`](crate::WriteTx::lock_meeting).
    pub fn delete_scheduled(
        &mut self,
        collection: &Collection,
        name: &str,
        condition: &Condition<'_>,
        answering: Answering,
    ) -> Result<()> {
        // What may refuse it comes before what others hear.
        let collection = self.require_still_there(collection, CollectionRights::WRITE)?;
        let there = self.find_object(collection.id, name)?;
        condition.check(there.as_ref())?;
        let old = self.load_meeting(there.as_ref())?;
        self.delete_object(&collection, name, condition)?;
        let Some(old) = old else { return Ok(()) };
        let account = self.account;
        let users = self.calendar_users(account)?;
        match users.role(&old) {
            Role::Organizer => self.organize(Some(&old), None, &users).map(|_| ()),
            Role::Attendee if answering == Answering::Reply => {
                self.attend(Some(&old), None, &users).map(|_| ())
            }
            Role::Attendee | Role::Neither => Ok(()),
        }
    }
}
