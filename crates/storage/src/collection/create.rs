//! Creating collections (MKCALENDAR of RFC 4791 §5.3.1, extended MKCOL of RFC 5689 §3): name, kind
//! and first properties in one step.

use ids::CollectionId;

use super::properties::check_change;
use super::{Collection, CollectionChange, CollectionKind, CollectionName, Components};
use crate::change::Fact;
use crate::sql::Value;
use crate::{AccountTx, LimitKind, Result, StorageError};

/// What a collection is made with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCollection {
    /// The kind of the collection.
    pub kind: CollectionKind,
    /// The kinds of component that a calendar takes.
    pub components: Components,
    /// The properties to set at creation.
    pub properties: CollectionChange,
}

impl NewCollection {
    /// A collection of this kind without properties.
    pub fn new(kind: CollectionKind) -> Self {
        let components = match kind {
            CollectionKind::Calendar | CollectionKind::Inbox => Components::USUAL,
            CollectionKind::AddressBook
            | CollectionKind::Folder
            | CollectionKind::Notifications => Components::NONE,
        };
        Self { kind, components, properties: CollectionChange::default() }
    }
}

impl AccountTx<'_, '_> {
    /// Makes a collection of the account's own, all of it or nothing.
    ///
    /// # Errors
    /// [`StorageError::AlreadyExists`] where the name is taken, [`StorageError::Limit`] beyond what
    /// an account may have, [`StorageError::Conflict`] where the folder above does not exist,
    /// [`StorageError::InUse`] where somebody else has a lock there.
    pub fn create_collection(
        &mut self,
        name: &CollectionName,
        new: &NewCollection,
        tokens: &[String],
    ) -> Result<Collection> {
        self.require_own()?;
        let home = new.kind.home();
        self.require_place_unlocked(home, name.as_str(), None, tokens)?;
        let id = self.insert_collection(name, new)?;
        self.record_fact(Some(id), Fact::CollectionCreated)?;
        self.tell_folder_came(name.as_str())?;
        self.load_collection(id)
    }

    /// Adds the row, after every check; records nothing.
    pub(super) fn insert_collection(
        &mut self,
        name: &CollectionName,
        new: &NewCollection,
    ) -> Result<CollectionId> {
        let id = self.insert_beyond_limit(name, new)?;
        self.check_collection_count()?;
        Ok(id)
    }

    /// Like `insert`, for what the server adds even to an account that has as many as it may.
    pub(super) fn insert_beyond_limit(
        &mut self,
        name: &CollectionName,
        new: &NewCollection,
    ) -> Result<CollectionId> {
        check_change(&new.properties)?;
        let is_subscribed = matches!(new.properties.source, Some(Some(_)));
        if is_subscribed && (new.kind != CollectionKind::Calendar || !new.components.is_empty()) {
            return Err(StorageError::Invalid("only a calendar that holds nothing has a source"));
        }
        let (account, home) = (self.account, new.kind.home());
        if self.find_collection(account, home, name.as_str())?.is_some() {
            return Err(StorageError::AlreadyExists("collection"));
        }
        // RFC 4918 §9.3: 409 where what is above it is not there.
        if let Some(parent) = name.parent() {
            let parent = self.find_collection(account, home, parent)?;
            parent.ok_or(StorageError::Conflict("the folder above does not exist"))?;
        }
        self.check_no_object_of_that_name(name)?;
        self.count_collection()?;
        let id = self.allot_collection_number()?;
        let modseq = self.modseq(account)?;
        let now = self.now.as_micros();
        self.sql.execute(
            "INSERT INTO collection (id, account_id, home, kind, name, components, \
             highest_modseq, created_modseq, horizon, created) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, ?7, ?8)",
            &[
                Value::Int(id.get()),
                Value::Int(account.get()),
                Value::Int(home.column()),
                Value::Int(new.kind.column()),
                Value::Text(name.as_str()),
                Value::Int(new.components.column()),
                Value::Int(modseq.get().cast_signed()),
                Value::Int(now),
            ],
        )?;
        self.write_properties(id, &new.properties)?;
        if new.kind == CollectionKind::Calendar && new.components.contains(Components::EVENT) {
            self.sql.execute(
                "UPDATE account SET default_calendar = ?2 WHERE id = ?1 \
                 AND default_calendar IS NULL",
                &[Value::Int(account.get()), Value::Int(id.get())],
            )?;
        }
        Ok(id)
    }

    /// A file and a folder of one name would be one resource.
    fn check_no_object_of_that_name(&mut self, name: &CollectionName) -> Result<()> {
        let Some((parent, leaf)) = name.as_str().rsplit_once('/') else { return Ok(()) };
        let account = self.account;
        let Some(parent) = self.find_collection(account, super::Home::Files, parent)? else {
            return Ok(());
        };
        match self.find_object(parent.id, leaf)? {
            Some(_) => Err(StorageError::AlreadyExists("file")),
            None => Ok(()),
        }
    }

    fn count_collection(&mut self) -> Result<()> {
        let account = self.account;
        self.sql.execute(
            "UPDATE account SET collection_count = collection_count + 1 WHERE id = ?1",
            &[Value::Int(account.get())],
        )?;
        Ok(())
    }

    fn check_collection_count(&mut self) -> Result<()> {
        let (account, max) = (self.account, self.settings.collections_max);
        let count = self.sql.query_one(
            "SELECT collection_count FROM account WHERE id = ?1",
            &[Value::Int(account.get())],
            |row| Ok(row.int(0)?.cast_unsigned()),
        )?;
        match count.ok_or(StorageError::NotFound("account"))? > max {
            true => Err(StorageError::Limit { kind: LimitKind::Collections, max }),
            false => Ok(()),
        }
    }

    fn allot_collection_number(&mut self) -> Result<CollectionId> {
        let number = self.sql.query_one(
            "UPDATE collection_number SET last = last + 1 RETURNING last",
            &[],
            |row| row.int(0),
        )?;
        let number = number.ok_or_else(|| StorageError::Corrupt("no collection_number".into()))?;
        Ok(CollectionId::new(number))
    }
}
