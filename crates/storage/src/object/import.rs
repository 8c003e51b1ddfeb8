//! Many objects at once, from files (R-CAL-9, R-CARD-3) and from one collection into another.
//!
//! What is imported tells nobody: whoever is invited by it was invited by somebody else.

use std::collections::HashMap;

use super::put::takes;
use super::{Condition, Object, PreparedObject, PutOutcome, Readiness, Tag};
use crate::collection::{Collection, CollectionKind, ObjectName};
use crate::sql::Value;
use crate::{AccountTx, CollectionRights, LimitKind, Result, StorageError};

/// What becomes of an object whose UID is in the collection already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duplicates {
    /// The object that is there stays.
    Keep,
    /// The new one takes its place.
    Replace,
}

/// How many objects an import wrote, and which it left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Imported {
    /// How many objects are new.
    pub added: u64,
    /// How many objects took the place of others.
    pub replaced: u64,
    /// The UIDs of what was left out: they were there already and stayed.
    pub kept: Vec<String>,
    /// The UIDs of what was left out because the room has something else then.
    pub refused: Vec<String>,
}

impl AccountTx<'_, '_> {
    /// Refuses an import as a whole, before anything of it is written.
    ///
    /// # Errors
    /// [`StorageError::Invalid`] where the collection does not take what they are,
    /// [`StorageError::Limit`] and [`StorageError::OverQuota`] where there is no room for all of
    /// them; [`StorageError::NotFound`] and [`StorageError::NoPermission`] as for any change of it.
    pub fn check_import(
        &mut self,
        collection: &Collection,
        objects: &[PreparedObject],
        duplicates: Duplicates,
    ) -> Result<()> {
        let collection = self.require_still_there(collection, CollectionRights::WRITE)?;
        if !objects.iter().all(|object| takes(&collection, object.component)) {
            return Err(StorageError::Invalid("it takes no components of this kind"));
        }
        let mut sizes: HashMap<String, i64> = {
            let id = [Value::Int(collection.id.get())];
            let sql = "SELECT uid, size_bytes FROM object WHERE collection_id = ?1";
            let there = |row: &dyn crate::sql::Row| Ok((row.text(0)?.to_owned(), row.int(1)?));
            self.sql.query_all(sql, &id, there)?.into_iter().collect()
        };
        let before = sizes.len();
        let (mut bytes, mut most) = (0, 0);
        for object in objects {
            let size = object.size_bytes.cast_signed();
            match sizes.get_mut(&object.uid) {
                None => {
                    sizes.insert(object.uid.clone(), size);
                    bytes += size;
                }
                Some(there) if duplicates == Duplicates::Replace => {
                    bytes += size - *there;
                    *there = size;
                }
                Some(_) => {}
            }
            // What becomes smaller later makes no room for what comes before it.
            most = bytes.max(most);
        }
        let (count, max) = ((sizes.len() - before) as u64, self.settings.objects_max);
        if collection.objects + count > max {
            return Err(StorageError::Limit { kind: LimitKind::Objects, max });
        }
        self.check_quota(most, 0)
    }

    /// Puts objects under names made of their UIDs.
    pub fn import_objects(
        &mut self,
        collection: &Collection,
        objects: &[PreparedObject],
        duplicates: Duplicates,
    ) -> Result<Imported> {
        let mut imported = Imported::default();
        self.booking_work.expect_many();
        for object in objects {
            self.import_object(collection, object, duplicates, &mut imported)?;
        }
        Ok(imported)
    }

    fn import_object(
        &mut self,
        collection: &Collection,
        object: &PreparedObject,
        duplicates: Duplicates,
        imported: &mut Imported,
    ) -> Result<()> {
        let there = self.find_object_by_uid(collection.id, &object.uid)?;
        let name = match (&there, duplicates) {
            (Some(there), Duplicates::Replace) if there.hash != object.hash => {
                ObjectName::parse(&there.name)?
            }
            (Some(_), _) => {
                imported.kept.push(object.uid.clone());
                return Ok(());
            }
            (None, _) => self.name_for_import(collection, &object.uid)?,
        };
        let plain = self.without_foreign(object)?;
        match self.put_quietly(collection, &name, plain.as_ref().unwrap_or(object))? {
            PutOutcome::Created => imported.added += 1,
            PutOutcome::Replaced => imported.replaced += 1,
            PutOutcome::RoomTaken => imported.refused.push(object.uid.clone()),
            _ => imported.kept.push(object.uid.clone()),
        }
        Ok(())
    }

    /// Puts an object that nobody is told of. A meeting that has a schedule-tag gets another
    /// (RFC 6638 §3.2.10).
    pub(super) fn put_quietly(
        &mut self,
        collection: &Collection,
        name: &ObjectName,
        object: &PreparedObject,
    ) -> Result<PutOutcome> {
        // R-CAL-4: whether it takes time may have been said since the caller looked.
        let collection = &self.require_still_there(collection, CollectionRights::WRITE)?;
        if self.is_double_booked(collection, object)? {
            return Ok(PutOutcome::RoomTaken);
        }
        self.put_unbooked(collection, name, object)
    }

    /// Imports an object, whether a room has time for it or not.
    pub(super) fn put_unbooked(
        &mut self,
        collection: &Collection,
        name: &ObjectName,
        object: &PreparedObject,
    ) -> Result<PutOutcome> {
        match self.ready_to_put(collection, name, object, &Condition::default())? {
            Readiness::Refused(outcome) => Ok(outcome),
            Readiness::Ready { collection, there } => {
                let tag = tag_of(there.as_ref(), object);
                self.write_object(&collection, there.as_ref(), name, object, tag)
            }
        }
    }

    /// A name of what has this UID, which nothing has yet.
    fn name_for_import(&mut self, collection: &Collection, uid: &str) -> Result<ObjectName> {
        let extension = match collection.kind {
            CollectionKind::AddressBook => "vcf",
            _ => "ics",
        };
        // RFC 3986 §2.3: what needs no encoding in a path; programs write others in several ways.
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._@".contains(&byte);
        if !uid.starts_with('.')
            && uid.bytes().all(plain)
            && let Ok(name) = ObjectName::parse(&format!("{uid}.{extension}"))
            && self.find_object(collection.id, name.as_str())?.is_none()
        {
            return Ok(name);
        }
        ObjectName::parse(&format!("{}.{extension}", blake3::hash(uid.as_bytes()).to_hex()))
    }
}

fn tag_of(there: Option<&Object>, object: &PreparedObject) -> Tag {
    let had = there.is_some_and(|there| there.schedule_modseq > 0);
    match had && object.meeting.is_some() {
        true => Tag::New,
        false => Tag::None,
    }
}
