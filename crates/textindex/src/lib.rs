//! A substring index over texts: which documents contain these very characters, wherever they
//! stand, without reading the texts again.
//!
//! A text is a row of **items**: a word with whatever follows it up to the next word, or one
//! ideograph or kana with what follows it ([`item`]). A segment keeps each distinct item once,
//! sorted, with the positions at which it stands. A needle without an item boundary is found in
//! the items that contain it; one with boundaries is a suffix of an item, then whole items, then
//! a prefix of one, at successive positions. So every answer is exact and no text is verified.
//! Where a text begins or ends is a gap in the positions. Needles of one character and of two,
//! and of two around a blank, would be found nearly everywhere: for these, long texts have lists of
//! documents beside the positions. Which positions are of a header field of some name is kept as
//! well.
//!
//! A segment is a [`Head`] and [`Block`]s. It is made by a [`Builder`] or by [`merge`], never
//! changed, and asked with [`search`]. Texts and needles are compared byte by byte: who folds
//! case or accents does so before.
//!
//! **Invariants:** nothing that is read back panics or is believed beyond its own length; what is
//! no segment is [`Corrupt`]. **Absent:** I/O; what the documents are.

mod block;
mod builder;
mod characters;
mod documents;
mod head;
mod item;
mod merge;
mod phrase;
mod plan;
mod query;
#[cfg(test)]
mod tests;
mod varint;

pub use block::{Block, EachBlock, unpack};
pub use builder::{Builder, HeaderLine};
pub use head::Head;
pub use item::{length, words};
pub use merge::{Input, merge};
pub use query::{Asked, EachKeys, Needle, Source, UNKNOWN, What, search};

/// Texts of a document that are searched apart from each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Field {
    /// The texts of the body.
    Body = 0,
    /// The header; each field is a text of its own.
    Header = 1,
    /// The subject.
    Subject = 2,
    /// The senders.
    From = 3,
    /// The recipients in To.
    To = 4,
    /// The recipients in Cc.
    Cc = 5,
    /// The recipients in Bcc, of whom others do not know.
    Bcc = 6,
}

impl Field {
    /// Every field.
    pub const ALL: [Self; 7] =
        [Self::Body, Self::Header, Self::Subject, Self::From, Self::To, Self::Cc, Self::Bcc];

    fn index(self) -> usize {
        usize::from(self as u8)
    }

    /// What the keys of its items begin with: a byte that is in no UTF-8.
    fn items_key(self) -> u8 {
        FIRST_KEY + self as u8
    }

    /// The one key whose list has the positions that are no item with a blank at its end. Most
    /// items have one, and a needle with a blank in front asks for it. Short texts have no such
    /// key; the bytes are in no UTF-8 either.
    fn no_blank_key(self) -> Option<u8> {
        match self {
            Self::Body => Some(0xc0),
            Self::Header => Some(0xc1),
            Self::Subject | Self::From | Self::To | Self::Cc | Self::Bcc => None,
        }
    }

    /// What the keys begin with that have the positions of header fields by their name: of each
    /// text the item in which its value begins, and its end.
    const NAMES_KEY: u8 = FIRST_KEY + 9;

    /// The fields with lists of documents.
    const WITH_DOCUMENTS: [Self; 2] = [Self::Body, Self::Header];

    /// The place among [`Self::WITH_DOCUMENTS`].
    fn with_documents(self) -> Option<usize> {
        Self::WITH_DOCUMENTS.iter().position(|field| *field == self)
    }

    /// Whether pairs inside of items and around blanks have lists of documents too.
    fn lists_inner_pairs(self) -> bool {
        self == Self::Body
    }

    /// What the keys of its lists of documents begin with; short texts have none.
    fn documents_key(self) -> Option<u8> {
        match self {
            Self::Body => Some(FIRST_KEY + 7),
            Self::Header => Some(FIRST_KEY + 8),
            Self::Subject | Self::From | Self::To | Self::Cc | Self::Bcc => None,
        }
    }
}

/// RFC 3629 §4: UTF-8 has no byte from here on. The kinds of keys follow each other; the last
/// byte ends a key.
const FIRST_KEY: u8 = 0xf5;
const END: u8 = 0xff;

/// Bytes that are no segment of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Corrupt(pub &'static str);

impl std::fmt::Display for Corrupt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a damaged {} in the search index", self.0)
    }
}

impl std::error::Error for Corrupt {}
