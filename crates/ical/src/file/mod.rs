//! Files of many objects, as programs import and export them: whole calendars, whole address books.
//!
//! A file is taken apart by slices, so what it holds is stored byte for byte as it stands there,
//! and costs no more memory than the file and one component at a time.
//!
//! **Invariant:** what [`JoinedCalendar`] writes, [`CalendarFile`] reads as the same objects.

mod calendar;
mod cards;
mod join;
mod pieces;
mod public;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;

pub use calendar::{CalendarFile, FileObjects};
pub use cards::cards_of_file;
pub use join::JoinedCalendar;
pub use public::public_part;

use crate::charset::in_utf_8;
use crate::limits::Limits;

/// The bounds on a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileLimits {
    /// The most bytes of a file.
    pub bytes_max: usize,
    /// Cards, or components of calendars.
    pub objects_max: usize,
    /// The bounds on each object of a file.
    pub object: Limits,
}

impl FileLimits {
    /// LIMIT: R-CARD-3: 50 MB and 10,000 cards.
    pub const CONTACTS: Self =
        Self { bytes_max: 50 << 20, objects_max: 10_000, object: Limits::DEFAULT };
    /// LIMIT: 50 MB, and as many components as a calendar holds objects.
    pub const CALENDAR: Self =
        Self { bytes_max: 50 << 20, objects_max: 200_000, object: Limits::DEFAULT };
}

/// Why a file is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileError {
    /// Larger than a file may be; how many bytes that is.
    TooLarge(usize),
    /// It holds more than it may; how many that is.
    TooMany(usize),
    /// A line of the file cannot be read.
    Line {
        /// Where, from 1.
        line: usize,
        /// What is wrong in that line.
        text: String,
    },
    /// The file holds none of the components that were looked for, which are named here.
    Empty(&'static str),
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge(max) => write!(f, "the file has more than {} MB", max >> 20),
            Self::TooMany(max) => write!(f, "the file holds more than {max} objects"),
            Self::Line { line, text } => write!(f, "line {line}: {text}"),
            Self::Empty(what) => write!(f, "the file holds no {what}"),
        }
    }
}

impl std::error::Error for FileError {}

/// What a file holds that may be stored as one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileObject {
    /// Where it begins in the file, from 1.
    pub line: usize,
    /// It, as a file of its own.
    pub bytes: Vec<u8>,
}

/// A file as the text that it is, in UTF-8: programs also write UTF-16, and the letters of Windows.
///
/// # Errors
/// [`FileError::TooLarge`], as the file is and not as its text is.
pub fn text_of_file<'b>(bytes: &'b [u8], limits: &FileLimits) -> Result<Cow<'b, [u8]>, FileError> {
    match bytes.len() > limits.bytes_max {
        true => Err(FileError::TooLarge(limits.bytes_max)),
        false => Ok(in_utf_8(bytes)),
    }
}

/// A name for what has none, always the same for the same bytes, so that it is known when it is
/// imported again.
///
/// RFC 9562 §5.8: the bits of a UUID whose making is nobody else's business.
fn uid_of(bytes: &[u8]) -> String {
    // FNV-1a twice: it has to tell the objects of a person apart, not to withstand anybody.
    let half = |mut hash: u64| {
        for byte in bytes.iter().filter(|byte| !byte.is_ascii_whitespace()) {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        hash
    };
    let high = (half(0xcbf2_9ce4_8422_2325) & !0xf000) | 0x8000;
    let low = (half(0x8422_2325_cbf2_9ce4) >> 2) | 0x8000_0000_0000_0000;
    let text = format!("{high:016x}{low:016x}");
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    let parts = [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)];
    parts.join("-")
}
