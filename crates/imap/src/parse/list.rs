//! Arguments of LIST with its selection and return options (RFC 9051 §6.3.9, RFC 5258), of LSUB,
//! and of XLIST, an older extension for special uses.

use super::mailbox::pattern;
use super::metadata::{entries, require_components};
use super::status::status_items;
use super::{Cursor, ParseError, Parsed};
use crate::types::{Command, EntryName, ListArgs, ListReturn, ListSelection, MailboxPattern};

/// `list = "LIST" [SP list-select-opts] SP mailbox SP mbox-or-pat [SP list-return-opts]`
/// (RFC 9051 §9).
pub(crate) fn list(c: &mut Cursor<'_>) -> Parsed<Command> {
    c.sp()?;
    let mut extended = false;
    let mut selection = ListSelection::default();
    if c.peek() == Some(b'(') {
        extended = true;
        selection = selection_options(c)?;
        c.sp()?;
    }
    let reference = reference(c)?;
    c.sp()?;
    let patterns = if c.peek() == Some(b'(') {
        extended = true;
        patterns(c)?
    } else {
        vec![pattern(c)?]
    };
    require_short(c, &reference, &patterns)?;
    let (mut returns, mut metadata) = (ListReturn::default(), Vec::new());
    if c.more() {
        c.sp()?;
        if !c.eat_word(b"RETURN") {
            return Err(c.wrong("expected RETURN"));
        }
        extended = true;
        c.sp()?;
        (returns, metadata) = return_options(c)?;
    }
    // RFC 5258 §3.1: SUBSCRIBED as selection implies it as return option.
    returns.subscribed |= selection.subscribed;
    // RFC 6154 §2: so does SPECIAL-USE.
    returns.special_use |= selection.special_use;
    Ok(Command::List(ListArgs { reference, patterns, selection, returns, metadata, extended }))
}

/// `lsub = "LSUB" SP mailbox SP list-mailbox` (RFC 3501 §9).
pub(crate) fn lsub(c: &mut Cursor<'_>) -> Parsed<Command> {
    let mut args = basic(c)?;
    args.selection.subscribed = true;
    Ok(Command::Lsub(args))
}

/// `"XLIST" SP mailbox SP list-mailbox`, LIST as Gmail extended it before RFC 6154.
pub(crate) fn xlist(c: &mut Cursor<'_>) -> Parsed<Command> {
    let mut args = basic(c)?;
    args.returns.special_use = true;
    Ok(Command::Xlist(args))
}

fn basic(c: &mut Cursor<'_>) -> Parsed<ListArgs> {
    c.sp()?;
    let reference = reference(c)?;
    c.sp()?;
    let patterns = vec![pattern(c)?];
    require_short(c, &reference, &patterns)?;
    Ok(ListArgs {
        reference,
        patterns,
        selection: ListSelection::default(),
        returns: ListReturn::default(),
        metadata: Vec::new(),
        extended: false,
    })
}

fn require_short(c: &Cursor<'_>, reference: &str, patterns: &[MailboxPattern]) -> Parsed<()> {
    let bytes: usize = patterns.iter().map(|one| reference.len() + one.as_str().len()).sum();
    match bytes > c.limits.list_pattern_bytes_max {
        true => Err(ParseError::TooMany("mailbox patterns too long")),
        false => Ok(()),
    }
}

fn reference(c: &mut Cursor<'_>) -> Parsed<String> {
    // QUIRK(hand-written clients, any): wildcards come unquoted in the reference, where RFC 9051 §9
    // has a mailbox; they are read as part of it.
    match pattern(c)? {
        wrong if wrong.is_nothing() => {
            Err(ParseError::BadName("Reference is not valid modified UTF-7"))
        }
        reference => Ok(reference.as_str().to_owned()),
    }
}

/// `patterns = "(" list-mailbox *(SP list-mailbox) ")"` (RFC 5258 §6).
fn patterns(c: &mut Cursor<'_>) -> Parsed<Vec<MailboxPattern>> {
    let mut patterns = Vec::new();
    let max = c.limits.list_patterns_max;
    c.list(max, "too many patterns", |c| {
        patterns.push(pattern(c)?);
        Ok(())
    })?;
    if patterns.is_empty() {
        return Err(ParseError::Syntax("expected a mailbox pattern"));
    }
    Ok(patterns)
}

/// `list-select-opts` (RFC 9051 §9).
fn selection_options(c: &mut Cursor<'_>) -> Parsed<ListSelection> {
    let mut selection = ListSelection::default();
    let max = c.limits.items_max;
    c.list(max, "too many selection options", |c| {
        let name = c.atom()?;
        let option = if name.eq_ignore_ascii_case(b"SUBSCRIBED") {
            &mut selection.subscribed
        } else if name.eq_ignore_ascii_case(b"REMOTE") {
            &mut selection.remote
        } else if name.eq_ignore_ascii_case(b"RECURSIVEMATCH") {
            &mut selection.recursive_match
        } else if name.eq_ignore_ascii_case(b"SPECIAL-USE") {
            &mut selection.special_use
        } else {
            // RFC 5258 §3: an unrecognized option MUST be answered with BAD.
            return Err(ParseError::Syntax("unknown selection option"));
        };
        *option = true;
        Ok(())
    })?;
    // RFC 5258 §3.1: RECURSIVEMATCH is meaningless alone or with REMOTE only, and MUST get BAD.
    if selection.recursive_match && !selection.subscribed && !selection.special_use {
        return Err(ParseError::Syntax("RECURSIVEMATCH needs another selection option"));
    }
    Ok(selection)
}

/// `list-return-opts = "RETURN" SP "(" [list-return-opt *(SP list-return-opt)] ")"` (RFC 9051 §9).
fn return_options(c: &mut Cursor<'_>) -> Parsed<(ListReturn, Vec<EntryName>)> {
    let (mut returns, mut metadata) = (ListReturn::default(), Vec::new());
    let max = c.limits.items_max;
    c.list(max, "too many return options", |c| {
        let name = c.atom()?;
        if name.eq_ignore_ascii_case(b"STATUS") {
            c.sp()?;
            returns.status = status_items(c)?;
            return Ok(());
        }
        if name.eq_ignore_ascii_case(b"METADATA") {
            c.sp()?;
            metadata = entries(c)?;
            // RFC 9590 §3: there is no depth here.
            return require_components(&metadata);
        }
        let option = if name.eq_ignore_ascii_case(b"SUBSCRIBED") {
            &mut returns.subscribed
        } else if name.eq_ignore_ascii_case(b"CHILDREN") {
            &mut returns.children
        } else if name.eq_ignore_ascii_case(b"MYRIGHTS") {
            &mut returns.my_rights
        } else if name.eq_ignore_ascii_case(b"SPECIAL-USE") {
            &mut returns.special_use
        } else {
            return Err(ParseError::Syntax("unknown return option"));
        };
        *option = true;
        Ok(())
    })?;
    Ok((returns, metadata))
}
