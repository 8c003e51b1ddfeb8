//! Erasing segments that are not in use, and finding those that are mostly of contents gone.

use ids::AccountId;

use super::merging::{kept, load_head, rewrite};
use super::rows::segments;
use crate::sql::Value;
use crate::{Result, StorageError, Store};

/// LIMIT: blocks erased in one transaction: some megabytes.
const BLOCKS: i64 = 64;
/// LIMIT: how old a segment must be that never came into use. None takes an hour to write.
const AGE_SECS: i64 = 60 * 60;
/// LIMIT: segments that one call of [`sweep`] looks at, at least; else it takes so many calls,
/// one an hour, to look at all: a week.
const SEGMENTS_MIN: i64 = 256;
const CALLS: i64 = 7 * 24;
/// A segment is rewritten when at least one in so many of its contents is gone.
const GONE_SHARE: usize = 8;

/// Erases every segment that is not in use; how many.
pub(crate) fn give_up(store: &Store) -> Result<u64> {
    let old = store.now().plus_secs(-AGE_SECS).as_micros();
    let unused = store.read_blocking(|tx| {
        tx.sql.query_all(
            "SELECT id FROM search_segment WHERE state <> 1 AND (state = 2 OR created < ?1)",
            &[Value::Int(old)],
            |row| row.int(0),
        )
    })?;
    unused.iter().try_for_each(|segment| give_up_of(store, *segment))?;
    Ok(unused.len() as u64)
}

/// Erases a segment that is not in use.
pub(super) fn give_up_of(store: &Store, segment: i64) -> Result<()> {
    const BEHIND: &str = "SELECT number FROM search_block WHERE segment_id = ?1 \
                          ORDER BY number LIMIT 1 OFFSET ?2";
    const ERASE: &str = "DELETE FROM search_block WHERE segment_id = ?1 AND number < ?2";
    loop {
        let behind = store.read_blocking(|tx| {
            let params = [segment, BLOCKS].map(Value::Int);
            tx.sql.query_one(BEHIND, &params, |row| row.int(0))
        })?;
        let params = [segment, behind.unwrap_or(i64::MAX)];
        store.write_blocking("erase index", move |tx| {
            tx.sql.execute(ERASE, &params.map(Value::Int))
        })?;
        if behind.is_none() {
            break;
        }
    }
    store.write_blocking("erase index", move |tx| {
        let sql = "DELETE FROM search_segment WHERE id = ?1 AND state <> 1";
        tx.sql.execute(sql, &[Value::Int(segment)])
    })?;
    Ok(())
}

/// Looks at the next segments after `cursor` and writes those anew of which much is gone; how
/// many. Each call goes on where the last one stopped.
pub(crate) fn sweep(store: &Store, cursor: &mut i64) -> Result<u64> {
    let after = *cursor;
    let some = store.read_blocking(|tx| {
        let sql = "SELECT COUNT(*) FROM search_segment WHERE state = 1";
        let all = tx.sql.query_one(sql, &[], |row| row.int(0))?.unwrap_or(0);
        let limit = SEGMENTS_MIN.max(all / CALLS);
        tx.sql.query_all(
            "SELECT id, account_id FROM search_segment WHERE state = 1 AND id > ?1 \
             ORDER BY id LIMIT ?2",
            &[Value::Int(after), Value::Int(limit)],
            |row| Ok((row.int(0)?, AccountId::new(row.int(1)?))),
        )
    })?;
    // Behind the last one it begins anew.
    *cursor = some.last().map_or(0, |(segment, _)| *segment);
    let mut swept = 0;
    for (segment, account) in some {
        match sweep_one(store, account, segment) {
            Ok(more) => swept += u64::from(more),
            Err(StorageError::Conflict(_) | StorageError::NotFound(_)) => {}
            Err(StorageError::Corrupt(cause)) => {
                tracing::error!(segment, cause, "a segment cannot be read");
            }
            Err(other) => return Err(other),
        }
    }
    Ok(swept)
}

fn sweep_one(store: &Store, account: AccountId, segment: i64) -> Result<bool> {
    let head = store.read_blocking(|tx| load_head(tx, segment))?;
    let kept = kept(store, account, &head)?;
    let gone = kept.iter().filter(|is_kept| !**is_kept).count();
    if gone == 0 || gone * GONE_SHARE < kept.len() {
        return Ok(false);
    }
    let all = store.read_blocking(|tx| segments(&mut *tx.sql, account))?;
    let group: Vec<_> = all.iter().filter(|other| other.id == segment).copied().collect();
    rewrite(store, account, &all, &group)?;
    Ok(true)
}
