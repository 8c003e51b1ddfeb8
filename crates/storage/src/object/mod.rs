//! Objects: the resources in calendars, address books and folders.
//!
//! **Invariants:** the bytes are those that were PUT; an etag is theirs alone, and of one's own
//! alarms; a UID stands once in a calendar or address book; If-Match and If-None-Match are decided
//! in the transaction that writes.

mod addresses;
mod calendar;
mod card;
mod condition;
mod contacts;
mod copy;
mod delete;
mod import;
mod load;
mod own_alarms;
mod prepare;
mod put;
mod range;
mod restore;
mod spans;
mod sync;
#[cfg(test)]
mod tests;
mod version;

use ids::{ModSeq, Timestamp};

pub use condition::{Condition, EtagCondition};
pub use import::{Duplicates, Imported};
pub use prepare::{ObjectFault, ObjectLimits, PreparedObject};
pub use put::{MeetingPlace, PutOutcome, Scheduled};
pub(crate) use put::{Readiness, Tag};
pub use range::{Match, Ranged};
pub use restore::{LostCollection, RestorePlan, RestoreStep, Restored};
pub use sync::CollectionChanges;
pub use version::ObjectVersion;
pub(crate) use version::ROW_BYTES as VERSION_ROW_BYTES;

use crate::collection::Components;
use crate::sql::Row;
use crate::{Result, StorageError};

/// One object. Unique in the whole store, never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId(i64);

impl ObjectId {
    pub(crate) const fn new(raw: i64) -> Self {
        Self(raw)
    }

    pub(crate) const fn get(self) -> i64 {
        self.0
    }
}

/// What is known of an object without its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// The id of the object; never used again for another.
    pub id: ObjectId,
    /// The name of the object in its collection, the last segment of its path.
    pub name: String,
    /// The UID of the calendar or address object; empty for a file.
    pub uid: String,
    /// What it is, in a calendar.
    pub component: Components,
    /// The media type with parameters, such as `text/calendar`.
    pub media_type: String,
    /// The hash of its bytes.
    pub(crate) hash: [u8; 32],
    /// What its etag is made of where it is seen as a guest, instead of its bytes alone.
    pub(crate) shown_hash: Option<[u8; 32]>,
    /// The size in bytes.
    pub size_bytes: u64,
    /// The modification sequence of its last change.
    pub modseq: ModSeq,
    /// When the object was created.
    pub created: Timestamp,
    /// When it last changed.
    pub modified: Timestamp,
    /// The modification sequence of the last change that a meeting's owner has to know of; 0: it is
    /// no meeting.
    pub(crate) schedule_modseq: i64,
    /// How many managed attachments it names.
    pub(crate) attachments: u64,
    /// The earliest second at which an occurrence may be, as queries by time look for it.
    pub(crate) first_at: i64,
    pub(crate) last_at: i64,
}

impl Object {
    /// The etag, without quotes: a new one for all other bytes.
    pub fn etag(&self) -> String {
        etag_of(self.shown_hash.as_ref().unwrap_or(&self.hash))
    }

    /// When what is seen of it last changed; `None` where it is seen as a guest, whose alarms come
    /// and go without its being changed.
    pub fn dated(&self) -> Option<Timestamp> {
        self.shown_hash.is_none().then_some(self.modified)
    }

    /// The schedule-tag of a scheduling object (RFC 6638 §3.2.10), without quotes.
    pub fn schedule_tag(&self) -> Option<String> {
        (self.schedule_modseq > 0).then(|| schedule_tag_of(self.schedule_modseq))
    }
}

/// The etag of bytes with this hash.
fn etag_of(hash: &[u8; 32]) -> String {
    // LIMIT: half of the hash; two of 2^64 contents share it, and lists of etags are half as long.
    let mut etag = blake3::Hash::from_bytes(*hash).to_hex().to_string();
    etag.truncate(32);
    etag
}

/// Numbers of an account are never used again, so a name gets no tag that it had before.
fn schedule_tag_of(modseq: i64) -> String {
    modseq.to_string()
}

macro_rules! select_object {
    ($rest:literal) => {
        concat!(
            "SELECT o.id, o.name, o.uid, o.component, o.media_type, o.hash, o.size_bytes, ",
            "o.modseq, o.created, o.modified, o.schedule_modseq, o.attachments, o.first_at, ",
            "o.last_at FROM object o ",
            $rest
        )
    };
}
use select_object;

fn read(row: &dyn Row) -> Result<Object> {
    Ok(Object {
        id: ObjectId::new(row.int(0)?),
        name: row.text(1)?.to_owned(),
        uid: row.text(2)?.to_owned(),
        component: Components::from_column(row.int(3)?),
        media_type: row.text(4)?.to_owned(),
        hash: hash_column(row.bytes(5)?)?,
        shown_hash: None,
        size_bytes: row.int(6)?.cast_unsigned(),
        modseq: ModSeq::new(row.int(7)?.cast_unsigned()),
        created: Timestamp::from_micros(row.int(8)?),
        modified: Timestamp::from_micros(row.int(9)?),
        schedule_modseq: row.int(10)?,
        attachments: row.int(11)?.cast_unsigned(),
        first_at: row.int(12)?,
        last_at: row.int(13)?,
    })
}

fn hash_column(bytes: &[u8]) -> Result<[u8; 32]> {
    bytes.try_into().map_err(|_| StorageError::Corrupt("an object's hash is cut off".to_owned()))
}
