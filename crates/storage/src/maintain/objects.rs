//! Objects that no row names: of blobs that were erased, of writes that failed, and those of two
//! daemons that stored the same blob at once, of which one won.

use std::collections::HashSet;

use ids::Timestamp;

use crate::blob::Objects;
use crate::sql::Value;
use crate::{Result, Store};

/// LIMIT: how old an object must be. A write puts its objects there before its rows; no write
/// takes a day between.
const AGE_SECS: i64 = 24 * 60 * 60;

/// Deletes them, once a day; how many bytes that was.
pub(super) fn sweep(
    store: &Store,
    objects: &Objects,
    swept: &mut Option<Timestamp>,
) -> Result<u64> {
    let young = store.now().plus_secs(-AGE_SECS);
    if swept.is_some_and(|swept| swept > young) {
        return Ok(0);
    }
    let mut freed = 0;
    for folder in 0..=u8::MAX {
        let mut old = objects.list(folder)?;
        old.retain(|object| object.modified < young);
        if old.is_empty() {
            continue;
        }
        let named: HashSet<String> = store.read_blocking(|tx| {
            let mut named = HashSet::new();
            let find = "SELECT object FROM blob WHERE hash = ?1 AND object IS NOT NULL";
            for object in &old {
                let hash = Value::Bytes(object.hash.as_bytes());
                named.extend(tx.sql.query_one(find, &[hash], |row| Ok(row.text(0)?.to_owned()))?);
            }
            Ok(named)
        })?;
        for object in old.iter().filter(|object| !named.contains(&object.key)) {
            objects.delete(&object.key)?;
            freed += object.bytes;
        }
    }
    *swept = Some(store.now());
    Ok(freed)
}
