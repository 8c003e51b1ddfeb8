//! What was computed from message texts, and their headers, in memory: mail programs ask for the
//! same envelopes and header fields again and again.
//!
//! Contents never change and their ids are never given out twice, so nothing here can be out of
//! date. It is filled by reads of committed state only. A content that was erased meanwhile may
//! still be answered from here, to sessions that see its message in their snapshot.

use std::sync::Arc;

use ids::ContentId;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::load::{Content, Want};

/// LIMIT: what an entry takes beside its bytes.
const ENTRY_BYTES: u64 = 96;
/// About what one entry takes with its bytes; from it the cache knows how many it will hold.
const ENTRY_BYTES_EXPECTED: u64 = 1024;

/// The columns of a content that were computed on the way in, in one piece of memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Computed {
    bytes: Box<[u8]>,
    /// Where each column but the last ends.
    ends: [u32; 4],
}

impl Computed {
    /// ENVELOPE, BODY, BODYSTRUCTURE, the part index and the keys, in this order. `None` for
    /// what no message can have: more than 4 GiB.
    pub(super) fn new(columns: [&[u8]; 5]) -> Option<Self> {
        let bytes = columns.concat().into_boxed_slice();
        let mut ends = [0; 4];
        let mut end = 0;
        for (place, column) in ends.iter_mut().zip(columns) {
            end += column.len();
            *place = u32::try_from(end).ok()?;
        }
        Some(Self { bytes, ends })
    }

    fn column(&self, start: usize, end: usize) -> &[u8] {
        self.bytes.get(start..end).unwrap_or_default()
    }

    pub(super) fn envelope(&self) -> &[u8] {
        self.column(0, self.ends[0] as usize)
    }

    pub(super) fn body(&self) -> &[u8] {
        self.column(self.ends[0] as usize, self.ends[1] as usize)
    }

    pub(super) fn body_structure(&self) -> &[u8] {
        self.column(self.ends[1] as usize, self.ends[2] as usize)
    }

    pub(super) fn parts(&self) -> &[u8] {
        self.column(self.ends[2] as usize, self.ends[3] as usize)
    }

    pub(super) fn keys(&self) -> &[u8] {
        self.column(self.ends[3] as usize, self.bytes.len())
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Computed,
    Header,
}

#[derive(Clone)]
enum Kept {
    Computed(Arc<Computed>),
    Header(Arc<[u8]>),
}

#[derive(Clone)]
struct ByBytes;

impl Weighter<(ContentId, Kind), Kept> for ByBytes {
    fn weight(&self, _key: &(ContentId, Kind), kept: &Kept) -> u64 {
        let bytes = match kept {
            Kept::Computed(computed) => computed.len(),
            Kept::Header(header) => header.len(),
        };
        bytes as u64 + ENTRY_BYTES
    }
}

/// Bounded by its bytes; what is asked for again stays longest.
pub(crate) struct ContentCache {
    kept: Cache<(ContentId, Kind), Kept, ByBytes>,
}

impl ContentCache {
    /// A cache that takes about `bytes_max`.
    pub(crate) fn new(bytes_max: u64) -> Self {
        let expected = usize::try_from(bytes_max / ENTRY_BYTES_EXPECTED).unwrap_or(usize::MAX);
        Self { kept: Cache::with_weighter(expected, bytes_max, ByBytes) }
    }

    /// What is wanted of a content, where all of it is here.
    fn content(&self, id: ContentId, want: Want) -> Option<Content> {
        // Part indices are decoded for each request: those of many are not held at once.
        if want.intersects(Want::TEXT.and(Want::PARTS)) {
            return None;
        }
        let mut content = Content::default();
        if want.intersects(Want::COMPUTED) {
            content.computed = Some(self.computed(id)?);
        }
        if want.contains(Want::HEADER) {
            content.header = Some(self.header(id)?);
        }
        Some(content)
    }

    /// What is wanted of the first of `ids`, as far as all of it is here.
    pub(crate) fn contents(&self, ids: &[ContentId], want: Want) -> Vec<Content> {
        ids.iter().map_while(|id| self.content(*id, want)).collect()
    }

    pub(super) fn computed(&self, content: ContentId) -> Option<Arc<Computed>> {
        match self.kept.get(&(content, Kind::Computed))? {
            Kept::Computed(computed) => Some(computed),
            Kept::Header(_) => None,
        }
    }

    pub(super) fn header(&self, content: ContentId) -> Option<Arc<[u8]>> {
        match self.kept.get(&(content, Kind::Header))? {
            Kept::Header(header) => Some(header),
            Kept::Computed(_) => None,
        }
    }

    pub(super) fn keep_computed(&self, content: ContentId, computed: &Arc<Computed>) {
        self.kept.insert((content, Kind::Computed), Kept::Computed(computed.clone()));
    }

    pub(super) fn keep_header(&self, content: ContentId, header: &Arc<[u8]>) {
        self.kept.insert((content, Kind::Header), Kept::Header(header.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_come_back_as_they_went_in() {
        let computed = Computed::new([b"(envelope)", b"", b"(structure)", b"p", b"keys"]).unwrap();
        assert_eq!(computed.envelope(), b"(envelope)");
        assert_eq!(computed.body(), b"");
        assert_eq!(computed.body_structure(), b"(structure)");
        assert_eq!(computed.parts(), b"p");
        assert_eq!(computed.keys(), b"keys");
        assert_eq!(computed.len(), 26);
    }

    #[test]
    fn holds_no_more_than_it_may() {
        let cache = ContentCache::new(100_000);
        for number in 1..1000 {
            cache.keep_header(ContentId::new(number), &Arc::from(vec![b'x'; 1000]));
        }
        let held = (1..1000).filter_map(|number| cache.header(ContentId::new(number)));
        assert!(held.map(|header| header.len()).sum::<usize>() <= 100_000);
        // Kinds do not get into each other's way.
        cache.keep_header(ContentId::new(5000), &Arc::from(&b"header"[..]));
        assert!(cache.computed(ContentId::new(5000)).is_none());
    }
}
