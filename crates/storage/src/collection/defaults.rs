//! What every account with calendars and contacts has from its first use on.

use ids::{AccountId, CollectionId};

use super::{Collection, CollectionKind, CollectionName, Components, Home, NewCollection};
use crate::change::Fact;
use crate::sql::Value;
use crate::{AccountTx, CollectionChange, ReadTx, Result, StorageError};

/// The name of the first calendar and the first address book.
const PERSONAL: &str = "personal";

/// `account.collections_made` of an account that has all of them: those from before there were
/// notifications have 1.
const ALL_MADE: i64 = 2;

impl ReadTx<'_> {
    /// Whether the account has got its first collections.
    pub fn has_collections(&mut self, account: AccountId) -> Result<bool> {
        Ok(self.collections_made(account)? >= ALL_MADE)
    }

    fn collections_made(&mut self, account: AccountId) -> Result<i64> {
        let made = self.sql.query_one(
            "SELECT collections_made FROM account WHERE id = ?1",
            &[Value::Int(account.get())],
            |row| row.int(0),
        )?;
        made.ok_or(StorageError::NotFound("account"))
    }

    /// The calendar that invitations go to (R-CAL-2).
    pub fn default_calendar(&mut self, account: AccountId) -> Result<Option<CollectionId>> {
        let found = self.sql.query_one(
            "SELECT default_calendar FROM account WHERE id = ?1",
            &[Value::Int(account.get())],
            |row| row.opt_int(0),
        )?;
        Ok(found.flatten().map(CollectionId::new))
    }
}

impl AccountTx<'_, '_> {
    /// Makes the calendar and the address book `personal`, the schedule inbox and the collection
    /// of notifications, the first time it is called for an account; later calls change nothing,
    /// whatever became of them.
    pub fn make_first_collections(&mut self) -> Result<()> {
        let account = self.account;
        let made = self.collections_made(account)?;
        if made == 0 {
            self.make_first(CollectionKind::Calendar, PERSONAL, Some("Personal"))?;
            self.make_first(CollectionKind::Inbox, "inbox", None)?;
            self.make_first(CollectionKind::AddressBook, PERSONAL, Some("Personal"))?;
        }
        if made < ALL_MADE {
            let name = self.free_name("notifications")?;
            self.make_first(CollectionKind::Notifications, &name, None)?;
            self.sql.execute(
                "UPDATE account SET collections_made = ?2 WHERE id = ?1",
                &[Value::Int(account.get()), Value::Int(ALL_MADE)],
            )?;
        }
        Ok(())
    }

    fn make_first(
        &mut self,
        kind: CollectionKind,
        name: &str,
        display_name: Option<&str>,
    ) -> Result<()> {
        let name = CollectionName::parse_any(kind.home(), name)?;
        let mut new = NewCollection::new(kind);
        new.properties = CollectionChange {
            display_name: display_name.map(|name| Some(name.to_owned())),
            ..CollectionChange::default()
        };
        let id = self.insert_beyond_limit(&name, &new)?;
        self.record_fact(Some(id), Fact::CollectionCreated)
    }

    /// A name that no calendar has from when it was anybody's to take.
    fn free_name(&mut self, wanted: &str) -> Result<String> {
        let account = self.account;
        let all = self.list_collections(account, Home::Calendars)?;
        let is_free = |name: &String| all.iter().all(|one| one.name != *name);
        let mut names = (1..).map(|at| match at {
            1 => wanted.to_owned(),
            at => format!("{wanted}-{at}"),
        });
        names.find(is_free).ok_or(StorageError::AlreadyExists("collection"))
    }

    /// Chooses the calendar that invitations go to. R-CAL-2: one of the account's own, and one
    /// that takes events.
    ///
    /// # Errors
    /// [`StorageError::Invalid`] where it is no calendar of the account for events;
    /// [`StorageError::Conflict`] where it is one of a room, holds what took no time, and something
    /// else has that time (R-CAL-4).
    pub fn set_default_calendar(&mut self, calendar: CollectionId) -> Result<()> {
        self.require_own()?;
        let account = self.account;
        let found = self.load_collection(calendar)?;
        let fits = found.kind == CollectionKind::Calendar
            && found.account == account
            && found.components.contains(Components::EVENT);
        if !fits {
            return Err(StorageError::Invalid("this is no calendar of your own for events"));
        }
        let booked = self.bookings_go(account)?;
        self.require_time_for(&found, None)?;
        self.choose_default_calendar(calendar)?;
        match booked.filter(|booked| *booked != calendar) {
            Some(booked) => self.keep_taking_time(booked),
            None => Ok(()),
        }
    }

    /// R-CAL-4: what bookings go into takes the time of a room, with all that it holds already, but
    /// for what stands in the calendar `without`, which goes.
    pub(super) fn require_time_for(
        &mut self,
        calendar: &Collection,
        without: Option<CollectionId>,
    ) -> Result<()> {
        match self.is_double_booked_by_opening(calendar, without)? {
            true => Err(StorageError::Conflict("the room has something else then")),
            false => Ok(()),
        }
    }

    /// R-CAL-4: what is booked in a calendar that bookings go to no more takes its time as before.
    fn keep_taking_time(&mut self, calendar: CollectionId) -> Result<()> {
        let ahead = self.now.as_secs()..i64::MAX;
        if !self.load_collection(calendar)?.transparent
            || self.find_in_range(calendar, Components::EVENT, &ahead)?.is_empty()
        {
            return Ok(());
        }
        let opaque = CollectionChange { transparent: Some(false), ..CollectionChange::default() };
        self.write_properties(calendar, &opaque)?;
        self.touch_collection(calendar)?;
        self.record_fact(Some(calendar), Fact::CollectionUpdated)
    }

    /// Writes what was chosen.
    pub(super) fn choose_default_calendar(&mut self, calendar: CollectionId) -> Result<()> {
        let account = self.account;
        let changed = self.sql.execute(
            "UPDATE account SET default_calendar = ?2 WHERE id = ?1 \
             AND default_calendar IS DISTINCT FROM ?2",
            &[Value::Int(account.get()), Value::Int(calendar.get())],
        )?;
        if changed > 0 {
            let inbox = self.find_collection(account, Home::Calendars, "inbox")?;
            if let Some(inbox) = inbox {
                self.touch_collection(inbox.id)?;
                self.record_fact(Some(inbox.id), Fact::CollectionUpdated)?;
            }
        }
        Ok(())
    }
}
