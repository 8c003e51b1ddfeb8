//! TEXT and its lists (RFC 5545 §3.3.11, RFC 6350 §3.4).

use std::borrow::Cow;

/// A TEXT value as it is meant.
pub fn unescape_text(value: &str) -> Cow<'_, str> {
    if !value.contains('\\') {
        return Cow::Borrowed(value);
    }
    let mut text = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(char) = chars.next() {
        if char != '\\' {
            text.push(char);
            continue;
        }
        match chars.next() {
            Some('n' | 'N') => text.push('\n'),
            Some(escaped @ ('\\' | ';' | ',')) => text.push(escaped),
            // QUIRK(many programs): `\:` and `\"`, which the RFC does not know.
            Some(escaped @ (':' | '"')) => text.push(escaped),
            Some(other) => text.extend(['\\', other]),
            None => text.push('\\'),
        }
    }
    Cow::Owned(text)
}

/// A text as a TEXT value. Line breaks of every kind are one `\n`.
pub fn escape_text(text: &str) -> String {
    let mut value = String::with_capacity(text.len() + 8);
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '\\' | ';' | ',' => value.extend(['\\', char]),
            '\r' => {
                chars.next_if_eq(&'\n');
                value.push_str("\\n");
            }
            '\n' => value.push_str("\\n"),
            // RFC 5545 §3.1: no control but HTAB stands in a value.
            char if char.is_control() && char != '\t' => {}
            char => value.push(char),
        }
    }
    value
}

/// The values of a list (`,` between them), still escaped.
pub fn split_list(value: &str) -> impl Iterator<Item = &str> {
    split_at_unescaped(value, b',')
}

/// The components of a structured value such as N, ADR or REQUEST-STATUS (`;` between them),
/// still escaped.
pub fn split_structured(value: &str) -> impl Iterator<Item = &str> {
    split_at_unescaped(value, b';')
}

fn split_at_unescaped(value: &str, separator: u8) -> impl Iterator<Item = &str> {
    let mut rest = Some(value);
    std::iter::from_fn(move || {
        let text = rest?;
        let mut escaped = false;
        let end = text.bytes().position(|byte| {
            let found = byte == separator && !escaped;
            escaped = byte == b'\\' && !escaped;
            found
        });
        let (part, after) = match end {
            Some(end) => (text.get(..end)?, text.get(end + 1..)),
            None => (text, None),
        };
        rest = after;
        Some(part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back() {
        for (value, text) in [
            (
                "Project XYZ Final Review\\nConference Room - 3B",
                "Project XYZ Final Review\nConference Room - 3B",
            ),
            ("a\\, b\\; c\\\\ d", "a, b; c\\ d"),
            ("plain", "plain"),
        ] {
            assert_eq!(unescape_text(value), text);
            assert_eq!(escape_text(text), value);
        }
        assert_eq!(unescape_text("C:\\temp \\: \\"), "C:\\temp : \\");
        assert_eq!(escape_text("a\r\nb\rc\u{7}"), "a\\nb\\nc");
    }

    #[test]
    fn lists_end_where_nothing_is_escaped() {
        assert_eq!(split_list("a\\,b,c\\\\,,d").collect::<Vec<_>>(), ["a\\,b", "c\\\\", "", "d"]);
        assert_eq!(split_structured(";Doe;J\\;r").collect::<Vec<_>>(), ["", "Doe", "J\\;r"]);
    }
}
