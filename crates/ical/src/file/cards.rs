//! Files of cards (RFC 6350 §3.3, RFC 2426 §2.4.2).

use super::pieces::pieces;
use super::{FileError, FileLimits, FileObject, text_of_file, uid_of};
use crate::card::Card;
use crate::line::Line;
use crate::object::is_text;
use crate::text::escape_text;

/// The cards of a file of any version, in any of the letters that [`text_of_file`] knows. Those of
/// 2.1 are of 3.0 afterwards; one without a UID gets one; all others are as they stand there.
///
/// # Errors
/// What is wrong with the file, or each of the cards that are none.
pub fn cards_of_file(bytes: &[u8], limits: &FileLimits) -> Result<Vec<FileObject>, Vec<FileError>> {
    let text = text_of_file(bytes, limits).map_err(|error| vec![error])?;
    let bytes = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
    let found = pieces(bytes, 1, limits.objects_max).map_err(|error| vec![error])?;
    if found.is_empty() {
        return Err(vec![FileError::Empty("vCard")]);
    }
    let mut cards = Vec::with_capacity(found.len());
    let mut wrong = Vec::new();
    for piece in found {
        let refuse = |text: String| FileError::Line { line: piece.line, text };
        if !piece.is_component || piece.name() != "VCARD" {
            wrong.push(refuse("no vCard".to_owned()));
            continue;
        }
        // Before anything is made anew of it: letters that cannot be read would be lost then.
        if !is_text(piece.bytes) {
            wrong.push(refuse("no text in UTF-8".to_owned()));
            continue;
        }
        match Card::parse_all(piece.bytes, &limits.object) {
            Ok(read) => {
                let objects = read.into_iter().map(|card| object(card, piece.line, piece.bytes));
                cards.extend(objects);
            }
            Err(error) => wrong.push(refuse(error.to_string())),
        }
    }
    match wrong.is_empty() {
        true => Ok(cards),
        false => Err(wrong),
    }
}

fn object(card: Card, line: usize, bytes: &[u8]) -> FileObject {
    let has_uid = card.uid().is_some();
    let name = card.facts().formatted_name;
    let mut component = card.into_component();
    if !has_uid {
        component.put(Line::new("UID", uid_of(bytes)));
    }
    // RFC 2426 §3.1.1, RFC 6350 §6.2.1: it has one; programs exist that leave it to others.
    if component.line("FN").is_none() {
        component.put(Line::new("FN", escape_text(&name)));
    }
    FileObject { line, bytes: component.render() }
}
