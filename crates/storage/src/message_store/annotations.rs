//! Annotations of messages (RFC 5257): values under names, private to the account that set them
//! or shared by all who read the mailbox.
//!
//! **Invariants:** an annotation belongs to a message that is there; a change of one is a change
//! of its message, whose modification sequence grows (RFC 7162 §3). One that was removed stays
//! for a while without a value, so that sessions can be told.
//! **Absent:** what a value means; copies for restore of what was expunged.

mod carry;
mod limits;
mod store;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use ids::{AccountId, CollectionId, ModSeq, Uid, UidSet};

use crate::sql::{Row, Value};
use crate::{MetadataScope, ReadTx, Result, StorageError};

pub use limits::ANNOTATION_ENTRY_BYTES_MAX;
pub(crate) use limits::ROW_BYTES as ANNOTATION_ROW_BYTES;

/// In the place of an account: all who read the mailbox.
const SHARED: i64 = 0;

/// The name of an annotation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AnnotationKey {
    /// Its entry, with the slash before each component; case matters (RFC 5257 §3.2).
    pub entry: String,
    /// Whether the annotation is private to one account or shared.
    pub scope: MetadataScope,
}

/// Annotations to be set; `None` removes.
pub type AnnotationChanges = BTreeMap<AnnotationKey, Option<Vec<u8>>>;

/// An annotation of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Annotation {
    /// The UID of the message.
    pub uid: Uid,
    /// The entry and the scope.
    pub key: AnnotationKey,
    /// The value, at most as long as the settings allow.
    pub value: Vec<u8>,
}

impl AnnotationKey {
    /// The body part it is about, if not the message: the first component where that begins with
    /// a digit (RFC 5257 §3.2.1). An empty path is none that exists.
    fn part(&self) -> Option<Vec<u32>> {
        let first = self.entry.strip_prefix('/')?.split('/').next()?;
        if !first.starts_with(|first: char| first.is_ascii_digit()) {
            return None;
        }
        let numbers: std::result::Result<Vec<u32>, _> = first.split('.').map(str::parse).collect();
        Some(numbers.unwrap_or_default())
    }

    fn column(&self, actor: AccountId) -> i64 {
        match self.scope {
            MetadataScope::Private => actor.get(),
            MetadataScope::Shared => SHARED,
        }
    }
}

fn scope_of(column: i64) -> MetadataScope {
    match column {
        SHARED => MetadataScope::Shared,
        _ => MetadataScope::Private,
    }
}

fn uid_of(row: &dyn Row) -> Result<Uid> {
    u32::try_from(row.int(0)?)
        .map(Uid::new)
        .map_err(|_| StorageError::Corrupt("an annotation has an impossible UID".to_owned()))
}

impl ReadTx<'_> {
    /// How many bytes the annotations take that `actor` sees, by the UIDs of messages of a range
    /// that have some.
    pub fn annotation_sizes(
        &mut self,
        actor: AccountId,
        mailbox: CollectionId,
        uids: RangeInclusive<Uid>,
    ) -> Result<Vec<(Uid, u64)>> {
        self.sql.query_all(
            "SELECT uid, CAST(SUM(size_bytes) AS BIGINT) FROM annotation \
             WHERE mailbox_id = ?1 AND uid BETWEEN ?2 AND ?3 AND scope IN (0, ?4) \
             AND value IS NOT NULL GROUP BY uid ORDER BY uid",
            &params(actor, mailbox, uids),
            |row| Ok((uid_of(row)?, row.int(1)?.cast_unsigned())),
        )
    }

    /// The annotations that `actor` sees on the messages of a range and `wanted` names, by UID,
    /// entry and scope. [`annotation_sizes`](Self::annotation_sizes) says beforehand how much that
    /// can be.
    pub fn load_annotations(
        &mut self,
        actor: AccountId,
        mailbox: CollectionId,
        uids: RangeInclusive<Uid>,
        wanted: impl Fn(Uid, &str, MetadataScope) -> bool,
    ) -> Result<Vec<Annotation>> {
        let mut found = Vec::new();
        self.sql.query(
            "SELECT uid, entry, scope, value FROM annotation \
             WHERE mailbox_id = ?1 AND uid BETWEEN ?2 AND ?3 AND scope IN (0, ?4) \
             AND value IS NOT NULL",
            &params(actor, mailbox, uids),
            &mut |row| {
                let (uid, entry, scope) = (uid_of(row)?, row.text(1)?, scope_of(row.int(2)?));
                if wanted(uid, entry, scope) {
                    let key = AnnotationKey { entry: entry.to_owned(), scope };
                    found.push(Annotation { uid, key, value: row.bytes(3)?.to_vec() });
                }
                Ok(())
            },
        )?;
        found.sort_unstable_by(|left: &Annotation, right| {
            (left.uid, &left.key).cmp(&(right.uid, &right.key))
        });
        Ok(found)
    }

    /// The values of one annotation in a mailbox, by UID, as `actor` sees them.
    pub fn load_annotation_values(
        &mut self,
        actor: AccountId,
        mailbox: CollectionId,
        key: &AnnotationKey,
    ) -> Result<Vec<(Uid, Vec<u8>)>> {
        let (mailbox, scope) = (Value::Int(mailbox.get()), Value::Int(key.column(actor)));
        self.sql.query_all(
            "SELECT uid, value FROM annotation WHERE mailbox_id = ?1 AND entry = ?2 \
             AND scope = ?3 AND value IS NOT NULL ORDER BY uid",
            &[mailbox, Value::Text(&key.entry), scope],
            |row| Ok((uid_of(row)?, row.bytes(1)?.to_vec())),
        )
    }

    /// The messages with an annotation that `actor` sees and `found` picks.
    pub fn find_annotated_messages(
        &mut self,
        actor: AccountId,
        mailbox: CollectionId,
        mut found: impl FnMut(&str, MetadataScope, &[u8]) -> bool,
    ) -> Result<UidSet> {
        let mut uids = UidSet::new();
        let all = Uid::new(0)..=Uid::new(u32::MAX);
        self.sql.query(
            "SELECT uid, entry, scope, value FROM annotation \
             WHERE mailbox_id = ?1 AND uid BETWEEN ?2 AND ?3 AND scope IN (0, ?4) \
             AND value IS NOT NULL ORDER BY uid",
            &params(actor, mailbox, all),
            &mut |row| {
                if found(row.text(1)?, scope_of(row.int(2)?), row.bytes(3)?) {
                    uids.insert(uid_of(row)?);
                }
                Ok(())
            },
        )?;
        Ok(uids)
    }

    /// The entries that changed after `since` on messages of `uids`, as far as `actor` sees them,
    /// by UID and entry, those of changes that `own` names left out; `max` of them at most.
    pub fn changed_annotations(
        &mut self,
        actor: AccountId,
        mailbox: CollectionId,
        uids: &UidSet,
        since: ModSeq,
        (own, max): (&[ModSeq], usize),
    ) -> Result<Vec<(Uid, String)>> {
        let mut found = Vec::new();
        for range in uids.ranges() {
            let [mailbox, first, last, actor] = params(actor, mailbox, range);
            let since = Value::Int(since.get().cast_signed());
            self.sql.query(
                "SELECT uid, entry, modseq FROM annotation \
                 WHERE mailbox_id = ?1 AND uid BETWEEN ?2 AND ?3 AND scope IN (0, ?4) \
                 AND modseq > ?5",
                &[mailbox, first, last, actor, since],
                &mut |row| {
                    let modseq = ModSeq::new(row.int(2)?.cast_unsigned());
                    if found.len() < max && !own.contains(&modseq) {
                        found.push((uid_of(row)?, row.text(1)?.to_owned()));
                    }
                    Ok(())
                },
            )?;
        }
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }
}

fn params(
    actor: AccountId,
    mailbox: CollectionId,
    uids: RangeInclusive<Uid>,
) -> [Value<'static>; 4] {
    [
        Value::Int(mailbox.get()),
        Value::Int(uids.start().get().into()),
        Value::Int(uids.end().get().into()),
        Value::Int(actor.get()),
    ]
}

#[cfg(test)]
mod tests;
