//! Arguments of SETACL, DELETEACL, GETACL, LISTRIGHTS and MYRIGHTS (RFC 4314 §3).

use super::mailbox::mailbox;
use super::{Cursor, ParseError, Parsed};
use crate::types::{AclArgs, Command, MailboxName, RightsAction};

/// `setacl = "SETACL" SP mailbox SP identifier SP mod-rights` (RFC 4314 §7).
pub(crate) fn set_acl(c: &mut Cursor<'_>) -> Parsed<Command> {
    let mailbox = one_mailbox(c)?;
    let identifier = identifier(c)?;
    c.sp()?;
    let text = c.astring_text()?;
    let (action, rights) = match text.as_bytes() {
        [b'+', ..] => (RightsAction::Add, text.get(1..)),
        [b'-', ..] => (RightsAction::Remove, text.get(1..)),
        _ => (RightsAction::Set, Some(text.as_str())),
    };
    let rights = rights.unwrap_or_default().to_owned();
    Ok(Command::Acl(AclArgs::Set { mailbox, identifier, action, rights }))
}

/// `deleteacl = "DELETEACL" SP mailbox SP identifier` (RFC 4314 §7).
pub(crate) fn delete_acl(c: &mut Cursor<'_>) -> Parsed<Command> {
    let mailbox = one_mailbox(c)?;
    Ok(Command::Acl(AclArgs::Delete(mailbox, identifier(c)?)))
}

/// `getacl = "GETACL" SP mailbox` (RFC 4314 §7).
pub(crate) fn acl(c: &mut Cursor<'_>) -> Parsed<Command> {
    Ok(Command::Acl(AclArgs::Get(one_mailbox(c)?)))
}

/// `listrights = "LISTRIGHTS" SP mailbox SP identifier` (RFC 4314 §7).
pub(crate) fn list_rights(c: &mut Cursor<'_>) -> Parsed<Command> {
    let mailbox = one_mailbox(c)?;
    Ok(Command::Acl(AclArgs::List(mailbox, identifier(c)?)))
}

/// `myrights = "MYRIGHTS" SP mailbox` (RFC 4314 §7).
pub(crate) fn my_rights(c: &mut Cursor<'_>) -> Parsed<Command> {
    Ok(Command::Acl(AclArgs::Mine(one_mailbox(c)?)))
}

fn one_mailbox(c: &mut Cursor<'_>) -> Parsed<MailboxName> {
    c.sp()?;
    mailbox(c)
}

/// `identifier = astring` (RFC 4314 §7).
fn identifier(c: &mut Cursor<'_>) -> Parsed<String> {
    c.sp()?;
    let identifier = c.astring_text()?;
    // RFC 4314 §3: BAD where nothing is left of it; SASLprep (RFC 4013 §2.3) has no controls.
    if identifier.is_empty() || identifier.chars().any(char::is_control) {
        return Err(ParseError::Syntax("not an identifier"));
    }
    Ok(identifier)
}
