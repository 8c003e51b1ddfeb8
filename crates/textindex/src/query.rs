//! Asking a segment.

use std::collections::BTreeMap;

use memchr::memchr_iter;
use memchr::memmem::Finder;

use crate::block::{Lists, key_around, unpack};
use crate::builder::push_char;
use crate::head::Head;
use crate::item::{is_listed, is_seam, items};
use crate::varint::List;
use crate::{Corrupt, END, Field};

/// In place of a count: the document was left out, so nobody knows.
pub const UNKNOWN: u16 = u16::MAX;

/// LIMIT: pieces of a needle that are looked at: each costs the decoding of its positions. Where
/// the first so many do not stand, the needle does not; where they do, nobody knows.
const PIECES_MAX: usize = 32;

/// A text to be found in a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needle<'n> {
    /// Where.
    pub field: Field,
    /// What, in the form the texts were added in. Nothing at all is in every document that has a
    /// text in the field.
    pub text: &'n str,
}

/// What is called for the terms of each block, with its number.
pub type EachTerms<'f> = &'f mut dyn FnMut(usize, &[u8]) -> Result<(), Corrupt>;

/// Where the blocks of a segment are read.
pub trait Source {
    /// What reading fails with.
    type Error: From<Corrupt>;

    /// Hands [`Block::terms`](crate::Block::terms) of the blocks from `first` to `last` to
    /// `each`, in order.
    ///
    /// # Errors
    /// Its own, and that of `each`.
    fn terms(&mut self, first: usize, last: usize, each: EachTerms<'_>) -> Result<(), Self::Error>;

    /// [`Block::postings`](crate::Block::postings) of a block.
    ///
    /// # Errors
    /// Its own.
    fn postings(&mut self, block: usize) -> Result<Vec<u8>, Self::Error>;
}

/// How often each needle stands in each document, [`UNKNOWN`] where that is not known, in the
/// order of [`Head::documents`]. A needle that is looked up in lists of documents counts once.
///
/// # Errors
/// What reading fails with, [`Corrupt`] included.
pub fn search<S: Source>(
    head: &Head,
    needles: &[Needle<'_>],
    source: &mut S,
) -> Result<Vec<Vec<u16>>, S::Error> {
    let mut plans: Vec<Plan> = needles.iter().map(|needle| Plan::of(*needle)).collect();
    let patterns = || plans.iter().flat_map(|plan| plan.patterns.iter());
    for (first, last) in runs(head, patterns()) {
        source.terms(first, last, &mut |block, terms| {
            let keys = unpack(terms)?;
            let next = head.firsts.get(block + 1);
            let Some(begin) = head.firsts.get(block) else { return Ok(()) };
            for pattern in plans.iter_mut().flat_map(|plan| plan.patterns.iter_mut()) {
                if begin.may_hold(&pattern.prefix, next) {
                    pattern.scan(block, &keys);
                }
            }
            Ok(())
        })?;
    }
    plans.iter().map(|plan| plan.count(head, source)).collect()
}

/// The blocks that have to be scanned, as runs of numbers.
fn runs<'p>(head: &Head, patterns: impl Iterator<Item = &'p Pattern>) -> Vec<(usize, usize)> {
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

/// How one needle is found.
struct Plan {
    field: Field,
    /// Pieces at successive positions, or one key of a list of documents; none for an empty text.
    patterns: Vec<Pattern>,
    lists_documents: bool,
    /// Whether the first piece is a blank alone: its list then says where there is none.
    starts_with_blank: bool,
    /// Whether the needle goes on behind the patterns.
    is_cut: bool,
}

/// Keys that are looked for.
struct Pattern {
    /// What they begin with.
    prefix: Vec<u8>,
    /// What is sought in the bytes of all keys.
    finder: Finder<'static>,
    /// Block and place in it of each that was found, ascending.
    hits: Vec<(usize, usize)>,
}

impl Plan {
    fn of(needle: Needle<'_>) -> Self {
        let Needle { field, text } = needle;
        if let Some(pattern) = listed(field, text) {
            let patterns = vec![pattern];
            return Self { patterns, lists_documents: true, ..Self::nothing(field) };
        }
        let pieces: Vec<&str> = items(text).collect();
        let last = pieces.len().saturating_sub(1);
        let starts_with_blank =
            field.no_blank_key().is_some() && last > 0 && pieces.first() == Some(&" ");
        let patterns = pieces.iter().take(PIECES_MAX).enumerate().map(|(at, piece)| {
            if at == 0
                && starts_with_blank
                && let Some(key) = field.no_blank_key()
            {
                return Pattern::new(vec![key], &[key, END]);
            }
            let kind = [field.items_key()];
            let (is_start, is_end) = (at > 0, at < last);
            let mut sought = Vec::with_capacity(piece.len() + 2);
            sought.extend_from_slice(if is_start { &kind } else { &[] });
            sought.extend_from_slice(piece.as_bytes());
            let prefix = if is_start { sought.clone() } else { kind.to_vec() };
            sought.extend_from_slice(if is_end { &[END] } else { &[] });
            Pattern::new(prefix, &sought)
        });
        let patterns = patterns.collect();
        let is_cut = pieces.len() > PIECES_MAX;
        Self { patterns, starts_with_blank, is_cut, ..Self::nothing(field) }
    }

    fn nothing(field: Field) -> Self {
        Self {
            field,
            patterns: Vec::new(),
            lists_documents: false,
            starts_with_blank: false,
            is_cut: false,
        }
    }

    fn count<S: Source>(&self, head: &Head, source: &mut S) -> Result<Vec<u16>, S::Error> {
        let mut counts = Counts::new(head, self.field);
        if self.patterns.is_empty() {
            counts.all();
        } else if self.patterns.iter().skip(usize::from(self.starts_with_blank)).all(Pattern::hit) {
            match self.patterns.as_slice() {
                [documents] if self.lists_documents => {
                    documents.each_list(source, &mut |list| {
                        List::new(list).for_each(|document| counts.add(document as usize));
                    })?
                }
                [pattern] => pattern.each_list(source, &mut |list| {
                    counts.add_positions(List::new(list));
                })?,
                _ => counts.add_positions(self.phrase(head, source)?.into_iter()),
            }
        }
        let mut counts = counts.finish();
        if self.is_cut {
            counts.iter_mut().filter(|count| **count > 0).for_each(|count| *count = UNKNOWN);
        }
        Ok(counts)
    }

    /// Where the pieces stand one behind the other: the positions of the first.
    fn phrase<S: Source>(&self, head: &Head, source: &mut S) -> Result<Vec<u32>, S::Error> {
        let mut pieces = Vec::with_capacity(self.patterns.len());
        for (at, pattern) in self.patterns.iter().enumerate() {
            // A needle is bounded by the length of a command.
            let offset = u32::try_from(at).unwrap_or(u32::MAX);
            let mut piece = Piece { offset, ..Piece::default() };
            piece.excludes = at == 0 && self.starts_with_blank;
            pattern.each_list(source, &mut |list| piece.push(list))?;
            pieces.push(piece);
        }
        // What excludes can only follow; else the fewer come first.
        pieces.sort_by_key(|piece| (piece.excludes, piece.lists.len()));
        let positions = head.starts(self.field).last().copied().unwrap_or_default();
        let mut pieces = pieces.iter();
        let mut starts = Bits::new(positions);
        if let Some(rarest) = pieces.next() {
            rarest.each(&mut |start| starts.set(start));
        }
        for piece in pieces {
            if piece.excludes {
                piece.each(&mut |start| starts.clear(start));
                continue;
            }
            let mut both = Bits::new(positions);
            piece.each(&mut |start| {
                if starts.has(start) {
                    both.set(start);
                }
            });
            starts = both;
        }
        Ok(starts.numbers())
    }
}

/// The key of the list of documents that answers for this text alone.
fn listed(field: Field, text: &str) -> Option<Pattern> {
    let mut key = vec![field.documents_key()?];
    let mut chars = text.chars();
    match (chars.next()?, chars.next(), chars.next()) {
        (char, None, None) if is_listed(char) => push_char(&mut key, char),
        (left, Some(right), None) if is_seam(left, right) => {
            push_char(&mut key, left);
            push_char(&mut key, right);
        }
        _ => return None,
    }
    let prefix = key.clone();
    key.push(END);
    Some(Pattern::new(prefix, &key))
}

impl Pattern {
    fn new(prefix: Vec<u8>, sought: &[u8]) -> Self {
        Self { prefix, finder: Finder::new(sought).into_owned(), hits: Vec::new() }
    }

    fn hit(&self) -> bool {
        !self.hits.is_empty()
    }

    fn scan(&mut self, block: usize, keys: &[u8]) {
        let kind = self.prefix.first();
        let (mut from, mut counted, mut place) = (0, 0, 0);
        while let Some(found) = keys.get(from..).and_then(|rest| self.finder.find(rest)) {
            let (start, end) = key_around(keys, from + found);
            // Keys of other fields may stand in the same block.
            if keys.get(start) == kind {
                let passed = keys.get(counted..start).unwrap_or_default();
                place += memchr_iter(END, passed).count();
                counted = start;
                self.hits.push((block, place));
            }
            from = end + 1;
        }
    }

    /// Hands the list of each key found to `each`.
    fn each_list<S: Source>(
        &self,
        source: &mut S,
        each: &mut dyn FnMut(&[u8]),
    ) -> Result<(), S::Error> {
        for hits in self.hits.chunk_by(|(left, _), (right, _)| left == right) {
            let Some(&(block, _)) = hits.first() else { continue };
            let postings = source.postings(block)?;
            let lists = Lists::parse(&postings)?;
            for (_, place) in hits {
                let list = lists.list(&postings, *place);
                each(list.ok_or(Corrupt("block of postings"))?);
            }
        }
        Ok(())
    }
}

/// One piece of a needle with boundaries.
#[derive(Default)]
struct Piece {
    /// How many pieces stand before it.
    offset: u32,
    /// Whether its positions are where the needle is not.
    excludes: bool,
    /// One behind the other.
    lists: Vec<u8>,
    ends: Vec<usize>,
}

impl Piece {
    fn push(&mut self, list: &[u8]) {
        self.lists.extend_from_slice(list);
        self.ends.push(self.lists.len());
    }

    /// Where the needle begins if this piece is right.
    fn each(&self, each: &mut impl FnMut(u32)) {
        let mut from = 0;
        for end in &self.ends {
            let list = self.lists.get(from..*end).unwrap_or_default();
            from = *end;
            for at in List::new(list) {
                if let Some(start) = at.checked_sub(self.offset) {
                    each(start);
                }
            }
        }
    }
}

struct Bits(Vec<u64>);

impl Bits {
    fn new(count: u32) -> Self {
        Self(vec![0; count as usize / 64 + 1])
    }

    fn set(&mut self, at: u32) {
        if let Some(word) = self.0.get_mut(at as usize / 64) {
            *word |= 1 << (at % 64);
        }
    }

    fn clear(&mut self, at: u32) {
        if let Some(word) = self.0.get_mut(at as usize / 64) {
            *word &= !(1 << (at % 64));
        }
    }

    fn has(&self, at: u32) -> bool {
        self.0.get(at as usize / 64).is_some_and(|word| word & (1 << (at % 64)) != 0)
    }

    fn numbers(&self) -> Vec<u32> {
        let mut numbers = Vec::new();
        for (at, word) in (0u32..).step_by(64).zip(&self.0) {
            let mut word = *word;
            while word != 0 {
                numbers.push(at + word.trailing_zeros());
                word &= word - 1;
            }
        }
        numbers
    }
}

/// How often a needle was found, by document.
struct Counts<'h> {
    head: &'h Head,
    field: Field,
    starts: Vec<u32>,
    counts: Vec<u16>,
}

impl<'h> Counts<'h> {
    fn new(head: &'h Head, field: Field) -> Self {
        let counts = vec![0; head.documents.len()];
        Self { head, field, starts: head.starts(field), counts }
    }

    fn all(&mut self) {
        for (count, length) in self.counts.iter_mut().zip(self.head.lengths(self.field)) {
            *count = u16::from(length > 0);
        }
    }

    fn add(&mut self, document: usize) {
        if let Some(count) = self.counts.get_mut(document) {
            *count = count.saturating_add(1).min(UNKNOWN - 1);
        }
    }

    /// Positions in ascending order.
    fn add_positions(&mut self, positions: impl Iterator<Item = u32>) {
        let mut document = 0;
        for position in positions {
            document = document_at(&self.starts, document, position);
            self.add(document);
        }
    }

    fn finish(mut self) -> Vec<u16> {
        for (count, document) in self.counts.iter_mut().zip(&self.head.documents) {
            if document.leaves_out(self.field) {
                *count = UNKNOWN;
            }
        }
        self.counts
    }
}

/// The document that holds a position, which is `from` or a later one.
pub(crate) fn document_at(starts: &[u32], from: usize, position: u32) -> usize {
    match starts.get(from + 1) {
        Some(end) if position >= *end => {
            let behind = starts.get(from + 1..).unwrap_or_default();
            from + behind.partition_point(|start| *start <= position)
        }
        _ => from,
    }
}

/// Blocks in memory, as a source for whoever has them there.
impl Source for BTreeMap<usize, crate::Block> {
    type Error = Corrupt;

    fn terms(&mut self, first: usize, last: usize, each: EachTerms<'_>) -> Result<(), Corrupt> {
        self.range(first..=last).try_for_each(|(at, block)| each(*at, &block.terms))
    }

    fn postings(&mut self, block: usize) -> Result<Vec<u8>, Corrupt> {
        self.get(&block).map(|block| block.postings.clone()).ok_or(Corrupt("block"))
    }
}
