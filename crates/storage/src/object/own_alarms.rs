//! Alarms of one's own in the events and to-dos of others (R-SHARE-1,
//! docs/decisions/016-own-alarms.md).
//!
//! Whatever takes a collection here does nothing where that is not seen as a guest.

use std::collections::{BTreeSet, HashMap};

use ical::OwnAlarms;
use ids::AccountId;

use super::{Condition, Object, ObjectId, PreparedObject, PutOutcome, Scheduled, hash_column};
use crate::change::Fact;
use crate::collection::{Collection, CollectionKind, ObjectName, is_outsider};
use crate::sql::Value;
use crate::{AccountTx, CollectionRights, LimitKind, ObjectFault, ReadTx, Result, StorageError};

/// LIMIT: bytes of one's own alarms in an object; they count against no quota, since they go when
/// its owner likes.
const BYTES_MAX: usize = 16 * 1024;
/// LIMIT: objects of others in which one account has alarms of its own; fewer where that is tested.
const OBJECTS_MAX: u64 = if cfg!(test) { 5 } else { 20_000 };

impl Collection {
    /// The account whose own alarms are seen in the collection; `None`: those of its owner are.
    fn alarms_of(&self) -> Option<AccountId> {
        let guest = self.guest.as_ref().filter(|_| self.kind == CollectionKind::Calendar);
        guest.map(|guest| guest.account)
    }

    /// Whose alarms are kept of what is put into it. Their row is of that account, which PostgreSQL
    /// locks when it is written: it is locked before, with the owner's, in ascending order.
    pub(crate) fn keeps_alarms_of(&self) -> Option<AccountId> {
        self.alarms_of().filter(|guest| !is_outsider(*guest))
    }
}

impl ReadTx<'_> {
    /// Has objects of a collection look as they do where it is seen: with the etags that they have
    /// there.
    pub fn show_objects<'o>(
        &mut self,
        collection: &Collection,
        objects: impl IntoIterator<Item = &'o mut Object>,
    ) -> Result<()> {
        let Some(guest) = collection.alarms_of() else { return Ok(()) };
        let mut objects: Vec<&mut Object> = objects.into_iter().collect();
        let known = self.own_hashes(guest, objects.iter().map(|object| object.id))?;
        for object in &mut objects {
            object.shown_hash = Some(shown_hash(&object.hash, known.get(&object.id)));
        }
        Ok(())
    }

    /// The object of this name as it looks where the collection is seen.
    pub fn find_shown_object(
        &mut self,
        collection: &Collection,
        name: &str,
    ) -> Result<Option<Object>> {
        let mut found = self.find_object(collection.id, name)?;
        self.show_objects(collection, found.as_mut())?;
        Ok(found)
    }

    /// Has the bytes of objects of a collection look as they do where it is seen: with one's own
    /// alarms in the place of its owner's.
    pub fn show_bytes<'o>(
        &mut self,
        collection: &Collection,
        objects: impl IntoIterator<Item = &'o ObjectId>,
        bytes: &mut HashMap<ObjectId, Vec<u8>>,
    ) -> Result<()> {
        let Some(guest) = collection.alarms_of() else { return Ok(()) };
        let objects: BTreeSet<ObjectId> = objects.into_iter().copied().collect();
        let mut known = self.own_alarms(guest, &objects)?;
        for id in objects {
            let Some(stored) = bytes.get_mut(&id) else { continue };
            *stored = known.remove(&id).unwrap_or_default().apply(stored);
        }
        Ok(())
    }

    /// The bytes of one object as they look where the collection is seen.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] where there is none.
    pub fn load_shown_object(
        &mut self,
        collection: &Collection,
        object: ObjectId,
    ) -> Result<Vec<u8>> {
        let mut found = self.load_object_bytes(&[object])?;
        self.show_bytes(collection, &[object], &mut found)?;
        found.remove(&object).ok_or(StorageError::NotFound("object"))
    }

    /// The hashes of what somebody has in these objects.
    fn own_hashes(
        &mut self,
        guest: AccountId,
        objects: impl Iterator<Item = ObjectId> + Clone,
    ) -> Result<HashMap<ObjectId, [u8; 32]>> {
        let mut found = HashMap::new();
        let (Some(first), Some(last)) = (objects.clone().min(), objects.max()) else {
            return Ok(found);
        };
        // Read from the index alone, as many rows as one account may have.
        self.sql.query(
            "SELECT object_id, hash FROM own_alarms \
             WHERE account_id = ?1 AND object_id >= ?2 AND object_id <= ?3",
            &[Value::Int(guest.get()), Value::Int(first.get()), Value::Int(last.get())],
            &mut |row| {
                found.insert(ObjectId::new(row.int(0)?), hash_column(row.bytes(1)?)?);
                Ok(())
            },
        )?;
        Ok(found)
    }

    /// What somebody has in these objects.
    fn own_alarms(
        &mut self,
        guest: AccountId,
        objects: &BTreeSet<ObjectId>,
    ) -> Result<HashMap<ObjectId, OwnAlarms>> {
        let ids: Vec<i64> = objects.iter().map(|id| id.get()).collect();
        let mut found = HashMap::new();
        self.sql.query_in_of(
            "SELECT object_id, data FROM own_alarms WHERE object_id IN ({IN}) AND account_id = ?2",
            &ids,
            Some(Value::Int(guest.get())),
            &mut |row| {
                found.insert(ObjectId::new(row.int(0)?), OwnAlarms::of(row.bytes(1)?));
                Ok(())
            },
        )?;
        Ok(found)
    }
}

/// What the etag of an object is made of for who has these alarms of their own in it, or none.
fn shown_hash(object: &[u8; 32], own: Option<&[u8; 32]>) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(object);
    hasher.update(own.map_or(&[], |own| &own[..]));
    *hasher.finalize().as_bytes()
}

impl AccountTx<'_, '_> {
    /// PUT of an object into a collection that is seen as a guest: what is one's own of it goes
    /// apart. `None` where nothing is, and all of it is to be put.
    pub(crate) fn put_as_guest(
        &mut self,
        collection: &Collection,
        name: &ObjectName,
        object: &PreparedObject,
        condition: &Condition<'_>,
    ) -> Result<Option<Scheduled>> {
        if collection.alarms_of().is_none() {
            return Ok(None);
        }
        self.require_still_there(collection, CollectionRights::READ)?;
        let there = self.find_shown_object(collection, name.as_str())?;
        condition.check(there.as_ref())?;
        let put = Split::of(object, self.is_outside())?;
        if put.own_data.len() > BYTES_MAX {
            return Ok(Some(Scheduled::refused(PutOutcome::TooBig)));
        }
        let stored = there.as_ref().map(|there| self.load_object(there.id)).transpose()?;
        let limits = self.settings.scheduling.objects;
        if let (Some(there), Some(stored)) = (&there, &stored)
            && ical::is_same_but_alarms(stored, &put.bytes, &limits.ical)
        {
            // Whoever may only read sets alarms as well.
            self.require_target_unlocked(collection, name, true, condition.tokens)?;
            return self.finish_as_guest(collection, there, &put, PutOutcome::Replaced).map(Some);
        }
        let owners = stored.as_deref().map(OwnAlarms::of).unwrap_or_default();
        let shared = match owners.apply(&put.bytes) {
            same if same == put.bytes => None,
            other => match PreparedObject::calendar(other, &limits) {
                Ok(shared) => Some(shared),
                // The alarms of both are too much for one object, or those of its owner are.
                Err(ObjectFault::TooBig { .. } | ObjectFault::AttachmentTooBig { .. }) => {
                    return Ok(Some(Scheduled::refused(PutOutcome::TooBig)));
                }
                Err(_) => return Err(StorageError::Invalid("the object cannot be read")),
            },
        };
        let shared = shared.as_ref().unwrap_or(object);
        // Its etag was compared as the guest knows it.
        let condition = Condition { if_match: None, if_none_match: None, ..*condition };
        let done = self.put_shared(collection, name, shared, &condition)?;
        if !matches!(done.outcome, PutOutcome::Created | PutOutcome::Replaced) {
            return Ok(Some(done));
        }
        let there = self.find_object(collection.id, name.as_str())?;
        let there = there.ok_or(StorageError::NotFound("object"))?;
        self.finish_as_guest(collection, &there, &put, done.outcome).map(Some)
    }

    /// Writes what is one's own of a PUT of which the rest is stored.
    fn finish_as_guest(
        &mut self,
        collection: &Collection,
        there: &Object,
        put: &Split,
        outcome: PutOutcome,
    ) -> Result<Scheduled> {
        self.write_own_alarms(collection, there, &put.own_data)?;
        // RFC 4791 §5.3.4: the etag is told of what is answered to GET if that is what was put.
        let etag = match self.load_shown_object(collection, there.id)? == put.bytes {
            true => {
                let shown = self.find_shown_object(collection, &there.name)?;
                shown.map(|shown| shown.etag())
            }
            false => None,
        };
        Ok(Scheduled { outcome, etag, schedule_tag: there.schedule_tag() })
    }

    /// What the guest has in an object from now on.
    fn write_own_alarms(
        &mut self,
        collection: &Collection,
        there: &Object,
        data: &[u8],
    ) -> Result<()> {
        let Some(guest) = collection.alarms_of() else { return Ok(()) };
        let before = self.own_hashes(guest, std::iter::once(there.id))?.remove(&there.id);
        let hash = (!data.is_empty()).then(|| *blake3::hash(data).as_bytes());
        if hash == before {
            return Ok(());
        }
        if data.len() > BYTES_MAX {
            let (size_bytes, limit_bytes) = (data.len() as u64, BYTES_MAX as u64);
            return Err(StorageError::TooBig { size_bytes, limit_bytes });
        }
        let key = [Value::Int(there.id.get()), Value::Int(guest.get())];
        match hash {
            None => {
                self.sql.execute(
                    "DELETE FROM own_alarms WHERE object_id = ?1 AND account_id = ?2",
                    &key,
                )?;
            }
            Some(hash) => {
                if before.is_none() {
                    self.check_own_alarms(guest)?;
                }
                let [object, account] = key;
                self.sql.execute(
                    "INSERT INTO own_alarms (object_id, account_id, hash, data) \
                     VALUES (?1, ?2, ?3, ?4) ON CONFLICT (object_id, account_id) \
                     DO UPDATE SET hash = ?3, data = ?4",
                    &[object, account, Value::Bytes(&hash), Value::Bytes(data)],
                )?;
            }
        }
        self.touch_object(collection, there)
    }

    fn check_own_alarms(&mut self, guest: AccountId) -> Result<()> {
        let count = self.sql.query_one(
            "SELECT COUNT(*) FROM own_alarms WHERE account_id = ?1",
            &[Value::Int(guest.get())],
            |row| Ok(row.int(0)?.cast_unsigned()),
        )?;
        match count.unwrap_or(0) >= OBJECTS_MAX {
            true => Err(StorageError::Limit { kind: LimitKind::OwnAlarms, max: OBJECTS_MAX }),
            false => Ok(()),
        }
    }

    /// Gives the object a new modification sequence while its bytes stay, so that clients that
    /// synchronise hear of it.
    fn touch_object(&mut self, collection: &Collection, there: &Object) -> Result<()> {
        let account = self.account;
        if self.modseq(account)? == there.modseq {
            // They do already.
            return Ok(());
        }
        let modseq = self.count_object(collection, 0, 0)?;
        self.sql.execute(
            "UPDATE object SET modseq = ?2 WHERE id = ?1",
            &[Value::Int(there.id.get()), Value::Int(modseq)],
        )?;
        self.record_fact(Some(collection.id), Fact::ObjectPut { name: there.name.clone() })
    }

    /// After a COPY between calendars of one owner: as what was seen was put there by who copied
    /// it.
    pub(crate) fn copy_as_seen(
        &mut self,
        (from, object): (&Collection, &Object),
        (to, name): (&Collection, &str),
    ) -> Result<()> {
        if from.alarms_of().is_none() && to.alarms_of().is_none() {
            return Ok(());
        }
        let seen = self.load_shown_object(from, object.id)?;
        let copy = self.find_object(to.id, name)?.ok_or(StorageError::NotFound("object"))?;
        let own = match to.alarms_of() {
            Some(_) if !self.is_outside() => OwnAlarms::of(&seen),
            _ => OwnAlarms::default(),
        };
        let shared = match to.alarms_of() {
            Some(_) => OwnAlarms::default().apply(&seen),
            None => seen,
        };
        if *blake3::hash(&shared).as_bytes() != copy.hash {
            let limits = self.settings.scheduling.objects;
            let shared = PreparedObject::calendar(shared, &limits)
                .map_err(|_| StorageError::Invalid("the object cannot be read"))?;
            let (place, name) = (self.load_collection(to.id)?, ObjectName::parse(name)?);
            self.write_object(&place, Some(&copy), &name, &shared, super::Tag::None)?;
        }
        self.write_own_alarms(to, &copy, &own.render())
    }

    /// What everybody has of their own in an object that goes.
    pub(super) fn erase_own_alarms(
        &mut self,
        collection: &Collection,
        object: ObjectId,
    ) -> Result<()> {
        if collection.kind != CollectionKind::Calendar {
            return Ok(());
        }
        let id = [Value::Int(object.get())];
        self.sql.execute("DELETE FROM own_alarms WHERE object_id = ?1", &id)?;
        Ok(())
    }
}

/// What a guest put, split into what all see and what is theirs alone.
struct Split {
    bytes: Vec<u8>,
    /// The alarms that are one's own in it.
    own_data: Vec<u8>,
}

impl Split {
    /// Whoever is elsewhere has nothing of their own.
    fn of(object: &PreparedObject, is_outside: bool) -> Result<Self> {
        let bytes = object.bytes()?;
        let own = if is_outside { OwnAlarms::default() } else { OwnAlarms::of(&bytes) };
        Ok(Self { own_data: own.render(), bytes })
    }
}
