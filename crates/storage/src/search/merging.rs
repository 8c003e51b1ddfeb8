//! Keeping segments few: four of about one size become one.

use ids::AccountId;
use textindex::{Head, Input, merge};

use super::garbage::give_up_of;
use super::rows::{Segment, StoredBlocks, has_content, segments};
use super::writer::{Change, SegmentWriter};
use crate::sql::Value;
use crate::{ReadTx, Result, StorageError, Store};

/// Segments of one size that are merged. More of them make searches slower, fewer merges dearer:
/// a content is written anew about as often as the logarithm of the account's size to this base.
const FAN_IN: usize = 4;
/// LIMIT: contents from which on a segment is not merged further. Words that all segments have are
/// searched in each of them.
const CONTENTS_FULL: i64 = 16_384;
/// LIMIT: the same in bytes: a merge reads and writes up to four times as much.
const BYTES_FULL: i64 = 128 * 1024 * 1024;
/// LIMIT: contents looked up in one read.
const LOOK_UPS: usize = 256;

/// Merges until nothing is to be merged; how many segments went.
pub(super) fn merge_small(
    store: &Store,
    account: AccountId,
    ended: &dyn Fn() -> bool,
) -> Result<u64> {
    let mut merged = 0;
    while !ended() {
        let all = store.read_blocking(|tx| segments(&mut *tx.sql, account))?;
        let Some(group) = group(&all) else { break };
        match rewrite(store, account, &all, &group) {
            Ok(()) => merged += group.len() as u64,
            Err(StorageError::Conflict(_) | StorageError::NotFound(_)) => break,
            // It stays as it is until it is repaired; what is new is indexed all the same.
            Err(StorageError::Corrupt(cause)) => {
                tracing::error!(%account, cause, "segments cannot be merged");
                break;
            }
            Err(other) => return Err(other),
        }
    }
    Ok(merged)
}

/// The smallest segments of which there are enough.
fn group(all: &[Segment]) -> Option<Vec<Segment>> {
    let is_full = |s: &Segment| s.contents >= CONTENTS_FULL || s.bytes >= BYTES_FULL;
    let tier = |s: &Segment| s.contents.max(1).ilog(FAN_IN as i64);
    let open: Vec<Segment> = all.iter().filter(|segment| !is_full(segment)).copied().collect();
    let mut tiers: Vec<u32> = open.iter().map(tier).collect();
    tiers.sort_unstable();
    let at = tiers.windows(FAN_IN).find(|window| window.first() == window.last())?.first()?;
    Some(open.into_iter().filter(|segment| tier(segment) == *at).take(FAN_IN).collect())
}

/// Makes one segment of `group`, without the contents that the account has no more.
pub(super) fn rewrite(
    store: &Store,
    account: AccountId,
    all: &[Segment],
    group: &[Segment],
) -> Result<()> {
    let replaced: Vec<i64> = group.iter().map(|segment| segment.id).collect();
    let mut heads = Vec::with_capacity(group.len());
    for id in &replaced {
        let head = store.read_blocking(|tx| load_head(tx, *id))?;
        let keep = kept(store, account, &head)?;
        heads.push((head, keep));
    }
    let mut sources: Vec<StoredBlocks<'_>> =
        replaced.iter().map(|segment| StoredBlocks { store, segment: *segment }).collect();
    let inputs = heads.iter().zip(&mut sources);
    let inputs = inputs.map(|((head, keep), source)| Input { head, keep: keep.clone(), source });
    let mut writer = SegmentWriter::new(store, account);
    let head = merge(inputs.collect(), &mut |number, block| writer.push(number, block))?;
    let gone = heads.iter().flat_map(|(head, keep)| head.documents().zip(keep));
    let change = Change {
        known: all.iter().map(|segment| segment.id).collect(),
        replaced: replaced.clone(),
        gone: gone.filter(|(_, keep)| !**keep).map(|(content, _)| content).collect(),
        marks: Vec::new(),
    };
    writer.finish(&head, change)?;
    replaced.iter().try_for_each(|segment| give_up_of(store, *segment))
}

pub(super) fn load_head(tx: &mut ReadTx<'_>, segment: i64) -> Result<Head> {
    let sql = "SELECT head FROM search_segment WHERE id = ?1 AND state = 1";
    let head = tx.sql.query_one(sql, &[Value::Int(segment)], |row| Ok(row.bytes(0)?.to_vec()))?;
    Ok(Head::parse(&head.ok_or(StorageError::Conflict("the index has changed"))?)?)
}

/// Which documents of a segment the account still has.
pub(super) fn kept(store: &Store, account: AccountId, head: &Head) -> Result<Vec<bool>> {
    let contents: Vec<i64> = head.documents().collect();
    let mut kept = Vec::with_capacity(contents.len());
    for contents in contents.chunks(LOOK_UPS) {
        let some = store.read_blocking(|tx| {
            let has = |content: &i64| has_content(&mut *tx.sql, account, *content);
            contents.iter().map(has).collect::<Result<Vec<bool>>>()
        })?;
        kept.extend(some);
    }
    Ok(kept)
}
