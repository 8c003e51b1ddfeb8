//! Annotations of messages in FETCH, STORE, APPEND, SEARCH and SORT (RFC 5257 §5).

use std::borrow::Cow;

use super::{Cursor, ParseError, Parsed, class};
use crate::types::{
    AnnotationAttribute, AnnotationCriterion, AnnotationEntry, AnnotationKind, AnnotationPattern,
    AnnotationQuery, AnnotationScope, AnnotationValue,
};

/// `SP "(" entries SP attribs ")"` behind `ANNOTATION` in FETCH (RFC 5257 §5).
pub(super) fn query(c: &mut Cursor<'_>) -> Parsed<AnnotationQuery> {
    c.sp()?;
    c.expect(b'(', "expected (")?;
    while c.eat(b' ') {}
    let mut query = AnnotationQuery { entries: Vec::new(), attributes: Vec::new() };
    one_or_list(c, "too many entries", |c| {
        query.entries.push(entry_match(c)?);
        Ok(())
    })?;
    c.sp()?;
    one_or_list(c, "too many attributes", |c| {
        for attribute in attribute(c)? {
            if !query.attributes.contains(&attribute) {
                query.attributes.push(attribute);
            }
        }
        Ok(())
    })?;
    while c.eat(b' ') {}
    c.expect(b')', "expected )")?;
    match query.entries.is_empty() || query.attributes.is_empty() {
        true => Err(ParseError::Syntax("expected entries and attributes")),
        false => Ok(query),
    }
}

/// `item / "(" item *(SP item) ")"`.
fn one_or_list(
    c: &mut Cursor<'_>,
    too_many: &'static str,
    mut item: impl FnMut(&mut Cursor<'_>) -> Parsed<()>,
) -> Parsed<()> {
    match c.peek() {
        Some(b'(') => c.list(c.limits.items_max, too_many, |c| item(c)),
        _ => item(c),
    }
}

/// `entry-match = list-mailbox` (RFC 5257 §5), of any case and in no charset but ASCII.
fn entry_match(c: &mut Cursor<'_>) -> Parsed<AnnotationPattern> {
    let raw = match c.peek() {
        Some(b'"' | b'{') => c.string()?,
        _ => Cow::Borrowed(c.take_while(class::is_list)),
    };
    check_length(&raw)?;
    // RFC 5257 §3.2: an invalid name gets BAD.
    AnnotationPattern::parse(&raw).ok_or(ParseError::Syntax("not the name of an entry"))
}

/// `entry = astring` (RFC 5257 §5).
fn entry(c: &mut Cursor<'_>) -> Parsed<AnnotationEntry> {
    let raw = c.astring()?;
    check_length(&raw)?;
    AnnotationEntry::parse(&raw).ok_or(ParseError::Syntax("not the name of an entry"))
}

/// LIMIT: octets of the name of an entry.
const ENTRY_BYTES_MAX: usize = 512;

fn check_length(raw: &[u8]) -> Parsed<()> {
    match raw.len() > ENTRY_BYTES_MAX {
        true => Err(ParseError::TooMany("name of an entry too long")),
        false => Ok(()),
    }
}

/// `attrib = astring` (RFC 5257 §5).
fn attribute(c: &mut Cursor<'_>) -> Parsed<Vec<AnnotationAttribute>> {
    AnnotationAttribute::parse(&c.astring()?).ok_or(ParseError::Syntax("no such attribute"))
}

/// `att-search = "value" / "value.priv" / "value.shared"` (RFC 5257 §5).
fn searched(c: &mut Cursor<'_>) -> Parsed<Option<AnnotationScope>> {
    match attribute(c)?.as_slice() {
        [one] if one.kind == AnnotationKind::Value => Ok(Some(one.scope)),
        [one, _] if one.kind == AnnotationKind::Value => Ok(None),
        // RFC 5257 §4.8: BAD for any other.
        _ => Err(ParseError::Syntax("only values can be searched, stored and sorted by")),
    }
}

/// An attribute that can be stored or sorted by: a value with its suffix (RFC 5257 §3.2.2).
fn suffixed(c: &mut Cursor<'_>) -> Parsed<AnnotationScope> {
    searched(c)?.ok_or(ParseError::Syntax("expected value.priv or value.shared"))
}

/// `value = nstring / literal8` (RFC 5257 §5).
fn value(c: &mut Cursor<'_>) -> Parsed<Option<Vec<u8>>> {
    match c.peek() {
        Some(b'~') => c.literal8().map(Some),
        _ => Ok(c.nstring()?.map(Cow::into_owned)),
    }
}

/// `"(" entry-att *(SP entry-att) ")"` behind `ANNOTATION` in STORE and APPEND,
/// `entry-att = entry SP "(" att-value *(SP att-value) ")"`, `att-value = attrib SP value`
/// (RFC 5257 §5).
pub(super) fn values(c: &mut Cursor<'_>) -> Parsed<Vec<AnnotationValue>> {
    let mut values: Vec<AnnotationValue> = Vec::new();
    let max = c.limits.items_max;
    c.list(max, "too many entries", |c| {
        let entry = entry(c)?;
        c.sp()?;
        c.list(AnnotationScope::ALL.len(), "too many attributes", |c| {
            let scope = suffixed(c)?;
            c.sp()?;
            let value = value(c)?;
            if value.as_ref().is_some_and(|value| !entry.takes(value)) {
                return Err(ParseError::Syntax("a flag is 1, 0 or NIL"));
            }
            let is_known = |one: &AnnotationValue| one.scope == scope && one.entry == entry;
            if values.iter().any(is_known) {
                return Err(ParseError::Syntax("an attribute stands twice"));
            }
            values.push(AnnotationValue { entry: entry.clone(), scope, value });
            Ok(())
        })
    })?;
    match values.is_empty() {
        true => Err(ParseError::Syntax("expected an entry")),
        false => Ok(values),
    }
}

/// `SP entry-match SP att-search SP value` behind `ANNOTATION` in SEARCH (RFC 5257 §5).
pub(super) fn criterion(c: &mut Cursor<'_>) -> Parsed<AnnotationCriterion> {
    c.sp()?;
    let entries = entry_match(c)?;
    c.sp()?;
    let scope = searched(c)?;
    c.sp()?;
    let value = match c.peek() {
        // QUIRK(several libraries, any): the value without quotes, as any other argument of SEARCH.
        Some(b'~' | b'"' | b'{') => value(c)?,
        _ => Some(c.astring()?.into_owned()).filter(|word| !word.eq_ignore_ascii_case(b"NIL")),
    };
    let value = value.map(|value| String::from_utf8_lossy(&value).into_owned());
    Ok(AnnotationCriterion { entries, scope, value })
}

/// `SP entry SP att-sort` behind `ANNOTATION` in SORT (RFC 5257 §5).
pub(super) fn sort_key(c: &mut Cursor<'_>) -> Parsed<(AnnotationEntry, AnnotationScope)> {
    c.sp()?;
    let entry = entry(c)?;
    c.sp()?;
    Ok((entry, suffixed(c)?))
}
