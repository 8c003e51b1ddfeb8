//! One immutable state of a mailbox: which messages, under which sequence numbers, with which
//! flags.
//!
//! Messages lie in chunks shared between successive snapshots; a change copies only the chunks it
//! touches. So a snapshot of 1,000,000 messages follows a delivery by copying one chunk, and two
//! snapshots are compared by skipping every chunk they share.
//!
//! **Invariants:** UIDs ascend strictly over all chunks; no chunk is empty; `starts[i]` is the
//! number of messages before chunk `i`.

use std::ops::RangeInclusive;
use std::sync::Arc;

use ids::{CollectionId, ContentId, ModSeq, Timestamp, Uid, UidValidity};
use message::flag::{Flags, Keyword};

use super::chunk::{Chunk, Slot};
use super::flag_table::FlagTable;

/// Whether a view can still follow its mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ViewState {
    /// It follows the mailbox.
    Live,
    /// The mailbox was deleted.
    Deleted,
    /// The feed broke off (database unreachable for too long): end the session, open anew.
    Lost,
}

/// One immutable state of a mailbox.
#[derive(Debug, Clone)]
pub struct Snapshot {
    pub(super) mailbox: CollectionId,
    pub(super) uid_validity: UidValidity,
    pub(super) uid_next: Uid,
    pub(super) highest_modseq: ModSeq,
    /// Every change of the account up to here is in.
    pub(super) complete_to: ModSeq,
    pub(super) state: ViewState,
    /// How often the rights of others changed since the view was opened.
    pub(super) acl_changes: u32,
    /// How often its owner got another access key since the view was opened.
    pub(super) url_key_resets: u32,
    /// What [`SharedView`](super::SharedView) begins to count `\Recent` from.
    pub(super) recent_at_load: Uid,
    pub(super) chunks: Vec<Arc<Chunk>>,
    pub(super) starts: Vec<u32>,
    pub(super) exists: u32,
    pub(super) table: Arc<FlagTable>,
}

/// One message of a snapshot.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'s> {
    slot: &'s Slot,
    table: &'s FlagTable,
}

impl<'s> Entry<'s> {
    /// The UID of the message.
    pub fn uid(&self) -> Uid {
        Uid::new(self.slot.uid)
    }
    /// The flags and keywords.
    pub fn flags(&self) -> &'s Flags {
        self.table.flags(self.slot.flags)
    }
    /// The flags as IMAP shows them, such as `(\Seen $Forwarded)`.
    pub fn flags_rendered(&self) -> &'s str {
        self.table.rendered(self.slot.flags)
    }
    /// A number equal for messages of one snapshot with equal flags, below
    /// [`Snapshot::flag_sets`]: lets a search test each distinct set of flags once.
    pub fn flag_set(&self) -> usize {
        self.slot.flags as usize
    }
    /// The modification sequence of its last change.
    pub fn modseq(&self) -> ModSeq {
        ModSeq::new(self.slot.modseq)
    }
    /// The id of the text, and of all that was computed from it.
    pub fn content(&self) -> ContentId {
        ContentId::new(self.slot.content)
    }
    /// When it was received (RFC 9051 §2.3.3).
    pub fn internal_date(&self) -> Timestamp {
        Timestamp::from_micros(self.slot.internal_date)
    }
    /// RFC822.SIZE in bytes.
    pub fn size_bytes(&self) -> u32 {
        self.slot.size_bytes
    }
}

impl Snapshot {
    /// The mailbox shown.
    pub fn mailbox(&self) -> CollectionId {
        self.mailbox
    }
    /// UIDVALIDITY.
    pub fn uid_validity(&self) -> UidValidity {
        self.uid_validity
    }
    /// UIDNEXT.
    pub fn uid_next(&self) -> Uid {
        self.uid_next
    }
    /// HIGHESTMODSEQ (RFC 7162 §3.1.2.1): of the last change to this mailbox.
    pub fn highest_modseq(&self) -> ModSeq {
        self.highest_modseq
    }
    /// How many messages the mailbox holds.
    pub fn exists(&self) -> u32 {
        self.exists
    }
    /// Whether the mailbox is still there and followed.
    pub fn state(&self) -> ViewState {
        self.state
    }
    /// A number that grows when others may do more or less with the mailbox than before.
    pub fn acl_changes(&self) -> u32 {
        self.acl_changes
    }
    /// A number that grows when the owner of the mailbox has another access key for it.
    pub fn url_key_resets(&self) -> u32 {
        self.url_key_resets
    }
    /// Number of distinct sets of flags known; see [`Entry::flag_set`].
    pub fn flag_sets(&self) -> usize {
        self.table.len()
    }
    /// The set of flags with that number.
    pub fn flags_of_set(&self, set: usize) -> Option<&Flags> {
        (set < self.table.len()).then(|| self.table.flags(set as u32))
    }

    /// The message with sequence number `seq` (from 1).
    pub fn by_seq(&self, seq: u32) -> Option<Entry<'_>> {
        let index = seq.checked_sub(1).filter(|index| *index < self.exists)?;
        let chunk = self.starts.partition_point(|start| *start <= index).checked_sub(1)?;
        let slot = self.chunks.get(chunk)?.get((index - self.starts.get(chunk)?) as usize)?;
        Some(Entry { slot, table: &self.table })
    }

    /// The sequence number of a message, `None` if it is not there.
    pub fn seq_of(&self, uid: Uid) -> Option<u32> {
        let seq = self.first_seq_from(uid);
        (self.by_seq(seq)?.uid() == uid).then_some(seq)
    }

    /// The message with that UID.
    pub fn by_uid(&self, uid: Uid) -> Option<(u32, Entry<'_>)> {
        let seq = self.first_seq_from(uid);
        self.by_seq(seq).filter(|entry| entry.uid() == uid).map(|entry| (seq, entry))
    }

    /// The sequence number of the first message whose UID is `uid` or above;
    /// [`exists`](Self::exists) + 1 if there is none.
    pub fn first_seq_from(&self, uid: Uid) -> u32 {
        let uid = uid.get();
        let at =
            self.chunks.partition_point(|chunk| chunk.last().is_some_and(|slot| slot.uid < uid));
        match (self.chunks.get(at), self.starts.get(at)) {
            (Some(chunk), Some(start)) => {
                start + chunk.partition_point(|slot| slot.uid < uid) as u32 + 1
            }
            _ => self.exists + 1,
        }
    }

    /// Messages by ascending sequence number, those of `seqs` that exist.
    pub fn entries(&self, seqs: RangeInclusive<u32>) -> impl Iterator<Item = (u32, Entry<'_>)> {
        let first = (*seqs.start()).max(1);
        let last = (*seqs.end()).min(self.exists);
        let count = (u64::from(last) + 1).saturating_sub(u64::from(first)) as usize;
        let chunk = self.starts.partition_point(|start| *start < first).saturating_sub(1);
        let skip = (first - 1) - self.starts.get(chunk).copied().unwrap_or(0).min(first - 1);
        self.chunks
            .iter()
            .skip(chunk)
            .flat_map(|chunk| chunk.iter())
            .skip(skip as usize)
            .take(count)
            .zip(first..)
            .map(|(slot, seq)| (seq, Entry { slot, table: &self.table }))
    }

    /// Messages by ascending UID, those within `uids`.
    pub fn between(&self, uids: RangeInclusive<Uid>) -> impl Iterator<Item = (u32, Entry<'_>)> {
        let first = self.first_seq_from(*uids.start());
        let past = uids.end().get().checked_add(1).map(Uid::new);
        let end = past.map_or(self.exists + 1, |past| self.first_seq_from(past));
        self.entries(first..=end - 1)
    }

    /// Messages without `\Seen`. Walks the mailbox.
    pub fn unseen(&self) -> u32 {
        let unseen = self.table.unseen_sets();
        self.slots().filter(|slot| is_in(&unseen, slot.flags)).count() as u32
    }

    /// The sequence number of the first message without `\Seen` (RFC 3501 §7.1, UNSEEN). Walks
    /// only the chunks that nobody has asked for theirs.
    pub fn first_unseen(&self) -> Option<u32> {
        let unseen = self.table.unseen_sets();
        self.chunks.iter().zip(&self.starts).find_map(|(chunk, start)| {
            let at = chunk.first_unseen(|slot| is_in(&unseen, slot.flags))?;
            Some(start + at + 1)
        })
    }

    /// Every keyword that some message has, or had since the view was opened.
    pub fn keywords(&self) -> Vec<Keyword> {
        self.table.keywords()
    }

    fn slots(&self) -> impl Iterator<Item = &Slot> {
        self.chunks.iter().flat_map(|chunk| chunk.iter())
    }
}

fn is_in(sets: &[bool], set: u32) -> bool {
    sets.get(set as usize).copied().unwrap_or(false)
}
