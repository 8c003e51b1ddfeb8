//! What a literal is for, as far as the text before it tells.

use super::{Limits, ParseError};

/// The words of a command behind its tag and `UID`, its name the first.
fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let words = text.split(|&b| b == b' ').filter(|word| !word.is_empty()).skip(1);
    let mut words = words.peekable();
    let _uid = words.next_if(|word| word.eq_ignore_ascii_case(b"UID"));
    words
}

/// Whether the literal announced at the end of the text is a message or part of one: the
/// command is APPEND or REPLACE, and this is not the mailbox, the last argument before, nor a URL
/// that CATENATE names.
pub(super) fn is_message(text: &[u8], has_literals: bool) -> bool {
    if is_url(text) {
        return false;
    }
    let mut words = words(text);
    let is =
        |word: Option<&[u8]>, name: &[u8]| word.is_some_and(|word| word.eq_ignore_ascii_case(name));
    let name = words.next();
    if is(name, b"REPLACE") {
        // What is to be replaced.
        words.next();
    } else if !is(name, b"APPEND") {
        return false;
    }
    let mailbox = words.next();
    words.next().is_some()
        || mailbox.is_some() && has_literals
        || mailbox.is_some_and(|word| !word.starts_with(b"{"))
}

/// `"URL" SP astring` in the parts of CATENATE (RFC 4469 §5).
fn is_url(text: &[u8]) -> bool {
    let mut last_first = text.rsplit(|&b| b == b' ').filter(|word| !word.is_empty()).skip(1);
    let is = |word: &[u8], name: &[u8]| word.eq_ignore_ascii_case(name);
    let begins = last_first.next().is_some_and(|word| is(word, b"URL") || is(word, b"(URL"));
    begins && last_first.any(|word| is(word, b"CATENATE"))
}

/// What is wrong with a literal that is too big: RFC 5464 §4.3 and RFC 5257 §4.5 have answers of
/// their own to values.
pub(super) fn too_big(text: &[u8], limits: &Limits) -> ParseError {
    let mut words = words(text);
    let name = words.next().unwrap_or_default().to_ascii_uppercase();
    match name.as_slice() {
        // Values stand in a list; the mailbox does not.
        b"SETMETADATA" if words.any(|word| word.starts_with(b"(")) => {
            ParseError::MetadataTooBig(limits.metadata_value_bytes_max)
        }
        b"STORE" if words.any(|word| word.eq_ignore_ascii_case(b"ANNOTATION")) => {
            ParseError::AnnotationTooBig
        }
        _ => ParseError::LiteralTooBig,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_told_from_arguments() {
        for (text, expect) in [
            ("a APPEND INBOX {9}\r\n", true),
            ("a APPEND {5}\r\n", false),
            ("a APPEND URL {9}\r\n", true),
            ("a APPEND INBOX (URL) {9}\r\n", true),
            ("a APPEND INBOX CATENATE (TEXT {9}\r\n", true),
            ("a APPEND INBOX CATENATE (URL {9}\r\n", false),
            ("a APPEND INBOX (\\Seen) catenate  ( url  {9+}\r\n", false),
            ("a APPEND INBOX {9}\r\n CATENATE (TEXT {9}\r\n URL {9}\r\n", false),
            ("a APPEND INBOX CATENATE (URL x TEXT {9}\r\n", true),
            ("a REPLACE 1 INBOX CATENATE (URL {9}\r\n", false),
            ("a UID REPLACE 1 INBOX {9}\r\n", true),
        ] {
            assert_eq!(is_message(text.as_bytes(), text.contains(" {9}\r\n ")), expect, "{text}");
        }
    }

    #[test]
    fn values_that_are_too_big_have_answers_of_their_own() {
        let limits = Limits { metadata_value_bytes_max: 9, ..Limits::default() };
        let metadata = ParseError::MetadataTooBig(9);
        for (text, expect) in [
            ("a SETMETADATA INBOX (/private/comment {99}\r\n", metadata),
            ("a setmetadata \"a b\" (/private/x \"y\" /private/z ~{99+}\r\n", metadata),
            ("a SETMETADATA {99}\r\n", ParseError::LiteralTooBig),
            ("a STORE 1 ANNOTATION (/comment (value.priv {99}\r\n", ParseError::AnnotationTooBig),
            ("a UID STORE 1 annotation (/x (value.priv {99}\r\n", ParseError::AnnotationTooBig),
            ("a SELECT {99}\r\n", ParseError::LiteralTooBig),
            ("{99}\r\n", ParseError::LiteralTooBig),
        ] {
            assert_eq!(too_big(text.as_bytes(), &limits), expect, "{text}");
        }
    }
}
