//! `BODY[section]<partial>` of FETCH (RFC 9051 §9, `section`).

use std::num::NonZeroU64;

use super::lexer::into_text;
use super::{Cursor, Dialect, Limits, ParseError, Parsed};
use crate::types::{FieldName, PartPath, Partial, Section, SectionText};

/// `section = "[" [section-spec] "]"` (RFC 9051 §9).
pub(crate) fn section(c: &mut Cursor<'_>) -> Parsed<Section> {
    c.expect(b'[', "expected [")?;
    let section = section_spec(c)?;
    c.expect(b']', "expected ]")?;
    Ok(section)
}

/// `section-spec = section-msgtext / (section-part ["." section-text])` (RFC 9051 §9).
fn section_spec(c: &mut Cursor<'_>) -> Parsed<Section> {
    let (part, dot) = part_path(c)?;
    let wants_text = dot || part.is_empty() && c.peek() != Some(b']');
    let text = if wants_text { Some(section_text(c)?) } else { None };
    // RFC 9051 §6.4.5.1: MIME MUST be prefixed by a part number.
    Section::new(part, text).ok_or(ParseError::Syntax("MIME needs a part number"))
}

/// `section-binary = "[" [section-part] "]"` (RFC 9051 §9).
pub(crate) fn section_binary(c: &mut Cursor<'_>) -> Parsed<PartPath> {
    c.expect(b'[', "expected [")?;
    let (part, dot) = part_path(c)?;
    if dot {
        return Err(ParseError::Syntax("expected a part number"));
    }
    c.expect(b']', "expected a part number or ]")?;
    Ok(part)
}

/// `section-part = nz-number *("." nz-number)` (RFC 9051 §9), and whether a dot followed it.
fn part_path(c: &mut Cursor<'_>) -> Parsed<(PartPath, bool)> {
    let mut numbers = Vec::new();
    let mut dot = false;
    while c.peek().is_some_and(|b| b.is_ascii_digit()) {
        if numbers.len() >= c.limits.part_depth_max {
            return Err(ParseError::TooMany("part number too deep"));
        }
        numbers.push(c.nz_number()?);
        dot = c.eat(b'.');
        if !dot {
            break;
        }
    }
    Ok((PartPath::new(numbers), dot))
}

/// `section-msgtext = "HEADER" / "HEADER.FIELDS" [".NOT"] SP header-list / "TEXT"` and
/// `section-text = section-msgtext / "MIME"` (RFC 9051 §9).
fn section_text(c: &mut Cursor<'_>) -> Parsed<SectionText> {
    let name = c.take_while(|b| b.is_ascii_alphabetic() || b == b'.');
    if name.eq_ignore_ascii_case(b"HEADER") {
        Ok(SectionText::Header)
    } else if name.eq_ignore_ascii_case(b"TEXT") {
        Ok(SectionText::Text)
    } else if name.eq_ignore_ascii_case(b"MIME") {
        Ok(SectionText::Mime)
    } else if name.eq_ignore_ascii_case(b"HEADER.FIELDS") {
        header_list(c).map(SectionText::HeaderFields)
    } else if name.eq_ignore_ascii_case(b"HEADER.FIELDS.NOT") {
        header_list(c).map(SectionText::HeaderFieldsNot)
    } else {
        Err(c.wrong("unknown section"))
    }
}

/// `header-list = "(" header-fld-name *(SP header-fld-name) ")"` (RFC 9051 §9).
fn header_list(c: &mut Cursor<'_>) -> Parsed<Vec<FieldName>> {
    c.sp()?;
    let mut names = Vec::with_capacity(8);
    let max = c.limits.header_fields_max;
    c.list(max, "too many header fields", |c| {
        let name = into_text(c.astring()?)?;
        let name = FieldName::new(name).ok_or(ParseError::Syntax("not a header field name"))?;
        names.push(name);
        Ok(())
    })?;
    if names.is_empty() {
        return Err(ParseError::Syntax("expected a header field name"));
    }
    Ok(names)
}

/// `[partial]`, `partial = "<" number64 "." nz-number64 ">"` (RFC 9051 §9).
pub(crate) fn partial(c: &mut Cursor<'_>) -> Parsed<Option<Partial>> {
    if !c.eat(b'<') {
        return Ok(None);
    }
    let offset = c.number64()?;
    c.expect(b'.', "expected . in a partial")?;
    let length = NonZeroU64::new(c.number64()?);
    c.expect(b'>', "expected > after a partial")?;
    let length = length.ok_or(ParseError::Syntax("a partial of length 0"))?;
    Ok(Some(Partial { offset, length }))
}

/// Reads a section that stands alone, with its brackets.
pub fn parse_section(text: &[u8]) -> Result<Section, ParseError> {
    let limits = Limits::default();
    let mut c = Cursor::over(text, &limits, Dialect::Rev1);
    let section = section(&mut c)?;
    c.end()?;
    Ok(section)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render;

    #[test]
    fn sections_round_trip() {
        for (text, again) in [
            ("[]", "[]"),
            ("[HEADER]", "[HEADER]"),
            ("[text]", "[TEXT]"),
            ("[1]", "[1]"),
            ("[4.2.2.1]", "[4.2.2.1]"),
            ("[4.2.HEADER]", "[4.2.HEADER]"),
            ("[1.MIME]", "[1.MIME]"),
            ("[HEADER.FIELDS (DATE FROM)]", "[HEADER.FIELDS (DATE FROM)]"),
            (
                "[3.header.fields.not (\"Subject\" \"a b\")]",
                "[3.HEADER.FIELDS.NOT (Subject \"a b\")]",
            ),
        ] {
            let section = parse_section(text.as_bytes()).unwrap();
            let mut out = Vec::new();
            render::section(&mut out, &section);
            assert_eq!(String::from_utf8_lossy(&out), again);
            assert_eq!(parse_section(&out), Ok(section));
        }
    }

    #[test]
    fn wrong_sections_are_refused() {
        for text in [
            "",
            "[",
            "[0]",
            "[1.]",
            "[1.0]",
            "[.1]",
            "[MIME]",
            "[HEADER.FIELDS]",
            "[HEADER.FIELDS ()]",
            "[HEADER.FIELDS (\"\")]",
            "[1.2.X]",
            "[4294967296]",
            "[1 ]",
            "[]x",
            "[HEADER.FIELDS(A)]",
        ] {
            assert!(parse_section(text.as_bytes()).is_err(), "{text}");
        }
        assert!(parse_section(format!("[{}1]", "1.".repeat(200)).as_bytes()).is_err());
    }
}
