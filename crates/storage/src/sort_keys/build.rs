//! Making keys: of what is stored, and of the others some thousand messages at a time.

use std::ops::RangeInclusive;
use std::sync::Arc;

use ids::{CollectionId, ContentId, Timestamp, Uid};

use super::blocks::{self, Next};
use super::bounds::{Bounds, IdLimit, Turn, is_too_many_ids};
use super::columns::{Kind, Rows, SortKeys, SortWant};
use super::mend::mend;
use crate::{Entry, ReadTx, Result, Snapshot, StorageError, Store, Want};

/// LIMIT: messages of one read transaction: some 50 ms, after which others may read, and the
/// whole ends where nobody waits for it any more.
const READ_MESSAGES: u32 = 8192;
/// LIMIT: messages from which on two halves are read at once.
const SPLIT_MESSAGES: u32 = 2048;
/// LIMIT: bytes held at a time of messages that are read one by one.
const READ_BYTES: u64 = 4 * 1024 * 1024;

/// Whether there are many rows of messages that a snapshot does not have.
pub(super) fn is_sparse(rows: usize, snapshot: &Snapshot) -> bool {
    rows > 1024 + 2 * snapshot.exists() as usize
}

/// Makes the keys of one snapshot.
pub(super) struct Build {
    store: Store,
    snapshot: Arc<Snapshot>,
    limit: IdLimit,
    turn: Turn,
}

impl Build {
    /// Waits for a turn where there is much to do: keys of so many messages are to be added to so
    /// many bytes of others, with ids or without.
    pub(super) async fn begin(
        store: &Store,
        snapshot: &Arc<Snapshot>,
        bounds: &Bounds,
        (messages, bytes): (usize, usize),
        ids: bool,
    ) -> Result<Self> {
        let turn = match bounds.is_light(messages, bytes, ids) {
            true => Turn::default(),
            false => Turn::wait(store.sort_key_cache().turns()).await?,
        };
        let limit = bounds.of(snapshot.exists());
        Ok(Self { store: store.clone(), snapshot: snapshot.clone(), limit, turn })
    }

    async fn read<T, F>(&self, closure: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut ReadTx<'_>) -> Result<T> + Send + 'static,
    {
        let store = self.store.clone();
        self.turn.blocking("read sort keys", move || store.read_blocking(closure)).await
    }

    /// The rows of what is known, and of the messages from sequence number `first` on. Where those
    /// name too many ids, who did not ask for ids gets keys without.
    pub(super) async fn extend(
        &self,
        held: &Arc<SortKeys>,
        want: &SortWant,
        first: u32,
    ) -> Result<SortKeys> {
        // Rows of messages gone long ago are dropped by reading anew.
        let anew = first == 1 || is_sparse(held.uids().len(), &self.snapshot);
        let made = match anew {
            true => self.read_anew(Rows::anew(held, want)).await,
            false => self.read_rows(Rows::after(SortKeys::clone(held)), first).await,
        };
        match made {
            Err(error) if is_too_many_ids(&error) && !want.threads => {
                self.read_anew(Rows::anew(&SortKeys::default(), want)).await
            }
            // Those of messages that are gone may be among them.
            Err(error) if is_too_many_ids(&error) && !anew => {
                self.read_anew(Rows::anew(held, want)).await
            }
            made => made,
        }
    }

    /// For a session that was not told of expunges yet, and sorts what it knows.
    pub(super) async fn read_alone(&self, want: &SortWant) -> Result<SortKeys> {
        let rows = Rows::anew(&SortKeys::default(), want);
        self.read_rows(rows, 1).await
    }

    /// Reads what is stored, and the messages behind it one by one.
    async fn read_anew(&self, rows: Rows) -> Result<SortKeys> {
        let stored = match rows.known().kinds() {
            Some(kinds) => self.read_stored(kinds).await?,
            None => None,
        };
        let Some(mut stored) = stored else { return self.read_rows(rows, 1).await };
        if is_sparse(stored.uids().len(), &self.snapshot) {
            let snapshot = self.snapshot.clone();
            let thin = move || {
                let entries = snapshot.entries(1..=snapshot.exists());
                stored.retain(entries.map(|(_, entry)| entry.uid().get()));
                Ok(stored)
            };
            stored = self.turn.blocking("thin sort keys", thin).await?;
        }
        let last = stored.uids().last().copied().unwrap_or_default();
        let first = self.snapshot.first_seq_from(Uid::new(last.saturating_add(1)));
        match first > self.snapshot.exists() {
            true => Ok(stored),
            false => self.read_rows(Rows::after(stored), first).await,
        }
    }

    /// What is stored of the keys of a mailbox; `None` where that is nothing, or damaged.
    async fn read_stored(&self, kinds: Vec<Kind>) -> Result<Option<SortKeys>> {
        let (mailbox, limit) = (self.snapshot.mailbox(), self.limit);
        let count = move |tx: &mut ReadTx<'_>| blocks::count(&mut *tx.sql, mailbox);
        if self.turn.is_none() && is_sparse(self.read(count).await?, &self.snapshot) {
            // Most are of messages long gone, and those that are left are few.
            return Ok(None);
        }
        let (mut parts, mut above, mut is_mended) = (Vec::new(), 0, false);
        loop {
            let kinds = kinds.clone();
            let read = move |tx: &mut ReadTx<'_>| {
                blocks::read_some(&mut *tx.sql, mailbox, above, &kinds, limit)
            };
            let mut read = self.read(read).await;
            if let Ok(Next { keys: Some(keys), .. }) = &mut read {
                parts.push(std::mem::take(keys));
                if let Err(error) = self.bound(&mut parts).await {
                    read = Err(error);
                }
            }
            match read {
                Ok(Next { next: None, .. }) => break,
                Ok(Next { next: Some(next), .. }) => above = next,
                Err(StorageError::Corrupt(_)) if !is_mended => {
                    let store = self.store.clone();
                    let mending = move || mend(&store, mailbox);
                    if let Err(error) = self.turn.blocking("mend sort keys", mending).await {
                        tracing::debug!(%error, "sort keys are not made anew now");
                        return Ok(None);
                    }
                    (parts, above, is_mended) = (Vec::new(), 0, true);
                }
                // Somebody else is making it anew.
                Err(StorageError::Corrupt(_)) => return Ok(None),
                // They may be ids of messages long gone: those that are there are counted then.
                Err(error) if is_too_many_ids(&error) => return Ok(None),
                Err(other) => return Err(other),
            }
        }
        match parts.len() {
            0 | 1 => Ok(parts.pop()),
            _ => self.join(parts).await,
        }
    }

    /// Puts parts together as soon as they may name too many ids, each of them counted for itself.
    ///
    /// # Errors
    /// [`StorageError::Limit`] where they do.
    async fn bound(&self, parts: &mut Vec<SortKeys>) -> Result<()> {
        let named = parts.iter().map(SortKeys::named_ids).sum();
        self.limit.check(0, named)?;
        let distinct: usize = parts.iter().map(SortKeys::message_ids).sum();
        if self.limit.check(distinct, 0).is_ok() {
            return Ok(());
        }
        let joined = self.join(std::mem::take(parts)).await?;
        parts.extend(joined);
        let distinct = parts.iter().map(SortKeys::message_ids).sum();
        self.limit.check(distinct, 0)
    }

    async fn join(&self, parts: Vec<SortKeys>) -> Result<Option<SortKeys>> {
        let limit = self.limit;
        self.turn.blocking("join sort keys", move || SortKeys::join(parts, limit)).await
    }

    /// The keys of the messages with these sequence numbers only.
    pub(super) async fn read_few(&self, seqs: &[u32], want: &SortWant) -> Result<SortKeys> {
        let mut rows = Rows::anew(&SortKeys::default(), want);
        for seqs in seqs.chunks(READ_MESSAGES as usize) {
            let (snapshot, limit, seqs) = (self.snapshot.clone(), self.limit, seqs.to_vec());
            let read = move |tx: &mut ReadTx<'_>| {
                let entries = seqs.iter().filter_map(|seq| snapshot.by_seq(*seq));
                let messages: Vec<Message> = entries.map(|e| Message::of(&e)).collect();
                push_by_content(tx, &messages, &mut rows)?;
                rows.check(limit)?;
                Ok(rows)
            };
            rows = self.read(read).await?;
        }
        self.turn.blocking("rank sort keys", move || Ok(rows.finish())).await
    }

    /// Adds the messages from sequence number `first` on to `rows`. Two halves of many are read at
    /// once, since this is mostly work for the processor.
    async fn read_rows(&self, rows: Rows, first: u32) -> Result<SortKeys> {
        let last = self.snapshot.exists();
        let count = last.saturating_sub(first).saturating_add(1);
        if count < SPLIT_MESSAGES {
            return self.read_part(rows, first..=last).await;
        }
        let middle = first + count / 2;
        let behind = self.read_part(rows.beside(), middle + 1..=last);
        let (mut keys, behind) = tokio::try_join!(self.read_part(rows, first..=middle), behind)?;
        let limit = self.limit;
        let append = move || {
            keys.append(behind, limit)?;
            Ok(keys)
        };
        self.turn.blocking("join sort keys", append).await
    }

    async fn read_part(&self, mut rows: Rows, seqs: RangeInclusive<u32>) -> Result<SortKeys> {
        let (mut first, end) = seqs.into_inner();
        while first <= end {
            let last = first.saturating_add(READ_MESSAGES - 1).min(end);
            let (snapshot, limit) = (self.snapshot.clone(), self.limit);
            let read = move |tx: &mut ReadTx<'_>| {
                let entries = snapshot.entries(first..=last);
                let messages: Vec<Message> = entries.map(|(_, e)| Message::of(&e)).collect();
                match rows.needs_header() {
                    true => push_by_content(tx, &messages, &mut rows)?,
                    false => push_from_mailbox(tx, snapshot.mailbox(), &messages, &mut rows)?,
                }
                rows.check(limit)?;
                Ok(rows)
            };
            rows = self.read(read).await?;
            first = last.saturating_add(1);
        }
        self.turn.blocking("rank sort keys", move || Ok(rows.finish())).await
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
