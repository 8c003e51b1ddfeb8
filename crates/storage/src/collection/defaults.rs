//! What every account with calendars and contacts has from its first use on.

use ids::{AccountId, CollectionId};

use super::{CollectionKind, CollectionName, Home, NewCollection};
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
    /// [`StorageError::Invalid`] where it is no calendar of the account for events.
    pub fn set_default_calendar(&mut self, calendar: CollectionId) -> Result<()> {
        self.require_own()?;
        let account = self.account;
        let found = self.load_collection(calendar)?;
        let fits = found.kind == CollectionKind::Calendar
            && found.account == account
            && found.components.contains(super::Components::EVENT);
        if !fits {
            return Err(StorageError::Invalid("this is no calendar of your own for events"));
        }
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
