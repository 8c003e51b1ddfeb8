//! Everybody whom a change of a meeting concerns, locked in ascending order before anything is
//! looked at.

use std::collections::BTreeSet;
use std::sync::Arc;

use ical::CalendarObject;
use ids::{AccountId, CollectionId};

use super::people::Reach;
use crate::collection::Collection;
use crate::object::{Object, PreparedObject};
use crate::sql::Dialect;
use crate::{ReadTx, Result, WriteTx};

/// Whether somebody in a meeting comes instead of another.
pub(super) fn delegates(meeting: &CalendarObject) -> bool {
    let mut lines = meeting.parts().flat_map(|part| part.lines_named("ATTENDEE"));
    lines.any(|line| {
        line.parameter("DELEGATED-FROM").is_some() || line.parameter("DELEGATED-TO").is_some()
    })
}

impl ReadTx<'_> {
    /// A scheduling object that is stored. One that cannot be read any more is none.
    pub(super) fn load_meeting(
        &mut self,
        there: Option<&Object>,
    ) -> Result<Option<CalendarObject>> {
        let Some(there) = there.filter(|there| there.schedule_tag().is_some()) else {
            return Ok(None);
        };
        let bytes = self.load_object(there.id)?;
        Ok(CalendarObject::parse(&bytes, &ical::Limits::default()).ok())
    }
}

impl WriteTx<'_> {
    /// Locks all accounts that a PUT of `object` under this name, or a DELETE, may change, the
    /// owner's among them; nothing where it is no meeting. Before
    /// [`put_scheduled`](crate::AccountTx::put_scheduled) and
    /// [`delete_scheduled`](crate::AccountTx::delete_scheduled), which decide anew under the
    /// locks: whoever came to be concerned meanwhile is locked then.
    pub fn lock_meeting(
        &mut self,
        owner: AccountId,
        collection: CollectionId,
        name: &str,
        object: Option<&PreparedObject>,
    ) -> Result<()> {
        self.lock_meeting_with(owner, None, (collection, name), object)
    }

    /// The same of a PUT into a collection as it is seen, a COPY or a MOVE: where it is a guest's
    /// calendar, with the guest, whose alarms name their account.
    pub fn lock_place(
        &mut self,
        collection: &Collection,
        name: &str,
        object: Option<&PreparedObject>,
    ) -> Result<()> {
        let guest = collection.keeps_alarms_of();
        self.lock_meeting_with(collection.account, guest, (collection.id, name), object)
    }

    fn lock_meeting_with(
        &mut self,
        owner: AccountId,
        guest: Option<AccountId>,
        (collection, name): (CollectionId, &str),
        object: Option<&PreparedObject>,
    ) -> Result<()> {
        // With one writer nobody else changes anything meanwhile.
        if self.sql.dialect() == Dialect::Sqlite {
            return Ok(());
        }
        let there = self.find_object(collection, name)?;
        let stored = self.load_meeting(there.as_ref())?;
        let new: Option<&Arc<CalendarObject>> = object.and_then(PreparedObject::meeting);
        let accounts = guest.into_iter().flat_map(|guest| [owner, guest]).collect();
        self.lock_concerned(owner, accounts, stored.iter().chain(new.map(|new| &**new)))
    }

    /// Locks these accounts, and all whom meetings of `owner` concern.
    pub(super) fn lock_concerned<'m>(
        &mut self,
        owner: AccountId,
        mut accounts: BTreeSet<AccountId>,
        meetings: impl Iterator<Item = &'m CalendarObject>,
    ) -> Result<()> {
        let mut mailing = BTreeSet::new();
        for meeting in meetings {
            if !self.concerned(owner, meeting, &mut accounts)? || !self.sends_letters() {
                continue;
            }
            mailing.insert(owner);
            // RFC 5546 §4.2.7: an organizer here asks anew who had delegated.
            if delegates(meeting)
                && let Some(organizer) = meeting.organizer().ok().flatten()
                && let Reach::Here(organizer) = self.reach(&organizer)?
            {
                mailing.insert(organizer);
            }
        }
        // Whoever counts holds the count, and counts before any account is locked.
        mailing.into_iter().try_for_each(|account| self.lock_sent(account))?;
        for account in accounts {
            self.lock_usage(account)?;
        }
        Ok(())
    }

    /// Everybody here; whether there is anybody elsewhere.
    pub(super) fn concerned(
        &mut self,
        owner: AccountId,
        meeting: &CalendarObject,
        accounts: &mut BTreeSet<AccountId>,
    ) -> Result<bool> {
        accounts.insert(owner);
        let mut people = meeting.attendees();
        if people.len() > self.settings.scheduling.attendees_max * 2 {
            // It is going to be refused.
            return Ok(false);
        }
        let organizer = meeting.organizer().ok().flatten();
        people.extend(organizer.clone());
        if let Some(organizer) = organizer
            && let Reach::Here(organizer) = self.reach(&organizer)?
            && organizer != owner
        {
            accounts.insert(organizer);
            // Their copy knows of people whom an attendee need not see.
            let known = self.find_copy(organizer, meeting.uid())?;
            people.extend(known.iter().flat_map(|known| known.meeting.attendees()));
        }
        let mut is_mailed = false;
        for user in people {
            match self.reach(&user)? {
                Reach::Here(account) => drop(accounts.insert(account)),
                Reach::Mail(_) => is_mailed = true,
                Reach::Nowhere => {}
            }
        }
        Ok(is_mailed)
    }
}
