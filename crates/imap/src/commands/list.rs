//! LIST (RFC 9051 §6.3.9, RFC 5258) with STATUS (RFC 5819), METADATA (RFC 9590)
//! and SPECIAL-USE (RFC 6154), and XLIST.
//!
//! One read gives the whole tree with the counts of every mailbox; only what stands in no row of
//! it is asked of storage beside that.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use ids::CollectionId;
use storage::{Mailbox, MailboxEntry, MailboxTree, Metadata, Rights};
use unicode_normalization::{UnicodeNormalization, is_nfc};

use super::aside::aside;
use super::special_use::from_storage;
use super::{Ctx, Reply, metadata, status};
use crate::error::Result;
use crate::render::{self, ListItem};
use crate::types::{
    EntryName, ListArgs, ListAttribute, ListAttributes, ListReturn, ListSelection, MailboxPattern,
    StatusItem,
};

/// LIMIT: an answer is handed over in pieces of this size.
const PIECE_BYTES: usize = 32 * 1024;
/// LIMIT: mailboxes whose annotations are read at a time.
const GROUP_LINES: usize = 64;

pub(super) async fn run(ctx: &mut Ctx<'_>, args: ListArgs) -> Result<Reply> {
    if args.asks_delimiter() {
        ctx.push_delimiter(render::list_item);
        return Ok(Reply::done());
    }
    if args.returns.status.contains(StatusItem::HighestModSeq) {
        ctx.enable_condstore();
    }
    let lines = load_lines(ctx, &args).await?;
    let mut out = Vec::new();
    for lines in lines.chunks(GROUP_LINES) {
        let annotations = annotations(ctx, lines, &args.metadata).await?;
        for line in lines {
            render::list_item(&mut out, &line.item(), ctx.enabled.dialect());
            tell_more(ctx, &mut out, line, &args, &annotations).await?;
            if out.len() >= PIECE_BYTES {
                ctx.connection.write(&out).await?;
                out.clear();
            }
        }
    }
    ctx.connection.write(&out).await?;
    Ok(Reply::done())
}

/// The annotations asked for of the mailboxes of `lines`.
async fn annotations(
    ctx: &Ctx<'_>,
    lines: &[Line],
    entries: &[EntryName],
) -> Result<BTreeMap<CollectionId, Vec<Metadata>>> {
    if entries.is_empty() {
        return Ok(BTreeMap::new());
    }
    let ids = lines.iter().filter_map(|line| line.mailbox().map(|mailbox| mailbox.id)).collect();
    metadata::of_mailboxes(ctx, ids, entries).await
}

/// STATUS and METADATA of a mailbox that was listed.
async fn tell_more(
    ctx: &Ctx<'_>,
    out: &mut Vec<u8>,
    line: &Line,
    args: &ListArgs,
    annotations: &BTreeMap<CollectionId, Vec<Metadata>>,
) -> Result<()> {
    // RFC 5819 §2, RFC 9590 §3: for what exists, and for what was asked for itself, not for a
    // parent shown for its children's sake.
    let Some(mailbox) = line.mailbox().filter(|_| line.is_selected) else { return Ok(()) };
    let (name, dialect) = (mailbox.name.as_str(), ctx.enabled.dialect());
    let rights = line.entry.as_ref().map_or(Rights::NONE, |entry| entry.rights);
    if args.returns.my_rights {
        // RFC 8440 §3: only what exists and is listed.
        render::my_rights(out, name, dialect, &rights.to_string());
    }
    // RFC 5819 §2: none for a mailbox that this user may not read.
    if !args.returns.status.is_empty() && rights.contains(Rights::READ) {
        let id = mailbox.id.to_string();
        let limit = ctx.shared.settings.limits.append_bytes_max;
        let counted = status::count(ctx, args.returns.status, mailbox).await?;
        let values = status::values(mailbox, counted, limit, &id);
        render::status(out, name, dialect, args.returns.status, &values);
    }
    // RFC 9590 §3: as GETMETADATA, which is refused there; NIL would say that nothing is set.
    if !args.metadata.is_empty() && rights.shows_annotations() {
        let found = annotations.get(&mailbox.id).map_or(&[][..], Vec::as_slice);
        render::metadata(out, name, dialect, &metadata::all_values(found, &args.metadata));
    }
    Ok(())
}

/// QUIRK(Outlook, 2013): sends `XLIST "" ""` and `XLIST "" *` where it should send LIST.
pub(super) async fn run_xlist(ctx: &mut Ctx<'_>, args: ListArgs) -> Result<Reply> {
    if args.asks_delimiter() {
        ctx.push_delimiter(render::xlist_item);
        return Ok(Reply::done());
    }
    let lines = load_lines(ctx, &args).await?;
    let dialect = ctx.enabled.dialect();
    let mut out = Vec::new();
    for line in lines {
        render::xlist_item(&mut out, &line.item(), dialect);
    }
    ctx.connection.write(&out).await?;
    Ok(Reply::done())
}

/// What is to be listed. Names are matched beside the async threads, and not while storage is
/// read: many patterns over many names take their time.
async fn load_lines(ctx: &Ctx<'_>, args: &ListArgs) -> Result<Vec<Line>> {
    let account = ctx.user()?.account;
    let listing = Listing::new(args);
    aside(&ctx.shared.store, move |store| {
        Ok(listing.lines(&store.read_blocking(|tx| tx.list_mailboxes_as(account))?))
    })
    .await
}

/// The patterns below the reference (RFC 9051 §6.3.9), spelled as names are: RFC 9051 §5.1 wants
/// every spelling that CREATE takes to be taken everywhere.
pub(super) fn canonical_patterns(args: &ListArgs) -> Vec<MailboxPattern> {
    let below = args.patterns.iter().map(|pattern| pattern.under(&args.reference));
    let spelled = |pattern: MailboxPattern| match pattern.is_nothing() || is_nfc(pattern.as_str()) {
        true => pattern,
        false => MailboxPattern::new(pattern.as_str().nfc().collect::<String>()),
    };
    below.map(spelled).collect()
}

/// The attributes of a name.
pub(super) fn attributes(entry: Option<&MailboxEntry>, returns: ListReturn) -> ListAttributes {
    let mut attributes = ListAttributes::new();
    let mailbox = entry.and_then(|entry| entry.mailbox.as_ref());
    let has_children = entry.is_some_and(|entry| entry.has_children);
    if mailbox.is_none() {
        // RFC 9051 §7.3.1: it implies \Noselect.
        attributes.insert(ListAttribute::NonExistent);
        if has_children {
            // R-FOLD-2: programs older than RFC 5258 know this one only, and are shown ghosts.
            attributes.insert(ListAttribute::Noselect);
        }
    }
    // RFC 3348 §3: told unasked, for real mailboxes and ghosts.
    match has_children {
        true => attributes.insert(ListAttribute::HasChildren),
        false if mailbox.is_some() || returns.children => {
            attributes.insert(ListAttribute::HasNoChildren);
        }
        false => {}
    }
    if returns.subscribed && entry.is_some_and(|entry| entry.subscribed) {
        attributes.insert(ListAttribute::Subscribed);
    }
    // RFC 6154 §2: they may be told in plain LIST, and most programs look nowhere else.
    if let Some(special_use) = mailbox.and_then(|mailbox| mailbox.special_use) {
        attributes.insert(from_storage(special_use).into());
    }
    attributes
}

/// One LIST response to be written.
struct Line {
    name: String,
    /// None for a name that is nothing itself, only above something subscribed.
    entry: Option<MailboxEntry>,
    attributes: ListAttributes,
    /// The name meets the selection options itself, not only by what is below it.
    is_selected: bool,
    child: ListSelection,
}

impl Line {
    fn mailbox(&self) -> Option<&Mailbox> {
        self.entry.as_ref()?.mailbox.as_ref()
    }

    fn item(&self) -> ListItem<'_> {
        ListItem {
            attributes: self.attributes,
            name: &self.name,
            child_subscribed: self.child.subscribed,
            child_special_use: self.child.special_use,
            old_name: None,
        }
    }
}

/// What LIST is to show, and with which attributes.
struct Listing {
    patterns: Vec<MailboxPattern>,
    selection: ListSelection,
    returns: ListReturn,
}

/// What is known of the names below a name.
#[derive(Default)]
struct Below {
    /// One of them meets the selection options and is not listed itself.
    any_unlisted: bool,
}

impl Listing {
    fn new(args: &ListArgs) -> Self {
        Self {
            patterns: canonical_patterns(args),
            selection: args.selection,
            returns: args.returns,
        }
    }

    fn lines(&self, tree: &MailboxTree) -> Vec<Line> {
        let below = match self.selection.recursive_match {
            true => self.names_above(tree),
            false => BTreeMap::new(),
        };
        let known = tree.entries.iter().map(|entry| (entry.name.as_str(), Some(entry)));
        let mut lines: Vec<Line> =
            known.filter_map(|(name, entry)| self.line(name, entry, &below)).collect();
        if self.selection.recursive_match {
            let names: BTreeSet<&str> =
                tree.entries.iter().map(|entry| entry.name.as_str()).collect();
            let missing = below.keys().filter(|name| !names.contains(*name));
            lines.extend(missing.filter_map(|name| self.line(name, None, &below)));
            lines.sort_by(|left, right| tree_order(&left.name, &right.name));
        }
        lines
    }

    fn line(
        &self,
        name: &str,
        entry: Option<&MailboxEntry>,
        below: &BTreeMap<&str, Below>,
    ) -> Option<Line> {
        if !self.matches(name) {
            return None;
        }
        let is_selected = entry.is_some_and(|entry| self.selects(entry));
        let child = below.get(name);
        // RFC 9051 §6.3.9.6: a name that is not selected itself is left out where all of its
        // selected children are listed.
        if !is_selected && !child.is_some_and(|child| child.any_unlisted) {
            return None;
        }
        let child = child.map_or_else(ListSelection::default, |_| self.selection);
        let attributes = attributes(entry, self.returns);
        let (name, entry) = (name.to_owned(), entry.cloned());
        Some(Line { name, entry, attributes, is_selected, child })
    }

    /// The names above those selected (RFC 9051 §6.3.9.1, RECURSIVEMATCH).
    fn names_above<'t>(&self, tree: &'t MailboxTree) -> BTreeMap<&'t str, Below> {
        let mut above: BTreeMap<&'t str, Below> = BTreeMap::new();
        for entry in tree.entries.iter().filter(|entry| self.selects(entry)) {
            let listed = self.matches(entry.name.as_str());
            let mut name = entry.name.as_str();
            while let Some((parent, _)) = name.rsplit_once('/') {
                above.entry(parent).or_default().any_unlisted |= !listed;
                name = parent;
            }
        }
        above
    }

    fn matches(&self, name: &str) -> bool {
        self.patterns.iter().any(|pattern| pattern.matches(name, '/'))
    }

    /// Whether the selection options alone select this mailbox.
    fn selects(&self, entry: &MailboxEntry) -> bool {
        let ListSelection { subscribed, special_use, .. } = self.selection;
        // RFC 5258 §3.1: with SUBSCRIBED also names that are no mailbox (any more).
        if !subscribed && entry.mailbox.is_none() && !entry.ghost {
            return false;
        }
        let has_use = || entry.mailbox.as_ref().is_some_and(|m| m.special_use.is_some());
        (!subscribed || entry.subscribed) && (!special_use || has_use())
    }
}

/// INBOX first, then component by component, as storage orders its tree.
fn tree_order(left: &str, right: &str) -> Ordering {
    let other = |name: &str| name.split('/').next() != Some("INBOX");
    other(left).cmp(&other(right)).then_with(|| left.split('/').cmp(right.split('/')))
}
