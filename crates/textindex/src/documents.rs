//! Lists of documents, and which document a position is in.

use crate::head::Head;
use crate::varint::{List, ListWriter};
use crate::{Corrupt, Field};

const PRESENT: u8 = 0;
const ABSENT: u8 = 1;
const BITS: u8 = 2;

/// Some of `total` documents, ascending, in the shortest of three forms: those that are there,
/// those that are not, or a bit for each.
pub(crate) fn encode(documents: &[u32], total: usize) -> Vec<u8> {
    let (present, absent, bits) =
        (documents.len(), total.saturating_sub(documents.len()), total.div_ceil(8));
    if bits < present.min(absent) {
        let mut set = vec![0; bits];
        for document in documents {
            if let Some(byte) = set.get_mut(*document as usize / 8) {
                *byte |= 1_u8 << (document % 8);
            }
        }
        set.insert(0, BITS);
        return set;
    }
    let mut list = ListWriter::default();
    if present <= absent {
        list.bytes.push(PRESENT);
        documents.iter().for_each(|document| list.push(*document));
    } else {
        list.bytes.push(ABSENT);
        let mut there = documents.iter().copied().peekable();
        for document in 0..u32::try_from(total).unwrap_or(u32::MAX) {
            if there.next_if_eq(&document).is_none() {
                list.push(document);
            }
        }
    }
    list.bytes
}

/// Hands the documents of a list to `each`, ascending.
pub(crate) fn decode(list: &[u8], total: usize, each: &mut dyn FnMut(u32)) -> Result<(), Corrupt> {
    const CORRUPT: Corrupt = Corrupt("list of documents");
    let total = u32::try_from(total).map_err(|_| CORRUPT)?;
    let (form, rest) = list.split_first().ok_or(CORRUPT)?;
    match *form {
        PRESENT => List::new(rest).for_each(each),
        ABSENT => {
            let mut absent = List::new(rest).peekable();
            (0..total).filter(|document| absent.next_if_eq(document).is_none()).for_each(each);
        }
        BITS => {
            let is_there = |document: &u32| {
                let byte = rest.get(*document as usize / 8);
                byte.is_some_and(|byte| byte & (1 << (document % 8)) != 0)
            };
            (0..total).filter(is_there).for_each(each);
        }
        _ => return Err(CORRUPT),
    }
    Ok(())
}

/// Which document of a segment each position of a field is in.
#[derive(Debug)]
pub(crate) struct Places {
    /// Where each document begins, and at the end where the last one ends.
    starts: Vec<u32>,
    /// The document that has the first position of each chunk of `1 << shift`.
    chunks: Vec<u32>,
    shift: u32,
}

impl Places {
    pub(crate) fn of(head: &Head, field: Field) -> Self {
        let starts = head.starts(field);
        let total = starts.last().copied().unwrap_or_default();
        let documents = starts.len() as u32;
        // About two chunks a document.
        let shift = (total / documents.max(1) / 2).max(1).ilog2();
        let mut chunks = Vec::with_capacity((total >> shift) as usize + 2);
        let mut document = 0;
        for first in (0..=total).step_by(1 << shift) {
            while starts.get(document + 1).is_some_and(|start| *start <= first) {
                document += 1;
            }
            chunks.push(document as u32);
        }
        Self { starts, chunks, shift }
    }

    /// How many positions there are.
    pub(crate) fn positions(&self) -> u32 {
        self.starts.last().copied().unwrap_or_default()
    }

    /// Where a document begins.
    pub(crate) fn start(&self, document: usize) -> u32 {
        self.starts.get(document).copied().unwrap_or_default()
    }

    /// The document that has a position. Behind the last one it is one that is not.
    #[inline]
    pub(crate) fn document(&self, position: u32) -> usize {
        let chunk = (position >> self.shift) as usize;
        let Some(&low) = self.chunks.get(chunk) else { return self.starts.len() };
        let mut document = low as usize;
        // A chunk has parts of two documents, three at times; of short ones it has many.
        for _ in 0..4 {
            match self.starts.get(document + 1) {
                Some(end) if *end <= position => document += 1,
                _ => return document,
            }
        }
        let high = self.chunks.get(chunk + 1).map_or(self.starts.len(), |high| *high as usize + 1);
        let some = self.starts.get(document + 1..high.max(document + 1)).unwrap_or_default();
        document + some.partition_point(|start| *start <= position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::Document;

    #[test]
    fn lists_round_trip_in_the_shortest_form() {
        let mut rng = fastrand::Rng::with_seed(2);
        for (share, form) in [(0, PRESENT), (2, PRESENT), (50, BITS), (99, ABSENT), (100, ABSENT)] {
            let documents: Vec<u32> = (0..1000).filter(|_| rng.u32(..100) < share).collect();
            let list = encode(&documents, 1000);
            assert_eq!(list[0], form, "{share}");
            let mut back = Vec::new();
            decode(&list, 1000, &mut |document| back.push(document)).unwrap();
            assert_eq!(back, documents);
        }
        for bad in [&[][..], &[3], &[7, 1]] {
            assert!(decode(bad, 10, &mut |_| {}).is_err());
        }
    }

    #[test]
    fn positions_are_in_their_documents() {
        let mut rng = fastrand::Rng::with_seed(3);
        for _ in 0..100 {
            let documents: Vec<Document> = (0..rng.usize(..60))
                .map(|_| {
                    let length = if rng.bool() { rng.u32(..3) } else { rng.u32(..200) };
                    Document { lengths: [length; Field::ALL.len()], ..Document::default() }
                })
                .collect();
            let expect: Vec<usize> = (0..)
                .zip(&documents)
                .flat_map(|(at, d)| std::iter::repeat_n(at, d.length(Field::Body) as usize))
                .collect();
            let head = Head { documents, firsts: Vec::new() };
            let places = Places::of(&head, Field::Body);
            assert_eq!(places.positions() as usize, expect.len());
            for (position, document) in (0..).zip(&expect) {
                assert_eq!(places.document(position), *document);
            }
            for behind in [0, 1, 1000, 1 << 30] {
                let document = places.document(expect.len() as u32 + behind);
                assert!(document >= head.documents.len());
            }
        }
    }
}
