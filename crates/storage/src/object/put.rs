//! PUT of an object (RFC 4918 §9.7, RFC 4791 §5.3.2): checks conditions, the uniqueness of its UID
//! and the quota, and writes the row in the same transaction.

use super::{Condition, Object, PreparedObject};
use crate::change::Fact;
use crate::collection::{Collection, CollectionKind, Components, ObjectName};
use crate::sql::Value;
use crate::{AccountTx, CollectionRights, LimitKind, Result, StorageError};

/// The outcome of a PUT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PutOutcome {
    /// A new object was created.
    Created,
    /// It took the place of another, or was there already.
    Replaced,
    /// Nothing was written: the UID stands in the object of this name, or that has another UID
    /// (RFC 4791 §5.3.2.1).
    UidTaken {
        /// The name of that object.
        name: String,
    },
    /// Nothing was written: the collection does not take such objects.
    WrongComponent,
    /// Nothing was written: the meeting stands in another calendar of the account
    /// (RFC 6638 §3.2.4.1).
    MeetingTaken {
        /// Where; `None` where that is nothing for whoever writes.
        place: Option<MeetingPlace>,
    },
    /// Nothing was written: its components name several organizers (RFC 6638 §3.2.4.2).
    SeveralOrganizers,
    /// Nothing was written: an organizer may not change this (RFC 6638 §3.2.4.3).
    NotForOrganizer,
    /// Nothing was written: an attendee may not change this (RFC 6638 §3.2.4.4).
    NotForAttendee,
    /// Nothing was written: more are invited than may be (RFC 4791 §5.2.9).
    TooManyAttendees,
    /// Nothing was written: it names an attachment that is not the client's to name
    /// (RFC 8607 §3.11).
    UnknownAttachment,
    /// Nothing was written: it names more attachments than it may (RFC 8607 §6.3).
    TooManyAttachments,
    /// Nothing was written: with the alarms of its owner it is too large, or one's own in it are.
    TooBig,
    /// Nothing was written: the room whose calendar it is has something else then (R-CAL-4).
    RoomTaken,
}

/// The place of a meeting that the account has already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeetingPlace {
    /// The name of the calendar.
    pub calendar: String,
    /// The name of the object in it.
    pub name: String,
}

/// What came of a PUT with its consequences.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scheduled {
    /// What the put did, or why nothing was written.
    pub outcome: PutOutcome,
    /// The etag of what is stored where that is what was put: the server may have added to it
    /// (RFC 6638 §3.2.1.1).
    pub etag: Option<String>,
    /// The schedule-tag, if it is a scheduling object (RFC 6638 §3.2.10).
    pub schedule_tag: Option<String>,
}

/// Whether an object can be written, and in the place of which.
pub(crate) enum Readiness {
    /// Nothing can be written, for this reason.
    Refused(PutOutcome),
    /// It can be written, in the place of this object if there is one.
    Ready { collection: Box<Collection>, there: Option<Object> },
}

impl Readiness {
    /// RFC 4791 §5.3.2.1, RFC 6352 §6.3.2.1: what a client puts does not take the place of an
    /// object of another UID. Of a meeting nobody would hear that it is gone.
    pub(crate) fn for_clients(self, object: &PreparedObject) -> Self {
        match self {
            Self::Ready { there: Some(there), .. } if there.uid != object.uid => {
                Self::Refused(PutOutcome::UidTaken { name: there.name })
            }
            other => other,
        }
    }
}

/// What is to become of a schedule-tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tag {
    /// It has none: it is no scheduling object.
    None,
    /// It stays: the change has no consequences for its owner.
    Keep,
    /// It is replaced by a new one, as the change matters to its owner.
    New,
}

impl Tag {
    fn column(self, before: i64, modseq: i64) -> i64 {
        match self {
            Self::None => 0,
            Self::Keep => before,
            Self::New => modseq,
        }
    }
}

impl AccountTx<'_, '_> {
    /// Puts an object under a name of a collection, in the place of what is there. Nobody hears of
    /// it but who synchronises: an invitation put so invites nobody.
    ///
    /// # Errors
    /// [`StorageError::Conflict`] where the condition does not hold, [`StorageError::OverQuota`]
    /// and [`StorageError::Limit`] where it has no room, [`StorageError::InUse`] where somebody
    /// else has a lock on it, [`StorageError::NotFound`] where the collection went meanwhile.
    pub fn put_object(
        &mut self,
        collection: &Collection,
        name: &ObjectName,
        object: &PreparedObject,
        condition: &Condition<'_>,
    ) -> Result<PutOutcome> {
        match self.ready_to_put(collection, name, object, condition)?.for_clients(object) {
            Readiness::Refused(outcome) => Ok(outcome),
            Readiness::Ready { collection, there } => {
                self.write_object(&collection, there.as_ref(), name, object, Tag::None)
            }
        }
    }

    /// Everything that may refuse it.
    pub(crate) fn ready_to_put(
        &mut self,
        collection: &Collection,
        name: &ObjectName,
        object: &PreparedObject,
        condition: &Condition<'_>,
    ) -> Result<Readiness> {
        let collection = self.require_still_there(collection, CollectionRights::WRITE)?;
        let there = self.find_object(collection.id, name.as_str())?;
        condition.check(there.as_ref())?;
        self.require_target_unlocked(&collection, name, there.is_some(), condition.tokens)?;
        if !takes(&collection, object.component) {
            return Ok(Readiness::Refused(PutOutcome::WrongComponent));
        }
        if let Some(name) = self.uid_taken(&collection, name, &object.uid)? {
            return Ok(Readiness::Refused(PutOutcome::UidTaken { name }));
        }
        self.check_no_folder_of_that_name(&collection, name)?;
        Ok(Readiness::Ready { collection: Box::new(collection), there })
    }

    /// Writes what was checked.
    pub(crate) fn write_object(
        &mut self,
        collection: &Collection,
        there: Option<&Object>,
        name: &ObjectName,
        object: &PreparedObject,
        tag: Tag,
    ) -> Result<PutOutcome> {
        match there {
            // Whoever synchronises need not hear of it.
            Some(there)
                if there.hash == object.hash
                    && there.media_type == object.media_type
                    && (there.schedule_modseq > 0) == (tag != Tag::None) =>
            {
                Ok(PutOutcome::Replaced)
            }
            Some(there) => {
                self.replace_object(collection, there, object, tag)?;
                Ok(PutOutcome::Replaced)
            }
            None => {
                self.insert_object(collection, name, object, tag)?;
                Ok(PutOutcome::Created)
            }
        }
    }

    /// What is there may be locked itself; what is not, its collection.
    pub(super) fn require_target_unlocked(
        &mut self,
        collection: &Collection,
        name: &ObjectName,
        is_there: bool,
        held: &[String],
    ) -> Result<()> {
        let (home, object) = (collection.kind.home(), Some(name.as_str()));
        match is_there {
            true => self.require_unlocked(home, &collection.name, object, held),
            false => self.require_place_unlocked(home, &collection.name, object, held),
        }
    }

    /// The name under which another object has this UID.
    pub(super) fn uid_taken(
        &mut self,
        collection: &Collection,
        name: &ObjectName,
        uid: &str,
    ) -> Result<Option<String>> {
        if uid.is_empty() {
            return Ok(None);
        }
        self.sql.query_one(
            "SELECT name FROM object WHERE collection_id = ?1 AND uid = ?2 AND uid <> '' \
             AND name <> ?3",
            &[Value::Int(collection.id.get()), Value::Text(uid), Value::Text(name.as_str())],
            |row| Ok(row.text(0)?.to_owned()),
        )
    }

    /// A file and a folder of one name would be one resource.
    pub(super) fn check_no_folder_of_that_name(
        &mut self,
        collection: &Collection,
        name: &ObjectName,
    ) -> Result<()> {
        if collection.kind != CollectionKind::Folder {
            return Ok(());
        }
        let path = format!("{}/{}", collection.name, name.as_str());
        match self.find_collection(collection.account, collection.kind.home(), &path)? {
            Some(_) => Err(StorageError::AlreadyExists("folder")),
            None => Ok(()),
        }
    }

    fn insert_object(
        &mut self,
        collection: &Collection,
        name: &ObjectName,
        object: &PreparedObject,
        tag: Tag,
    ) -> Result<()> {
        let max = self.settings.objects_max;
        if collection.objects >= max {
            return Err(StorageError::Limit { kind: LimitKind::Objects, max });
        }
        let bytes = object.size_bytes.cast_signed();
        self.check_quota(bytes, 0)?;
        let modseq = self.count_object(collection, 1, bytes)?;
        let known_since = self.known_since(collection, name, modseq)?;
        let now = Value::Int(self.now.as_micros());
        let times = &object.times;
        let id = self.sql.query_one(
            "INSERT INTO object (collection_id, name, uid, component, media_type, hash, \
             size_bytes, first_at, last_at, created_modseq, modseq, created, modified, spans, \
             schedule_modseq) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?12, ?13, ?14) RETURNING id",
            &[
                Value::Int(collection.id.get()),
                Value::Text(name.as_str()),
                Value::Text(&object.uid),
                Value::Int(object.component.column()),
                Value::Text(&object.media_type),
                Value::Bytes(&object.hash),
                Value::Int(bytes),
                Value::Int(times.first),
                Value::Int(times.last),
                Value::Int(known_since),
                Value::Int(modseq),
                now,
                times.spans.as_deref().map_or(Value::Null, Value::Bytes),
                Value::Int(tag.column(0, modseq)),
            ],
            |row| row.int(0),
        )?;
        let id = id.ok_or_else(|| StorageError::Internal("an insert gave no row".to_owned()))?;
        self.sql.execute(
            "INSERT INTO object_data (object_id, codec, data) VALUES (?1, ?2, ?3)",
            &[Value::Int(id), Value::Int(object.codec), Value::Bytes(&object.stored)],
        )?;
        self.sql.execute(
            "DELETE FROM object_gone WHERE collection_id = ?1 AND name = ?2",
            &[Value::Int(collection.id.get()), Value::Text(name.as_str())],
        )?;
        if !object.addresses.is_empty() {
            self.write_addresses(id, &object.addresses)?;
        }
        self.name_attachments(id, 0, &object.managed)?;
        let name = name.as_str().to_owned();
        self.record_fact(Some(collection.id), Fact::ObjectPut { name })
    }

    fn replace_object(
        &mut self,
        collection: &Collection,
        there: &Object,
        object: &PreparedObject,
        tag: Tag,
    ) -> Result<()> {
        let more = object.size_bytes.cast_signed() - there.size_bytes.cast_signed();
        self.check_quota(more, 0)?;
        self.keep_version(collection, there, false)?;
        let modseq = self.count_object(collection, 0, more)?;
        self.update_object(there, object, modseq, tag.column(there.schedule_modseq, modseq))?;
        self.sql.execute(
            "UPDATE object_data SET codec = ?2, data = ?3 WHERE object_id = ?1",
            &[Value::Int(there.id.get()), Value::Int(object.codec), Value::Bytes(&object.stored)],
        )?;
        if collection.kind == CollectionKind::AddressBook {
            self.write_addresses(there.id.get(), &object.addresses)?;
        }
        self.name_attachments(there.id.get(), there.attachments, &object.managed)?;
        self.record_fact(Some(collection.id), Fact::ObjectPut { name: there.name.clone() })
    }

    /// The row of what takes the place of `there`. What is not named is not written anew into its
    /// indexes: most changes leave the UID and the times as they are.
    fn update_object(
        &mut self,
        there: &Object,
        object: &PreparedObject,
        modseq: i64,
        schedule_modseq: i64,
    ) -> Result<()> {
        let times = &object.times;
        let mut params = vec![
            Value::Int(there.id.get()),
            Value::Int(object.component.column()),
            Value::Text(&object.media_type),
            Value::Bytes(&object.hash),
            Value::Int(object.size_bytes.cast_signed()),
            Value::Int(modseq),
            Value::Int(self.now.as_micros()),
            times.spans.as_deref().map_or(Value::Null, Value::Bytes),
            Value::Int(schedule_modseq),
        ];
        let stays =
            there.uid == object.uid && (there.first_at, there.last_at) == (times.first, times.last);
        if stays {
            self.sql.execute(
                "UPDATE object SET component = ?2, media_type = ?3, hash = ?4, size_bytes = ?5, \
                 modseq = ?6, modified = ?7, addresses_known = 1, spans = ?8, \
                 schedule_modseq = ?9 WHERE id = ?1",
                &params,
            )?;
            return Ok(());
        }
        params.extend([Value::Text(&object.uid), Value::Int(times.first), Value::Int(times.last)]);
        self.sql.execute(
            "UPDATE object SET component = ?2, media_type = ?3, hash = ?4, size_bytes = ?5, \
             modseq = ?6, modified = ?7, addresses_known = 1, spans = ?8, \
             schedule_modseq = ?9, uid = ?10, first_at = ?11, last_at = ?12 WHERE id = ?1",
            &params,
        )?;
        Ok(())
    }

    /// The first number since which somebody who synchronises may know this name: what was there
    /// before, and is gone or goes now, counts too.
    pub(super) fn known_since(
        &mut self,
        collection: &Collection,
        name: &ObjectName,
        modseq: i64,
    ) -> Result<i64> {
        let mut known_since = modseq;
        self.sql.query(
            "SELECT created_modseq FROM object_gone WHERE collection_id = ?1 AND name = ?2 \
             UNION ALL SELECT created_modseq FROM object WHERE collection_id = ?1 AND name = ?2",
            &[Value::Int(collection.id.get()), Value::Text(name.as_str())],
            &mut |row| {
                known_since = known_since.min(row.int(0)?);
                Ok(())
            },
        )?;
        Ok(known_since)
    }

    /// Counts objects that come or go, in their collection and their account; the number of the
    /// transaction.
    pub(super) fn count_object(
        &mut self,
        collection: &Collection,
        objects: i64,
        bytes: i64,
    ) -> Result<i64> {
        let modseq = self.add_usage(bytes, 0)?.get().cast_signed();
        self.sql.execute(
            "UPDATE collection SET object_count = object_count + ?2, \
             size_bytes = size_bytes + ?3, highest_modseq = ?4 WHERE id = ?1",
            &[
                Value::Int(collection.id.get()),
                Value::Int(objects),
                Value::Int(bytes),
                Value::Int(modseq),
            ],
        )?;
        Ok(modseq)
    }
}

/// RFC 4791 §5.2.3: a calendar takes what it says it takes.
pub(super) fn takes(collection: &Collection, component: Components) -> bool {
    match collection.kind {
        CollectionKind::Calendar => {
            !component.is_empty() && collection.components.contains(component)
        }
        CollectionKind::Inbox
        | CollectionKind::AddressBook
        | CollectionKind::Folder
        | CollectionKind::Notifications => true,
    }
}
