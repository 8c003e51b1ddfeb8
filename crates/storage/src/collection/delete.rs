//! DELETE of a collection (RFC 4918 §9.6.1): all that is in it goes, and can be brought back.

use super::{Collection, CollectionKind, Components, Home};
use crate::change::Fact;
use crate::sql::Value;
use crate::{AccountTx, CollectionRights, Result, StorageError};

impl AccountTx<'_, '_> {
    /// Deletes a collection with its objects and, of folders, all below it. The calendar for
    /// invitations passes its part on; the last one cannot go.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] where it went meanwhile; [`StorageError::InUse`] for the last
    /// calendar, and where somebody else has a lock in it; [`StorageError::Conflict`] where the
    /// calendar that has its part next cannot begin to take the time of a room (R-CAL-4);
    /// [`StorageError::NoPermission`] for inbox and notifications.
    pub fn delete_collection(&mut self, collection: &Collection, tokens: &[String]) -> Result<()> {
        let found = self.require_still_there(collection, CollectionRights::ALL)?;
        if found.kind.is_private() {
            return Err(StorageError::NoPermission("the schedule inbox and notifications stay"));
        }
        let (account, home) = (self.account, found.kind.home());
        self.require_unlocked_below(home, &found.name, tokens)?;
        let mut all = match home {
            Home::Files => self.list_folders_below(account, &found.name)?,
            Home::Calendars | Home::AddressBooks => Vec::new(),
        };
        all.push(found);
        for collection in &all {
            self.pass_default_on(collection)?;
            self.erase_collection(collection)?;
        }
        self.tell_folder_went(&collection.name)?;
        self.tell_home_went(account, home, &collection.name)?;
        self.remove_locks_below(home, &collection.name)
    }

    /// RFC 6638 §9.2: there is always a calendar for invitations.
    fn pass_default_on(&mut self, collection: &Collection) -> Result<()> {
        let account = self.account;
        if self.default_calendar(account)? != Some(collection.id) {
            return Ok(());
        }
        let others = self.list_collections(account, Home::Calendars)?;
        let next = others
            .iter()
            .filter(|other| other.id != collection.id && other.kind == CollectionKind::Calendar)
            .filter(|other| other.components.contains(Components::EVENT))
            .min_by_key(|other| (other.created, other.id));
        let next = next.ok_or(StorageError::InUse("the calendar that invitations go to"))?;
        self.require_own()?;
        self.require_time_for(next, Some(collection.id))?;
        self.choose_default_calendar(next.id)
    }

    fn erase_collection(&mut self, collection: &Collection) -> Result<()> {
        self.keep_versions_of(collection)?;
        let account = self.account;
        let id = Value::Int(collection.id.get());
        let property_bytes = self.sql.query_one(
            "SELECT CAST(COALESCE(SUM(OCTET_LENGTH(name) + OCTET_LENGTH(value)), 0) AS BIGINT) \
             FROM dead_property WHERE collection_id = ?1",
            &[id],
            |row| row.int(0),
        )?;
        self.forget_attachments_of(collection.id)?;
        for sql in [
            "DELETE FROM card_address WHERE object_id IN \
             (SELECT id FROM object WHERE collection_id = ?1)",
            "DELETE FROM own_alarms WHERE object_id IN \
             (SELECT id FROM object WHERE collection_id = ?1)",
            "DELETE FROM object_data WHERE object_id IN \
             (SELECT id FROM object WHERE collection_id = ?1)",
            "DELETE FROM object WHERE collection_id = ?1",
            "DELETE FROM object_gone WHERE collection_id = ?1",
            "DELETE FROM dead_property WHERE collection_id = ?1",
            "DELETE FROM collection_share WHERE collection_id = ?1",
            "DELETE FROM collection_overlay WHERE collection_id = ?1",
            "DELETE FROM overlay_property WHERE collection_id = ?1",
            "DELETE FROM public_calendar WHERE collection_id = ?1",
            "DELETE FROM outsider WHERE collection_id = ?1",
            "DELETE FROM push_subscription WHERE collection_id = ?1",
            "DELETE FROM collection WHERE id = ?1",
        ] {
            self.sql.execute(sql, &[id])?;
        }
        self.sql.execute(
            "UPDATE account SET collection_count = collection_count - 1 WHERE id = ?1",
            &[Value::Int(account.get())],
        )?;
        let bytes = collection.size_bytes.cast_signed() + property_bytes.unwrap_or(0);
        self.add_usage(-bytes, 0)?;
        let name = collection.name.clone();
        self.record_fact(Some(collection.id), Fact::CollectionDeleted { name })
    }
}
