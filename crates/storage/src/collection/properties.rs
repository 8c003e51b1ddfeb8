//! What people and programs say of a collection (RFC 4918 §9.2): live properties as columns, dead
//! ones as they were written.

use ids::{CollectionId, ModSeq};

use super::Collection;
use crate::change::Fact;
use crate::object::ObjectId;
use crate::sql::Value;
use crate::{AccountTx, CollectionRights, LimitKind, ReadTx, Result, StorageError};

/// LIMIT: bytes of the name a collection is shown by.
const DISPLAY_NAME_BYTES_MAX: usize = 1024;
/// LIMIT: bytes of a colour: `#RRGGBBAA`, or a name.
const COLOR_BYTES_MAX: usize = 64;
/// LIMIT: bytes of a description, of a time zone (Apple's go back to 1893), and of a dead property.
const VALUE_BYTES_MAX: usize = 64 * 1024;
/// LIMIT: bytes of a URL that is subscribed to.
const SOURCE_BYTES_MAX: usize = 4096;
/// LIMIT: bytes of the name of a dead property with its namespace.
const NAME_BYTES_MAX: usize = 512;

/// What is to become of properties: `None` leaves one as it is, `Some(None)` removes it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CollectionChange {
    /// The name that people see: `Some(None)` removes it.
    pub display_name: Option<Option<String>>,
    /// The description: `Some(None)` removes it.
    pub description: Option<Option<String>>,
    /// The colour: `Some(None)` removes it.
    pub color: Option<Option<String>>,
    /// The place in lists of collections: `Some(None)` removes it.
    pub sort_order: Option<Option<i64>>,
    /// An iCalendar object with a VTIMEZONE.
    pub timezone: Option<Option<String>>,
    /// Whether its events take no time.
    pub transparent: Option<bool>,
    /// The URL that its clients fetch it from (a subscribed calendar).
    pub source: Option<Option<String>>,
    /// Dead properties by name.
    pub dead: Vec<(String, Option<String>)>,
}

/// A property that means nothing to the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadProperty {
    /// `{namespace}name`
    pub name: String,
    /// The element, XML.
    pub value: String,
}

pub(super) fn check_change(change: &CollectionChange) -> Result<()> {
    let fits = |text: &Option<Option<String>>, bytes_max: usize| match text {
        Some(Some(text)) if text.len() > bytes_max => Err(StorageError::TooBig {
            size_bytes: text.len() as u64,
            limit_bytes: bytes_max as u64,
        }),
        _ => Ok(()),
    };
    fits(&change.display_name, DISPLAY_NAME_BYTES_MAX)?;
    fits(&change.description, VALUE_BYTES_MAX)?;
    fits(&change.color, COLOR_BYTES_MAX)?;
    fits(&change.timezone, VALUE_BYTES_MAX)?;
    fits(&change.source, SOURCE_BYTES_MAX)?;
    check_dead(&change.dead)
}

fn check_dead(dead: &[(String, Option<String>)]) -> Result<()> {
    for (name, value) in dead {
        let size_bytes = value.as_ref().map_or(0, String::len) as u64;
        if name.len() > NAME_BYTES_MAX {
            return Err(StorageError::Invalid("the name of the property is too long"));
        }
        if size_bytes > VALUE_BYTES_MAX as u64 {
            let limit_bytes = VALUE_BYTES_MAX as u64;
            return Err(StorageError::TooBig { size_bytes, limit_bytes });
        }
    }
    Ok(())
}

impl ReadTx<'_> {
    /// The dead properties of a collection (`None`) or of one of its objects, by name.
    pub fn load_dead_properties(
        &mut self,
        collection: CollectionId,
        object: Option<ObjectId>,
    ) -> Result<Vec<DeadProperty>> {
        self.sql.query_all(
            "SELECT name, value FROM dead_property WHERE collection_id = ?1 AND object_id = ?2 \
             ORDER BY name",
            &[Value::Int(collection.get()), object_column(object)],
            |row| {
                Ok(DeadProperty { name: row.text(0)?.to_owned(), value: row.text(1)?.to_owned() })
            },
        )
    }

    /// The objects of a collection that have any.
    pub fn list_objects_with_properties(
        &mut self,
        collection: CollectionId,
    ) -> Result<Vec<ObjectId>> {
        self.sql.query_all(
            "SELECT DISTINCT object_id FROM dead_property \
             WHERE collection_id = ?1 AND object_id > 0 ORDER BY object_id",
            &[Value::Int(collection.get())],
            |row| Ok(ObjectId::new(row.int(0)?)),
        )
    }

    /// Bytes of the dead properties of a collection or of one of its objects, as a quota counts
    /// them.
    pub(crate) fn dead_bytes(
        &mut self,
        collection: CollectionId,
        object: Option<ObjectId>,
    ) -> Result<i64> {
        let bytes = self.sql.query_one(
            "SELECT CAST(COALESCE(SUM(OCTET_LENGTH(name) + OCTET_LENGTH(value)), 0) AS BIGINT) \
             FROM dead_property WHERE collection_id = ?1 AND object_id = ?2",
            &[Value::Int(collection.get()), object_column(object)],
            |row| row.int(0),
        )?;
        Ok(bytes.unwrap_or(0))
    }
}

fn object_column(object: Option<ObjectId>) -> Value<'static> {
    Value::Int(object.map_or(0, ObjectId::get))
}

impl AccountTx<'_, '_> {
    /// Changes properties of a collection, all or none.
    ///
    /// # Errors
    /// [`StorageError::NoPermission`] where a source is set of what is not subscribed to;
    /// [`StorageError::Conflict`] where a calendar of a room is to take time that something else
    /// has (R-CAL-4).
    pub fn update_collection(
        &mut self,
        collection: CollectionId,
        change: &CollectionChange,
        tokens: &[String],
    ) -> Result<()> {
        check_change(change)?;
        let found = self.require_collection(collection, CollectionRights::PROPERTIES)?;
        // What is a calendar stays one, and what is read elsewhere holds nothing.
        if change.source.as_ref().is_some_and(|new| new.is_some() != found.source.is_some()) {
            return Err(StorageError::NoPermission("only what is subscribed to has a source"));
        }
        self.require_unlocked(found.kind.home(), &found.name, None, tokens)?;
        if change.transparent == Some(false) && self.is_double_booked_by_opening(&found, None)? {
            return Err(StorageError::Conflict("the room has something else then"));
        }
        self.write_properties(collection, change)?;
        self.touch_collection(collection)?;
        self.record_fact(Some(collection), Fact::CollectionUpdated)
    }

    /// Sets and removes dead properties of an object, all or none.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] where there is no such object.
    pub fn update_object_properties(
        &mut self,
        collection: &Collection,
        object: ObjectId,
        name: &str,
        dead: &[(String, Option<String>)],
        tokens: &[String],
    ) -> Result<()> {
        check_dead(dead)?;
        self.require_still_there(collection, CollectionRights::WRITE)?;
        // Another may have its name by now.
        let there = self.find_object(collection.id, name)?;
        there.filter(|there| there.id == object).ok_or(StorageError::NotFound("object"))?;
        let home = collection.kind.home();
        self.require_unlocked(home, &collection.name, Some(name), tokens)?;
        self.write_dead(collection.id, Some(object), dead)
    }

    /// Writes what was checked.
    pub(super) fn write_properties(
        &mut self,
        collection: CollectionId,
        change: &CollectionChange,
    ) -> Result<()> {
        let texts: [(&'static str, &Option<Option<String>>); 5] = [
            ("UPDATE collection SET display_name = ?2 WHERE id = ?1", &change.display_name),
            ("UPDATE collection SET description = ?2 WHERE id = ?1", &change.description),
            ("UPDATE collection SET color = ?2 WHERE id = ?1", &change.color),
            ("UPDATE collection SET timezone = ?2 WHERE id = ?1", &change.timezone),
            ("UPDATE collection SET source = ?2 WHERE id = ?1", &change.source),
        ];
        let id = Value::Int(collection.get());
        for (sql, text) in texts {
            if let Some(text) = text {
                self.sql.execute(sql, &[id, text.as_deref().map_or(Value::Null, Value::Text)])?;
            }
        }
        if let Some(order) = change.sort_order {
            let order = order.map_or(Value::Null, Value::Int);
            self.sql
                .execute("UPDATE collection SET sort_order = ?2 WHERE id = ?1", &[id, order])?;
        }
        if let Some(transparent) = change.transparent {
            let transparent = Value::Int(i64::from(transparent));
            let sql = "UPDATE collection SET transparent = ?2 WHERE id = ?1";
            self.sql.execute(sql, &[id, transparent])?;
        }
        self.write_dead(collection, None, &change.dead)
    }

    fn write_dead(
        &mut self,
        collection: CollectionId,
        object: Option<ObjectId>,
        dead: &[(String, Option<String>)],
    ) -> Result<()> {
        if dead.is_empty() {
            return Ok(());
        }
        let before = self.dead_bytes(collection, object)?;
        self.write_dead_rows(collection, object, dead)?;
        let more = self.dead_bytes(collection, object)? - before;
        self.check_quota(more, 0)?;
        self.add_usage(more, 0)?;
        Ok(())
    }

    fn write_dead_rows(
        &mut self,
        collection: CollectionId,
        object: Option<ObjectId>,
        dead: &[(String, Option<String>)],
    ) -> Result<()> {
        let (id, object) = (Value::Int(collection.get()), object_column(object));
        for (name, value) in dead {
            let key = [id, object, Value::Text(name)];
            match value {
                None => self.sql.execute(
                    "DELETE FROM dead_property WHERE collection_id = ?1 AND object_id = ?2 \
                     AND name = ?3",
                    &key,
                )?,
                Some(value) => self.sql.execute(
                    "INSERT INTO dead_property (collection_id, object_id, name, value) \
                     VALUES (?1, ?2, ?3, ?4) ON CONFLICT (collection_id, object_id, name) \
                     DO UPDATE SET value = ?4",
                    &[id, object, Value::Text(name), Value::Text(value)],
                )?,
            };
        }
        let max = self.settings.dead_properties_max;
        let count = self.sql.query_one(
            "SELECT COUNT(*) FROM dead_property WHERE collection_id = ?1 AND object_id = ?2",
            &[id, object],
            |row| Ok(row.int(0)?.cast_unsigned()),
        )?;
        match count.unwrap_or(0) > max {
            true => Err(StorageError::Limit { kind: LimitKind::DeadProperties, max }),
            false => Ok(()),
        }
    }

    /// Something in the collection changed in this transaction.
    pub(crate) fn touch_collection(&mut self, collection: CollectionId) -> Result<ModSeq> {
        let account = self.account;
        let modseq = self.modseq(account)?;
        self.sql.execute(
            "UPDATE collection SET highest_modseq = ?2 WHERE id = ?1",
            &[Value::Int(collection.get()), Value::Int(modseq.get().cast_signed())],
        )?;
        Ok(modseq)
    }
}
