//! Versions: what objects were before a change, kept for restore (R-REST-2) until their time is
//! over. They count by themselves, apart from the quota of what is there.

use ids::{AccountId, CollectionId, Timestamp};

use super::{Object, hash_column};
use crate::blob::codec;
use crate::collection::Collection;
use crate::sql::{Row, Value};
use crate::{AccountTx, ReadTx, Result, StorageError};

/// LIMIT: what was there for a shorter time is not kept when something takes its place: a program
/// that writes every second fills no disk.
const SECS_MIN: i64 = 60;
/// Bytes that a version counts for beside its own: many empty ones fill a disk, too.
pub(crate) const ROW_BYTES: i64 = 512;
/// Versions that are given up in one statement.
const ROWS: i64 = 100;

/// An object as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectVersion {
    /// Names it among the versions of the account.
    pub id: i64,
    /// The collection it was in, which may be gone.
    pub collection: CollectionId,
    /// The name that the object had.
    pub name: String,
    /// The media type that it had.
    pub media_type: String,
    /// The size in bytes.
    pub size_bytes: u64,
    /// The first instant at which the object was so.
    pub since: Timestamp,
    /// The instant at which it was changed or deleted.
    pub until: Timestamp,
    /// Whether it was deleted, and nothing took its place.
    pub deleted: bool,
    /// The hash of its bytes.
    pub(super) hash: [u8; 32],
}

/// Reads a row of `id, name, media_type, size_bytes, since, until, deleted, hash`.
pub(super) fn read_version(row: &dyn Row, collection: CollectionId) -> Result<ObjectVersion> {
    Ok(ObjectVersion {
        id: row.int(0)?,
        collection,
        name: row.text(1)?.to_owned(),
        media_type: row.text(2)?.to_owned(),
        size_bytes: row.int(3)?.cast_unsigned(),
        since: Timestamp::from_micros(row.int(4)?),
        until: Timestamp::from_micros(row.int(5)?),
        deleted: row.int(6)? != 0,
        hash: hash_column(row.bytes(7)?)?,
    })
}

impl ReadTx<'_> {
    /// The bytes of a version of an account's.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] where it is not kept, or no more; [`StorageError::Corrupt`] where
    /// it is not what was kept.
    pub fn load_version(&mut self, account: AccountId, version: i64) -> Result<Vec<u8>> {
        let found = self.sql.query_one(
            "SELECT hash, codec, data, size_bytes FROM object_version \
             WHERE account_id = ?1 AND id = ?2",
            &[Value::Int(account.get()), Value::Int(version)],
            |row| {
                let bytes = codec::expand(row.int(1)?, row.bytes(2)?, row.int(3)?)?;
                Ok((hash_column(row.bytes(0)?)?, bytes))
            },
        )?;
        let (hash, bytes) = found.ok_or(StorageError::NotFound("version"))?;
        match blake3::hash(&bytes) == hash {
            true => Ok(bytes),
            false => Err(StorageError::Corrupt("a version of an object".to_owned())),
        }
    }
}

impl AccountTx<'_, '_> {
    /// Keeps what is there before something takes its place, or nothing does.
    pub(super) fn keep_version(
        &mut self,
        collection: &Collection,
        there: &Object,
        deleted: bool,
    ) -> Result<()> {
        let now = self.now;
        if !deleted && now < there.modified.plus_secs(SECS_MIN) {
            return Ok(());
        }
        let account = self.account;
        self.sql.execute(
            "INSERT INTO object_version (account_id, collection_id, home, collection_name, name, \
             media_type, hash, size_bytes, since, until, deleted, codec, data) \
             SELECT CAST(?2 AS BIGINT), o.collection_id, CAST(?3 AS BIGINT), CAST(?4 AS TEXT), \
             o.name, o.media_type, o.hash, o.size_bytes, o.modified, CAST(?5 AS BIGINT), \
             CAST(?6 AS BIGINT), d.codec, d.data \
             FROM object o JOIN object_data d ON d.object_id = o.id WHERE o.id = ?1",
            &[
                Value::Int(there.id.get()),
                Value::Int(account.get()),
                Value::Int(collection.kind.home().column()),
                Value::Text(&collection.name),
                Value::Int(now.as_micros()),
                Value::Int(i64::from(deleted)),
            ],
        )?;
        self.count_versions(1, there.size_bytes.cast_signed())
    }

    /// Keeps everything in a collection that goes.
    pub(crate) fn keep_versions_of(&mut self, collection: &Collection) -> Result<()> {
        let account = self.account;
        let now = self.now.as_micros();
        self.sql.execute(
            "INSERT INTO object_version (account_id, collection_id, home, collection_name, name, \
             media_type, hash, size_bytes, since, until, deleted, codec, data) \
             SELECT CAST(?2 AS BIGINT), o.collection_id, CAST(?3 AS BIGINT), CAST(?4 AS TEXT), \
             o.name, o.media_type, o.hash, o.size_bytes, o.modified, CAST(?5 AS BIGINT), 1, \
             d.codec, d.data \
             FROM object o JOIN object_data d ON d.object_id = o.id WHERE o.collection_id = ?1",
            &[
                Value::Int(collection.id.get()),
                Value::Int(account.get()),
                Value::Int(collection.kind.home().column()),
                Value::Text(&collection.name),
                Value::Int(now),
            ],
        )?;
        self.count_versions(collection.objects.cast_signed(), collection.size_bytes.cast_signed())
    }

    /// Counts versions that came. What is too much then goes, the oldest first: a quota that
    /// counted them would be filled by what nobody sees.
    pub(crate) fn count_versions(&mut self, versions: i64, bytes: i64) -> Result<()> {
        // All of an account can be deleted by mistake, and brought back.
        let quota = self.usage.bytes_max.cast_unsigned();
        let max = self.settings.version_bytes_max.max(quota);
        let mut used = self.add_version_bytes(bytes + versions * ROW_BYTES)?;
        if used.cast_unsigned() > max {
            // Attachments first: one of them may be as large as all events of somebody.
            used -= self.give_attachments_up(used - max.cast_signed())?;
        }
        while used.cast_unsigned() > max {
            let (rows, freed) = self.remove_versions(i64::MAX, used - max.cast_signed())?;
            if rows == 0 {
                break;
            }
            used -= freed;
        }
        Ok(())
    }

    pub(crate) fn add_version_bytes(&mut self, bytes: i64) -> Result<i64> {
        let account = self.account;
        let used = self.sql.query_one(
            "UPDATE account SET version_bytes = version_bytes + ?2 WHERE id = ?1 \
             RETURNING version_bytes",
            &[Value::Int(account.get()), Value::Int(bytes)],
            |row| row.int(0),
        )?;
        used.ok_or(StorageError::NotFound("account"))
    }

    /// Gives up versions from before an instant, the oldest first and some at a time. How many.
    pub(crate) fn purge_versions(&mut self, before: i64) -> Result<u64> {
        self.remove_versions(before, i64::MAX).map(|(rows, _)| rows)
    }

    /// Removes the oldest versions until `bytes` are free: how many went, at most `ROWS` at a time,
    /// and how many bytes that freed, with their rows.
    fn remove_versions(&mut self, before: i64, bytes: i64) -> Result<(u64, i64)> {
        let account = self.account;
        let oldest = self.sql.query_all(
            "SELECT id, size_bytes FROM object_version WHERE account_id = ?1 AND until < ?2 \
             ORDER BY until, id LIMIT ?3",
            &[Value::Int(account.get()), Value::Int(before), Value::Int(ROWS)],
            |row| Ok((row.int(0)?, row.int(1)?)),
        )?;
        let (mut rows, mut freed) = (0, 0);
        for (id, size) in oldest {
            if freed >= bytes {
                break;
            }
            self.sql.execute("DELETE FROM object_version WHERE id = ?1", &[Value::Int(id)])?;
            rows += 1;
            freed += size + ROW_BYTES;
        }
        self.add_version_bytes(-freed)?;
        Ok((rows, freed))
    }
}
