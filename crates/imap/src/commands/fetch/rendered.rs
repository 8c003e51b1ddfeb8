//! Responses for a batch of messages, as many as one may hold.

use std::collections::BTreeMap;

use ids::{ContentId, Timestamp, Uid, UidSet};
use storage::{Content, Entry, ReadTx, Snapshot, Store, ThreadId};

use super::annotation::{self, Annotations};
use super::large::Large;
use super::response::{Plan, Read, render_message};
use crate::commands::batches::BATCH_BYTES;

/// LIMIT: what is rendered at once; a message with more to tell is sent item by item.
const RENDERED_BYTES: u64 = 2 * BATCH_BYTES;

/// Responses for a batch of messages.
pub(super) struct Rendered {
    pub(super) bytes: Vec<u8>,
    /// Whether nothing that was asked for had to be left out.
    pub(super) is_whole: bool,
    /// The messages that this FETCH marks `\Seen`: those of which nothing was left out.
    pub(super) to_mark: UidSet,
    /// No message was erased under a session that was not told yet.
    pub(super) is_complete: bool,
    /// The first message that was too much for this batch.
    pub(super) rest: Option<u32>,
    /// A message with more to tell than is rendered at once; it is the whole batch.
    pub(super) large: Option<Large>,
}

/// What a batch asks for, where all of it is in memory: it needs no transaction then, and no
/// other thread, which for small messages takes longer than rendering them.
pub(super) fn held_contents(
    store: &Store,
    known: &Snapshot,
    seqs: &[u32],
    plan: &Plan,
) -> Option<Vec<Content>> {
    if plan.wants_rows() {
        return None;
    }
    let entries = seqs.iter().filter_map(|&seq| known.by_seq(seq));
    let ids: Vec<_> = entries.map(|entry| entry.content()).collect();
    store.held_contents(&ids, plan.want())
}

impl Rendered {
    /// An empty rendering, into a buffer that was used before.
    fn begin(mut bytes: Vec<u8>) -> Self {
        bytes.clear();
        let to_mark = UidSet::new();
        Self { bytes, is_whole: true, to_mark, is_complete: true, rest: None, large: None }
    }

    /// Adds a message, if it fits; the first one that does not fit at all is the batch.
    fn add(
        &mut self,
        (seq, entry): (u32, &Entry<'_>),
        content: Content,
        read: Read<'static>,
        plan: &Plan,
    ) -> Added {
        let more = plan.bytes_max(&content) + read.annotations.bytes();
        if more.saturating_add(self.bytes.len() as u64) <= RENDERED_BYTES {
            let read = read.with(&content);
            let is_whole = render_message(&mut self.bytes, seq, entry, plan, &read);
            self.is_whole &= is_whole;
            if is_whole && plan.is_to_mark(entry) {
                self.to_mark.insert(entry.uid());
            }
            return Added::Rendered;
        }
        if !self.bytes.is_empty() {
            self.rest = Some(seq);
            return Added::Full;
        }
        self.large = Some(Large::new(seq, content, read));
        Added::Large
    }
}

/// Whether a message could be added to a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Added {
    Rendered,
    /// It is left to the next batch.
    Full,
    /// The batch is this message.
    Large,
}

/// Responses for as many messages of a batch as make no more than one may.
pub(super) fn render_held(
    bytes: Vec<u8>,
    known: &Snapshot,
    seqs: &[u32],
    plan: &Plan,
    contents: Vec<Content>,
) -> Rendered {
    let mut rendered = Rendered::begin(bytes);
    let entries = seqs.iter().filter_map(|&seq| known.by_seq(seq).map(|entry| (seq, entry)));
    let mut pairs = entries.zip(contents);
    while let Some(((seq, entry), content)) = pairs.next() {
        if rendered.bytes.len() as u64 > BATCH_BYTES {
            rendered.rest = Some(seq);
            break;
        }
        match rendered.add((seq, &entry), content, Read::default(), plan) {
            Added::Rendered => {}
            Added::Full => break,
            Added::Large => {
                rendered.rest = pairs.next().map(|((seq, _), _)| seq);
                break;
            }
        }
    }
    rendered
}

pub(super) fn render_batch(
    tx: &mut ReadTx<'_>,
    bytes: Vec<u8>,
    known: &Snapshot,
    seqs: &[u32],
    plan: &Plan,
) -> storage::Result<Rendered> {
    let mut entries: Vec<_> =
        seqs.iter().filter_map(|&seq| known.by_seq(seq).map(|entry| (seq, entry))).collect();
    let left_out = annotation::cut(tx, known, &mut entries, plan)?;
    let ids: Vec<_> = entries.iter().map(|(_, entry)| entry.content()).collect();
    let contents = tx.load_contents_within(&ids, plan.want(), BATCH_BYTES)?;
    let rows = Rows::load(tx, known, &entries, plan)?;
    let loaded = entries.iter().map(|(_, entry)| entry).take(contents.len());
    let mut rendered = Rendered::begin(bytes);
    rendered.bytes.reserve(plan.estimate(loaded).min(RENDERED_BYTES as usize));
    rendered.rest = entries.get(contents.len()).map(|(seq, _)| *seq).or(left_out);
    for (at, ((seq, entry), content)) in entries.iter().zip(contents).enumerate() {
        let Some(content) = content else {
            rendered.is_complete = false;
            continue;
        };
        match rendered.add((*seq, entry), content, rows.of(entry), plan) {
            Added::Rendered => {}
            Added::Full => break,
            Added::Large => {
                rendered.rest = entries.get(at + 1).map(|(seq, _)| *seq).or(left_out);
                break;
            }
        }
    }
    Ok(rendered)
}

/// What single columns say of the messages of a batch.
#[derive(Default)]
pub(super) struct Rows {
    threads: Vec<(ContentId, ThreadId)>,
    save_dates: Vec<(Uid, Timestamp)>,
    annotations: BTreeMap<Uid, Annotations>,
}

impl Rows {
    pub(super) fn load(
        tx: &mut ReadTx<'_>,
        known: &Snapshot,
        entries: &[(u32, Entry<'_>)],
        plan: &Plan,
    ) -> storage::Result<Self> {
        let mut rows = Self::default();
        if plan.wants_threads() {
            let contents: Vec<_> = entries.iter().map(|(_, entry)| entry.content()).collect();
            rows.threads = tx.load_threads(&contents)?;
        }
        let Some(range) = annotation::range_of(entries) else { return Ok(rows) };
        if plan.wants_save_dates() {
            rows.save_dates = tx.load_save_dates(known.mailbox(), range)?;
        }
        if plan.annotation().is_some() {
            rows.annotations = annotation::load(tx, known, entries, plan)?;
        }
        Ok(rows)
    }

    pub(super) fn of(&self, entry: &Entry<'_>) -> Read<'static> {
        let (id, uid) = (entry.content(), entry.uid());
        let thread = self.threads.binary_search_by_key(&id, |(content, _)| *content).ok();
        let saved = self.save_dates.binary_search_by_key(&uid, |(uid, _)| *uid).ok();
        Read {
            content: None,
            thread: thread.and_then(|at| self.threads.get(at)).map(|(_, thread)| *thread),
            saved: saved.and_then(|at| self.save_dates.get(at)).map(|(_, saved)| *saved),
            annotations: self.annotations.get(&uid).cloned().unwrap_or_default(),
        }
    }
}
