//! Arguments of SORT and THREAD (RFC 5256 §5).

use super::annotation;
use super::search::{charset, search_keys};
use super::search_return::search_return;
use super::{Cursor, ParseError, Parsed};
use crate::types::{
    Addressing, Command, SortArgs, SortCriterion, SortKey, ThreadAlgorithm, ThreadArgs,
};

/// `sort` (RFC 5256 §5).
pub(crate) fn sort(c: &mut Cursor<'_>) -> Parsed<Command> {
    sort_by(c, Addressing::Seq)
}

/// `"UID" SP sort` (RFC 5256 §5).
pub(crate) fn uid_sort(c: &mut Cursor<'_>) -> Parsed<Command> {
    sort_by(c, Addressing::Uid)
}

/// `thread` (RFC 5256 §5).
pub(crate) fn thread(c: &mut Cursor<'_>) -> Parsed<Command> {
    thread_by(c, Addressing::Seq)
}

/// `"UID" SP thread` (RFC 5256 §5).
pub(crate) fn uid_thread(c: &mut Cursor<'_>) -> Parsed<Command> {
    thread_by(c, Addressing::Uid)
}

/// `sort = ["UID" SP] "SORT" SP sort-criteria SP search-criteria` (RFC 5256 §5),
/// `extended-sort = ["UID" SP] "SORT" search-return-opts SP sort-criteria SP search-criteria`
/// (RFC 5267 §5), `search-criteria = charset 1*(SP search-key)` (RFC 5256 §5).
fn sort_by(c: &mut Cursor<'_>, by: Addressing) -> Parsed<Command> {
    c.sp()?;
    let (returns, fetch) = search_return(c)?;
    let mut criteria = Vec::new();
    let max = c.limits.items_max;
    c.list(max, "too many sort criteria", |c| {
        criteria.push(criterion(c)?);
        Ok(())
    })?;
    if criteria.is_empty() {
        return Err(ParseError::Syntax("expected a sort criterion"));
    }
    c.sp()?;
    charset(c)?;
    c.sp()?;
    Ok(Command::Sort(SortArgs { by, returns, fetch, criteria, key: search_keys(c)? }))
}

/// `sort-criterion = ["REVERSE" SP] sort-key` (RFC 5256 §5, RFC 5957 §5, RFC 6203 §7,
/// RFC 5257 §5).
fn criterion(c: &mut Cursor<'_>) -> Parsed<SortCriterion> {
    let mut name = c.atom()?;
    let reverse = name.eq_ignore_ascii_case(b"REVERSE");
    if reverse {
        c.sp()?;
        name = c.atom()?;
    }
    if name.eq_ignore_ascii_case(b"ANNOTATION") {
        let (entry, scope) = annotation::sort_key(c)?;
        return Ok(SortCriterion { key: SortKey::Annotation(entry, scope), reverse });
    }
    const KEYS: [(&[u8], SortKey); 10] = [
        (b"ARRIVAL", SortKey::Arrival),
        (b"CC", SortKey::Cc),
        (b"DATE", SortKey::Date),
        (b"DISPLAYFROM", SortKey::DisplayFrom),
        (b"DISPLAYTO", SortKey::DisplayTo),
        (b"FROM", SortKey::From),
        (b"RELEVANCY", SortKey::Relevancy),
        (b"SIZE", SortKey::Size),
        (b"SUBJECT", SortKey::Subject),
        (b"TO", SortKey::To),
    ];
    let key = KEYS.iter().find(|(known, _)| name.eq_ignore_ascii_case(known));
    let (_, key) = key.ok_or(ParseError::Syntax("unknown sort criterion"))?;
    Ok(SortCriterion { key: key.clone(), reverse })
}

/// `thread = ["UID" SP] "THREAD" SP thread-alg SP search-criteria` (RFC 5256 §5).
fn thread_by(c: &mut Cursor<'_>, by: Addressing) -> Parsed<Command> {
    c.sp()?;
    let name = c.atom()?;
    let algorithm = if name.eq_ignore_ascii_case(b"REFERENCES") {
        ThreadAlgorithm::References
    } else if name.eq_ignore_ascii_case(b"ORDEREDSUBJECT") {
        ThreadAlgorithm::OrderedSubject
    } else {
        return Err(ParseError::Syntax("unknown threading algorithm"));
    };
    c.sp()?;
    charset(c)?;
    c.sp()?;
    Ok(Command::Thread(ThreadArgs { by, algorithm, key: search_keys(c)? }))
}
