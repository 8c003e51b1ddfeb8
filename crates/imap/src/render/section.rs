//! `BODY[section]<origin>` and its relatives, as FETCH responses name what follows
//! (RFC 9051 §7.5.2).

use super::{astring, number};
use crate::types::{FieldName, PartPath, Partial, Section, SectionText};

/// `section = "[" [section-spec] "]"` (RFC 9051 §9).
pub fn section(out: &mut Vec<u8>, section: &Section) {
    out.push(b'[');
    path(out, section.part());
    if let Some(text) = section.text() {
        if !section.part().is_empty() {
            out.push(b'.');
        }
        match text {
            SectionText::Header => out.extend_from_slice(b"HEADER"),
            SectionText::Text => out.extend_from_slice(b"TEXT"),
            SectionText::Mime => out.extend_from_slice(b"MIME"),
            SectionText::HeaderFields(names) => fields(out, b"HEADER.FIELDS (", names),
            SectionText::HeaderFieldsNot(names) => fields(out, b"HEADER.FIELDS.NOT (", names),
        }
    }
    out.push(b']');
}

/// `section-binary = "[" [section-part] "]"` (RFC 9051 §9).
pub fn section_binary(out: &mut Vec<u8>, part: &PartPath) {
    out.push(b'[');
    path(out, part);
    out.push(b']');
}

/// `"<" number ">"`: where the octets sent begin (RFC 9051 §7.5.2).
pub fn partial(out: &mut Vec<u8>, partial: Option<&Partial>) {
    if let Some(partial) = partial {
        out.push(b'<');
        number(out, partial.offset);
        out.push(b'>');
    }
}

fn path(out: &mut Vec<u8>, part: &PartPath) {
    for (index, value) in part.numbers().iter().enumerate() {
        if index > 0 {
            out.push(b'.');
        }
        number(out, value.get());
    }
}

fn fields(out: &mut Vec<u8>, intro: &[u8], names: &[FieldName]) {
    out.extend_from_slice(intro);
    for (index, name) in names.iter().enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        astring(out, name.as_str().as_bytes());
    }
    out.push(b')');
}
