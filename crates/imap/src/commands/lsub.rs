//! LSUB (RFC 3501 §6.3.9): what is subscribed.

use std::collections::BTreeSet;

use super::list::{attributes, canonical_patterns, load_tree};
use super::{Ctx, Reply};
use crate::error::Result;
use crate::render::{self, ListItem};
use crate::types::{ListArgs, ListAttribute, ListAttributes, ListReturn, MailboxPattern};

pub(super) async fn run(ctx: &mut Ctx<'_>, args: ListArgs) -> Result<Reply> {
    if args.asks_delimiter() {
        ctx.push_delimiter(render::lsub_item);
        return Ok(Reply::done());
    }
    let tree = load_tree(ctx).await?;
    let dialect = ctx.enabled.dialect();
    let patterns = canonical_patterns(&args);
    let mut out = Vec::new();
    let mut told = BTreeSet::new();
    for entry in tree.entries.iter().filter(|entry| entry.subscribed) {
        let name = entry.name.as_str();
        if patterns.iter().any(|pattern| pattern.matches(name, '/')) {
            // QUIRK(Outlook, 2013): looks for special uses here and not in LIST.
            let mut attributes = attributes(Some(entry), ListReturn::default());
            if entry.mailbox.is_none() {
                // LSUB is older than \NonExistent.
                attributes.insert(ListAttribute::Noselect);
            }
            render::lsub_item(
                &mut out,
                &ListItem { attributes, name, ..ListItem::default() },
                dialect,
            );
            continue;
        }
        for parent in parents_shown(&patterns, name) {
            let is_subscribed =
                || tree.entries.iter().any(|e| e.subscribed && e.name.as_str() == parent);
            if told.insert(parent) && !is_subscribed() {
                let attributes = ListAttributes::from_iter([ListAttribute::Noselect]);
                let item = ListItem { attributes, name: parent, ..ListItem::default() };
                render::lsub_item(&mut out, &item, dialect);
            }
        }
    }
    ctx.connection.write(&out).await?;
    Ok(Reply::done())
}

/// RFC 3501 §6.3.9: where `%` keeps a subscribed name from matching, the name above it that
/// matches is told with `\Noselect`.
fn parents_shown<'n>(
    patterns: &'n [MailboxPattern],
    name: &'n str,
) -> impl Iterator<Item = &'n str> {
    let parents = std::iter::successors(name.rsplit_once('/').map(|split| split.0), |parent| {
        parent.rsplit_once('/').map(|split| split.0)
    });
    parents.filter(move |parent| {
        patterns.iter().any(|p| p.as_str().contains('%') && p.matches(parent, '/'))
    })
}
