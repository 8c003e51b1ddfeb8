//! The next snapshot from the last one and what a transaction did.

use std::sync::Arc;

use ids::{ModSeq, Uid, UidSet};
use message::flag::Flags;

use super::chunk::{CHUNK_MESSAGES, Slot};
use super::delta::{DeltaEntry, MailboxDelta};
use super::snapshot::{Snapshot, ViewState};

impl Snapshot {
    /// An empty snapshot to build on.
    pub(crate) fn empty(
        mailbox: ids::CollectionId,
        uid_validity: ids::UidValidity,
        uid_next: Uid,
        highest_modseq: ModSeq,
        complete_to: ModSeq,
        recent_at_load: Uid,
    ) -> Self {
        Self {
            mailbox,
            uid_validity,
            uid_next,
            highest_modseq,
            complete_to,
            recent_at_load,
            state: ViewState::Live,
            acl_changes: 0,
            url_key_resets: 0,
            chunks: Vec::new(),
            starts: Vec::new(),
            exists: 0,
            table: Arc::default(),
        }
    }

    /// Adds one message at the end; used while a view is loaded. The UID must be above all others.
    pub(super) fn push_loaded(&mut self, entry: &DeltaEntry, modseq: ModSeq) {
        // Neighbours mostly have equal flags.
        let last = self.chunks.last().and_then(|chunk| chunk.last()).map(|slot| slot.flags);
        let flags = match last.filter(|last| self.table.flags(*last) == &entry.flags) {
            Some(last) => last,
            None => self.number_of(&entry.flags),
        };
        self.push(entry, flags, modseq);
    }

    /// This snapshot with `deltas` applied, those of transactions that it holds already left out.
    pub(crate) fn after<'d>(&self, deltas: impl Iterator<Item = &'d MailboxDelta>) -> Self {
        let mut next = self.clone();
        let mut newest = next.complete_to;
        for delta in deltas.filter(|delta| delta.modseq > self.complete_to) {
            next.apply(delta);
            newest = newest.max(delta.modseq);
        }
        next.complete_to = newest;
        next.forget_unused_flags();
        next
    }

    /// Numbers the sets of flags anew when most of them are on no message any more.
    fn forget_unused_flags(&mut self) {
        if !self.table.may_hold_unused(self.exists) {
            return;
        }
        let mut table = self.table.successor();
        for chunk in &mut self.chunks {
            let renumbered = chunk
                .iter()
                .map(|slot| Slot { flags: table.intern(self.table.flags(slot.flags)), ..*slot });
            *chunk = Arc::new(renumbered.collect());
        }
        table.note_live();
        self.table = Arc::new(table);
    }

    fn apply(&mut self, delta: &MailboxDelta) {
        if delta.acl_changed {
            self.acl_changes += 1;
            return;
        }
        if delta.url_key_reset {
            self.url_key_resets += 1;
            return;
        }
        self.highest_modseq = self.highest_modseq.max(delta.modseq);
        if delta.deleted {
            self.state = ViewState::Deleted;
        }
        if !delta.flags.is_empty() {
            self.set_flags(&delta.flags, delta.modseq);
        }
        if !delta.expunged.is_empty() {
            self.remove(&delta.expunged);
        }
        let mut last: Option<(&Flags, u32)> = None;
        for entry in &delta.added {
            if entry.uid >= self.uid_next {
                let flags = match last {
                    Some((known, number)) if *known == entry.flags => number,
                    _ => self.number_of(&entry.flags),
                };
                last = Some((&entry.flags, flags));
                self.push(entry, flags, delta.modseq);
                self.uid_next = Uid::new(entry.uid.get().saturating_add(1));
            }
        }
        let after = delta.added_up_to.get().saturating_add(1);
        self.uid_next = self.uid_next.max(Uid::new(after));
    }

    pub(super) fn number_of(&mut self, flags: &Flags) -> u32 {
        match self.table.find(flags) {
            Some(number) => number,
            None => Arc::make_mut(&mut self.table).intern(flags),
        }
    }

    fn push(&mut self, entry: &DeltaEntry, flags: u32, modseq: ModSeq) {
        let slot = Slot {
            uid: entry.uid.get(),
            flags,
            size_bytes: entry.size_bytes,
            content: entry.content.get(),
            modseq: modseq.get(),
            internal_date: entry.internal_date.as_micros(),
        };
        match self.chunks.last_mut().filter(|chunk| chunk.len() < CHUNK_MESSAGES) {
            Some(chunk) => Arc::make_mut(chunk).push(slot),
            None => {
                self.starts.push(self.exists);
                self.chunks.push(Arc::new(vec![slot].into()));
            }
        }
        self.exists += 1;
    }

    fn set_flags(&mut self, changed: &[(Uid, Flags)], modseq: ModSeq) {
        let mut last: Option<(&Flags, u32)> = None;
        let mut rest = changed;
        let mut at = 0;
        while let Some((first, _)) = rest.first() {
            at += self.chunks.get(at..).map_or(0, |chunks| {
                chunks.partition_point(|chunk| ends_before(chunk, first.get()))
            });
            let Some(end) = self.chunks.get(at).and_then(|chunk| chunk.last()).map(|slot| slot.uid)
            else {
                return;
            };
            let (here, later) = rest.split_at(rest.partition_point(|(uid, _)| uid.get() <= end));
            rest = later;
            let mut numbers = Vec::with_capacity(here.len());
            for (_, flags) in here {
                let number = match last {
                    Some((known, number)) if known == flags => number,
                    _ => self.number_of(flags),
                };
                last = Some((flags, number));
                numbers.push(number);
            }
            if let Some(chunk) = self.chunks.get_mut(at) {
                set_slots(Arc::make_mut(chunk).as_mut_slice(), here, &numbers, modseq);
            }
        }
    }

    /// Each chunk is looked at once, however scattered the UIDs are.
    fn remove(&mut self, gone: &UidSet) {
        let mut ranges = gone.ranges().peekable();
        let Some(first) = ranges.peek().map(|range| range.start().get()) else { return };
        let from = self.chunks.partition_point(|chunk| ends_before(chunk, first));
        for chunk in self.chunks.iter_mut().skip(from) {
            let (Some(low), Some(high)) = (chunk.first(), chunk.last()) else { continue };
            let (low, high) = (low.uid, high.uid);
            while ranges.next_if(|range| range.end().get() < low).is_some() {}
            match ranges.peek() {
                None => break,
                Some(range) if range.start().get() > high => {}
                Some(_) => {
                    if chunk.iter().any(|slot| gone.contains(Uid::new(slot.uid))) {
                        let kept = chunk.iter().filter(|slot| !gone.contains(Uid::new(slot.uid)));
                        *chunk = Arc::new(kept.copied().collect());
                    }
                }
            }
        }
        self.chunks.retain(|chunk| !chunk.is_empty());
        self.number_chunks();
    }

    pub(super) fn number_chunks(&mut self) {
        self.exists = 0;
        self.starts.clear();
        for chunk in &self.chunks {
            self.starts.push(self.exists);
            self.exists += chunk.len() as u32;
        }
    }
}

/// Sets the flags with these numbers. Mostly the messages stand side by side.
fn set_slots(slots: &mut [Slot], changed: &[(Uid, Flags)], numbers: &[u32], modseq: ModSeq) {
    let mut rest = slots;
    for ((uid, _), number) in changed.iter().zip(numbers) {
        let is_before = |slot: &Slot| slot.uid < uid.get();
        let at = match rest {
            [_, next, ..] if !is_before(next) => usize::from(rest.first().is_some_and(is_before)),
            _ => rest.partition_point(is_before),
        };
        (_, rest) = rest.split_at_mut(at);
        if let Some(slot) = rest.first_mut().filter(|slot| slot.uid == uid.get()) {
            (slot.flags, slot.modseq) = (*number, modseq.get());
        }
    }
}

fn ends_before(chunk: &[Slot], uid: u32) -> bool {
    chunk.last().is_none_or(|slot| slot.uid < uid)
}
