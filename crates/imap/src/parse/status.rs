//! Arguments of STATUS (RFC 9051 §6.3.11): the name of a mailbox and the items asked for.

use super::mailbox::mailbox;
use super::{Cursor, ParseError, Parsed};
use crate::types::{Command, StatusItem, StatusItems};

/// `status = "STATUS" SP mailbox SP "(" status-att *(SP status-att) ")"` (RFC 9051 §9).
pub(crate) fn status(c: &mut Cursor<'_>) -> Parsed<Command> {
    c.sp()?;
    let mailbox = mailbox(c)?;
    c.sp()?;
    Ok(Command::Status(mailbox, status_items(c)?))
}

/// The list of `status-att`, at least one.
pub(crate) fn status_items(c: &mut Cursor<'_>) -> Parsed<StatusItems> {
    let mut items = StatusItems::new();
    let max = c.limits.items_max;
    c.list(max, "too many status items", |c| {
        let item = StatusItem::by_name(c.atom()?);
        items.insert(item.ok_or(ParseError::Syntax("unknown status item"))?);
        Ok(())
    })?;
    if items.is_empty() {
        return Err(ParseError::Syntax("expected a status item"));
    }
    Ok(items)
}
