//! Rows of a table (RFC 4180), with what programs make of it: other separators, other encodings.

use std::borrow::Cow;

use super::CsvError;
use crate::charset::{utf_16, windows_1252};

/// UTF-8, UTF-16 with its mark, or Windows-1252, which every byte is.
pub(super) fn decode(bytes: &[u8]) -> Cow<'_, str> {
    if let Some(text) = utf_16(bytes) {
        return Cow::Owned(text);
    }
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(windows_1252(bytes)),
    }
}

/// The separator between columns: of comma, semicolon and tab, the one that the first row has most
/// of. Empty rows do not count.
pub(super) fn separator(text: &str) -> char {
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let count = |sign: char| first.matches(sign).count();
    [',', ';', '\t'].into_iter().rev().max_by_key(|sign| count(*sign)).unwrap_or(',')
}

/// Rows with their fields, empty ones left out.
#[derive(Clone)]
pub(super) struct Rows<'t> {
    rest: &'t str,
    separator: char,
    columns_max: usize,
    number: usize,
}

impl<'t> Rows<'t> {
    pub(super) fn new(text: &'t str, separator: char, columns_max: usize) -> Self {
        Self { rest: text, separator, columns_max, number: 0 }
    }

    /// Which row the last one was, from 1, those without anything counted.
    pub(super) fn number(&self) -> usize {
        self.number
    }

    /// ```text
    /// field = escaped / non-escaped
    /// escaped = DQUOTE *(TEXTDATA / COMMA / CR / LF / 2DQUOTE) DQUOTE
    /// ```
    /// RFC 4180 §2. The field, and whether the row ends behind it.
    fn field(&mut self) -> Result<(Cow<'t, str>, bool), CsvError> {
        let Some(quoted) = self.rest.strip_prefix('"') else {
            let (field, ends) = self.up_to_separator();
            return Ok((Cow::Borrowed(field), ends));
        };
        let mut field = String::new();
        let mut rest = quoted;
        loop {
            let (part, after) = rest.split_once('"').ok_or(CsvError::Quote(self.number))?;
            field.push_str(part);
            match after.strip_prefix('"') {
                Some(after) => {
                    field.push('"');
                    rest = after;
                }
                None => {
                    rest = after;
                    break;
                }
            }
        }
        self.rest = rest;
        // QUIRK(some exports): text behind the closing quote.
        let (tail, ends) = self.up_to_separator();
        field.push_str(tail);
        Ok((Cow::Owned(field), ends))
    }

    fn up_to_separator(&mut self) -> (&'t str, bool) {
        let separator = self.separator;
        let is_end = |char: char| char == separator || char == '\n' || char == '\r';
        let Some(at) = self.rest.find(is_end) else {
            return (std::mem::take(&mut self.rest), true);
        };
        let (field, after) = self.rest.split_at(at);
        if let Some(rest) = after.strip_prefix(separator) {
            self.rest = rest;
            return (field, false);
        }
        let rest = after.strip_prefix('\r').unwrap_or(after);
        self.rest = rest.strip_prefix('\n').unwrap_or(rest);
        (field, true)
    }

    fn row(&mut self) -> Result<Vec<Cow<'t, str>>, CsvError> {
        let mut row = Vec::new();
        loop {
            let (field, ends) = self.field()?;
            if row.len() >= self.columns_max {
                return Err(CsvError::TooManyColumns(self.columns_max));
            }
            row.push(field);
            if ends {
                return Ok(row);
            }
        }
    }
}

impl<'t> Iterator for Rows<'t> {
    type Item = Result<Vec<Cow<'t, str>>, CsvError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.rest.is_empty() {
            self.number += 1;
            match self.row() {
                Ok(row) if row.iter().all(|field| field.trim().is_empty()) => {}
                Ok(row) => return Some(Ok(row)),
                Err(error) => {
                    self.rest = "";
                    return Some(Err(error));
                }
            }
        }
        None
    }
}
