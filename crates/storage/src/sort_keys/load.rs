//! Finding keys: those in memory, which are added to where they do not suffice.

use std::sync::Arc;

use super::bounds::Bounds;
use super::build::Build;
use super::columns::{SortKeys, SortWant};
use crate::store::blocking;
use crate::{Result, Snapshot, Store};

/// LIMIT: up to here a walk over the messages takes less than moving to another thread.
const WALK_IN_PLACE: u32 = 20_000;

/// LIMIT: where so many times fewer messages are wanted than there are, only those are read.
const FEW: usize = 16;

/// The keys of messages of one snapshot.
#[derive(Debug, Clone)]
pub struct MailboxKeys {
    keys: Arc<SortKeys>,
    rows: RowsOf,
}

/// Where the rows of messages are.
#[derive(Debug, Clone)]
enum RowsOf {
    /// In the place of their sequence number.
    Seq,
    /// The row of each message, by sequence number less one.
    Table(Vec<u32>),
    /// In the place that their sequence number has among these.
    Few(Vec<u32>),
}

impl MailboxKeys {
    /// The sort keys, column by column.
    pub fn keys(&self) -> &SortKeys {
        &self.keys
    }

    /// The row of a message that was asked for.
    pub fn row(&self, seq: u32) -> usize {
        let at = seq.saturating_sub(1) as usize;
        match &self.rows {
            RowsOf::Seq => at,
            RowsOf::Table(rows) => rows.get(at).copied().unwrap_or_default() as usize,
            RowsOf::Few(seqs) => seqs.partition_point(|other| *other < seq),
        }
    }
}

/// How the keys in memory suffice for a snapshot.
enum Cover {
    /// Every message of the snapshot has its keys.
    Whole(RowsOf),
    /// All but messages newer than any known: those from this sequence number on.
    From(u32),
    /// Not messages between those known: they were gone when the others were read.
    Gaps,
}

fn cover(keys: &SortKeys, snapshot: &Snapshot) -> Cover {
    let known = keys.uids();
    let (mut rows, mut at, mut is_identity) = (Vec::new(), 0, true);
    rows.reserve_exact(snapshot.exists() as usize);
    for (seq, entry) in snapshot.entries(1..=snapshot.exists()) {
        let uid = entry.uid().get();
        while known.get(at).is_some_and(|known| *known < uid) {
            at += 1;
        }
        match known.get(at) {
            Some(known) if *known == uid => {
                is_identity &= at == (seq - 1) as usize;
                rows.push(at as u32);
            }
            None => return Cover::From(seq),
            Some(_) => return Cover::Gaps,
        }
    }
    Cover::Whole(if is_identity { RowsOf::Seq } else { RowsOf::Table(rows) })
}

/// For a session that was not told of expunges yet, and sorts what it knows.
async fn alone(build: &Build, want: &SortWant) -> Result<MailboxKeys> {
    let keys = Arc::new(build.read_alone(want).await?);
    Ok(MailboxKeys { keys, rows: RowsOf::Seq })
}

impl Store {
    /// The sort keys of the messages of `snapshot` with the sequence numbers `seqs`, ascending:
    /// those in memory, and the others read. Work is done off the async threads, and given up
    /// where the future is dropped.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`](crate::StorageError::Unavailable) where nothing can be read;
    /// [`LimitKind::MessageIds`](crate::LimitKind::MessageIds) where ids are wanted, and the
    /// messages name too many of them.
    pub async fn sort_keys(
        &self,
        snapshot: &Arc<Snapshot>,
        seqs: &[u32],
        want: &SortWant,
    ) -> Result<MailboxKeys> {
        self.sort_keys_within(snapshot, seqs, want, &Bounds::default()).await
    }

    /// [`sort_keys`](Self::sort_keys) within other bounds.
    pub(super) async fn sort_keys_within(
        &self,
        snapshot: &Arc<Snapshot>,
        seqs: &[u32],
        want: &SortWant,
        bounds: &Bounds,
    ) -> Result<MailboxKeys> {
        let name = (snapshot.mailbox(), snapshot.uid_validity());
        let place = self.sort_key_cache().place(name);
        if seqs.len().saturating_mul(FEW) < snapshot.exists() as usize {
            if let Ok(held) = place.try_lock()
                && held.has(want)
                && let Cover::Whole(rows) = self.cover(&held, snapshot).await?
            {
                return Ok(MailboxKeys { keys: held.clone(), rows });
            }
            let build = Build::begin(self, snapshot, bounds, (seqs.len(), 0), want.threads).await?;
            let keys = Arc::new(build.read_few(seqs, want).await?);
            return Ok(MailboxKeys { keys, rows: RowsOf::Few(seqs.to_vec()) });
        }
        let mut held = place.lock().await;
        let cover = match held.has(want) {
            true => self.cover(&held, snapshot).await?,
            false => Cover::From(1),
        };
        let first = match cover {
            Cover::Whole(rows) => return Ok(MailboxKeys { keys: held.clone(), rows }),
            Cover::From(seq) => Some(seq),
            Cover::Gaps => None,
        };
        let more = snapshot.exists().saturating_sub(first.unwrap_or(1)).saturating_add(1) as usize;
        let load = (more, held.size_bytes());
        // Keys that have ids are added to with theirs.
        let with_ids = want.threads || held.has_threads();
        let build = Build::begin(self, snapshot, bounds, load, with_ids).await?;
        let Some(first) = first else { return alone(&build, want).await };
        let keys = Arc::new(build.extend(&held, want, first).await?);
        let Cover::Whole(rows) = self.cover(&keys, snapshot).await? else {
            // What is stored may not have messages that were gone when it was made.
            return alone(&build, want).await;
        };
        *held = keys.clone();
        self.sort_key_cache().note(name, keys.size_bytes());
        Ok(MailboxKeys { keys, rows })
    }

    async fn cover(&self, keys: &Arc<SortKeys>, snapshot: &Arc<Snapshot>) -> Result<Cover> {
        if snapshot.exists() <= WALK_IN_PLACE {
            return Ok(cover(keys, snapshot));
        }
        let (keys, snapshot) = (keys.clone(), snapshot.clone());
        blocking("sort keys", move || Ok(cover(&keys, &snapshot))).await
    }
}
