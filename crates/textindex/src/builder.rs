//! Builds a segment from the texts of documents, in memory.

use std::collections::HashMap;

use crate::Field;
use crate::block::{Block, BlockWriter};
use crate::characters::Characters;
use crate::documents;
use crate::head::{Document, Head, POSITIONS_MAX};
use crate::item::items;
use crate::varint::{List, ListWriter};

/// What a key costs in memory beside its bytes.
const KEY_BYTES: usize = 96;

/// A field of a header as a text: `NAME: value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderLine {
    /// The whole line.
    pub text: String,
    /// How many of its bytes are the name, in front of `: `, where a search may name it.
    pub name_bytes: Option<usize>,
}

/// Texts on their way into a segment, in memory.
#[derive(Debug, Default)]
pub struct Builder {
    lists: HashMap<Box<[u8]>, ListWriter>,
    documents: Vec<Document>,
    /// Where the next item of each field stands.
    next: [u32; Field::ALL.len()],
    /// By field: the list of its [`Field::no_blank_key`].
    no_blank: [ListWriter; Field::ALL.len()],
    /// Characters and pairs that have lists of documents: of the body and of the header.
    characters: [Characters; 2],
    key: Vec<u8>,
    bytes: usize,
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

    /// Says that not all of a field of this document is added: what is not found in the rest is
    /// not known.
    pub fn leave_out(&mut self, field: Field) {
        if let Some(document) = self.documents.last_mut() {
            document.left_out |= 1 << field.index();
        }
    }

    /// Adds the texts of a field of this document; to be called once for each field.
    pub fn add(&mut self, field: Field, texts: &[String]) {
        self.add_all(field, texts.iter().map(|text| (text.as_str(), None)));
    }

    /// Adds the header of this document; to be called once.
    pub fn add_header(&mut self, lines: &[HeaderLine]) {
        let lines = lines.iter().map(|line| (line.text.as_str(), line.name_bytes));
        self.add_all(Field::Header, lines);
    }

    fn add_all<'t>(
        &mut self,
        field: Field,
        texts: impl Iterator<Item = (&'t str, Option<usize>)> + Clone,
    ) {
        let start = self.next.get(field.index()).copied().unwrap_or_default();
        // No item is shorter than a byte.
        let positions_max: usize = texts.clone().map(|(text, _)| text.len() + 1).sum();
        if positions_max > POSITIONS_MAX.saturating_sub(start) as usize {
            return self.leave_out(field);
        }
        let mut position = start;
        for (text, name_bytes) in texts {
            let first = position;
            position = self.add_items(field, text, position);
            if let Some(name) = name_bytes.and_then(|bytes| text.get(..bytes)) {
                self.add_name(name, text, first, position);
            }
            // A gap: nothing reaches from one text into the next.
            self.push_no_blank(field, position);
            position += 1;
            if let Some(characters) =
                field.with_documents().and_then(|at| self.characters.get_mut(at))
            {
                characters.see(text, field.lists_inner_pairs());
            }
        }
        let document = u32::try_from(self.documents.len().saturating_sub(1)).unwrap_or(u32::MAX);
        if let Some(characters) = field.with_documents().and_then(|at| self.characters.get_mut(at))
        {
            self.bytes += characters.list(document);
        }
        if let (Some(next), Some(document)) =
            (self.next.get_mut(field.index()), self.documents.last_mut())
        {
            *next = position;
            if let Some(length) = document.lengths.get_mut(field.index()) {
                *length = position - start;
            }
        }
    }

    /// Where the next item stands.
    fn add_items(&mut self, field: Field, text: &str, mut position: u32) -> u32 {
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
        position
    }

    /// Notes what is of the field of this name: behind the item that has the end of `NAME: `, and
    /// before `end`.
    fn add_name(&mut self, name: &str, text: &str, first: u32, end: u32) {
        let head = text.get(..name.len() + 2).unwrap_or(text);
        let last = items(head).count().saturating_sub(1);
        self.key.clear();
        self.key.push(Field::NAMES_KEY);
        self.key.extend_from_slice(name.as_bytes());
        self.push(first.saturating_add(u32::try_from(last).unwrap_or(u32::MAX)));
        self.push(end);
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

    /// The segment: its head, and its blocks with their numbers.
    pub fn finish(self) -> (Head, Vec<(usize, Block)>) {
        let total = self.documents.len();
        let mut lists: Vec<(Box<[u8]>, Vec<u8>)> =
            self.lists.into_iter().map(|(key, list)| (key, list.bytes)).collect();
        for (field, list) in Field::ALL.into_iter().zip(self.no_blank) {
            if let Some(key) = field.no_blank_key().filter(|_| !list.bytes.is_empty()) {
                lists.push(([key].into(), list.bytes));
            }
        }
        for (field, characters) in Field::WITH_DOCUMENTS.into_iter().zip(&self.characters) {
            let Some(key) = field.documents_key() else { continue };
            for (chars, list) in characters.lists() {
                let documents: Vec<u32> = List::new(&list.bytes).collect();
                let key = [&[key], chars.as_bytes()].concat().into_boxed_slice();
                lists.push((key, documents::encode(&documents, total)));
            }
        }
        lists.sort_unstable_by(|(left, _), (right, _)| left.cmp(right));
        let (mut writer, mut blocks) = (BlockWriter::default(), Vec::new());
        let mut keep = |number, block| -> Result<(), std::convert::Infallible> {
            blocks.push((number, block));
            Ok(())
        };
        for (key, list) in lists {
            let Ok(()) = writer.push(&key, &list, &mut keep);
        }
        let Ok(()) = writer.finish(&mut keep);
        (Head { documents: self.documents, firsts: writer.firsts }, blocks)
    }
}
