//! The head of a segment: its documents and where its blocks begin.

use crate::{Corrupt, Field, varint};

const VERSION: u8 = 2;
/// LIMIT: of the first key of a block: enough to tell blocks apart.
const FIRST_BYTES: usize = 32;

/// LIMIT: positions of one field in one segment: what a search with a bit for each can hold.
pub(crate) const POSITIONS_MAX: u32 = 1 << 30;

/// The beginning of the first key of a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct First(Vec<u8>);

impl First {
    pub(crate) fn of(key: &[u8]) -> Self {
        Self(key.get(..FIRST_BYTES).unwrap_or(key).to_vec())
    }

    /// Whether some key that begins with `prefix` can stand in the block that begins here, and,
    /// where there is one, before the block that begins at `next`.
    pub(crate) fn may_hold(&self, prefix: &[u8], next: Option<&Self>) -> bool {
        let short = prefix.get(..FIRST_BYTES).unwrap_or(prefix);
        (self.0.as_slice() <= prefix || self.0.starts_with(short))
            && next.is_none_or(|Self(next)| next.as_slice() >= short)
    }
}

/// A document of a segment that is being built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Document {
    pub(crate) id: i64,
    /// A bit for each field of which something was left out.
    pub(crate) left_out: u8,
    /// Positions that each field takes.
    pub(crate) lengths: [u32; Field::ALL.len()],
}

/// The head of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    pub(crate) documents: Vec<Document>,
    pub(crate) firsts: Vec<First>,
}

impl Head {
    /// The documents, in the order they were added.
    pub fn documents(&self) -> impl ExactSizeIterator<Item = i64> {
        self.documents.iter().map(|document| document.id)
    }

    /// How many blocks there are, numbered from 0.
    pub fn blocks(&self) -> usize {
        self.firsts.len()
    }

    /// How much text of this field each document has, in items.
    pub fn lengths(&self, field: Field) -> impl ExactSizeIterator<Item = u32> {
        self.documents.iter().map(move |document| document.length(field))
    }

    /// The head in its stored form.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.documents.len() * 12 + self.firsts.len() * 24 + 16);
        out.push(VERSION);
        varint::push(&mut out, self.documents.len() as u64);
        let mut last = 0;
        for document in &self.documents {
            varint::push(&mut out, varint::zigzag(document.id.wrapping_sub(last)));
            last = document.id;
        }
        out.extend(self.documents.iter().map(|document| document.left_out));
        for field in Field::ALL {
            for length in self.lengths(field) {
                varint::push(&mut out, u64::from(length));
            }
        }
        varint::push(&mut out, self.firsts.len() as u64);
        for First(first) in &self.firsts {
            varint::push(&mut out, first.len() as u64);
            out.extend_from_slice(first);
        }
        out
    }

    /// Reads what [`encode`](Self::encode) wrote.
    ///
    /// # Errors
    /// [`Corrupt`] for anything else.
    pub fn parse(stored: &[u8]) -> Result<Self, Corrupt> {
        const CORRUPT: Corrupt = Corrupt("head");
        let (&version, mut rest) = stored.split_first().ok_or(CORRUPT)?;
        let count = varint::take_size(&mut rest).ok_or(CORRUPT)?;
        if version != VERSION || count > rest.len() {
            return Err(CORRUPT);
        }
        let mut documents = vec![Document::default(); count];
        let mut id = 0i64;
        for document in &mut documents {
            id = id.wrapping_add(varint::unzigzag(varint::take(&mut rest).ok_or(CORRUPT)?));
            document.id = id;
        }
        let (masks, mut rest) = rest.split_at_checked(count).ok_or(CORRUPT)?;
        for (document, mask) in documents.iter_mut().zip(masks) {
            document.left_out = *mask;
        }
        for field in 0..Field::ALL.len() {
            let mut sum = 0u32;
            for document in &mut documents {
                let length = varint::take(&mut rest).and_then(|length| u32::try_from(length).ok());
                let length = length.ok_or(CORRUPT)?;
                sum = sum.checked_add(length).filter(|sum| *sum <= POSITIONS_MAX).ok_or(CORRUPT)?;
                if let Some(place) = document.lengths.get_mut(field) {
                    *place = length;
                }
            }
        }
        let firsts = parse_firsts(&mut rest).ok_or(CORRUPT)?;
        if rest.is_empty() { Ok(Self { documents, firsts }) } else { Err(CORRUPT) }
    }

    /// Where each document's text of this field begins, and at the end where the last one ends.
    pub(crate) fn starts(&self, field: Field) -> Vec<u32> {
        let mut starts = Vec::with_capacity(self.documents.len() + 1);
        let mut sum = 0u32;
        starts.push(0);
        for length in self.lengths(field) {
            sum = sum.saturating_add(length);
            starts.push(sum);
        }
        starts
    }
}

fn parse_firsts(rest: &mut &[u8]) -> Option<Vec<First>> {
    let count = varint::take_size(rest).filter(|count| *count <= rest.len())?;
    let mut firsts = Vec::with_capacity(count);
    for _ in 0..count {
        let length = varint::take_size(rest)?;
        let (first, behind) = rest.split_at_checked(length)?;
        firsts.push(First::of(first));
        *rest = behind;
    }
    Some(firsts)
}

impl Document {
    pub(crate) fn length(&self, field: Field) -> u32 {
        self.lengths.get(field.index()).copied().unwrap_or_default()
    }

    pub(crate) fn leaves_out(&self, field: Field) -> bool {
        self.left_out & (1 << field.index()) != 0
    }
}
