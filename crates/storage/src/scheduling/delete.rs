//! DELETE of a meeting (RFC 6638 §3.2.3.2): the organizer's tells attendees that it is cancelled,
//! an attendee's tells the organizer that they decline.

use std::collections::BTreeSet;

use ical::CalendarObject;
use ical::scheduling::Role;
use ids::{AccountId, CollectionId};

use super::MESSAGES_BYTES_MAX;
use crate::collection::{Collection, CollectionRights};
use crate::object::Condition;
use crate::{AccountTx, Result, WriteTx};

/// LIMIT: meetings of a calendar whose end is told, the last ones; together they are bound as one
/// is.
const MEETINGS_MAX: i64 = 1_000;

/// Whether an organizer hears of an attendee who deletes a meeting (RFC 6638 §8.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answering {
    /// The organizer is told that the attendee will not come.
    Reply,
    /// An attendee's end is not told to the organizer; an organizer's is told to the attendees all
    /// the same.
    Silent,
}

impl WriteTx<'_> {
    fn meetings_ahead(&mut self, calendar: CollectionId) -> Result<Vec<CalendarObject>> {
        let now = self.now.as_secs();
        let (mut found, mut room) = (Vec::new(), MESSAGES_BYTES_MAX);
        for object in self.list_meetings_ahead(calendar, now, MEETINGS_MAX)? {
            let Some(meeting) = self.load_meeting(Some(&object))? else { continue };
            let people = meeting.attendees().len() as u64;
            // Where this one has no room, another may have.
            if let Some(left) = room.checked_sub(object.size_bytes.saturating_mul(people.max(1))) {
                room = left;
                found.push(meeting);
            }
        }
        Ok(found)
    }

    /// Locks everybody whom the end of a calendar concerns, its owner among them.
    pub fn lock_meetings_of(&mut self, owner: AccountId, calendar: CollectionId) -> Result<()> {
        let ended = self.meetings_ahead(calendar)?;
        self.lock_concerned(owner, BTreeSet::new(), ended.iter())
    }
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
        match old {
            Some(old) => self.tell_of_end(&old, answering),
            None => Ok(()),
        }
    }

    /// [`delete_collection`](Self::delete_collection) of a calendar with all that follows for
    /// others. After [`lock_meetings_of`](crate::WriteTx::lock_meetings_of).
    ///
    /// DEVIATION(RFC 6638 §3.2.3.2): of meetings that are over nobody hears, nor of more than there
    /// is room for.
    pub fn delete_calendar_scheduled(
        &mut self,
        collection: &Collection,
        tokens: &[String],
        answering: Answering,
    ) -> Result<()> {
        let ended = self.meetings_ahead(collection.id)?;
        self.delete_collection(collection, tokens)?;
        ended.iter().try_for_each(|old| self.tell_of_end(old, answering))
    }

    pub(super) fn tell_of_end(&mut self, old: &CalendarObject, answering: Answering) -> Result<()> {
        let account = self.account;
        let users = self.calendar_users(account)?;
        match users.role(old) {
            Role::Organizer => self.organize(Some(old), None, &users).map(|_| ()),
            Role::Attendee if answering == Answering::Reply => {
                self.attend(Some(old), None, &users).map(|_| ())
            }
            Role::Attendee | Role::Neither => Ok(()),
        }
    }
}
