//! Arguments of NOTIFY (RFC 5465 §8).

use super::fetch::fetch_list_of_new;
use super::mailbox_filter::mailbox_filter;
use super::{Cursor, ParseError, Parsed};
use crate::types::{Command, EventGroup, NotifyArgs, NotifyEvent, NotifyEvents};

/// `notify = "NOTIFY" SP (notify-set / notify-none)`,
/// `notify-set = "SET" [SP "STATUS"] SP event-groups` (RFC 5465 §8).
pub(crate) fn notify(c: &mut Cursor<'_>) -> Parsed<Command> {
    c.sp()?;
    let word = c.atom()?;
    if word.eq_ignore_ascii_case(b"NONE") {
        return Ok(Command::Notify(NotifyArgs::None));
    }
    if !word.eq_ignore_ascii_case(b"SET") {
        return Err(ParseError::Syntax("expected SET or NONE"));
    }
    c.sp()?;
    let status = c.eat_word(b"STATUS ");
    while c.eat(b' ') {}
    let (mut groups, mut count): (Vec<EventGroup>, usize) = (Vec::new(), 0);
    loop {
        if groups.len() >= c.limits.items_max {
            return Err(ParseError::TooMany("too many event groups"));
        }
        groups.push(event_group(c, &mut count)?);
        if !c.more() {
            break;
        }
        c.sp()?;
    }
    // RFC 5465 §6.1: only one of the two, and once.
    if groups.iter().filter(|group| group.is_selected()).count() > 1 {
        return Err(ParseError::Syntax("the selected mailbox may be named once"));
    }
    Ok(Command::Notify(NotifyArgs::Set { status, groups }))
}

/// `event-group = "(" filter-mailboxes SP events ")"`,
/// `events = ( "(" event *(SP event) ")" ) / "NONE"` (RFC 5465 §8).
fn event_group(c: &mut Cursor<'_>, count: &mut usize) -> Parsed<EventGroup> {
    c.expect(b'(', "expected (")?;
    let filter = mailbox_filter(c, count)?;
    c.sp()?;
    let (events, fetch) = (NotifyEvents::new(), Vec::new());
    let mut group = EventGroup { filter, events, fetch, is_unknown: false };
    let max = c.limits.items_max;
    if c.peek() == Some(b'(') {
        c.list(max, "too many events", |c| event(c, &mut group))?;
    } else if !c.eat_word(b"NONE") {
        // RFC 5465 §3.1: the examples have events without parentheses.
        let mut count = 1;
        event(c, &mut group)?;
        while c.peek() == Some(b' ') && count < max {
            count += 1;
            c.sp()?;
            event(c, &mut group)?;
        }
    }
    while c.eat(b' ') {}
    c.expect(b')', "expected )")?;
    check(&group)?;
    Ok(group)
}

/// `event` (RFC 5465 §8): `MessageNew` may have a list of what to fetch.
fn event(c: &mut Cursor<'_>, group: &mut EventGroup) -> Parsed<()> {
    match NotifyEvent::by_name(c.atom()?) {
        Some(event) => group.events.insert(event),
        // RFC 5465 §3.1: NO with BADEVENT, not BAD.
        None => group.is_unknown = true,
    }
    if c.sp_before(b'(') {
        group.fetch = fetch_list_of_new(c)?;
        let is_new = group.events.contains(NotifyEvent::MessageNew);
        if !group.is_unknown && (!is_new || !group.is_selected()) {
            let text = "only MessageNew of the selected mailbox has a list of what to fetch";
            return Err(ParseError::Syntax(text));
        }
    }
    Ok(())
}

/// What RFC 5465 answers with BAD.
fn check(group: &EventGroup) -> Parsed<()> {
    let has = |event| group.events.contains(event);
    let is_new = has(NotifyEvent::MessageNew);
    // RFC 5465 §5: one needs the other, and changes need both.
    if is_new != has(NotifyEvent::MessageExpunge) {
        return Err(ParseError::Syntax("MessageNew and MessageExpunge go together"));
    }
    if (has(NotifyEvent::FlagChange) || has(NotifyEvent::AnnotationChange)) && !is_new {
        return Err(ParseError::Syntax("FlagChange needs MessageNew and MessageExpunge"));
    }
    // RFC 5465 §6.1: of the selected mailbox only what concerns messages.
    if group.is_selected() && !group.events.iter().all(NotifyEvent::is_of_messages) {
        return Err(ParseError::Syntax("only messages of the selected mailbox can be watched"));
    }
    Ok(())
}
