//! `RETURN (…)` of SEARCH, SORT and ESEARCH (RFC 4731, RFC 5267, RFC 9394): what is to be answered.

use super::fetch::fetch_list_of_new;
use super::{Cursor, ParseError, Parsed};
use crate::types::{FetchAttribute, PartialRange, SearchReturn};

/// The options, and what UPDATE asks for of messages that come.
pub(super) type Returned = (Option<SearchReturn>, Vec<FetchAttribute>);

/// `search-return-opts = SP "RETURN" SP "(" [search-return-opt *(SP search-return-opt)] ")"`
/// (RFC 9051 §9), with `modifier-update = "UPDATE" ["(" fetch-att *(SP fetch-att) ")"]`
/// (RFC 5465 §8), if it is next, with the space after it.
pub(super) fn search_return(c: &mut Cursor<'_>) -> Parsed<Returned> {
    if !c.eat_word(b"RETURN ") {
        return Ok((None, Vec::new()));
    }
    while c.eat(b' ') {}
    let (returns, fetch) = return_options(c)?;
    c.sp()?;
    Ok((Some(returns), fetch))
}

fn return_options(c: &mut Cursor<'_>) -> Parsed<(SearchReturn, Vec<FetchAttribute>)> {
    let (mut returns, mut fetch) = (SearchReturn::default(), Vec::new());
    let max = c.limits.items_max;
    c.list(max, "too many search options", |c| {
        let name = c.atom()?;
        if name.eq_ignore_ascii_case(b"PARTIAL") {
            c.sp()?;
            // RFC 5267 §4.4, RFC 9394 §3.1: one PARTIAL at most.
            if returns.partial.replace(partial_range(c)?).is_some() {
                return Err(ParseError::Syntax("PARTIAL more than once"));
            }
            return Ok(());
        }
        if name.eq_ignore_ascii_case(b"UPDATE") {
            returns.update = true;
            if c.sp_before(b'(') {
                fetch = fetch_list_of_new(c)?;
            }
            return Ok(());
        }
        let option = if name.eq_ignore_ascii_case(b"MIN") {
            &mut returns.min
        } else if name.eq_ignore_ascii_case(b"MAX") {
            &mut returns.max
        } else if name.eq_ignore_ascii_case(b"ALL") {
            &mut returns.all
        } else if name.eq_ignore_ascii_case(b"COUNT") {
            &mut returns.count
        } else if name.eq_ignore_ascii_case(b"SAVE") {
            &mut returns.save
        } else if name.eq_ignore_ascii_case(b"RELEVANCY") {
            &mut returns.relevancy
        } else if name.eq_ignore_ascii_case(b"CONTEXT") {
            &mut returns.context
        } else {
            return Err(ParseError::Syntax("unknown search option"));
        };
        *option = true;
        Ok(())
    })?;
    // RFC 4731 §3.1: an empty list means ALL.
    if returns == SearchReturn::default() {
        returns.all = true;
    }
    // RFC 5267 §4.4: either PARTIAL or ALL.
    if returns.all && returns.partial.is_some() {
        return Err(ParseError::Syntax("PARTIAL and ALL exclude each other"));
    }
    Ok((returns, fetch))
}

/// `partial-range = partial-range-first / partial-range-last`, that is
/// `nz-number ":" nz-number` or `MINUS nz-number ":" MINUS nz-number` (RFC 9394 §4, RFC 5267 §5).
pub(super) fn partial_range(c: &mut Cursor<'_>) -> Parsed<PartialRange> {
    let from_end = c.eat(b'-');
    let one = c.nz_number()?.get();
    c.expect(b':', "expected a range")?;
    if c.eat(b'-') != from_end {
        return Err(ParseError::Syntax("a range counts from one end only"));
    }
    let other = c.nz_number()?.get();
    Ok(PartialRange { low: one.min(other), high: one.max(other), from_end })
}
