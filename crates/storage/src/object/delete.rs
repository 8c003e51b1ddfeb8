//! DELETE of an object (RFC 4918 §9.6): the row becomes a tombstone for sync, its bytes a version
//! for restore, and its locks, properties and alarms go.

use ids::CollectionId;

use super::{Condition, Object, ObjectId};
use crate::change::Fact;
use crate::collection::Collection;
use crate::sql::Value;
use crate::{AccountTx, CollectionRights, Result, StorageError};

impl AccountTx<'_, '_> {
    /// Deletes an object; it can be brought back for a while.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] where there is none; [`StorageError::Conflict`] where the
    /// condition does not hold; [`StorageError::InUse`] where somebody else has a lock on it.
    pub fn delete_object(
        &mut self,
        collection: &Collection,
        name: &str,
        condition: &Condition<'_>,
    ) -> Result<()> {
        let collection = self.require_still_there(collection, CollectionRights::WRITE)?;
        let there = self.find_object(collection.id, name)?;
        condition.check(there.as_ref())?;
        let there = there.ok_or(StorageError::NotFound("object"))?;
        let home = collection.kind.home();
        self.require_place_unlocked(home, &collection.name, Some(name), condition.tokens)?;
        self.withdraw_object(&collection, &there)
    }

    /// Deletes what is there, after every check.
    pub(crate) fn withdraw_object(
        &mut self,
        collection: &Collection,
        there: &Object,
    ) -> Result<()> {
        self.keep_version(collection, there, true)?;
        self.erase_object(collection, there)?;
        let path = format!("{}/{}", collection.name, there.name);
        self.remove_locks_below(collection.kind.home(), &path)
    }

    pub(crate) fn erase_object(&mut self, collection: &Collection, there: &Object) -> Result<()> {
        self.count_object(collection, -1, -there.size_bytes.cast_signed())?;
        self.leave_tombstone(there)?;
        self.erase_addresses(there.id.get())?;
        self.name_attachments(there.id.get(), there.attachments, &[])?;
        self.erase_own_alarms(collection, there.id)?;
        let id = [Value::Int(there.id.get())];
        self.sql.execute("DELETE FROM object_data WHERE object_id = ?1", &id)?;
        self.sql.execute("DELETE FROM object WHERE id = ?1", &id)?;
        self.erase_properties(collection.id, there.id)?;
        self.record_fact(Some(collection.id), Fact::ObjectDeleted { name: there.name.clone() })
    }

    pub(super) fn erase_properties(
        &mut self,
        collection: CollectionId,
        object: ObjectId,
    ) -> Result<()> {
        let bytes = self.dead_bytes(collection, Some(object))?;
        if bytes > 0 {
            self.sql.execute(
                "DELETE FROM dead_property WHERE collection_id = ?1 AND object_id = ?2",
                &[Value::Int(collection.get()), Value::Int(object.get())],
            )?;
            self.add_usage(-bytes, 0)?;
        }
        Ok(())
    }

    /// Says to those who synchronise that nothing has this name any more.
    pub(super) fn leave_tombstone(&mut self, there: &Object) -> Result<()> {
        let account = self.account;
        let modseq = self.modseq(account)?.get().cast_signed();
        let now = self.now.as_micros();
        self.sql.execute(
            "INSERT INTO object_gone (collection_id, name, modseq, created_modseq, at) \
             SELECT collection_id, name, CAST(?2 AS BIGINT), created_modseq, CAST(?3 AS BIGINT) \
             FROM object WHERE id = ?1 ON CONFLICT (collection_id, name) \
             DO UPDATE SET modseq = ?2, at = ?3, created_modseq = excluded.created_modseq",
            &[Value::Int(there.id.get()), Value::Int(modseq), Value::Int(now)],
        )?;
        Ok(())
    }
}
