//! COPY and MOVE of objects between collections of one account (RFC 4918 §9.8, §9.9).

use super::put::takes;
use super::{Condition, MeetingPlace, Object, PutOutcome};
use crate::change::Fact;
use crate::collection::{Collection, ObjectName};
use crate::sql::Value;
use crate::{AccountTx, CollectionRights, LimitKind, Result, StorageError};

impl AccountTx<'_, '_> {
    /// Copies an object, with its dead properties; nobody hears of it. `condition` is about the
    /// destination.
    pub fn copy_object(
        &mut self,
        from: &Collection,
        object: &Object,
        to: &Collection,
        name: &str,
        condition: &Condition<'_>,
    ) -> Result<PutOutcome> {
        let from = &self.require_still_there(from, CollectionRights::READ)?;
        let object = &self.reload_object(from, object)?;
        let name = ObjectName::parse(name)?;
        let to = match self.make_place(from, object, to, &name, condition)? {
            Place::Ready(to) => *to,
            Place::Refused(outcome) => return Ok(outcome),
        };
        if let Some(name) = self.uid_taken(&to, &name, &object.uid)? {
            return Ok(PutOutcome::UidTaken { name });
        }
        if object.schedule_modseq > 0 {
            // RFC 6638 §3.2.4.1: a meeting stands in one calendar.
            let (calendar, name) = (from.name.clone(), object.name.clone());
            let place = Some(MeetingPlace { calendar, name });
            return Ok(PutOutcome::MeetingTaken { place });
        }
        let room = self.clear_place(&to, &name)?;
        let bytes = object.size_bytes.cast_signed();
        let property_bytes = self.dead_bytes(from.id, Some(object.id))?;
        self.check_object_room(&to, bytes + property_bytes)?;
        let modseq = self.count_object(&to, 1, bytes)?;
        self.add_usage(property_bytes, 0)?;
        self.copy_rows((from, object), (&to, &name), (modseq, room.known_since.min(modseq)))?;
        self.arrived(&to, &name)?;
        Ok(room.outcome())
    }

    /// Copies all rows of an object, under a number of the transaction and the one since which its
    /// name may be known.
    fn copy_rows(
        &mut self,
        (home, object): (&Collection, &Object),
        (to, name): (&Collection, &ObjectName),
        (modseq, known_since): (i64, i64),
    ) -> Result<()> {
        let (from, now) = (Value::Int(object.id.get()), Value::Int(self.now.as_micros()));
        let id = self.sql.query_one(
            "INSERT INTO object (collection_id, name, uid, component, media_type, hash, \
             size_bytes, first_at, last_at, created_modseq, modseq, created, modified, spans, \
             attachments) SELECT CAST(?2 AS BIGINT), CAST(?3 AS TEXT), uid, component, media_type, hash, \
             size_bytes, first_at, last_at, CAST(?6 AS BIGINT), CAST(?4 AS BIGINT), \
             CAST(?5 AS BIGINT), CAST(?5 AS BIGINT), spans, attachments FROM object WHERE id = ?1 RETURNING id",
            &[
                from,
                Value::Int(to.id.get()),
                Value::Text(name.as_str()),
                Value::Int(modseq),
                now,
                Value::Int(known_since),
            ],
            |row| row.int(0),
        )?;
        let copy = Value::Int(id.ok_or(StorageError::NotFound("object"))?);
        self.sql.execute(
            "INSERT INTO object_data (object_id, codec, data) \
             SELECT CAST(?2 AS BIGINT), codec, data FROM object_data WHERE object_id = ?1",
            &[from, copy],
        )?;
        if object.attachments > 0 {
            // In one account: they are no more named than they were.
            self.sql.execute(
                "INSERT INTO attachment_use (object_id, managed_id) \
                 SELECT CAST(?2 AS BIGINT), managed_id FROM attachment_use WHERE object_id = ?1",
                &[from, copy],
            )?;
        }
        self.sql.execute(
            "INSERT INTO dead_property (collection_id, object_id, name, value) \
             SELECT CAST(?2 AS BIGINT), CAST(?3 AS BIGINT), name, value FROM dead_property \
             WHERE collection_id = ?1 AND object_id = ?4",
            &[Value::Int(home.id.get()), Value::Int(to.id.get()), copy, from],
        )?;
        self.sql.execute(
            "INSERT INTO card_address (account_id, address, object_id) \
             SELECT account_id, address, CAST(?2 AS BIGINT) FROM card_address WHERE object_id = ?1",
            &[from, copy],
        )?;
        self.sql.execute(
            "UPDATE object SET addresses_known = (SELECT o.addresses_known FROM object o \
             WHERE o.id = ?1) WHERE id = ?2",
            &[from, copy],
        )?;
        Ok(())
    }

    /// Moves an object, of which nobody hears; its dead properties go with it, its locks do not.
    pub fn move_object(
        &mut self,
        from: &Collection,
        object: &Object,
        to: &Collection,
        name: &str,
        condition: &Condition<'_>,
    ) -> Result<PutOutcome> {
        let from = self.require_still_there(from, CollectionRights::WRITE)?;
        let object = &self.reload_object(&from, object)?;
        let home = from.kind.home();
        self.require_place_unlocked(home, &from.name, Some(&object.name), condition.tokens)?;
        let name = ObjectName::parse(name)?;
        let to = match self.make_place(&from, object, to, &name, condition)? {
            Place::Ready(to) => *to,
            Place::Refused(outcome) => return Ok(outcome),
        };
        if to.id != from.id
            && let Some(name) = self.uid_taken(&to, &name, &object.uid)?
        {
            return Ok(PutOutcome::UidTaken { name });
        }
        let room = self.clear_place(&to, &name)?;
        let bytes = object.size_bytes.cast_signed();
        self.keep_version(&from, object, true)?;
        self.leave_tombstone(object)?;
        self.count_object(&from, -1, -bytes)?;
        if to.id != from.id {
            self.check_object_room(&to, 0)?;
        }
        let modseq = self.count_object(&to, 1, bytes)?;
        let now = self.now.as_micros();
        self.sql.execute(
            // RFC 6638 §3.2.10: a request of its owner changes the schedule-tag.
            "UPDATE object SET collection_id = ?2, name = ?3, created_modseq = ?6, modseq = ?4, \
             modified = ?5, schedule_modseq = \
             CASE WHEN schedule_modseq = 0 THEN schedule_modseq ELSE ?4 END WHERE id = ?1",
            &[
                Value::Int(object.id.get()),
                Value::Int(to.id.get()),
                Value::Text(name.as_str()),
                Value::Int(modseq),
                Value::Int(now),
                Value::Int(room.known_since.min(modseq)),
            ],
        )?;
        self.sql.execute(
            "UPDATE dead_property SET collection_id = ?2 WHERE collection_id = ?1 \
             AND object_id = ?3",
            &[Value::Int(from.id.get()), Value::Int(to.id.get()), Value::Int(object.id.get())],
        )?;
        self.remove_locks_below(home, &format!("{}/{}", from.name, object.name))?;
        self.record_fact(Some(from.id), Fact::ObjectDeleted { name: object.name.clone() })?;
        self.arrived(&to, &name)?;
        Ok(room.outcome())
    }

    /// What was read before the transaction began, as it is now.
    pub(crate) fn reload_object(&mut self, from: &Collection, object: &Object) -> Result<Object> {
        let found = self.find_object(from.id, &object.name)?;
        found.filter(|found| found.id == object.id).ok_or(StorageError::NotFound("object"))
    }

    /// Checks all that can be checked of a destination.
    fn make_place(
        &mut self,
        from: &Collection,
        object: &Object,
        to: &Collection,
        name: &ObjectName,
        condition: &Condition<'_>,
    ) -> Result<Place> {
        let to = self.require_still_there(to, CollectionRights::WRITE)?;
        if to.kind.is_private() {
            return Err(StorageError::NoPermission("only the server writes there"));
        }
        if from.kind != to.kind {
            return Err(StorageError::NoPermission("the destination is of another kind"));
        }
        if from.id == to.id && object.name == name.as_str() {
            // RFC 4918 §9.8.5, §9.9.4: 403 where source and destination are the same.
            return Err(StorageError::NoPermission("source and destination are the same"));
        }
        let there = self.find_object(to.id, name.as_str())?;
        condition.check(there.as_ref())?;
        self.require_target_unlocked(&to, name, there.is_some(), condition.tokens)?;
        if !takes(&to, object.component) {
            return Ok(Place::Refused(PutOutcome::WrongComponent));
        }
        self.check_no_folder_of_that_name(&to, name)?;
        // R-CAL-4
        if self.is_double_booked_by_transfer((from, object), &to, there.as_ref())? {
            return Ok(Place::Refused(PutOutcome::RoomTaken));
        }
        Ok(Place::Ready(Box::new(to)))
    }

    /// Deletes what stands at the destination of a copy or move.
    fn clear_place(&mut self, to: &Collection, name: &ObjectName) -> Result<Room> {
        let known_since = self.known_since(to, name, i64::MAX)?;
        let Some(there) = self.find_object(to.id, name.as_str())? else {
            return Ok(Room { known_since, was_empty: true });
        };
        self.keep_version(to, &there, false)?;
        self.count_object(to, -1, -there.size_bytes.cast_signed())?;
        self.erase_addresses(there.id.get())?;
        self.name_attachments(there.id.get(), there.attachments, &[])?;
        self.erase_own_alarms(to, there.id)?;
        let id = [Value::Int(there.id.get())];
        self.sql.execute("DELETE FROM object_data WHERE object_id = ?1", &id)?;
        self.sql.execute("DELETE FROM object WHERE id = ?1", &id)?;
        self.erase_properties(to.id, there.id)?;
        Ok(Room { known_since, was_empty: false })
    }

    fn check_object_room(&mut self, to: &Collection, bytes: i64) -> Result<()> {
        let max = self.settings.objects_max;
        if to.objects >= max {
            return Err(StorageError::Limit { kind: LimitKind::Objects, max });
        }
        self.check_quota(bytes, 0)
    }

    /// An object stands under this name now, whatever was there before.
    fn arrived(&mut self, to: &Collection, name: &ObjectName) -> Result<()> {
        self.sql.execute(
            "DELETE FROM object_gone WHERE collection_id = ?1 AND name = ?2",
            &[Value::Int(to.id.get()), Value::Text(name.as_str())],
        )?;
        self.record_fact(Some(to.id), Fact::ObjectPut { name: name.as_str().to_owned() })
    }
}

enum Place {
    Ready(Box<Collection>),
    Refused(PutOutcome),
}

/// A place where nothing stands any more.
struct Room {
    /// The first number since which somebody who synchronises may know its name.
    known_since: i64,
    was_empty: bool,
}

impl Room {
    fn outcome(&self) -> PutOutcome {
        if self.was_empty { PutOutcome::Created } else { PutOutcome::Replaced }
    }
}
