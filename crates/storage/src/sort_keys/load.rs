//! Reading keys: those that are not in memory yet, as they are stored, and the others some thousand
//! messages at a time.

use std::ops::RangeInclusive;
use std::sync::Arc;

use ids::{CollectionId, ContentId, Timestamp, Uid};

use super::blocks::{self, Next};
use super::columns::{Kind, Rows, SortKeys, SortWant};
use super::mend::mend;
use crate::store::blocking;
use crate::{Entry, ReadTx, Result, Snapshot, StorageError, Store, Want};

/// LIMIT: messages of one read transaction: some 50 ms, after which others may read, and the
/// whole ends where nobody waits for it any more.
const READ_MESSAGES: u32 = 8192;
/// LIMIT: messages from which on two halves are read at once.
const SPLIT_MESSAGES: u32 = 2048;
/// LIMIT: bytes held at a time of messages that are read one by one.
const READ_BYTES: u64 = 4 * 1024 * 1024;
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

/// Whether there are many rows of messages that a snapshot does not have.
fn is_sparse(keys: &SortKeys, snapshot: &Snapshot) -> bool {
    keys.uids().len() > 1024 + 2 * snapshot.exists() as usize
}

impl Store {
    /// The sort keys of the messages of `snapshot` with the sequence numbers `seqs`, ascending:
    /// those in memory, and the others read. Work is done off the async threads, and given up
    /// where the future is dropped.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`](crate::StorageError::Unavailable) where nothing can be read.
    pub async fn sort_keys(
        &self,
        snapshot: &Arc<Snapshot>,
        seqs: &[u32],
        want: &SortWant,
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
            return self.read_few(snapshot, seqs, want).await;
        }
        let mut held = place.lock().await;
        let cover = match held.has(want) {
            true => self.cover(&held, snapshot).await?,
            false => Cover::From(1),
        };
        let first = match cover {
            Cover::Whole(rows) => return Ok(MailboxKeys { keys: held.clone(), rows }),
            Cover::From(seq) => seq,
            Cover::Gaps => return self.read_alone(snapshot, want).await,
        };
        // Rows of messages gone long ago are dropped by reading anew.
        let is_sparse = is_sparse(&held, snapshot);
        let keys = match first == 1 || is_sparse {
            true => self.read_anew(snapshot, Rows::anew(&held, want)).await?,
            false => {
                let rows = Rows::after(SortKeys::clone(&held));
                self.read_rows(snapshot, rows, first).await?
            }
        };
        let keys = Arc::new(keys);
        let Cover::Whole(rows) = self.cover(&keys, snapshot).await? else {
            // What is stored may not have messages that were gone when it was made.
            return self.read_alone(snapshot, want).await;
        };
        *held = keys.clone();
        self.sort_key_cache().note(name, keys.size_bytes());
        Ok(MailboxKeys { keys, rows })
    }

    /// For a session that was not told of expunges yet, and sorts what it knows.
    async fn read_alone(&self, snapshot: &Arc<Snapshot>, want: &SortWant) -> Result<MailboxKeys> {
        let rows = Rows::anew(&SortKeys::default(), want);
        let keys = Arc::new(self.read_rows(snapshot, rows, 1).await?);
        Ok(MailboxKeys { keys, rows: RowsOf::Seq })
    }

    /// Reads what is stored, and the messages behind it one by one.
    async fn read_anew(&self, snapshot: &Arc<Snapshot>, rows: Rows) -> Result<SortKeys> {
        let stored = match rows.known().kinds() {
            Some(kinds) => self.read_stored(snapshot.mailbox(), kinds).await?,
            None => None,
        };
        let Some(mut stored) = stored else { return self.read_rows(snapshot, rows, 1).await };
        if is_sparse(&stored, snapshot) {
            let entries = snapshot.entries(1..=snapshot.exists());
            stored.retain(entries.map(|(_, entry)| entry.uid().get()));
        }
        let last = stored.uids().last().copied().unwrap_or_default();
        let first = snapshot.first_seq_from(Uid::new(last.saturating_add(1)));
        match first > snapshot.exists() {
            true => Ok(stored),
            false => self.read_rows(snapshot, Rows::after(stored), first).await,
        }
    }

    /// What is stored of the keys of a mailbox; `None` where that is nothing, or damaged.
    async fn read_stored(
        &self,
        mailbox: CollectionId,
        kinds: Vec<Kind>,
    ) -> Result<Option<SortKeys>> {
        let (mut parts, mut above, mut is_mended) = (Vec::new(), 0, false);
        loop {
            let kinds = kinds.clone();
            let read =
                self.read(move |tx| blocks::read_some(&mut *tx.sql, mailbox, above, &kinds)).await;
            match read {
                Ok(Next { keys, next }) => {
                    parts.extend(keys);
                    let Some(next) = next else { break };
                    above = next;
                }
                Err(StorageError::Corrupt(_)) if !is_mended => {
                    let store = self.clone();
                    let mending = blocking("mend sort keys", move || mend(&store, mailbox)).await;
                    if let Err(error) = mending {
                        tracing::debug!(%error, "sort keys are not made anew now");
                        return Ok(None);
                    }
                    (parts, above, is_mended) = (Vec::new(), 0, true);
                }
                // Somebody else is making it anew.
                Err(StorageError::Corrupt(_)) => return Ok(None),
                Err(other) => return Err(other),
            }
        }
        match parts.len() {
            0 | 1 => Ok(parts.pop()),
            _ => blocking("join sort keys", move || Ok(SortKeys::join(parts))).await,
        }
    }

    async fn read_few(
        &self,
        snapshot: &Arc<Snapshot>,
        seqs: &[u32],
        want: &SortWant,
    ) -> Result<MailboxKeys> {
        let mut rows = Rows::anew(&SortKeys::default(), want);
        for seqs in seqs.chunks(READ_MESSAGES as usize) {
            let (snapshot, seqs) = (snapshot.clone(), seqs.to_vec());
            rows = self
                .read(move |tx| {
                    let entries = seqs.iter().filter_map(|seq| snapshot.by_seq(*seq));
                    let messages: Vec<Message> = entries.map(|e| Message::of(&e)).collect();
                    push_by_content(tx, &messages, &mut rows)?;
                    Ok(rows)
                })
                .await?;
        }
        let keys = blocking("rank sort keys", move || Ok(rows.finish())).await?;
        Ok(MailboxKeys { keys: Arc::new(keys), rows: RowsOf::Few(seqs.to_vec()) })
    }

    async fn cover(&self, keys: &Arc<SortKeys>, snapshot: &Arc<Snapshot>) -> Result<Cover> {
        if snapshot.exists() <= WALK_IN_PLACE {
            return Ok(cover(keys, snapshot));
        }
        let (keys, snapshot) = (keys.clone(), snapshot.clone());
        blocking("sort keys", move || Ok(cover(&keys, &snapshot))).await
    }

    /// Adds the messages from sequence number `first` on to `rows`. Two halves of many are read at
    /// once, since this is mostly work for the processor.
    async fn read_rows(
        &self,
        snapshot: &Arc<Snapshot>,
        rows: Rows,
        first: u32,
    ) -> Result<SortKeys> {
        let last = snapshot.exists();
        let count = last.saturating_sub(first).saturating_add(1);
        if count < SPLIT_MESSAGES {
            return self.read_part(snapshot, rows, first..=last).await;
        }
        let middle = first + count / 2;
        let behind = self.read_part(snapshot, rows.beside(), middle + 1..=last);
        let (mut keys, behind) =
            tokio::try_join!(self.read_part(snapshot, rows, first..=middle), behind)?;
        let append = move || {
            keys.append(behind);
            Ok(keys)
        };
        blocking("join sort keys", append).await
    }

    async fn read_part(
        &self,
        snapshot: &Arc<Snapshot>,
        mut rows: Rows,
        seqs: RangeInclusive<u32>,
    ) -> Result<SortKeys> {
        let (mut first, end) = seqs.into_inner();
        while first <= end {
            let last = first.saturating_add(READ_MESSAGES - 1).min(end);
            let snapshot = snapshot.clone();
            rows = self
                .read(move |tx| {
                    let entries = snapshot.entries(first..=last);
                    let messages: Vec<Message> = entries.map(|(_, e)| Message::of(&e)).collect();
                    match rows.needs_header() {
                        true => push_by_content(tx, &messages, &mut rows)?,
                        false => push_from_mailbox(tx, snapshot.mailbox(), &messages, &mut rows)?,
                    }
                    Ok(rows)
                })
                .await?;
            first = last.saturating_add(1);
        }
        blocking("rank sort keys", move || Ok(rows.finish())).await
    }
}

/// A message whose keys are to be read.
struct Message {
    uid: Uid,
    content: ContentId,
    received: Timestamp,
}

impl Message {
    fn of(entry: &Entry<'_>) -> Self {
        Self { uid: entry.uid(), content: entry.content(), received: entry.internal_date() }
    }
}

/// Reads along the mailbox, which is faster than message by message, unless some of them are no
/// longer in it.
fn push_from_mailbox(
    tx: &mut ReadTx<'_>,
    mailbox: CollectionId,
    messages: &[Message],
    rows: &mut Rows,
) -> Result<()> {
    let (Some(low), Some(high)) = (messages.first(), messages.last()) else { return Ok(()) };
    let mut waiting = messages.iter().peekable();
    // From the first message on that is gone, rows would be out of order.
    let mut first_gone = None;
    tx.load_keys_between(mailbox, low.uid..=high.uid, |uid, keys| {
        if first_gone.is_none()
            && let Some(message) = waiting.next_if(|message| message.uid <= uid)
        {
            match message.uid == uid {
                true => rows.push(message.uid, message.received.as_secs(), keys, &[]),
                false => first_gone = Some(message.uid),
            }
        }
        Ok(())
    })?;
    let first_gone = first_gone.or(waiting.next().map(|message| message.uid));
    let Some(first_gone) = first_gone else { return Ok(()) };
    let from = messages.partition_point(|message| message.uid < first_gone);
    push_by_content(tx, messages.get(from..).unwrap_or_default(), rows)
}

/// Reads message by message. One that was erased has no keys.
fn push_by_content(tx: &mut ReadTx<'_>, messages: &[Message], rows: &mut Rows) -> Result<()> {
    let want = match rows.needs_header() {
        true => Want::KEYS | Want::HEADER,
        false => Want::KEYS,
    };
    let mut rest = messages;
    while !rest.is_empty() {
        let ids: Vec<ContentId> = rest.iter().map(|message| message.content).collect();
        let contents = tx.passing_by().load_contents_within(&ids, want, READ_BYTES)?;
        let (read, later) = rest.split_at(contents.len().min(rest.len()));
        for (message, content) in read.iter().zip(contents) {
            let content = content.unwrap_or_default();
            let keys = content.keys().unwrap_or_default();
            let header = content.header().unwrap_or_default();
            rows.push(message.uid, message.received.as_secs(), keys, header);
        }
        rest = later;
    }
    Ok(())
}
