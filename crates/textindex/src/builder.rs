//! Making a segment of texts.

use std::collections::{HashMap, HashSet};

use crate::Field;
use crate::block::{Block, BlockWriter};
use crate::head::{Document, Head, POSITIONS_MAX};
use crate::item::{is_listed, is_seam, items};
use crate::varint::ListWriter;

/// What a key costs in memory beside its bytes.
const KEY_BYTES: usize = 96;

/// Texts on their way into a segment, in memory.
#[derive(Debug, Default)]
pub struct Builder {
    lists: HashMap<Box<[u8]>, ListWriter>,
    documents: Vec<Document>,
    /// Where the next item of each field stands.
    next: [u32; Field::ALL.len()],
    /// By field: the list of its [`Field::no_blank_key`].
    no_blank: [ListWriter; Field::ALL.len()],
    /// Of the document under way and one field: what it has lists of documents for.
    seen: Seen,
    key: Vec<u8>,
    bytes: usize,
}

/// Characters and pairs of one text.
#[derive(Debug)]
struct Seen {
    ascii: [bool; 128],
    ascii_pairs: Vec<bool>,
    others: HashSet<(char, Option<char>)>,
}

impl Default for Seen {
    fn default() -> Self {
        Self { ascii: [false; 128], ascii_pairs: vec![false; 128 * 128], others: HashSet::new() }
    }
}

impl Builder {
    /// Begins a document; what is added from here on is its.
    pub fn begin(&mut self, id: i64) {
        self.documents.push(Document { id, ..Document::default() });
    }

    /// How many documents were begun.
    pub fn documents(&self) -> usize {
        self.documents.len()
    }

    /// About how much memory is held.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Says that a field of this document is not looked at: what it holds is not known.
    pub fn leave_out(&mut self, field: Field) {
        if let Some(document) = self.documents.last_mut() {
            document.left_out |= 1 << field.index();
        }
    }

    /// Adds the texts of a field of this document; to be called once for each field.
    pub fn add(&mut self, field: Field, texts: &[String]) {
        let start = self.next.get(field.index()).copied().unwrap_or_default();
        // No item is shorter than a byte.
        let positions_max: usize = texts.iter().map(|text| text.len() + 1).sum();
        if positions_max > POSITIONS_MAX.saturating_sub(start) as usize {
            return self.leave_out(field);
        }
        let mut position = start;
        for text in texts {
            self.key.clear();
            self.key.push(field.items_key());
            for item in items(text) {
                self.key.truncate(1);
                self.key.extend_from_slice(item.as_bytes());
                self.push(position);
                if !item.ends_with(' ') {
                    self.push_no_blank(field, position);
                }
                position += 1;
            }
            // A gap: nothing reaches from one text into the next.
            self.push_no_blank(field, position);
            position += 1;
            if field.documents_key().is_some() {
                self.seen.add(text);
            }
        }
        self.list_documents(field);
        if let (Some(next), Some(document)) =
            (self.next.get_mut(field.index()), self.documents.last_mut())
        {
            *next = position;
            if let Some(length) = document.lengths.get_mut(field.index()) {
                *length = position - start;
            }
        }
    }

    fn push_no_blank(&mut self, field: Field, position: u32) {
        let Some(list) = self.no_blank.get_mut(field.index()) else { return };
        if field.no_blank_key().is_some() {
            list.push(position);
            self.bytes += 1;
        }
    }

    /// Appends to the list of `self.key`.
    fn push(&mut self, number: u32) {
        if let Some(list) = self.lists.get_mut(self.key.as_slice()) {
            let before = list.bytes.len();
            list.push(number);
            self.bytes += list.bytes.len() - before;
            return;
        }
        let mut list = ListWriter::default();
        list.push(number);
        self.bytes += self.key.len() + KEY_BYTES;
        self.lists.insert(self.key.as_slice().into(), list);
    }

    fn list_documents(&mut self, field: Field) {
        let Some(first) = field.documents_key() else { return };
        let document = u32::try_from(self.documents.len().saturating_sub(1)).unwrap_or(u32::MAX);
        for (left, right) in self.seen.take() {
            self.key.clear();
            self.key.push(first);
            push_char(&mut self.key, left);
            if let Some(right) = right {
                push_char(&mut self.key, right);
            }
            self.push(document);
        }
    }

    /// The segment: its head and its blocks, in order.
    pub fn finish(self) -> (Head, Vec<Block>) {
        let mut lists: Vec<(Box<[u8]>, ListWriter)> = self.lists.into_iter().collect();
        let no_blank = Field::ALL.into_iter().zip(self.no_blank);
        lists.extend(no_blank.filter_map(|(field, list)| {
            let key = field.no_blank_key().filter(|_| !list.bytes.is_empty())?;
            Some(([key].into(), list))
        }));
        lists.sort_unstable_by(|(left, _), (right, _)| left.cmp(right));
        let mut writer = BlockWriter::default();
        let mut blocks: Vec<Block> =
            lists.iter().filter_map(|(key, list)| writer.push(key, &list.bytes)).collect();
        blocks.extend(writer.finish());
        (Head { documents: self.documents, firsts: writer.firsts }, blocks)
    }
}

pub(crate) fn push_char(out: &mut Vec<u8>, char: char) {
    out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
}

impl Seen {
    fn add(&mut self, text: &str) {
        let mut before: Option<char> = None;
        for char in text.chars() {
            match self.ascii.get_mut(char as usize) {
                Some(seen) => *seen = true,
                None if is_listed(char) => {
                    self.others.insert((char, None));
                }
                None => {}
            }
            if let Some(before) = before
                && is_seam(before, char)
            {
                self.add_pair(before, char);
            }
            before = Some(char);
        }
    }

    fn add_pair(&mut self, left: char, right: char) {
        if left.is_ascii() && right.is_ascii() {
            if let Some(seen) = self.ascii_pairs.get_mut(left as usize * 128 + right as usize) {
                *seen = true;
            }
        } else {
            self.others.insert((left, Some(right)));
        }
    }

    /// What was seen; forgets it.
    fn take(&mut self) -> Vec<(char, Option<char>)> {
        let mut all: Vec<_> = self.others.drain().collect();
        for (at, seen) in self.ascii.iter_mut().enumerate().filter(|(_, seen)| **seen) {
            *seen = false;
            all.push((char::from(at as u8), None));
        }
        for (at, seen) in self.ascii_pairs.iter_mut().enumerate().filter(|(_, seen)| **seen) {
            *seen = false;
            all.push((char::from((at / 128) as u8), Some(char::from((at % 128) as u8))));
        }
        all
    }
}
