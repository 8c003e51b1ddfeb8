//! Setting collections back to what they were (R-REST-2).
//!
//! A plan is read first, so that it can be shown; what is written later is each object for itself
//! under the condition that it is still as the plan saw it. A restore invites nobody.

use std::collections::BTreeMap;

use ids::{AccountId, CollectionId, Timestamp};

use super::version::{ObjectVersion, read_version};
use super::{Condition, Object, PreparedObject, PutOutcome, Readiness, Tag};
use crate::collection::{Collection, Home, ObjectName};
use crate::sql::Value;
use crate::{AccountTx, CollectionRights, ReadTx, Result, StorageError};

/// What a collection was at an instant, beside what it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RestorePlan {
    /// What was there and is not any more.
    pub lost: Vec<ObjectVersion>,
    /// What was there and is another now.
    pub changed: Vec<(ObjectVersion, Object)>,
    /// Objects that came since.
    pub new: Vec<Object>,
    /// Objects that are as they were.
    pub same: Vec<Object>,
}

/// A collection that is gone, and of which something is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostCollection {
    /// The id that the collection had.
    pub id: CollectionId,
    /// The last name of the collection.
    pub name: String,
    /// The instant at which the last of its objects went.
    pub until: Timestamp,
}

/// One object that is to be another, or none, if it still is what the plan saw.
#[derive(Debug, Clone)]
pub struct RestoreStep {
    /// The name of the object.
    pub name: String,
    /// The etag of what is there; `None`: nothing is.
    pub expected: Option<String>,
    /// What is to be there; `None`: nothing is.
    pub object: Option<PreparedObject>,
}

/// The outcome of a restore.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Restored {
    /// How many objects were set back.
    pub put: u64,
    /// How many objects were removed again.
    pub removed: u64,
    /// The names of those that stayed: changed meanwhile, or their UID is another's now, or the
    /// room has something else then.
    pub kept: Vec<String>,
}

impl ReadTx<'_> {
    /// What a collection, which may be gone, was at an instant.
    pub fn restore_plan(
        &mut self,
        account: AccountId,
        collection: CollectionId,
        at: Timestamp,
    ) -> Result<RestorePlan> {
        let mut names: BTreeMap<String, (Vec<ObjectVersion>, Option<Object>)> = BTreeMap::new();
        for version in self.versions_after(account, collection, at)? {
            names.entry(version.name.clone()).or_default().0.push(version);
        }
        let there = self.sql.query_one(
            "SELECT 1 FROM collection WHERE id = ?1 AND account_id = ?2",
            &[Value::Int(collection.get()), Value::Int(account.get())],
            |_| Ok(()),
        )?;
        if there.is_some() {
            for object in self.list_objects(collection)? {
                let name = object.name.clone();
                names.entry(name).or_default().1 = Some(object);
            }
        }
        let mut plan = RestorePlan::default();
        for (versions, now) in names.into_values() {
            plan.add(versions, now, at);
        }
        Ok(plan)
    }

    /// Versions that ended after an instant, by name and age.
    fn versions_after(
        &mut self,
        account: AccountId,
        collection: CollectionId,
        at: Timestamp,
    ) -> Result<Vec<ObjectVersion>> {
        self.sql.query_all(
            "SELECT id, name, media_type, size_bytes, since, until, deleted, hash \
             FROM object_version WHERE account_id = ?1 AND collection_id = ?2 \
             AND until > ?3 ORDER BY name, since",
            &[Value::Int(account.get()), Value::Int(collection.get()), Value::Int(at.as_micros())],
            |row| read_version(row, collection),
        )
    }

    /// The collections of a home that are gone and of which something is kept, by name.
    pub fn list_lost_collections(
        &mut self,
        account: AccountId,
        home: Home,
    ) -> Result<Vec<LostCollection>> {
        self.sql.query_all(
            "SELECT v.collection_id, MAX(v.collection_name), MAX(v.until) FROM object_version v \
             LEFT JOIN collection c ON c.id = v.collection_id \
             WHERE v.account_id = ?1 AND v.home = ?2 AND c.id IS NULL \
             GROUP BY v.collection_id ORDER BY 2, 1",
            &[Value::Int(account.get()), Value::Int(home.column())],
            |row| {
                Ok(LostCollection {
                    id: CollectionId::new(row.int(0)?),
                    name: row.text(1)?.to_owned(),
                    until: Timestamp::from_micros(row.int(2)?),
                })
            },
        )
    }
}

impl RestorePlan {
    fn add(&mut self, mut versions: Vec<ObjectVersion>, now: Option<Object>, at: Timestamp) {
        let covering = versions.iter().position(|version| version.since <= at);
        let then = match (covering, &now) {
            (Some(found), _) => Some(versions.swap_remove(found)),
            (None, Some(now)) if now.modified <= at => return self.same.extend([now.clone()]),
            // What was there for less than a minute is not kept: what followed it stands for it.
            (None, Some(now)) if now.created <= at => match versions.is_empty() {
                true => return self.same.extend([now.clone()]),
                false => Some(versions.swap_remove(0)),
            },
            (None, _) => None,
        };
        match (then, now) {
            (Some(then), Some(now)) if then.hash == now.hash => self.same.push(now),
            (Some(then), Some(now)) => self.changed.push((then, now)),
            (Some(then), None) => self.lost.push(then),
            (None, Some(now)) => self.new.push(now),
            (None, None) => {}
        }
    }
}

impl AccountTx<'_, '_> {
    /// Does what a plan came to.
    pub fn restore_objects(
        &mut self,
        collection: &Collection,
        steps: &[RestoreStep],
    ) -> Result<Restored> {
        let collection = self.require_still_there(collection, CollectionRights::WRITE)?;
        let (mut restored, mut placed) = (Restored::default(), Vec::new());
        self.booking_work.expect_many();
        // What goes makes room for what comes (R-CAL-4).
        let (gone, put): (Vec<_>, Vec<_>) = steps.iter().partition(|step| step.object.is_none());
        for step in gone.into_iter().chain(put) {
            let there = self.find_object(collection.id, &step.name)?;
            if there.as_ref().map(Object::etag) != step.expected {
                restored.kept.push(step.name.clone());
                continue;
            }
            match (&step.object, there) {
                (None, None) => {}
                (None, Some(there)) => {
                    let home = collection.kind.home();
                    self.require_place_unlocked(home, &collection.name, Some(&there.name), &[])?;
                    self.withdraw_object(&collection, &there)?;
                    restored.removed += 1;
                }
                (Some(object), there) => {
                    match self.place(&collection, &step.name, object, there)? {
                        Some(one) => placed.push(one),
                        None => restored.kept.push(step.name.clone()),
                    }
                }
            }
        }
        let kept = self.put_back_double_bookings(&collection, &mut placed)?;
        restored.kept.extend(kept);
        restored.put = placed.len() as u64;
        Ok(restored)
    }

    /// Puts one, whatever a room has at that time. `None` where it cannot be there.
    fn place<'s>(
        &mut self,
        collection: &Collection,
        name: &str,
        object: &'s PreparedObject,
        there: Option<Object>,
    ) -> Result<Option<Placed<'s>>> {
        let name = ObjectName::parse(name)?;
        let account = self.account;
        let before = match there {
            Some(there) if self.is_room(account)? => Some(Before {
                bytes: self.load_object(there.id)?,
                is_meeting: there.schedule_modseq > 0,
            }),
            _ => None,
        };
        let outcome = self.put_unbooked(collection, &name, object)?;
        let is_there = matches!(outcome, PutOutcome::Created | PutOutcome::Replaced);
        Ok(is_there.then_some(Placed { name, object, before }))
    }

    /// R-CAL-4: two that changed their hours are in each other's way until both are there. Whatever
    /// meets something else then is as it was again, and may meet others by that. The names of
    /// these.
    fn put_back_double_bookings(
        &mut self,
        collection: &Collection,
        placed: &mut Vec<Placed<'_>>,
    ) -> Result<Vec<String>> {
        let (mut kept, mut away) = (Vec::new(), Vec::new());
        let mut left = placed.len().saturating_add(AGAIN_MAX);
        // Each round but the last puts back one at least.
        loop {
            let (mut stays, mut is_last) = (Vec::new(), true);
            for one in std::mem::take(placed) {
                let is_looked_at = left > 0;
                left = left.saturating_sub(1);
                if !is_looked_at || !self.is_double_booked(collection, one.object)? {
                    stays.push(one);
                    continue;
                }
                kept.push(one.name.as_str().to_owned());
                is_last = false;
                away.extend(self.put_back(collection, one)?);
            }
            *placed = stays;
            // What had their UIDs may have gone back since.
            for one in std::mem::take(&mut away) {
                match self.write_before(collection, &one)? {
                    true => is_last = false,
                    false => away.push(one),
                }
            }
            if is_last {
                break;
            }
        }
        Ok(kept)
    }

    /// What stood there is there again. Nothing is where that cannot be yet, as its UID stands
    /// elsewhere by now: that is returned. What took its place meets something else in any case.
    fn put_back<'s>(
        &mut self,
        collection: &Collection,
        one: Placed<'s>,
    ) -> Result<Option<Placed<'s>>> {
        if self.write_before(collection, &one)? {
            return Ok(None);
        }
        if let Some(there) = self.find_object(collection.id, one.name.as_str())? {
            let collection = self.load_collection(collection.id)?;
            self.withdraw_object(&collection, &there)?;
        }
        Ok(one.before.is_some().then_some(one))
    }

    /// Whether something stood there that is there again.
    fn write_before(&mut self, collection: &Collection, one: &Placed<'_>) -> Result<bool> {
        let Some(before) = &one.before else { return Ok(false) };
        let limits = &self.settings.scheduling.objects;
        let object = PreparedObject::calendar(before.bytes.clone(), limits)
            .map_err(|_| StorageError::Invalid("what was there cannot be read"))?;
        // What was put there may have been no meeting.
        let tag = if before.is_meeting { Tag::New } else { Tag::None };
        match self.ready_to_put(collection, &one.name, &object, &Condition::default())? {
            Readiness::Refused(_) => Ok(false),
            Readiness::Ready { collection, there } => {
                self.write_object(&collection, there.as_ref(), &one.name, &object, tag)?;
                Ok(true)
            }
        }
    }
}

/// LIMIT: how often what a restore has put into the calendar of a room is looked at again after
/// something was put back: a hundred that are in each other's way one after the other. What is not
/// found to meet anything by then stays.
const AGAIN_MAX: usize = 5_000;

/// What a restore has put somewhere.
struct Placed<'s> {
    name: ObjectName,
    object: &'s PreparedObject,
    before: Option<Before>,
}

/// What was there, in the calendar of a room.
struct Before {
    bytes: Vec<u8>,
    /// Whether it had a schedule-tag.
    is_meeting: bool,
}
