//! Several segments made one, without what is not kept.

use crate::block::{Block, BlockWriter, Lists, unpack};
use crate::head::{Document, Head};
use crate::query::{Source, document_at};
use crate::varint::{List, ListWriter};
use crate::{Corrupt, END, Field};

/// A segment that is merged.
pub struct Input<'i, S> {
    /// Its head.
    pub head: &'i Head,
    /// Which of its documents stay, in the order of [`Head::documents`].
    pub keep: Vec<bool>,
    /// Its blocks.
    pub source: &'i mut S,
}

/// Hands the blocks of the merged segment to `each`, numbered, as they are ready; its head comes
/// last. Holds a block of each input in memory, and the longest list.
///
/// # Errors
/// What reading fails with, and that of `each`.
pub fn merge<S: Source>(
    inputs: Vec<Input<'_, S>>,
    each: &mut dyn FnMut(usize, Block) -> Result<(), S::Error>,
) -> Result<Head, S::Error> {
    let mut documents = Vec::new();
    let mut cursors = Vec::with_capacity(inputs.len());
    for input in inputs {
        let places = Places::of(&input, &mut documents);
        cursors.push(Cursor::open(input, places)?);
    }
    let mut writer = BlockWriter::default();
    let mut number = 0;
    let mut hand_over = |block: Option<Block>| {
        let Some(block) = block else { return Ok(()) };
        number += 1;
        each(number - 1, block)
    };
    while let Some(key) = cursors.iter().filter_map(Cursor::key).min() {
        let key = key.to_vec();
        let mut list = ListWriter::default();
        for cursor in cursors.iter_mut().filter(|cursor| cursor.key() == Some(&key)) {
            cursor.append_list(&mut list)?;
            cursor.advance()?;
        }
        // What stood only in documents that go is gone.
        if !list.bytes.is_empty() {
            hand_over(writer.push(&key, &list.bytes))?;
        }
    }
    hand_over(writer.finish())?;
    Ok(Head { documents, firsts: writer.firsts })
}

/// Where the documents of an input come to lie.
struct Places {
    /// By document: its new number.
    documents: Vec<Option<u32>>,
    fields: [FieldPlaces; Field::ALL.len()],
}

#[derive(Default)]
struct FieldPlaces {
    old: Vec<u32>,
    /// By document: where its text begins now.
    new: Vec<Option<u32>>,
}

impl Places {
    /// Appends the documents of `input` that stay to `documents`.
    fn of<S>(input: &Input<'_, S>, documents: &mut Vec<Document>) -> Self {
        let mut next = Field::ALL.map(|field| {
            documents.iter().fold(0u32, |sum, document| sum.saturating_add(document.length(field)))
        });
        let mut places = Self {
            documents: Vec::new(),
            fields: Field::ALL
                .map(|field| FieldPlaces { old: input.head.starts(field), new: Vec::new() }),
        };
        let mut keep = input.keep.iter().copied();
        for document in &input.head.documents {
            let stays = keep.next().unwrap_or(false);
            let number = u32::try_from(documents.len()).unwrap_or(u32::MAX);
            places.documents.push(stays.then_some(number));
            for (field, (places, next)) in
                Field::ALL.into_iter().zip(places.fields.iter_mut().zip(&mut next))
            {
                places.new.push(stays.then_some(*next));
                if stays {
                    *next = next.saturating_add(document.length(field));
                }
            }
            if stays {
                documents.push(*document);
            }
        }
        places
    }

    /// Appends what stays of a list to `out`.
    fn append(&self, kind: u8, list: &[u8], out: &mut ListWriter) {
        let is_of = |field: &Field| field.items_key() == kind || field.no_blank_key() == Some(kind);
        let Some(field) = Field::ALL.into_iter().find(is_of) else {
            let documents = List::new(list).filter_map(|at| *self.documents.get(at as usize)?);
            return documents.for_each(|document| out.push(document));
        };
        let Some(FieldPlaces { old, new }) = self.fields.get(field.index()) else { return };
        let mut document = 0;
        for position in List::new(list) {
            document = document_at(old, document, position);
            if let (Some(old), Some(Some(new))) = (old.get(document), new.get(document)) {
                out.push(new.saturating_add(position - old));
            }
        }
    }
}

/// Where a merge stands in one of its inputs.
struct Cursor<'i, S> {
    input: Input<'i, S>,
    places: Places,
    /// The next block.
    next: usize,
    keys: Vec<u8>,
    postings: Vec<u8>,
    lists: Lists,
    /// The key it stands at: where it lies in `keys`, and its list.
    start: usize,
    end: usize,
    place: usize,
}

impl<'i, S: Source> Cursor<'i, S> {
    fn open(input: Input<'i, S>, places: Places) -> Result<Self, S::Error> {
        let mut cursor = Self {
            input,
            places,
            next: 0,
            keys: Vec::new(),
            postings: Vec::new(),
            lists: Lists::default(),
            start: 0,
            end: 0,
            place: 0,
        };
        cursor.load()?;
        Ok(cursor)
    }

    /// Goes to the first key of the next block; to none behind the last block.
    fn load(&mut self) -> Result<(), S::Error> {
        (self.start, self.end, self.place) = (0, 0, 0);
        self.keys.clear();
        if self.next >= self.input.head.blocks() {
            return Ok(());
        }
        let keys = &mut self.keys;
        self.input.source.terms(self.next, self.next, &mut |_, terms| {
            *keys = unpack(terms)?;
            Ok(())
        })?;
        self.postings = self.input.source.postings(self.next)?;
        self.lists = Lists::parse(&self.postings)?;
        let count = memchr::memchr_iter(END, &self.keys).count();
        if count != self.lists.len() || count == 0 {
            return Err(Corrupt("block").into());
        }
        self.next += 1;
        self.end = self.key_end();
        Ok(())
    }

    fn key_end(&self) -> usize {
        let rest = self.keys.get(self.start..).unwrap_or_default();
        self.start + memchr::memchr(END, rest).unwrap_or(rest.len())
    }

    fn key(&self) -> Option<&[u8]> {
        self.keys.get(self.start..self.end).filter(|key| !key.is_empty())
    }

    fn append_list(&self, out: &mut ListWriter) -> Result<(), Corrupt> {
        let list = self.lists.list(&self.postings, self.place);
        let list = list.ok_or(Corrupt("block of postings"))?;
        if let Some(kind) = self.key().and_then(<[u8]>::first) {
            self.places.append(*kind, list, out);
        }
        Ok(())
    }

    fn advance(&mut self) -> Result<(), S::Error> {
        self.start = self.end + 1;
        self.place += 1;
        if self.start >= self.keys.len() {
            return self.load();
        }
        self.end = self.key_end();
        Ok(())
    }
}
