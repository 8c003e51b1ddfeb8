//! vCards: what may be stored (RFC 6352 §5.1), 3.0 (RFC 2426), 4.0 (RFC 6350), and one from the
//! other. 2.1 is read, and made 3.0.

mod csv;
mod invalid;
mod old;
mod parse;
#[cfg(test)]
mod tests;
mod to_v3;
mod to_v4;
mod types;

pub use csv::{CsvContacts, CsvError, CsvLimits, contacts_of_csv, csv_of_contacts};
pub use invalid::InvalidCard;
pub use parse::{Card, CardFacts, CardKind, CardVersion};
