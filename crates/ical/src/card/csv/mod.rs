//! Contacts as tables: what Outlook, Google, Thunderbird, Yahoo, Proton and programs of macOS
//! write as CSV (RFC 4180), as cards.
//!
//! The first row names the columns. A name is looked up as it is meant, whatever its case and
//! signs; columns that nobody knows are left out, and told.

mod columns;
mod date;
mod make;
mod reader;
#[cfg(test)]
mod tests;
mod write;

use std::fmt;

use self::columns::{Column, columns};
use self::date::Order;
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
    /// The most columns of a table.
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
    /// A field behind the last column that has a name; the row, from 1.
    Fields(usize),
    /// A date that is none; the row, from 1.
    Date(usize),
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
            Self::Fields(row) => {
                write!(f, "row {row} has more fields than the first row has names")
            }
            Self::Date(row) => {
                write!(f, "row {row} has a date that is not read, unlike 1980-12-31")
            }
            Self::NoContacts => f.write_str("no column is a name or an address of contacts"),
        }
    }
}

impl std::error::Error for CsvError {}

/// The cards that a table held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CsvContacts {
    /// A card of version 3.0 for each row that is somebody.
    pub cards: Vec<Card>,
    /// The row that each of them stands in, from 1, as spreadsheets count.
    pub rows: Vec<usize>,
    /// Rows that have something in them, and nobody: from 1.
    pub empty: Vec<usize>,
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
    let orders = orders(rows.clone(), &columns, limits.rows_max)?;
    let (mut cards, mut at, mut empty) = (Vec::new(), Vec::new(), Vec::new());
    while let Some(row) = rows.next() {
        let (row, number) = (row?, rows.number());
        let mut contact = Contact::default();
        for ((column, order), value) in columns.iter().zip(&orders).zip(row) {
            let put = contact.put(column, *order, value.trim());
            put.map_err(|_| CsvError::Date(number))?;
        }
        match contact.into_card(&mut uid).map_err(|_| CsvError::Date(number))? {
            Some(card) => {
                cards.push(card);
                at.push(number);
            }
            None => empty.push(number),
        }
    }
    let unknown = header.iter().zip(&columns).filter(|(_, column)| **column == Column::Unknown);
    let ignored = unknown.map(|(name, _)| name.trim().to_owned());
    let ignored = ignored.filter(|name| !name.is_empty()).collect();
    Ok(CsvContacts { cards, rows: at, empty, ignored })
}

/// How each column has its dates, which all of its fields tell together. What is wrong with the
/// rows themselves is found on the way.
fn orders(mut rows: Rows<'_>, columns: &[Column], rows_max: usize) -> Result<Vec<Order>, CsvError> {
    let mut orders = vec![Order::default(); columns.len()];
    let mut left = rows_max;
    while let Some(row) = rows.next() {
        left = left.checked_sub(1).ok_or(CsvError::TooManyRows(rows_max))?;
        let row = row?;
        if row.iter().skip(columns.len()).any(|field| !field.trim().is_empty()) {
            return Err(CsvError::Fields(rows.number()));
        }
        for ((column, order), field) in columns.iter().zip(&mut orders).zip(&row) {
            if column.is_date() {
                // Google puts several values into one field.
                *order = field.split(":::").map(str::trim).fold(*order, Order::with);
            }
        }
    }
    Ok(orders)
}
