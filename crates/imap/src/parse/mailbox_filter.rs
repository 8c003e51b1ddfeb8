//! Groups of mailboxes, as NOTIFY (RFC 5465 §8) and ESEARCH (RFC 7377 §2) name them: `personal`,
//! `subscribed`, `subtree …` and so on.

use super::mailbox::mailbox;
use super::{Cursor, ParseError, Parsed};
use crate::types::{MailboxFilter, MailboxName};

/// `filter-mailboxes = filter-mailboxes-selected / filter-mailboxes-other` (RFC 5465 §8),
/// `filter-mailboxes-other =/ ("subtree-one" SP one-or-more-mailbox)` (RFC 7377 §4). `count` is how
/// many mailboxes the groups of the command have named: each is compared with all there are.
pub(crate) fn mailbox_filter(c: &mut Cursor<'_>, count: &mut usize) -> Parsed<MailboxFilter> {
    let name = c.atom()?.to_ascii_lowercase();
    Ok(match name.as_slice() {
        b"selected" => MailboxFilter::Selected,
        b"selected-delayed" => MailboxFilter::SelectedDelayed,
        b"inboxes" => MailboxFilter::Inboxes,
        b"personal" => MailboxFilter::Personal,
        b"subscribed" => MailboxFilter::Subscribed,
        b"subtree" => MailboxFilter::Subtree(mailboxes(c, count)?),
        b"subtree-one" => MailboxFilter::SubtreeOne(mailboxes(c, count)?),
        b"mailboxes" => MailboxFilter::Mailboxes(mailboxes(c, count)?),
        _ => return Err(ParseError::Syntax("unknown group of mailboxes")),
    })
}

const TOO_MANY: &str = "too many mailboxes";

/// `one-or-more-mailbox = mailbox / many-mailboxes`,
/// `many-mailboxes = "(" mailbox *(SP mailbox) ")"` (RFC 5465 §8).
fn mailboxes(c: &mut Cursor<'_>, count: &mut usize) -> Parsed<Vec<MailboxName>> {
    c.sp()?;
    let mut names = Vec::new();
    let max = c.limits.named_mailboxes_max;
    let mut name = |c: &mut Cursor<'_>| {
        if *count >= max {
            return Err(ParseError::TooMany(TOO_MANY));
        }
        *count += 1;
        names.push(mailbox(c)?);
        Ok(())
    };
    match c.peek() {
        Some(b'(') => c.list(max, TOO_MANY, name)?,
        _ => name(c)?,
    }
    match names.is_empty() {
        true => Err(ParseError::Syntax("expected a mailbox")),
        false => Ok(names),
    }
}
