//! Packs that are mostly garbage: what is still named moves to the newest one, then they go.

use std::collections::HashMap;

use ids::BlobId;

use crate::blob::{Kept, PackFile, PackPlace, Packs, RECORD_HEADER_BYTES};
use crate::sql::Value;
use crate::{Result, StorageError, Store};

/// LIMIT: bytes that move in one step, after which writers have their turn.
const STEP_BYTES: usize = 4 * 1024 * 1024;
/// LIMIT: packs this small are put together when there are many, as after many restarts.
const SMALL_BYTES: u64 = 16 * 1024 * 1024;
const SMALL_PACKS_MAX: usize = 16;

/// A record that is still named.
struct Live {
    blob: i64,
    place: PackPlace,
    kept: Kept,
}

/// Gives back the space of packs that are at least half garbage; how many bytes that was. Those of
/// which the least is named come first: to remove an empty one takes no space.
///
/// # Errors
/// The first one of a pack. The others were seen to all the same, unless the disk is full.
pub(super) fn compact(store: &Store, packs: &Packs) -> Result<u64> {
    packs.forget_removed();
    let live = live_bytes(store)?;
    let mut files = packs.files()?;
    let live_of = |file: &PackFile| live.get(&file.pack).copied().unwrap_or(0);
    let small = files.iter().filter(|file| file.bytes < SMALL_BYTES).count() > SMALL_PACKS_MAX;
    files.retain(|file| {
        let mostly_garbage = live_of(file) <= file.bytes / 2;
        mostly_garbage || (small && file.bytes < SMALL_BYTES)
    });
    files.sort_by_key(live_of);
    let mut freed = Ok(0);
    for file in files {
        match empty(store, packs, file) {
            Ok(bytes) => freed = freed.map(|sum| sum + bytes),
            Err(cause) => {
                tracing::warn!(%cause, pack = file.pack, "a pack could not be emptied");
                let is_full = matches!(cause, StorageError::NoSpace(_));
                freed = freed.and(Err(cause));
                if is_full && live_of(&file) > 0 {
                    // Those that are left take no less. An empty one takes nothing: it failed with
                    // the commit of somebody else, and the next may not.
                    break;
                }
            }
        }
    }
    freed
}

/// Bytes of each pack that rows name, with the headers of their records.
fn live_bytes(store: &Store) -> Result<HashMap<i64, u64>> {
    let rows = store.read_blocking(|tx| {
        tx.sql.query_all(
            "SELECT pack, COUNT(*), CAST(SUM(stored_bytes) AS BIGINT) FROM blob \
             WHERE pack IS NOT NULL GROUP BY pack",
            &[],
            |row| Ok((row.int(0)?, row.int(1)?.cast_unsigned(), row.int(2)?.cast_unsigned())),
        )
    })?;
    let bytes = |(pack, records, bytes)| (pack, bytes + records * RECORD_HEADER_BYTES);
    Ok(rows.into_iter().map(bytes).collect())
}

/// Moves what is named out of a pack and removes it.
fn empty(store: &Store, packs: &Packs, file: PackFile) -> Result<u64> {
    let pack = file.pack;
    packs.retire(pack);
    // Writes that were under way may still name what they put there. The next transaction is
    // behind them, and no later one names anything new in this pack.
    store.write_blocking("retire pack", |_| Ok(()))?;
    let (mut moved_bytes, mut last) = (0, 0);
    loop {
        let step = load_step(store, packs, pack, last)?;
        let Some(newest) = step.last else { break };
        last = newest;
        moved_bytes += move_step(store, packs, step.records)?;
    }
    let empty = store.write_blocking("remove pack", move |tx| {
        let named = "SELECT id FROM blob WHERE pack = ?1 LIMIT 1";
        Ok(tx.sql.query_one(named, &[Value::Int(pack)], |_| Ok(()))?.is_none())
    })?;
    if !empty.value {
        return Ok(0);
    }
    packs.remove(pack)?;
    Ok(file.bytes.saturating_sub(moved_bytes))
}

#[derive(Default)]
struct Step {
    records: Vec<(Live, Vec<u8>)>,
    /// The last blob looked at; `None` at the end.
    last: Option<i64>,
}

/// The next records of a pack. A damaged one stays where it is, for whoever may repair it.
fn load_step(store: &Store, packs: &Packs, pack: i64, after: i64) -> Result<Step> {
    let rows = store.read_blocking(|tx| {
        tx.sql.query_all(
            "SELECT id, pack_offset, size_bytes, stored_bytes, codec, hash FROM blob \
             WHERE pack = ?1 AND id > ?2 ORDER BY id LIMIT 500",
            &[Value::Int(pack), Value::Int(after)],
            |row| {
                let hash = BlobId::from_slice(row.bytes(5)?)
                    .ok_or_else(|| StorageError::Corrupt("a blob has no hash".to_owned()))?;
                let place = PackPlace { pack, offset: row.int(1)? };
                let (size_bytes, stored_bytes) = (row.int(2)?, row.int(3)?);
                let kept = Kept { size_bytes, stored_bytes, codec: row.int(4)?, hash };
                Ok(Live { blob: row.int(0)?, place, kept })
            },
        )
    })?;
    let mut step = Step::default();
    let mut bytes = 0;
    for live in rows {
        if bytes >= STEP_BYTES {
            break;
        }
        step.last = Some(live.blob);
        let length = usize::try_from(live.kept.stored_bytes).unwrap_or(0);
        let stored = packs.read(live.place, length);
        match stored.and_then(|stored| live.kept.expand(&stored).map(|_| stored)) {
            Ok(stored) => {
                bytes += stored.len();
                step.records.push((live, stored));
            }
            Err(StorageError::Corrupt(cause)) => {
                tracing::error!(cause, pack, blob = live.blob, "a damaged blob stays in its pack");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(step)
}

/// Writes records to the newest pack, then lets their rows name them there.
fn move_step(store: &Store, packs: &Packs, records: Vec<(Live, Vec<u8>)>) -> Result<u64> {
    let blobs: Vec<_> =
        records.iter().map(|(live, stored)| (live.kept.hash, stored.as_slice())).collect();
    let appended = packs.append(&blobs);
    // Before any row names them there: the pack they come from goes afterwards.
    packs.sync(appended.epoch)?;
    // What had room is moved, for it would be garbage else.
    let placed = records.into_iter().zip(appended.places);
    let placed = placed.filter_map(|((live, stored), place)| Some((live, stored.len(), place?)));
    let (mut moves, mut moved_bytes) = (Vec::new(), 0);
    for (live, length, place) in placed {
        moves.push((live, place));
        moved_bytes += length as u64 + RECORD_HEADER_BYTES;
    }
    store.write_blocking("move blobs", move |tx| {
        tx.sql.execute_many(
            "UPDATE blob SET pack = ?2, pack_offset = ?3 WHERE id = ?1 AND pack = ?4",
            &mut moves.iter().map(|(live, to)| {
                vec![
                    Value::Int(live.blob),
                    Value::Int(to.pack),
                    Value::Int(to.offset),
                    Value::Int(live.place.pack),
                ]
            }),
        )
    })?;
    appended.failure.map_or(Ok(moved_bytes), Err)
}
