//! Arguments of ESEARCH (RFC 7377 §2): the mailboxes to search, then what SEARCH takes.

use super::mailbox_filter::mailbox_filter;
use super::search::{optional_charset, search_keys};
use super::search_return::search_return;
use super::{Cursor, ParseError, Parsed};
use crate::types::{Command, EsearchArgs, MailboxFilter};

/// `esearch = "ESEARCH" [SP esearch-source-opts] [SP search-return-opts] SP search-program`,
/// `esearch-source-opts = "IN" SP "(" source-mbox [SP "(" scope-options ")"] ")"`,
/// `source-mbox = filter-mailboxes *(SP filter-mailboxes)` (RFC 7377 §4).
pub(crate) fn esearch(c: &mut Cursor<'_>) -> Parsed<Command> {
    c.sp()?;
    let mut sources = Vec::new();
    if c.eat_word(b"IN ") {
        while c.eat(b' ') {}
        let (max, mut count) = (c.limits.items_max, 0);
        c.list(max, "too many groups of mailboxes", |c| {
            sources.push(mailbox_filter(c, &mut count)?);
            Ok(())
        })?;
        if sources.is_empty() {
            return Err(ParseError::Syntax("expected a group of mailboxes"));
        }
        // RFC 7377 §2.2: "The selected-delayed specifier is not valid here".
        if sources.contains(&MailboxFilter::SelectedDelayed) {
            return Err(ParseError::Syntax("selected-delayed is not for searching"));
        }
        c.sp()?;
    }
    let (returns, fetch) = search_return(c)?;
    optional_charset(c)?;
    Ok(Command::Esearch(EsearchArgs { sources, returns, fetch, key: search_keys(c)? }))
}
