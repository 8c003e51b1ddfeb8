//! Strings of a script that are known only when it runs: `encoded-character`
//! (RFC 5228 §2.4.2.4) undone, references to variables (RFC 5229 §3) found.

use crate::error::Mistake;

/// A string of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Text {
    /// A text without variables.
    Fixed(Box<str>),
    /// Put together when it is needed.
    Pieces(Box<[Piece]>),
}

/// A piece of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    Fixed(Box<str>),
    Variable(VariableName),
    Match(usize),
}

/// The name of a variable, in lower case: RFC 5229 §3, names are case-insensitive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VariableName {
    /// Shared by all scripts of a run (RFC 6609 §3.4.2).
    pub(crate) is_global: bool,
    pub(crate) key: Box<str>,
}

/// LIMIT: RFC 5229 §3.2 asks for 9.
pub(crate) const MATCH_VALUES_MAX: usize = 99;

impl Text {
    /// What it says, if that is known.
    pub(crate) fn fixed(&self) -> Option<&str> {
        match self {
            Self::Fixed(text) => Some(text),
            Self::Pieces(_) => None,
        }
    }

    /// A string in which references to variables count.
    pub(crate) fn with_variables(text: &str, includes: bool) -> Result<Self, Mistake> {
        let mut pieces: Vec<Piece> = Vec::new();
        let mut fixed = String::new();
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            let (before, reference) = rest.split_at(at);
            fixed.push_str(before);
            match parse_reference(reference, includes)? {
                Some((piece, len)) => {
                    if !fixed.is_empty() {
                        pieces.push(Piece::Fixed(std::mem::take(&mut fixed).into()));
                    }
                    pieces.push(piece);
                    rest = reference.get(len..).unwrap_or_default();
                }
                None => {
                    fixed.push('$');
                    rest = reference.get(1..).unwrap_or_default();
                }
            }
        }
        fixed.push_str(rest);
        if pieces.is_empty() {
            return Ok(Self::Fixed(fixed.into()));
        }
        if !fixed.is_empty() {
            pieces.push(Piece::Fixed(fixed.into()));
        }
        Ok(Self::Pieces(pieces.into()))
    }
}

// variable-ref = "${" [namespace] variable-name "}"; what is none stays as it is
// (RFC 5229 §3).
fn parse_reference(text: &str, includes: bool) -> Result<Option<(Piece, usize)>, Mistake> {
    let Some(end) = text.find('}') else { return Ok(None) };
    let name = text.get(2..end).unwrap_or_default();
    let len = end + 1;
    if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit()) {
        let digits = name.trim_start_matches('0');
        let index = if digits.is_empty() { Some(0) } else { digits.parse().ok() };
        let index: usize = index
            .filter(|index| *index <= MATCH_VALUES_MAX)
            .ok_or_else(|| Mistake::Value(format!("there is no match value ${{{name}}}")))?;
        return Ok(Some((Piece::Match(index), len)));
    }
    let mut parts = name.split('.');
    let is_name = parts.next().is_some_and(is_identifier)
        && parts.all(|part| {
            is_identifier(part) || (!part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
        });
    if !is_name {
        return Ok(None);
    }
    Ok(Some((Piece::Variable(variable_name(name, includes)?), len)))
}

/// A variable by its name: `name`, or `global.name` where `include` is in effect.
pub(crate) fn variable_name(name: &str, includes: bool) -> Result<VariableName, Mistake> {
    let (is_global, key) = match name.split_once('.') {
        None => (false, name),
        Some((space, key)) if includes && space.eq_ignore_ascii_case("global") => (true, key),
        // RFC 5229 §3: a namespace that no extension made known is an error.
        Some((space, _)) => {
            return Err(Mistake::Unknown { kind: "namespace", name: space.to_owned() });
        }
    };
    if !is_identifier(key) {
        return Err(Mistake::Value(format!("\"{name}\" is no name of a variable")));
    }
    Ok(VariableName { is_global, key: key.to_ascii_lowercase().into() })
}

/// `identifier = (ALPHA / "_") *(ALPHA / DIGIT / "_")` (RFC 5228 §8.1)
pub(crate) fn is_identifier(name: &str) -> bool {
    !name.starts_with(|first: char| first.is_ascii_digit())
        && !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// `encoded-character` undone (RFC 5228 §2.4.2.4).
pub(crate) fn decode_characters(text: &str) -> Result<String, Mistake> {
    let mut bytes: Vec<u8> = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, sequence) = rest.split_at(at);
        bytes.extend_from_slice(before.as_bytes());
        match decode_sequence(sequence, &mut bytes)? {
            Some(len) => rest = sequence.get(len..).unwrap_or_default(),
            None => {
                bytes.push(b'$');
                rest = sequence.get(1..).unwrap_or_default();
            }
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    // Strings are UTF-8 here, whatever octets they were put together from.
    String::from_utf8(bytes)
        .map_err(|_| Mistake::Value("the encoded octets make no UTF-8".to_owned()))
}

// encoded-arb-octets / encoded-unicode-char; gives its length, or nothing where it is none.
fn decode_sequence(text: &str, out: &mut Vec<u8>) -> Result<Option<usize>, Mistake> {
    let Some(end) = text.find('}') else { return Ok(None) };
    let Some((kind, digits)) = text.get(2..end).and_then(|inner| inner.split_once(':')) else {
        return Ok(None);
    };
    let words = || digits.split([' ', '\t', '\r', '\n']).filter(|word| !word.is_empty());
    let is_hex = |word: &str| word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_empty = words().next().is_none();
    if kind.eq_ignore_ascii_case("hex") && !is_empty && words().all(|w| w.len() <= 2 && is_hex(w)) {
        out.extend(words().filter_map(|word| u8::from_str_radix(word, 16).ok()));
        return Ok(Some(end + 1));
    }
    if kind.eq_ignore_ascii_case("unicode") && !is_empty && words().all(is_hex) {
        for word in words() {
            let digits = word.trim_start_matches('0');
            let digits = if digits.is_empty() { "0" } else { digits };
            let char = u32::from_str_radix(digits, 16).ok().and_then(char::from_u32);
            let char = char.ok_or_else(|| {
                Mistake::Value(format!("there is no character {word} in Unicode"))
            })?;
            out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
        }
        return Ok(Some(end + 1));
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_decoded() {
        // RFC 5228 §2.4.2.4
        for (text, expect) in [
            ("$${hex:40}", Some("$@")),
            ("${hex: 40 }", Some("@")),
            ("${HEX: 40}", Some("@")),
            ("${hex:40", Some("${hex:40")),
            ("${hex:400}", Some("${hex:400}")),
            ("${hex:4${hex:30}}", Some("${hex:40}")),
            ("${unicode:40}", Some("@")),
            ("${ unicode:40}", Some("${ unicode:40}")),
            ("${UNICODE:40}", Some("@")),
            ("${UnICoDE:0000040}", Some("@")),
            ("${Unicode:40}", Some("@")),
            ("${Unicode:Cool}", Some("${Unicode:Cool}")),
            ("${unicode:200000}", None),
            ("${Unicode:DF01}", None),
            ("$${hex:24 24}", Some("$$$")),
            ("${hex:e2 98\r\n 95}!", Some("☕!")),
            ("${hex:ff}", None),
            ("${hex:}", Some("${hex:}")),
            ("${unicode:}${", Some("${unicode:}${")),
        ] {
            assert_eq!(decode_characters(text).ok().as_deref(), expect, "{text}");
        }
    }

    fn shown(text: &str) -> String {
        match Text::with_variables(text, true) {
            Err(mistake) => mistake.to_string(),
            Ok(Text::Fixed(text)) => text.into(),
            Ok(Text::Pieces(pieces)) => format!("{pieces:?}")
                .replace("VariableName { is_global: ", "")
                .replace(", key: ", " ")
                .replace(" }", ""),
        }
    }

    #[test]
    fn references_are_found() {
        for (text, expect) in [
            // RFC 5229 §3
            ("&%${}!", "&%${}!"),
            ("${doh!}", "${doh!}"),
            ("${full}", "[Variable(false \"full\")]"),
            ("$${Company}", "[Fixed(\"$\"), Variable(false \"company\")]"),
            (
                "${President, ${Company} Inc.}",
                "[Fixed(\"${President, \"), Variable(false \"company\"), Fixed(\" Inc.}\")]",
            ),
            ("${0}${010}x", "[Match(0), Match(10), Fixed(\"x\")]"),
            ("${global.A}", "[Variable(true \"a\")]"),
            ("${a.b}", "unknown namespace \"a\""),
            ("${999}", "there is no match value ${999}"),
            ("${1a} ${-} ${é} ${", "${1a} ${-} ${é} ${"),
        ] {
            assert_eq!(shown(text), expect, "{text}");
        }
    }
}
