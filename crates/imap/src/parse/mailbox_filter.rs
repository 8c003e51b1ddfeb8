//! Mailboxes named in groups.

use super::mailbox::mailbox;
use super::{Cursor, ParseError, Parsed};
use crate::types::{MailboxFilter, MailboxName};

/// `filter-mailboxes = filter-mailboxes-selected / filter-mailboxes-other` (RFC 5465 §8),
/// `filter-mailboxes-other =/ ("subtree-one" SP one-or-more-mailbox)` (RFC 7377 §4).
pub(crate) fn mailbox_filter(c: &mut Cursor<'_>) -> Parsed<MailboxFilter> {
    let name = c.atom()?.to_ascii_lowercase();
    Ok(match name.as_slice() {
        b"selected" => MailboxFilter::Selected,
        b"selected-delayed" => MailboxFilter::SelectedDelayed,
        b"inboxes" => MailboxFilter::Inboxes,
        b"personal" => MailboxFilter::Personal,
        b"subscribed" => MailboxFilter::Subscribed,
        b"subtree" => MailboxFilter::Subtree(mailboxes(c)?),
        b"subtree-one" => MailboxFilter::SubtreeOne(mailboxes(c)?),
        b"mailboxes" => MailboxFilter::Mailboxes(mailboxes(c)?),
        _ => return Err(ParseError::Syntax("unknown group of mailboxes")),
    })
}

/// `one-or-more-mailbox = mailbox / many-mailboxes`,
/// `many-mailboxes = "(" mailbox *(SP mailbox) ")"` (RFC 5465 §8).
fn mailboxes(c: &mut Cursor<'_>) -> Parsed<Vec<MailboxName>> {
    c.sp()?;
    if c.peek() != Some(b'(') {
        return Ok(vec![mailbox(c)?]);
    }
    let mut names = Vec::new();
    let max = c.limits.searched_mailboxes_max;
    c.list(max, "too many mailboxes", |c| {
        names.push(mailbox(c)?);
        Ok(())
    })?;
    match names.is_empty() {
        true => Err(ParseError::Syntax("expected a mailbox")),
        false => Ok(names),
    }
}
