//! Blocks: a run of sorted keys and, apart from them, their lists.
//!
//! Keys stand one behind the other, each with [`END`](crate::END) behind it, so that one search
//! over the bytes is a search over all of them. The lists have their lengths in front.

use memchr::{memchr, memrchr};

use crate::head::First;
use crate::{Corrupt, END, varint};

/// LIMIT: bytes of keys of a block: what a look-up of one key reads.
const KEYS_BYTES: usize = 32 * 1024;
/// LIMIT: bytes of lists of a block, one list at least.
const LISTS_BYTES: usize = 128 * 1024;
/// LIMIT: of what is believed of a block; one text may be one key.
const KEYS_BYTES_MAX: usize = 1 << 28;

const AS_IS: u8 = 0;
const LZ4: u8 = 1;

/// A block as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Block {
    /// The keys.
    pub terms: Vec<u8>,
    /// Their lists.
    pub postings: Vec<u8>,
}

impl Block {
    /// What it takes.
    pub fn bytes(&self) -> usize {
        self.terms.len() + self.postings.len()
    }
}

/// Cuts sorted keys and their lists into blocks.
#[derive(Debug, Default)]
pub struct BlockWriter {
    keys: Vec<u8>,
    lengths: Vec<u8>,
    lists: Vec<u8>,
    count: u64,
    pub(crate) firsts: Vec<First>,
}

impl BlockWriter {
    /// Appends a key above those before it; gives the block that is full with it.
    pub(crate) fn push(&mut self, key: &[u8], list: &[u8]) -> Option<Block> {
        if self.count == 0 {
            self.firsts.push(First::of(key));
        }
        self.keys.extend_from_slice(key);
        self.keys.push(END);
        varint::push(&mut self.lengths, list.len() as u64);
        self.lists.extend_from_slice(list);
        self.count += 1;
        let is_full = self.keys.len() >= KEYS_BYTES || self.lists.len() >= LISTS_BYTES;
        if is_full { self.finish() } else { None }
    }

    /// The last block, if anything is left.
    pub(crate) fn finish(&mut self) -> Option<Block> {
        if self.count == 0 {
            return None;
        }
        let mut postings = Vec::with_capacity(self.lengths.len() + self.lists.len() + 9);
        varint::push(&mut postings, self.count);
        postings.append(&mut self.lengths);
        postings.append(&mut self.lists);
        self.count = 0;
        let terms = pack(&self.keys);
        self.keys.clear();
        Some(Block { terms, postings })
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

/// The keys of a stored block.
pub(crate) fn unpack(terms: &[u8]) -> Result<Vec<u8>, Corrupt> {
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

/// Where the lists of a stored block are in it.
#[derive(Debug, Default)]
pub(crate) struct Lists {
    start: usize,
    ends: Vec<usize>,
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
            end = end.checked_add(length).ok_or(CORRUPT)?;
            ends.push(end);
        }
        let start = postings.len() - rest.len();
        if end == rest.len() { Ok(Self { start, ends }) } else { Err(CORRUPT) }
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// A list of the block that was parsed.
    pub(crate) fn list<'a>(&self, postings: &'a [u8], at: usize) -> Option<&'a [u8]> {
        let start = at.checked_sub(1).map_or(Some(0), |at| self.ends.get(at).copied())?;
        postings.get(self.start + start..self.start + self.ends.get(at)?)
    }
}

/// Where the key around `at` begins and ends.
pub(crate) fn key_around(keys: &[u8], at: usize) -> (usize, usize) {
    let start = keys.get(..at).and_then(|before| memrchr(END, before)).map_or(0, |end| end + 1);
    let end = keys.get(at..).and_then(|behind| memchr(END, behind)).map_or(keys.len(), |e| at + e);
    (start, end)
}
