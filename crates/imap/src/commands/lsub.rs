//! LSUB (RFC 3501 §6.3.9): the subscribed names that match, and the names above them that `%` stops
//! at. IMAP4rev1 alone has it; LIST (SUBSCRIBED) took its place.

use std::cmp::Reverse;
use std::collections::HashSet;

use storage::MailboxTree;

use super::aside::aside;
use super::list::{attributes, canonical_patterns};
use super::{Ctx, Reply};
use crate::error::Result;
use crate::render::{self, ListItem};
use crate::types::{ListArgs, ListAttribute, ListAttributes, ListReturn, MailboxPattern};

pub(super) async fn run(ctx: &mut Ctx<'_>, args: ListArgs) -> Result<Reply> {
    if args.asks_delimiter() {
        ctx.push_delimiter(render::lsub_item);
        return Ok(Reply::done());
    }
    let account = ctx.user()?.account;
    let patterns = canonical_patterns(&args);
    // Names are matched as those of LIST are.
    let lines = aside(&ctx.shared.store, move |store| {
        let tree = store.read_blocking(|tx| tx.list_mailboxes_as(account))?;
        Ok(lines(&tree, &patterns))
    });
    let lines = lines.await?;
    let dialect = ctx.enabled.dialect();
    let mut out = Vec::new();
    for (name, attributes) in &lines {
        let item = ListItem { attributes: *attributes, name, ..ListItem::default() };
        render::lsub_item(&mut out, &item, dialect);
    }
    ctx.connection.write(&out).await?;
    Ok(Reply::done())
}

/// The names to be told.
fn lines(tree: &MailboxTree, patterns: &[MailboxPattern]) -> Vec<(String, ListAttributes)> {
    let subscribed = || tree.entries.iter().filter(|entry| entry.subscribed);
    let names: HashSet<&str> = subscribed().map(|entry| entry.name.as_str()).collect();
    let mut told = HashSet::new();
    let mut lines = Vec::new();
    for entry in subscribed() {
        let name = entry.name.as_str();
        if patterns.iter().any(|pattern| pattern.matches(name, '/')) {
            // QUIRK(Outlook, 2013): looks for special uses here and not in LIST.
            let mut attributes = attributes(Some(entry), ListReturn::default());
            if entry.mailbox.is_none() {
                // LSUB is older than \NonExistent.
                attributes.insert(ListAttribute::Noselect);
            }
            lines.push((name.to_owned(), attributes));
            continue;
        }
        for parent in parents_shown(patterns, name) {
            if told.insert(parent) && !names.contains(parent) {
                let attributes = ListAttributes::from_iter([ListAttribute::Noselect]);
                lines.push((parent.to_owned(), attributes));
            }
        }
    }
    lines
}

/// RFC 3501 §6.3.9: where `%` keeps a subscribed name from matching, the names above it that
/// match are told with `\Noselect`, the lowest first.
fn parents_shown<'n>(patterns: &[MailboxPattern], name: &'n str) -> Vec<&'n str> {
    let patterns = patterns.iter().filter(|pattern| pattern.as_str().contains('%'));
    let mut shown: Vec<_> = patterns.flat_map(|one| one.matching_parents(name, '/')).collect();
    shown.sort_unstable_by_key(|parent| Reverse(parent.len()));
    shown
}
