//! What every account with calendars and contacts has from its first use on.

use ids::{AccountId, CollectionId};

use super::{CollectionKind, CollectionName, Home, NewCollection};
use crate::change::Fact;
use crate::sql::Value;
use crate::{AccountTx, CollectionChange, ReadTx, Result, StorageError};

/// The name of the first calendar and the first address book.
const PERSONAL: &str = "personal";

impl ReadTx<'_> {
    /// Whether the account has got its first collections.
    pub fn has_collections(&mut self, account: AccountId) -> Result<bool> {
        let made = self.sql.query_one(
            "SELECT collections_made FROM account WHERE id = ?1",
            &[Value::Int(account.get())],
            |row| row.int(0),
        )?;
        made.map(|made| made != 0).ok_or(StorageError::NotFound("account"))
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
    /// Makes the calendar and the address book `personal` and the schedule inbox, the first time
    /// it is called for an account; later calls change nothing, whatever became of them.
    pub fn make_first_collections(&mut self) -> Result<()> {
        let account = self.account;
        if self.has_collections(account)? {
            return Ok(());
        }
        for (kind, name, display_name) in [
            (CollectionKind::Calendar, PERSONAL, Some("Personal")),
            (CollectionKind::Inbox, "inbox", None),
            (CollectionKind::AddressBook, PERSONAL, Some("Personal")),
        ] {
            let name = CollectionName::parse_any(kind.home(), name)?;
            let mut new = NewCollection::new(kind);
            new.properties = CollectionChange {
                display_name: display_name.map(|name| Some(name.to_owned())),
                ..CollectionChange::default()
            };
            let id = self.insert_collection(&name, &new)?;
            self.record_fact(Some(id), Fact::CollectionCreated)?;
        }
        self.sql.execute(
            "UPDATE account SET collections_made = 1 WHERE id = ?1",
            &[Value::Int(account.get())],
        )?;
        Ok(())
    }

    /// Chooses the calendar that invitations go to. R-CAL-2: one of the account's own, and one
    /// that takes events.
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
