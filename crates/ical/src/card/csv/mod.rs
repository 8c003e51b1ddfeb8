//! Contacts as tables: what Outlook, Google, Thunderbird, Yahoo, Proton and programs of macOS
//! write as CSV (RFC 4180), as cards.
//!
//! The first row names the columns. A name is looked up as it is meant, whatever its case and
//! signs; columns that nobody knows are left out, and told.

mod columns;
mod make;
mod reader;
#[cfg(test)]
mod tests;
mod write;

use std::fmt;

use self::columns::{Column, columns};
use self::make::Contact;
use self::reader::{Rows, decode, separator};
pub use self::write::csv_of_contacts;
use super::parse::Card;

/// Bounds of a table (R-CARD-3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CsvLimits {
    /// Bytes of the file.
    pub bytes_max: usize,
    /// Rows, without the one that names the columns.
    pub rows_max: usize,
    /// Columns.
    pub columns_max: usize,
}

impl Default for CsvLimits {
    fn default() -> Self {
        Self { bytes_max: 50 << 20, rows_max: 10_000, columns_max: 500 }
    }
}

/// Why a file is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CsvError {
    /// Larger than a file may be; how many bytes that is.
    TooLarge(usize),
    /// More rows than there may be; how many that is.
    TooManyRows(usize),
    /// More columns than there may be.
    TooManyColumns(usize),
    /// A quote that is not closed; the row, from 1.
    Quote(usize),
    /// No column that names or reaches anybody.
    NoContacts,
}

impl fmt::Display for CsvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge(max) => write!(f, "the file has more than {} MB", max >> 20),
            Self::TooManyRows(max) => write!(f, "the file has more than {max} rows"),
            Self::TooManyColumns(max) => write!(f, "the file has more than {max} columns"),
            Self::Quote(row) => write!(f, "a quote in row {row} is not closed"),
            Self::NoContacts => f.write_str("no column is a name or an address of contacts"),
        }
    }
}

impl std::error::Error for CsvError {}

/// What a table held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CsvContacts {
    /// A card of version 3.0 for each row that is somebody.
    pub cards: Vec<Card>,
    /// The row that each of them stands in, from 1, as spreadsheets count.
    pub rows: Vec<usize>,
    /// Columns that have no place in a card.
    pub ignored: Vec<String>,
}

/// Reads all of a table, or refuses it. `uid` makes names that are used nowhere else.
///
/// # Errors
/// As [`CsvError`] says.
pub fn contacts_of_csv(
    bytes: &[u8],
    limits: &CsvLimits,
    mut uid: impl FnMut() -> String,
) -> Result<CsvContacts, CsvError> {
    if bytes.len() > limits.bytes_max {
        return Err(CsvError::TooLarge(limits.bytes_max));
    }
    let text = decode(bytes);
    let mut rows = Rows::new(&text, separator(&text), limits.columns_max);
    let header = rows.next().transpose()?.unwrap_or_default();
    let columns = columns(&header);
    if !columns.iter().any(Column::is_of_somebody) {
        return Err(CsvError::NoContacts);
    }
    let (mut cards, mut at) = (Vec::new(), Vec::new());
    let mut left = limits.rows_max;
    while let Some(row) = rows.next() {
        left = left.checked_sub(1).ok_or(CsvError::TooManyRows(limits.rows_max))?;
        let mut contact = Contact::default();
        for (column, value) in columns.iter().zip(row?) {
            contact.put(column, value.trim());
        }
        if let Some(card) = contact.into_card(&mut uid) {
            cards.push(card);
            at.push(rows.number());
        }
    }
    let unknown = header.iter().zip(&columns).filter(|(_, column)| **column == Column::Unknown);
    let ignored = unknown.map(|(name, _)| name.trim().to_owned());
    let ignored = ignored.filter(|name| !name.is_empty()).collect();
    Ok(CsvContacts { cards, rows: at, ignored })
}
