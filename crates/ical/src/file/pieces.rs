//! A file as slices of what it holds, by BEGIN and END alone.

use super::FileError;
use crate::fold::{logical_end, unfold};

/// A component of a file, or one line of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece<'b> {
    /// Where it begins, from 1.
    pub(super) line: usize,
    /// The bytes of the piece, with line breaks.
    pub(super) bytes: &'b [u8],
    /// Whether it begins with BEGIN.
    pub(super) is_component: bool,
}

impl<'b> Piece<'b> {
    /// The name of the component in capitals; of a line, its name.
    pub(super) fn name(&self) -> String {
        let line = unfold(first_line(self.bytes));
        let text = String::from_utf8_lossy(&line);
        let name = match self.is_component {
            true => text.split_once(':').map_or("", |(_, name)| name),
            false => text.split([':', ';']).next().unwrap_or(""),
        };
        name.trim().to_ascii_uppercase()
    }

    /// The pieces between its BEGIN and its END; [`FileError::TooMany`] where there are more than
    /// `max`.
    pub(super) fn within(&self, max: usize) -> Result<Vec<Piece<'b>>, FileError> {
        let begin = first_line(self.bytes).len();
        let body = self.bytes.get(begin..).unwrap_or_default();
        // END comes on top.
        let line = self.line + breaks(self.bytes.get(..begin));
        let mut found = pieces(body, line, max.saturating_add(1))?;
        // `pieces` ends where END stands, which is the last line.
        found.retain(|piece| piece.is_component || piece.name() != "END");
        match found.len() > max {
            true => Err(FileError::TooMany(max)),
            false => Ok(found),
        }
    }
}

fn first_line(bytes: &[u8]) -> &[u8] {
    bytes.get(..logical_end(bytes)).unwrap_or_default()
}

fn breaks(bytes: Option<&[u8]>) -> usize {
    memchr::memchr_iter(b'\n', bytes.unwrap_or_default()).count()
}

/// What a text holds, side by side; `line` is the number of its first line. An END behind all of
/// it is a line. More than `max` are refused before they are kept: a piece takes more memory than
/// the line it may be.
pub(super) fn pieces(
    bytes: &[u8],
    mut line: usize,
    max: usize,
) -> Result<Vec<Piece<'_>>, FileError> {
    let mut found = Vec::new();
    // The component that is open: where it begins, and how many are open within it.
    let mut open: Option<(usize, usize, usize)> = None;
    let mut at = 0;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let raw = first_line(rest);
        let end = at + raw.len();
        match (delimiter(raw), &mut open) {
            (Some(Delimiter::Begin), None) => open = Some((at, line, 1)),
            (Some(Delimiter::Begin), Some((_, _, depth))) => *depth += 1,
            (Some(Delimiter::End), Some((begin, first, depth))) => {
                *depth -= 1;
                if *depth == 0 {
                    let bytes = bytes.get(*begin..end).unwrap_or_default();
                    found.push(Piece { line: *first, bytes, is_component: true });
                    open = None;
                }
            }
            (_, Some(_)) => {}
            (_, None) if raw.iter().all(u8::is_ascii_whitespace) => {}
            (_, None) => found.push(Piece { line, bytes: raw, is_component: false }),
        }
        if found.len() > max {
            return Err(FileError::TooMany(max));
        }
        line += breaks(Some(raw));
        at = end;
    }
    match open {
        Some((_, line, _)) => {
            Err(FileError::Line { line, text: "what begins here does not end".to_owned() })
        }
        None => Ok(found),
    }
}

enum Delimiter {
    Begin,
    End,
}

fn delimiter(raw: &[u8]) -> Option<Delimiter> {
    let begins =
        |word: &[u8]| raw.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    // Only `begin` and `end` are folded by nobody.
    match () {
        () if begins(b"BEGIN:") => Some(Delimiter::Begin),
        () if begins(b"END:") => Some(Delimiter::End),
        () => None,
    }
}
