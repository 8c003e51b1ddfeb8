//! Blocks: a run of sorted keys and, apart from them, their lists.
//!
//! Keys stand one behind the other, each with [`END`](crate::END) behind it, so that one search
//! over the bytes is a search over all of them. The lists have their lengths in front. A long list
//! is stored by itself, so that whoever wants it reads no others, and the others without it.

use std::ops::Range;

use memchr::{memchr, memrchr};

use crate::head::First;
use crate::{Corrupt, END, varint};

/// LIMIT: bytes of keys of a block: what a look-up of one key reads.
const KEYS_BYTES: usize = 32 * 1024;
/// LIMIT: bytes of the lists in a block, but for those apart.
const LISTS_BYTES: usize = 64 * 1024;
/// LIMIT: a list of so many bytes stands apart.
const LONG_BYTES: usize = 1024;
/// LIMIT: of such a list in one block, so that no row is too long for one transaction.
const APART_BYTES: usize = 256 * 1024;
/// LIMIT: of what is believed of a block; one text may be one key.
const KEYS_BYTES_MAX: usize = 1 << 28;

/// Numbers of lists that stand apart begin here; blocks of keys are numbered from 0.
pub(crate) const APART: usize = 1 << 31;

const AS_IS: u8 = 0;
const LZ4: u8 = 1;

/// A block as it is stored, or the stored form of a list that stands apart, which has no terms.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Block {
    /// The keys, encoded.
    pub terms: Vec<u8>,
    /// The lists of occurrences, encoded, in the order of the keys.
    pub postings: Vec<u8>,
}

impl Block {
    /// The memory that the block takes, in bytes.
    pub fn bytes(&self) -> usize {
        self.terms.len() + self.postings.len()
    }
}

/// Takes blocks as they are ready, each with its number.
pub type EachBlock<'f, E> = &'f mut dyn FnMut(usize, Block) -> Result<(), E>;

/// Cuts sorted keys and their lists into blocks.
#[derive(Debug, Default)]
pub(crate) struct BlockWriter {
    keys: Vec<u8>,
    lengths: Vec<u8>,
    lists: Vec<u8>,
    count: u64,
    apart: usize,
    pub(crate) firsts: Vec<First>,
}

impl BlockWriter {
    /// Appends a key above those before it with its list, which is not empty.
    pub(crate) fn push<E>(
        &mut self,
        key: &[u8],
        list: &[u8],
        each: EachBlock<'_, E>,
    ) -> Result<(), E> {
        if self.count == 0 {
            self.firsts.push(First::of(key));
        }
        self.keys.extend_from_slice(key);
        self.keys.push(END);
        self.count += 1;
        if list.len() >= LONG_BYTES {
            // No list is empty: this says that it stands apart, and where.
            varint::push(&mut self.lengths, 0);
            varint::push(&mut self.lengths, self.apart as u64);
            let chunks = list.chunks(APART_BYTES);
            varint::push(&mut self.lengths, chunks.len() as u64);
            for chunk in chunks {
                let block = Block { terms: Vec::new(), postings: chunk.to_vec() };
                each(APART + self.apart, block)?;
                self.apart += 1;
            }
        } else {
            varint::push(&mut self.lengths, list.len() as u64);
            self.lists.extend_from_slice(list);
        }
        let is_full = self.keys.len() >= KEYS_BYTES || self.lists.len() >= LISTS_BYTES;
        if is_full { self.finish(each) } else { Ok(()) }
    }

    /// The last block, if anything is left.
    pub(crate) fn finish<E>(&mut self, each: EachBlock<'_, E>) -> Result<(), E> {
        if self.count == 0 {
            return Ok(());
        }
        let mut postings = Vec::with_capacity(self.lengths.len() + self.lists.len() + 9);
        varint::push(&mut postings, self.count);
        postings.append(&mut self.lengths);
        postings.append(&mut self.lists);
        self.count = 0;
        let terms = pack(&self.keys);
        self.keys.clear();
        each(self.firsts.len() - 1, Block { terms, postings })
    }
}

fn pack(keys: &[u8]) -> Vec<u8> {
    let packed = lz4_flex::block::compress(keys);
    let mut out = Vec::with_capacity(packed.len() + 9);
    if packed.len() < keys.len() - keys.len() / 10 {
        out.push(LZ4);
        varint::push(&mut out, keys.len() as u64);
        out.extend_from_slice(&packed);
    } else {
        out.push(AS_IS);
        out.extend_from_slice(keys);
    }
    out
}

/// The keys of a stored block, from its [`terms`](Block::terms).
///
/// # Errors
/// [`Corrupt`] for what is none.
pub fn unpack(terms: &[u8]) -> Result<Vec<u8>, Corrupt> {
    const CORRUPT: Corrupt = Corrupt("block of terms");
    let keys = match terms.split_first().ok_or(CORRUPT)? {
        (&AS_IS, rest) => rest.to_vec(),
        (&LZ4, mut rest) => {
            let length = varint::take_size(&mut rest).ok_or(CORRUPT)?;
            // No byte of LZ4 stands for more than 255.
            if length > KEYS_BYTES_MAX || length / 256 > rest.len() {
                return Err(CORRUPT);
            }
            lz4_flex::block::decompress(rest, length).map_err(|_| CORRUPT)?
        }
        _ => return Err(CORRUPT),
    };
    if keys.last() == Some(&END) { Ok(keys) } else { Err(CORRUPT) }
}

/// Where a list of occurrences is: in its block, or apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum At<'a> {
    Here(&'a [u8]),
    /// Cut into the blocks with these numbers.
    Apart(Range<usize>),
}

/// Where the lists of a stored block are in it.
#[derive(Debug, Default)]
pub(crate) struct Lists {
    start: usize,
    /// Where each ends, and the blocks of one that stands apart.
    ends: Vec<(usize, Range<usize>)>,
}

impl Lists {
    pub(crate) fn parse(postings: &[u8]) -> Result<Self, Corrupt> {
        const CORRUPT: Corrupt = Corrupt("block of postings");
        let mut rest = postings;
        let count = varint::take_size(&mut rest).ok_or(CORRUPT)?;
        // Each takes a byte at least.
        if count > rest.len() {
            return Err(CORRUPT);
        }
        let mut ends = Vec::with_capacity(count);
        let mut end = 0usize;
        for _ in 0..count {
            let length = varint::take_size(&mut rest).ok_or(CORRUPT)?;
            let apart = match length {
                0 => parse_apart(&mut rest).ok_or(CORRUPT)?,
                _ => 0..0,
            };
            end = end.checked_add(length).ok_or(CORRUPT)?;
            ends.push((end, apart));
        }
        let start = postings.len() - rest.len();
        if end == rest.len() { Ok(Self { start, ends }) } else { Err(CORRUPT) }
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// A list of the block that was parsed.
    pub(crate) fn list<'a>(&self, postings: &'a [u8], at: usize) -> Option<At<'a>> {
        let (end, apart) = self.ends.get(at)?;
        if !apart.is_empty() {
            return Some(At::Apart(apart.clone()));
        }
        let before = at.checked_sub(1);
        let start = before.map_or(Some(0), |at| self.ends.get(at).map(|(end, _)| *end))?;
        postings.get(self.start + start..self.start + *end).map(At::Here)
    }
}

fn parse_apart(rest: &mut &[u8]) -> Option<Range<usize>> {
    let first = varint::take_size(rest).filter(|first| *first < APART)?;
    let count = varint::take_size(rest).filter(|count| (1..APART).contains(count))?;
    Some(APART + first..APART + first + count)
}

/// Where the key around `at` begins and ends.
pub(crate) fn key_around(keys: &[u8], at: usize) -> (usize, usize) {
    let start = keys.get(..at).and_then(|before| memrchr(END, before)).map_or(0, |end| end + 1);
    let end = keys.get(at..).and_then(|behind| memchr(END, behind)).map_or(keys.len(), |e| at + e);
    (start, end)
}
