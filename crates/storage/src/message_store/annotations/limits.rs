//! Who may set which annotations, and how many there may be.

use ids::{AccountId, CollectionId};

use super::{AnnotationChanges, AnnotationKey, SHARED};
use crate::sql::Value;
use crate::{AccountTx, LimitKind, MetadataScope, Result, Rights, StorageError};

/// LIMIT: bytes of an entry's name.
pub const ANNOTATION_ENTRY_BYTES_MAX: usize = 512;

/// LIMIT: bytes of the annotations of one message, shared ones and those of one account each: an
/// answer about a message is made of no more than twice as much.
const MESSAGE_BYTES_MAX: u64 = 256 * 1024;

/// What an annotation counts beside its name and its value, about what its row takes.
pub(crate) const ROW_BYTES: usize = 64;

/// What an annotation counts in the space of the account whose mailbox it is in.
pub(super) fn size_bytes(entry: &str, value: &[u8]) -> i64 {
    (ROW_BYTES + entry.len() + value.len()) as i64
}

/// How many annotations of a message there are, and their bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Load {
    pub(super) count: u64,
    pub(super) bytes: u64,
}

impl Load {
    pub(super) fn add(&mut self, size_bytes: i64) {
        self.count += 1;
        self.bytes += size_bytes.cast_unsigned();
    }

    /// What `changes` set in a scope.
    pub(super) fn of(changes: &AnnotationChanges, scope: MetadataScope) -> Self {
        let mut load = Self::default();
        let set = changes.iter().filter(|(key, _)| key.scope == scope);
        for (key, value) in set.filter_map(|(key, value)| Some((key, value.as_ref()?))) {
            load.add(size_bytes(&key.entry, value));
        }
        load
    }

    pub(super) fn plus(self, other: Self) -> Self {
        Self { count: self.count + other.count, bytes: self.bytes + other.bytes }
    }
}

impl AccountTx<'_, '_> {
    /// RFC 5257 §3.4: `r` for private ones, `n` for shared ones, beside what is needed anyway.
    pub(super) fn require_annotating(
        &mut self,
        mailbox: CollectionId,
        changes: &AnnotationChanges,
        mut needed: Rights,
    ) -> Result<()> {
        for key in changes.keys() {
            needed = needed
                | match key.scope {
                    MetadataScope::Private => Rights::READ,
                    MetadataScope::Shared => Rights::ANNOTATE,
                };
        }
        self.require(mailbox, needed).map(|_| ())
    }

    /// Refuses values and names that are too long.
    pub(super) fn check_annotations(&self, changes: &AnnotationChanges) -> Result<()> {
        let max = self.settings.annotation_value_bytes_max;
        for (key, value) in changes {
            if value.as_ref().is_some_and(|value| value.len() as u64 > max) {
                return Err(StorageError::Limit { kind: LimitKind::AnnotationValue, max });
            }
            if key.entry.len() > ANNOTATION_ENTRY_BYTES_MAX {
                return Err(StorageError::Invalid("the name of the annotation is too long"));
            }
        }
        Ok(())
    }

    /// Refuses more annotations of one message and scope than there may be.
    pub(super) fn check_load(&self, load: Load) -> Result<()> {
        let max = self.settings.annotations_max;
        if load.count > max {
            return Err(StorageError::Limit { kind: LimitKind::Annotations, max });
        }
        let max = MESSAGE_BYTES_MAX;
        match load.bytes > max {
            true => Err(StorageError::Limit { kind: LimitKind::AnnotationBytes, max }),
            false => Ok(()),
        }
    }

    /// Refuses, before anything is written, what will be too much whatever there is so far: all of
    /// `messages` will have what is set.
    pub(super) fn check_annotations_of(
        &self,
        messages: usize,
        changes: &AnnotationChanges,
    ) -> Result<()> {
        let max = self.settings.annotation_bytes_max;
        let of_all = |scope| Load::of(changes, scope).bytes.saturating_mul(messages as u64);
        match of_all(MetadataScope::Private).max(of_all(MetadataScope::Shared)) > max {
            true => Err(StorageError::Limit { kind: LimitKind::AnnotationBytes, max }),
            false => Ok(()),
        }
    }

    /// Refuses what was written if it is more than the space for it. Everybody has a space of
    /// their own in the mailboxes of the account: nobody can use up that of others, and the one
    /// lock that is held covers all of them.
    pub(in crate::message_store) fn check_annotation_space(
        &mut self,
        actor: AccountId,
    ) -> Result<()> {
        let max = self.settings.annotation_bytes_max;
        let account = Value::Int(self.account.get());
        let most = self.sql.query_one(
            "SELECT CAST(COALESCE(SUM(size_bytes), 0) AS BIGINT) FROM annotation \
             WHERE scope IN (?1, ?2) AND account_id = ?3 GROUP BY scope ORDER BY 1 DESC",
            &[Value::Int(SHARED), Value::Int(actor.get()), account],
            |row| row.int(0),
        )?;
        match most.unwrap_or(0).cast_unsigned() > max {
            true => Err(StorageError::Limit { kind: LimitKind::AnnotationBytes, max }),
            false => Ok(()),
        }
    }
}

/// Refuses an annotation of a part that is not there (RFC 5257 §3.2.1).
pub(super) fn check_parts<'k>(
    parts: &message::PartIndex,
    mut keys: impl Iterator<Item = &'k AnnotationKey>,
) -> Result<()> {
    match keys.all(|key| key.part().is_none_or(|path| has_part(parts, &path))) {
        true => Ok(()),
        false => Err(StorageError::NotFound("body part")),
    }
}

fn has_part(parts: &message::PartIndex, path: &[u32]) -> bool {
    !path.is_empty() && parts.find(path).is_some()
}
