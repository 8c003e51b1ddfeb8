//! Merges several segments into one, leaving out documents that are not kept.

use crate::block::{At, BlockWriter, EachBlock, Lists};
use crate::documents::{self, Places};
use crate::head::{Document, Head};
use crate::query::{Source, read_apart};
use crate::varint::{List, ListWriter};
use crate::{Corrupt, END, Field};

/// A segment that is merged.
pub struct Input<'i, S> {
    /// The head of the segment.
    pub head: &'i Head,
    /// Which of its documents stay, in the order of [`Head::documents`].
    pub keep: Vec<bool>,
    /// The source of its blocks.
    pub source: &'i mut S,
}

/// Hands the blocks of the merged segment to `each` as they are ready; its head comes last. Holds a
/// block of each input in memory, and the longest list.
///
/// # Errors
/// What reading fails with, and that of `each`.
pub fn merge<S: Source>(
    inputs: Vec<Input<'_, S>>,
    each: EachBlock<'_, S::Error>,
) -> Result<Head, S::Error> {
    let mut documents = Vec::new();
    let mut cursors = Vec::with_capacity(inputs.len());
    for input in inputs {
        let moves = Moves::of(&input, &mut documents);
        cursors.push(Cursor::open(input, moves)?);
    }
    let mut writer = BlockWriter::default();
    while let Some(key) = cursors.iter().filter_map(Cursor::key).min() {
        let key = key.to_vec();
        let mut list = Merged::of(&key);
        for cursor in cursors.iter_mut().filter(|cursor| cursor.key() == Some(&key)) {
            cursor.append_list(&mut list)?;
            cursor.advance()?;
        }
        if let Some(list) = list.finish(documents.len()) {
            writer.push(&key, &list, each)?;
        }
    }
    writer.finish(each)?;
    Ok(Head { documents, firsts: writer.firsts })
}

/// A list being put together.
enum Merged {
    Positions(Field, ListWriter),
    Documents(Vec<u32>),
}

impl Merged {
    fn of(key: &[u8]) -> Self {
        let kind = key.first().copied().unwrap_or_default();
        let is_of = |field: &Field| {
            let names = *field == Field::Header && kind == Field::NAMES_KEY;
            field.items_key() == kind || field.no_blank_key() == Some(kind) || names
        };
        match Field::ALL.into_iter().find(is_of) {
            Some(field) => Self::Positions(field, ListWriter::default()),
            None => Self::Documents(Vec::new()),
        }
    }

    /// None of what stood only in documents that go.
    fn finish(self, documents: usize) -> Option<Vec<u8>> {
        match self {
            Self::Positions(_, list) => (!list.bytes.is_empty()).then_some(list.bytes),
            Self::Documents(list) => {
                (!list.is_empty()).then(|| documents::encode(&list, documents))
            }
        }
    }
}

/// Where the documents of an input come to lie.
struct Moves {
    /// The new number of each document, if it stays.
    documents: Vec<Option<u32>>,
    fields: [FieldMoves; Field::ALL.len()],
}

struct FieldMoves {
    old: Places,
    /// By document: where its text begins now.
    new: Vec<Option<u32>>,
}

impl Moves {
    /// Appends the documents of `input` that stay to `documents`.
    fn of<S>(input: &Input<'_, S>, documents: &mut Vec<Document>) -> Self {
        let mut next = Field::ALL.map(|field| {
            documents.iter().fold(0u32, |sum, document| sum.saturating_add(document.length(field)))
        });
        let mut moves = Self {
            documents: Vec::new(),
            fields: Field::ALL
                .map(|field| FieldMoves { old: Places::of(input.head, field), new: Vec::new() }),
        };
        let mut keep = input.keep.iter().copied();
        for document in &input.head.documents {
            let stays = keep.next().unwrap_or(false);
            let number = u32::try_from(documents.len()).unwrap_or(u32::MAX);
            moves.documents.push(stays.then_some(number));
            for (field, (moves, next)) in
                Field::ALL.into_iter().zip(moves.fields.iter_mut().zip(&mut next))
            {
                moves.new.push(stays.then_some(*next));
                if stays {
                    *next = next.saturating_add(document.length(field));
                }
            }
            if stays {
                documents.push(*document);
            }
        }
        moves
    }

    /// Appends what stays of a list to `out`.
    fn append(&self, list: &[u8], out: &mut Merged) -> Result<(), Corrupt> {
        match out {
            Merged::Documents(out) => {
                documents::decode(list, self.documents.len(), &mut |document| {
                    out.extend(self.documents.get(document as usize).copied().flatten());
                })?;
            }
            Merged::Positions(field, out) => {
                let Some(FieldMoves { old, new }) = self.fields.get(field.index()) else {
                    return Ok(());
                };
                for position in List::new(list) {
                    let document = old.document(position);
                    if let Some(Some(new)) = new.get(document) {
                        out.push(new.saturating_add(position - old.start(document)));
                    }
                }
            }
        }
        Ok(())
    }
}

/// Where a merge stands in one of its inputs.
struct Cursor<'i, S> {
    input: Input<'i, S>,
    moves: Moves,
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
    fn open(input: Input<'i, S>, moves: Moves) -> Result<Self, S::Error> {
        let mut cursor = Self {
            input,
            moves,
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
        self.input.source.keys(self.next, self.next, &mut |_, block| {
            keys.extend_from_slice(block);
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

    fn append_list(&mut self, out: &mut Merged) -> Result<(), S::Error> {
        let list = self.lists.list(&self.postings, self.place);
        match list.ok_or(Corrupt("block of postings"))? {
            At::Here(list) => self.moves.append(list, out)?,
            At::Apart(blocks) => {
                let list = read_apart(self.input.source, blocks)?;
                self.moves.append(&list, out)?;
            }
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
