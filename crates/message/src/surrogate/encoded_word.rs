//! Writes text as encoded words (RFC 2047), folded into lines.

use std::fmt::Write as _;

/// RFC 2047 §2: a line with encoded words has at most 76 characters: a blank, the longest name of
/// a field with its colon, and 12 for `=?utf-8?q?` and `?=`, are taken off.
const WORD_CHARS: usize = 76 - 15 - 12;

/// A blank and the text as encoded words, one a line.
pub(super) fn push_encoded(out: &mut Vec<u8>, text: &str) {
    let mut word = String::new();
    let mut separator = " ";
    let mut flush = |word: &mut String| {
        if !word.is_empty() {
            out.extend_from_slice(separator.as_bytes());
            out.extend_from_slice(b"=?utf-8?q?");
            out.extend_from_slice(word.as_bytes());
            out.extend_from_slice(b"?=");
            separator = "\r\n ";
            word.clear();
        }
    };
    for c in text.chars().map(|c| if c.is_control() { ' ' } else { c }) {
        let encoded = encode(c);
        // RFC 2047 §5: no character is divided between words.
        if word.len() + encoded.len() > WORD_CHARS {
            flush(&mut word);
        }
        word.push_str(&encoded);
    }
    flush(&mut word);
}

/// A blank and the text as a display name: encoded where it has to be; whether it was.
pub(crate) fn push_phrase(out: &mut Vec<u8>, text: &str) -> bool {
    let is_atom = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte);
    // What looks like an encoded word would be decoded once more.
    let is_plain = text.bytes().all(|byte| is_atom(byte) || byte == b' ') && !text.contains("=?");
    let is_plain = is_plain && !text.trim().is_empty() && text.len() <= WORD_CHARS;
    match is_plain {
        true => {
            out.push(b' ');
            out.extend_from_slice(text.trim().as_bytes());
        }
        false => push_encoded(out, text),
    }
    !is_plain
}

/// RFC 2047 §4.2, §5: what may stand in a word of a phrase, which is the narrowest place.
fn encode(c: char) -> String {
    match c {
        ' ' => "_".to_owned(),
        'a'..='z' | 'A'..='Z' | '0'..='9' | '!' | '*' | '+' | '-' | '/' => c.to_string(),
        _ => {
            let mut encoded = String::new();
            for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                // Writing to a String cannot fail.
                let _ = write!(encoded, "={byte:02X}");
            }
            encoded
        }
    }
}
