//! Asks a segment which documents hold a text in a field.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::block::unpack;
use crate::documents::Places;
use crate::head::Head;
use crate::plan::{Pattern, Plan};
use crate::{Block, Corrupt, Field};

/// In place of a count: not found in what is known of the document, which is not all of it.
pub const UNKNOWN: u16 = u16::MAX;

/// Something to be found in a field.
#[derive(Clone, Copy)]
pub struct Needle<'n> {
    /// The field to search.
    pub field: Field,
    /// What is sought.
    pub what: What<'n>,
}

/// What is sought, in the form the texts were added in.
#[derive(Clone, Copy)]
pub enum What<'n> {
    /// A text. Nothing at all is in every document that has a text in the field.
    Text(&'n str),
    /// A text in the value of a header field of this name; nothing at all asks for the field.
    Named(&'n str, &'n str),
    /// Words that begin so and that this accepts, each of them asked once.
    Word(&'n str, &'n dyn Fn(&str) -> bool),
}

/// What is asked of a needle in a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// Whether it stands there: any number that is not 0 says yes.
    Whether,
    /// The number of occurrences in each document.
    HowOften,
}

/// What is called for the keys of each block, with its number.
pub type EachKeys<'f> = &'f mut dyn FnMut(usize, &[u8]) -> Result<(), Corrupt>;

/// Where the blocks of a segment are read.
pub trait Source {
    /// The error of reading a block.
    type Error: From<Corrupt>;

    /// Hands the [unpacked](unpack) keys of the blocks from `first` to `last` to `each`, in order.
    ///
    /// # Errors
    /// Its own, and that of `each`.
    fn keys(&mut self, first: usize, last: usize, each: EachKeys<'_>) -> Result<(), Self::Error>;

    /// [`Block::postings`] of a block.
    ///
    /// # Errors
    /// Its own.
    fn postings(&mut self, block: usize) -> Result<Vec<u8>, Self::Error>;

    /// [`postings`](Self::postings) of so many blocks, ascending, in their order. Where each
    /// look-up waits for an answer, a source makes one of them.
    ///
    /// # Errors
    /// Its own.
    fn postings_of(&mut self, blocks: &[usize]) -> Result<Vec<Vec<u8>>, Self::Error> {
        blocks.iter().map(|block| self.postings(*block)).collect()
    }
}

/// LIMIT: blocks read at once: 4 MiB, if all are of lists that stand apart.
pub(crate) const BLOCKS_AT_ONCE: usize = 16;

/// A list that is cut into these blocks.
pub(crate) fn read_apart<S: Source>(
    source: &mut S,
    blocks: Range<usize>,
) -> Result<Vec<u8>, S::Error> {
    let mut list = Vec::new();
    let blocks: Vec<usize> = blocks.collect();
    for blocks in blocks.chunks(BLOCKS_AT_ONCE) {
        for mut read in source.postings_of(blocks)? {
            match list.is_empty() {
                true => list = read,
                false => list.append(&mut read),
            }
        }
    }
    Ok(list)
}

/// What is asked of each needle in each document, [`UNKNOWN`] where that is not known, in the
/// order of [`Head::documents`]. A needle that is looked up in lists of documents counts once.
///
/// # Errors
/// What reading fails with, [`Corrupt`] included.
pub fn search<S: Source>(
    head: &Head,
    needles: &[Needle<'_>],
    asked: Asked,
    source: &mut S,
) -> Result<Vec<Vec<u16>>, S::Error> {
    let mut plans: Vec<Plan<'_>> = needles.iter().map(|needle| Plan::of(*needle)).collect();
    let patterns = || plans.iter().flat_map(Plan::patterns);
    for (first, last) in runs(head, patterns()) {
        source.keys(first, last, &mut |block, keys| {
            let next = head.firsts.get(block + 1);
            let Some(begin) = head.firsts.get(block) else { return Ok(()) };
            for pattern in plans.iter_mut().flat_map(Plan::patterns_mut) {
                if begin.may_hold(&pattern.prefix, next) {
                    pattern.scan(block, keys);
                }
            }
            Ok(())
        })?;
    }
    let mut places: BTreeMap<Field, Places> = BTreeMap::new();
    plans
        .iter()
        .map(|plan| {
            let places = places.entry(plan.field).or_insert_with(|| Places::of(head, plan.field));
            plan.count(head, places, asked, source)
        })
        .collect()
}

/// The blocks that have to be scanned, as runs of numbers.
fn runs<'p, 'n: 'p>(
    head: &Head,
    patterns: impl Iterator<Item = &'p Pattern<'n>>,
) -> Vec<(usize, usize)> {
    let mut wanted = vec![false; head.blocks()];
    for pattern in patterns {
        for (at, first) in head.firsts.iter().enumerate() {
            if first.may_hold(&pattern.prefix, head.firsts.get(at + 1))
                && let Some(wanted) = wanted.get_mut(at)
            {
                *wanted = true;
            }
        }
    }
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for at in wanted.iter().enumerate().filter(|(_, wanted)| **wanted).map(|(at, _)| at) {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == at => *last = at,
            _ => runs.push((at, at)),
        }
    }
    runs
}

/// How often something was found, by document.
pub(crate) struct Counts<'h> {
    head: &'h Head,
    field: Field,
    places: &'h Places,
    counts: Vec<u16>,
}

impl<'h> Counts<'h> {
    pub(crate) fn new(head: &'h Head, field: Field, places: &'h Places) -> Self {
        Self { head, field, places, counts: vec![0; head.documents.len()] }
    }

    /// Every document that has a text.
    pub(crate) fn all(&mut self) {
        for (count, length) in self.counts.iter_mut().zip(self.head.lengths(self.field)) {
            *count = u16::from(length > 0);
        }
    }

    #[inline]
    pub(crate) fn add(&mut self, document: usize) {
        match self.counts.get_mut(document) {
            Some(count) if *count == UNKNOWN => *count = 1,
            Some(count) => *count = count.saturating_add(1).min(UNKNOWN - 1),
            None => {}
        }
    }

    #[inline]
    pub(crate) fn add_position(&mut self, position: u32) {
        self.add(self.places.document(position));
    }

    /// How many documents have a text and nothing found in it.
    pub(crate) fn without(&self) -> usize {
        let counts = self.counts.iter().zip(self.head.lengths(self.field));
        counts.filter(|(count, length)| **count == 0 && *length > 0).count()
    }

    /// Says whether it is the first in its document.
    #[inline]
    pub(crate) fn is_first(&mut self, position: u32) -> bool {
        match self.counts.get_mut(self.places.document(position)) {
            Some(count @ 0) => {
                *count = 1;
                true
            }
            _ => false,
        }
    }

    /// What cannot be told from the index at this position.
    pub(crate) fn doubt(&mut self, position: u32) {
        if let Some(count @ 0) = self.counts.get_mut(self.places.document(position)) {
            *count = UNKNOWN;
        }
    }

    /// Makes every result uncertain.
    pub(crate) fn doubt_all(&mut self) {
        self.counts.iter_mut().filter(|count| **count > 0).for_each(|count| *count = UNKNOWN);
    }

    pub(crate) fn finish(mut self) -> Vec<u16> {
        for (count, document) in self.counts.iter_mut().zip(&self.head.documents) {
            if *count == 0 && document.leaves_out(self.field) {
                *count = UNKNOWN;
            }
        }
        self.counts
    }
}

/// Blocks in memory, as a source for whoever has them there.
impl Source for BTreeMap<usize, Block> {
    type Error = Corrupt;

    fn keys(&mut self, first: usize, last: usize, each: EachKeys<'_>) -> Result<(), Corrupt> {
        self.range(first..=last).try_for_each(|(at, block)| each(*at, &unpack(&block.terms)?))
    }

    fn postings(&mut self, block: usize) -> Result<Vec<u8>, Corrupt> {
        self.get(&block).map(|block| block.postings.clone()).ok_or(Corrupt("block"))
    }
}
