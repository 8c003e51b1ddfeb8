//! A snapshot that is up to date but for expunges: what a session shows while sequence numbers
//! may not move (RFC 9051 §7.5.1).

use std::sync::Arc;

use super::chunk::{Chunk, Slot};
use super::flag_table::FlagTable;
use super::snapshot::Snapshot;

impl Snapshot {
    /// This snapshot with the messages that `old` still shows kept in their places: new messages
    /// and new flags are in, nothing is gone. Shares every chunk that needs no change.
    #[must_use]
    pub fn with_expunged_of(&self, old: &Snapshot) -> Snapshot {
        let mut held = self.clone();
        held.chunks = Vec::with_capacity(self.chunks.len());
        let renumbered = self.table.generation() != old.table.generation();
        for chunk in &old.chunks {
            let chunk = match renumbered {
                false => chunk.clone(),
                true => held.renumbered(chunk, &old.table),
            };
            held.chunks.push(self.chunk_up_to_date(&chunk));
        }
        let last_old = old.chunks.last().and_then(|chunk| chunk.last()).map_or(0, |slot| slot.uid);
        for chunk in &self.chunks {
            match (chunk.first(), chunk.last()) {
                (Some(first), _) if first.uid > last_old => held.chunks.push(chunk.clone()),
                (_, Some(last)) if last.uid > last_old => {
                    let from = chunk.partition_point(|slot| slot.uid <= last_old);
                    held.chunks.push(Arc::new(chunk.iter().skip(from).copied().collect()));
                }
                _ => {}
            }
        }
        held.number_chunks();
        held
    }

    /// `chunk` of a snapshot with another numbering of its sets of flags, in this one's.
    fn renumbered(&mut self, chunk: &[Slot], numbering: &FlagTable) -> Arc<Chunk> {
        let slots = chunk
            .iter()
            .map(|slot| Slot { flags: self.number_of(numbering.flags(slot.flags)), ..*slot });
        Arc::new(slots.collect())
    }

    /// `chunk` of an older snapshot with the slots as they are now, those gone as they were.
    fn chunk_up_to_date(&self, chunk: &Arc<Chunk>) -> Arc<Chunk> {
        let Some(first) = chunk.first() else { return chunk.clone() };
        let at = self.chunks.partition_point(|new| new.last().is_some_and(|s| s.uid < first.uid));
        if self.chunks.get(at).is_some_and(|new| Arc::ptr_eq(new, chunk)) {
            return chunk.clone();
        }
        let mut fresh = self.chunks.iter().skip(at).flat_map(|new| new.iter()).peekable();
        let mut changed = None;
        for (index, slot) in chunk.iter().enumerate() {
            while fresh.next_if(|new| new.uid < slot.uid).is_some() {}
            let Some(new) = fresh.next_if(|new| new.uid == slot.uid) else { continue };
            if new.modseq != slot.modseq {
                let copy: &mut Vec<Slot> = changed.get_or_insert_with(|| chunk.to_vec());
                if let Some(place) = copy.get_mut(index) {
                    *place = *new;
                }
            }
        }
        changed.map_or_else(|| chunk.clone(), |slots| Arc::new(slots.into()))
    }
}
