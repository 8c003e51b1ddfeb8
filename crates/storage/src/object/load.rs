//! Reading objects: rows, by name or UID or all of a collection, and their bytes in bounded pieces.

use std::collections::HashMap;
use std::ops::ControlFlow;

use ids::{AccountId, CollectionId, DomainId};

use super::{Object, ObjectId, read, select_object};
use crate::blob::{AS_IS, codec};
use crate::directory::book;
use crate::sql::Value;
use crate::{ReadTx, Result, StorageError};

/// LIMIT: names in one statement.
const NAMES: usize = 16;
/// LIMIT: cards of the directory that are made at a time.
const CARDS: usize = 100;

impl ReadTx<'_> {
    /// The objects of a collection, by name.
    pub fn list_objects(&mut self, collection: CollectionId) -> Result<Vec<Object>> {
        if let Some(organisation) = book::organisation_of(collection) {
            return self.list_directory(organisation);
        }
        self.sql.query_all(
            select_object!("WHERE o.collection_id = ?1 ORDER BY o.name"),
            &[Value::Int(collection.get())],
            read,
        )
    }

    /// The objects behind a name, by name, some at a time: a page of what is too much at once.
    pub fn list_objects_after(
        &mut self,
        collection: CollectionId,
        name: &str,
        max: usize,
    ) -> Result<Vec<Object>> {
        if let Some(organisation) = book::organisation_of(collection) {
            let mut all = self.list_directory(organisation)?;
            all.retain(|object| object.name.as_str() > name);
            all.truncate(max);
            return Ok(all);
        }
        self.sql.query_all(
            select_object!("WHERE o.collection_id = ?1 AND o.name > ?2 ORDER BY o.name LIMIT ?3"),
            &[
                Value::Int(collection.get()),
                Value::Text(name),
                Value::Int(i64::try_from(max).unwrap_or(i64::MAX)),
            ],
            read,
        )
    }

    /// The scheduling objects of a calendar that are not over at an instant, the last ones first.
    pub(crate) fn list_meetings_ahead(
        &mut self,
        collection: CollectionId,
        from_secs: i64,
        max: i64,
    ) -> Result<Vec<Object>> {
        self.sql.query_all(
            select_object!(
                "WHERE o.collection_id = ?1 AND o.last_at >= ?2 AND o.schedule_modseq > 0 \
                 ORDER BY o.last_at DESC, o.id LIMIT ?3"
            ),
            &[Value::Int(collection.get()), Value::Int(from_secs), Value::Int(max)],
            read,
        )
    }

    /// The object of this name.
    pub fn find_object(&mut self, collection: CollectionId, name: &str) -> Result<Option<Object>> {
        if let Some(organisation) = book::organisation_of(collection) {
            return Ok(self.find_in_directory(organisation, &[name])?.pop());
        }
        self.sql.query_one(
            select_object!("WHERE o.collection_id = ?1 AND o.name = ?2"),
            &[Value::Int(collection.get()), Value::Text(name)],
            read,
        )
    }

    /// The objects that have one of these names, by name.
    pub fn find_objects(
        &mut self,
        collection: CollectionId,
        names: &[&str],
    ) -> Result<HashMap<String, Object>> {
        if let Some(organisation) = book::organisation_of(collection) {
            let found = self.find_in_directory(organisation, names)?;
            return Ok(found.into_iter().map(|object| (object.name.clone(), object)).collect());
        }
        let mut found = HashMap::with_capacity(names.len());
        for chunk in names.chunks(NAMES) {
            let last = chunk.last().copied().unwrap_or_default();
            let mut params = vec![Value::Int(collection.get())];
            // One text for every number of names: the last is asked for again.
            let padded = chunk.iter().copied().chain(std::iter::repeat(last)).take(NAMES);
            params.extend(padded.map(Value::Text));
            self.sql.query(
                select_object!(
                    "WHERE o.collection_id = ?1 AND o.name IN (?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, \
                     ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)"
                ),
                &params,
                &mut |row| {
                    let object = read(row)?;
                    found.insert(object.name.clone(), object);
                    Ok(())
                },
            )?;
        }
        Ok(found)
    }

    /// The object that has this UID.
    pub fn find_object_by_uid(
        &mut self,
        collection: CollectionId,
        uid: &str,
    ) -> Result<Option<Object>> {
        if let Some(organisation) = book::organisation_of(collection) {
            let all = self.list_directory(organisation)?;
            return Ok(all.into_iter().find(|object| object.uid == uid));
        }
        self.sql.query_one(
            select_object!("WHERE o.collection_id = ?1 AND o.uid = ?2 AND o.uid <> ''"),
            &[Value::Int(collection.get()), Value::Text(uid)],
            read,
        )
    }

    /// The bytes of objects, as they were PUT. What is gone meanwhile is absent.
    pub fn load_object_bytes(
        &mut self,
        objects: &[ObjectId],
    ) -> Result<HashMap<ObjectId, Vec<u8>>> {
        let ids: Vec<i64> =
            objects.iter().map(|object| object.get()).filter(|id| *id > 0).collect();
        let people: Vec<AccountId> =
            objects.iter().filter_map(|object| book::account_of(*object)).collect();
        let mut found = HashMap::with_capacity(objects.len());
        if !people.is_empty() {
            self.load_directory_cards(&people, &mut |object, card| {
                found.insert(object, card);
            })?;
        }
        self.sql.query_in(
            // The row of an object is only read for one whose bytes are compressed.
            "SELECT d.object_id, d.codec, d.data, CASE WHEN d.codec = 0 THEN 0 ELSE \
             (SELECT o.size_bytes FROM object o WHERE o.id = d.object_id) END \
             FROM object_data d WHERE d.object_id IN ({IN})",
            &ids,
            &mut |row| {
                let bytes = match row.int(1)? {
                    AS_IS => row.bytes(2)?.to_vec(),
                    codec => codec::expand(codec, row.bytes(2)?, row.int(3)?)?,
                };
                found.insert(ObjectId::new(row.int(0)?), bytes);
                Ok(())
            },
        )?;
        Ok(found)
    }

    /// The objects of a collection of which the bytes are such, by name; `None` where `is_such`
    /// ends the search. Of all others nothing but the bytes is read, of one at a time.
    pub fn find_objects_by_bytes(
        &mut self,
        collection: CollectionId,
        mut is_such: impl FnMut(&[u8]) -> ControlFlow<(), bool>,
    ) -> Result<Option<Vec<Object>>> {
        if let Some(organisation) = book::organisation_of(collection) {
            return self.find_cards_by_bytes(organisation, is_such);
        }
        let (mut ids, mut has_ended) = (Vec::new(), false);
        let looked = self.sql.query(
            // The row of an object is only read for one whose bytes are compressed.
            "SELECT d.object_id, d.codec, d.data, \
             CASE WHEN d.codec = 0 THEN 0 ELSE o.size_bytes END \
             FROM object o JOIN object_data d ON d.object_id = o.id WHERE o.collection_id = ?1",
            &[Value::Int(collection.get())],
            &mut |row| {
                let verdict = match row.int(1)? {
                    AS_IS => is_such(row.bytes(2)?),
                    codec => is_such(&codec::expand(codec, row.bytes(2)?, row.int(3)?)?),
                };
                match verdict {
                    ControlFlow::Continue(true) => ids.push(row.int(0)?),
                    ControlFlow::Continue(false) => {}
                    ControlFlow::Break(()) => {
                        has_ended = true;
                        return Err(StorageError::Conflict("the search was ended"));
                    }
                }
                Ok(())
            },
        );
        if has_ended {
            return Ok(None);
        }
        looked?;
        let mut found = Vec::with_capacity(ids.len());
        self.sql.query_in(select_object!("WHERE o.id IN ({IN})"), &ids, &mut |row| {
            found.push(read(row)?);
            Ok(())
        })?;
        found.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(Some(found))
    }

    /// Like `find_objects_by_bytes`, in the directory, whose cards are no rows.
    fn find_cards_by_bytes(
        &mut self,
        organisation: DomainId,
        mut is_such: impl FnMut(&[u8]) -> ControlFlow<(), bool>,
    ) -> Result<Option<Vec<Object>>> {
        let mut found = Vec::new();
        for chunk in self.list_directory(organisation)?.chunks(CARDS) {
            let ids: Vec<ObjectId> = chunk.iter().map(|object| object.id).collect();
            let cards = self.load_object_bytes(&ids)?;
            for object in chunk {
                let Some(card) = cards.get(&object.id) else { continue };
                match is_such(card) {
                    ControlFlow::Continue(true) => found.push(object.clone()),
                    ControlFlow::Continue(false) => {}
                    ControlFlow::Break(()) => return Ok(None),
                }
            }
        }
        Ok(Some(found))
    }

    /// The bytes of one object.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] where there is none.
    pub fn load_object(&mut self, object: ObjectId) -> Result<Vec<u8>> {
        let mut found = self.load_object_bytes(&[object])?;
        found.remove(&object).ok_or(StorageError::NotFound("object"))
    }
}
