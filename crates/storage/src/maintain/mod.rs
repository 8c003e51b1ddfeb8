//! Maintenance: gives up what nobody needs any more, and its space.
//!
//! In this order: changes of flags not yet in their rows, expunged messages past their retention,
//! change log and trace past their days, what deliveries, greylisting and the log of accounts
//! remembered past its time, links that set passwords, contents and managed attachments that
//! nothing names with their blobs, blobs that nothing ever named, segments of the search index,
//! stored sort keys of messages gone, packs and objects that no row names, free pages. Each step is
//! many small transactions, so that writers hardly notice, and each is repeated by the next call
//! where one is cut short.
//!
//! **Invariant:** what a transaction deletes is checked in that transaction to be named by
//! nothing; files and objects go only after the rows that named them are gone for good.

mod activity;
mod attachments;
mod blobs;
mod change_log;
mod collections;
mod contacts;
mod contents;
mod expunged;
mod greylist;
mod objects;
mod packs;
mod password_links;
mod rules;
mod space;
mod sweeps;
#[cfg(test)]
mod tests;
mod trace;

use ids::Timestamp;

use crate::blob::BlobStore;
use crate::sql::Value;
use crate::{Result, Store, WriteTx, search, sort_keys};

/// LIMIT: rows that one transaction of maintenance deletes.
const ROWS: i64 = 500;
/// LIMIT: numbers of contents or blobs that one read looks at.
const WINDOW: i64 = 10_000;
/// LIMIT: windows of one call, some two million numbers; the next call goes on from there.
const WINDOWS_MAX: usize = 200;

/// How much one round of maintenance removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Maintained {
    /// Expunged messages that can no longer be brought back.
    pub expunged: u64,
    /// Facts of the change log.
    pub changes: u64,
    /// Events in the traces of messages.
    pub traces: u64,
    /// Memories removed: senders that were answered, messages that were seen, and requests that
    /// nobody answered.
    pub memories: u64,
    /// Versions of calendar and contact objects that can no longer be brought back.
    pub versions: u64,
    /// Message texts.
    pub contents: u64,
    /// Bodies of messages, and data of attachments.
    pub blobs: u64,
    /// Segments of the search index: those out of use, and those of contents mostly gone.
    pub segments: u64,
    /// Bytes given back by packs, objects and the database file.
    pub freed_bytes: u64,
}

/// What one call leaves for the next.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// Contents up to this one were looked at last.
    content: i64,
    /// Blobs up to this one were looked at last.
    blob: i64,
    /// Change logs of accounts up to this one were counted last.
    change_log: i64,
    /// Segments of the search index up to this one were looked at last.
    segment: i64,
    /// When objects were last compared with the rows.
    objects_swept: Option<Timestamp>,
}

/// One round of maintenance. Blocks.
pub(crate) fn maintain(
    store: &Store,
    places: &BlobStore,
    progress: &mut Progress,
) -> Result<Maintained> {
    let settings = store.settings();
    sweeps::settle(store)?;
    greylist::purge(store)?;
    password_links::purge(store)?;
    contacts::read_old(store)?;
    activity::purge(store, days_ago(store, settings.activity_days))?;
    let mut done = Maintained {
        expunged: expunged::purge(store, days_ago(store, settings.expunged_retention_days))?,
        changes: change_log::purge(store, days_ago(store, settings.change_log_days))?,
        traces: trace::purge(store, days_ago(store, settings.trace_days))?,
        memories: rules::purge(store, store.now())?,
        ..Maintained::default()
    };
    done.changes += change_log::trim(store, &mut progress.change_log, change_log::ROWS_MAX)?;
    let versions = days_ago(store, settings.expunged_retention_days);
    done.versions = collections::purge_versions(store, versions)?;
    done.versions += collections::purge_inboxes(store, days_ago(store, settings.inbox_days))?;
    let gone = days_ago(store, settings.change_log_days);
    done.changes += collections::purge_tombstones(store, gone)?;
    done.changes += collections::purge_directories(store, gone)?;
    done.changes += collections::purge_home_tombstones(store, gone)?;
    collections::purge_letters(store, gone)?;
    let erased = contents::erase(store, &mut progress.content)?;
    (done.contents, done.blobs) = (erased.contents, erased.blobs);
    done.blobs += attachments::purge(store, versions)?;
    done.blobs += blobs::erase(store, &mut progress.blob)?;
    done.segments = search::sweep(store, &mut progress.segment)? + search::give_up(store)?;
    sort_keys::sweep(store)?;
    let outside = match (places.packs(), places.objects()) {
        (Some(packs), _) => packs::compact(store, packs),
        (None, Some(objects)) => objects::sweep(store, objects, &mut progress.objects_swept),
        (None, None) => Ok(0),
    };
    // Also where the disk has no room to empty a pack.
    let pages = space::give_back(store);
    if let (Err(_), Err(cause)) = (&outside, &pages) {
        tracing::warn!(%cause, "free pages could not be given back");
    }
    done.freed_bytes = outside? + pages?;
    Ok(done)
}

fn days_ago(store: &Store, days: u32) -> Timestamp {
    store.now().plus_secs(-i64::from(days) * 24 * 60 * 60)
}

/// Calls `step` until it has nothing more to do; the sum of what it did.
fn repeat(mut step: impl FnMut() -> Result<u64>) -> Result<u64> {
    let mut sum = 0;
    loop {
        let done = step()?;
        sum += done;
        if done == 0 {
            return Ok(sum);
        }
    }
}

/// Goes along the ids of a table from `cursor` on, once around; `step` takes those that `within`
/// finds above ?1 and up to ?2. `newest` finds the last one there is.
fn walk(
    store: &Store,
    newest: &'static str,
    within: &'static str,
    cursor: &mut i64,
    mut step: impl FnMut(Vec<i64>) -> Result<()>,
) -> Result<()> {
    let newest = store.read_blocking(|tx| tx.sql.query_one(newest, &[], |row| row.opt_int(0)))?;
    let newest = newest.flatten().unwrap_or(0);
    let windows = usize::try_from(newest / WINDOW + 1).unwrap_or(WINDOWS_MAX);
    for _ in 0..windows.min(WINDOWS_MAX) {
        if *cursor >= newest {
            *cursor = 0;
        }
        let (after, until) = (*cursor, *cursor + WINDOW);
        let found = store.read_blocking(|tx| {
            let params = [Value::Int(after), Value::Int(until)];
            tx.sql.query_all(within, &params, |row| row.int(0))
        })?;
        for slice in found.chunks(ROWS as usize) {
            step(slice.to_vec())?;
        }
        *cursor = until;
    }
    Ok(())
}

/// Runs `step` for each account or collection that `owners` names: a query that walks along them,
/// those above ?1 that have something from before ?2.
fn for_owners(
    store: &Store,
    owners: &'static str,
    before: i64,
    mut step: impl FnMut(i64) -> Result<u64>,
) -> Result<u64> {
    let (mut sum, mut last) = (0, 0);
    loop {
        let found = store.read_blocking(|tx| {
            let params = [Value::Int(last), Value::Int(before)];
            tx.sql.query_all(owners, &params, |row| row.int(0))
        })?;
        let Some(&newest) = found.last() else { return Ok(sum) };
        last = newest;
        for owner in found {
            sum += repeat(|| step(owner))?;
        }
    }
}

/// A log of which only the newest days are kept. What it says of the time below a horizon is "too
/// old".
struct Log {
    /// Number and instant of its oldest entries of ?1, in the order of their numbers.
    oldest: &'static str,
    /// Moves the horizon of ?1 up to ?2.
    raise: &'static str,
    /// Deletes the entries of ?1 up to ?2.
    delete: &'static str,
}

impl Log {
    /// Moves the horizon of one of its owners past what is from before `before`, and deletes what
    /// is below it.
    fn purge_slice(&self, tx: &mut WriteTx<'_>, owner: i64, before: i64) -> Result<u64> {
        // Never a part of a transaction: all of it carries one instant, and its number decides.
        self.purge_while(tx, owner, |_, at| at < before)
    }

    /// Like `purge_slice`, past its oldest entries, of number and instant, of which this is true.
    fn purge_while(
        &self,
        tx: &mut WriteTx<'_>,
        owner: i64,
        is_over: impl Fn(i64, i64) -> bool,
    ) -> Result<u64> {
        let id = Value::Int(owner);
        let oldest = tx.sql.query_all(self.oldest, &[id], |row| Ok((row.int(0)?, row.int(1)?)))?;
        let horizon = oldest.iter().take_while(|(number, at)| is_over(*number, *at)).last();
        let Some(&(horizon, _)) = horizon else { return Ok(0) };
        let params = [id, Value::Int(horizon)];
        tx.sql.execute(self.raise, &params)?;
        tx.sql.execute(self.delete, &params)
    }
}
