//! GETMETADATA and SETMETADATA (RFC 5464), and what LIST tells of annotations (RFC 9590).

use std::collections::BTreeMap;

use ids::CollectionId;
use storage::{LimitKind, Metadata, MetadataEntry, MetadataScope, SpecialUse, StorageError};

use super::{Ctx, Reply, ReplyCode, special_use, storage_name};
use crate::error::{CommandError, Result, refused};
use crate::render::{self, Code};
use crate::types::{EntryDepth, EntryName, MailboxName, MetadataArgs, SetMetadataArgs};

/// RFC 5464 §3.2.1.1: how to reach the administrator; always read-only.
const ADMIN: &str = "/admin";

pub(super) async fn run(ctx: &mut Ctx<'_>, args: MetadataArgs) -> Result<Reply> {
    let account = ctx.user()?.account;
    let (entries, depth) = (args.entries.clone(), args.depth);
    let wanted = move |entry: &MetadataEntry| is_wanted(&from_storage(entry), &entries, depth);
    let store = ctx.shared.store.clone();
    let mut found = match &args.mailbox {
        Some(name) => {
            let id = annotated(ctx, name).await?;
            store.read(move |tx| tx.load_metadata(account, &[id], wanted)).await?
        }
        None => store.read(move |tx| tx.load_server_metadata(account, wanted)).await?,
    };
    if args.mailbox.is_none() && is_wanted(&admin_entry(), &args.entries, args.depth) {
        found.push(administrator(ctx).await?);
    }
    // RFC 5464 §3.2: an entry without a value has NIL for one. Below a name, only what is there
    // can be told.
    let missing = match args.depth {
        EntryDepth::Zero => missing(&found, &args.entries),
        EntryDepth::One | EntryDepth::Infinity => Vec::new(),
    };
    let longest = leave_out_long(&mut found, args.size_max);
    let mut values = values(&found);
    values.extend(missing);
    let name = args.mailbox.as_ref().map_or("", |name| name.as_str());
    let dialect = ctx.enabled.dialect();
    ctx.push(|out| render::metadata(out, name, dialect, &values));
    Ok(match longest {
        Some(bytes) => Reply::with_code(ReplyCode::Plain(Code::MetadataLongEntries(bytes))),
        None => Reply::done(),
    })
}

pub(super) async fn run_set(ctx: &mut Ctx<'_>, args: SetMetadataArgs) -> Result<Reply> {
    let account = ctx.user()?.account;
    let admin = admin_entry();
    if args.mailbox.is_none() && args.values.iter().any(|(entry, _)| *entry == admin) {
        return Err(refused(Code::NoPerm, "/shared/admin is set by the server"));
    }
    let values: Vec<_> =
        args.values.into_iter().map(|(entry, value)| (to_storage(entry), value)).collect();
    if let Some(mailbox) = &args.mailbox {
        for (_, value) in values.iter().filter(|(entry, _)| entry.is_special_use()) {
            check_special_use(mailbox, value.as_deref())?;
        }
    }
    let store = ctx.shared.store.clone();
    let written = match &args.mailbox {
        Some(name) => {
            let id = annotated(ctx, name).await?;
            store.write("imap setmetadata", move |tx| tx.set_metadata(account, id, &values)).await
        }
        None => {
            let set =
                store.write("imap setmetadata", move |tx| tx.set_server_metadata(account, &values));
            set.await
        }
    };
    ctx.note_own(written.map_err(too_much)?);
    Ok(Reply::done())
}

/// RFC 6154 §4, §3: refuses what CREATE would refuse as a special use.
fn check_special_use(mailbox: &MailboxName, value: Option<&[u8]>) -> Result<()> {
    let Some(value) = value else { return Ok(()) };
    let refuse = |why| Err(refused(Code::UseAttr, why));
    let text = String::from_utf8_lossy(value);
    let mut attributes = text.split_ascii_whitespace();
    let attribute = match (attributes.next(), attributes.next()) {
        (Some(attribute), None) => attribute,
        (_, Some(_)) => return refuse("A mailbox has one special use"),
        (None, None) => return refuse("This special use can't be set"),
    };
    let known = SpecialUse::parse_attribute(attribute).map(special_use::from_storage);
    if known.and_then(special_use::to_storage).is_none() {
        return refuse("This special use can't be set");
    }
    match mailbox.as_str().eq_ignore_ascii_case("INBOX") {
        true => refuse("INBOX has no special use"),
        false => Ok(()),
    }
}

/// A mailbox whose annotations may be seen and set.
async fn annotated(ctx: &Ctx<'_>, name: &MailboxName) -> Result<CollectionId> {
    let actor = ctx.user()?.account;
    let name = storage_name(name)?;
    let found = ctx.shared.store.read(move |tx| tx.find_annotated(actor, &name)).await?;
    found.map(|found| found.id).ok_or_else(|| refused(Code::NonExistent, "No such mailbox"))
}

/// RFC 5464 §4.3: MAXSIZE and TOOMANY say what was too much.
fn too_much(error: StorageError) -> CommandError {
    match error {
        StorageError::TooBig { limit_bytes, .. } => {
            refused(Code::MetadataMaxSize(limit_bytes), "The value is too big")
        }
        StorageError::Limit {
            kind: LimitKind::MetadataEntries | LimitKind::MetadataBytes, ..
        } => refused(Code::MetadataTooMany, "There are too many annotations"),
        // RFC 6154 §4: the entry is tied to what the mailbox is for.
        StorageError::AlreadyExists(_) => {
            refused(Code::UseAttr, "Another mailbox has this special use")
        }
        error => error.into(),
    }
}

/// What was asked of mailboxes by LIST, each mailbox with the values told of it (RFC 9590 §3).
pub(super) async fn of_mailboxes(
    ctx: &Ctx<'_>,
    mailboxes: Vec<CollectionId>,
    entries: &[EntryName],
) -> Result<BTreeMap<CollectionId, Vec<Metadata>>> {
    let account = ctx.user()?.account;
    let asked = entries.to_vec();
    let wanted =
        move |entry: &MetadataEntry| is_wanted(&from_storage(entry), &asked, EntryDepth::Zero);
    let read = move |tx: &mut storage::ReadTx<'_>| tx.load_metadata(account, &mailboxes, wanted);
    let mut found: BTreeMap<CollectionId, Vec<Metadata>> = BTreeMap::new();
    for one in ctx.shared.store.read(read).await? {
        if let Some(mailbox) = one.mailbox {
            found.entry(mailbox).or_default().push(one);
        }
    }
    Ok(found)
}

/// Every entry asked for, with NIL for those that have no value.
pub(super) fn all_values<'f>(
    found: &'f [Metadata],
    entries: &[EntryName],
) -> Vec<(EntryName, Option<&'f [u8]>)> {
    let mut all = values(found);
    all.extend(missing(found, entries));
    all
}

fn values(found: &[Metadata]) -> Vec<(EntryName, Option<&[u8]>)> {
    found.iter().map(|one| (from_storage(&one.entry), Some(one.value.as_slice()))).collect()
}

fn missing<'f>(found: &[Metadata], entries: &[EntryName]) -> Vec<(EntryName, Option<&'f [u8]>)> {
    let mut missing: Vec<_> = entries
        .iter()
        .filter(|entry| !found.iter().any(|one| from_storage(&one.entry) == **entry))
        .map(|entry| (entry.clone(), None))
        .collect();
    missing.dedup_by(|left, right| left.0 == right.0);
    missing
}

/// RFC 5464 §4.2.1: leaves out values above MAXSIZE; the size of the largest of them.
fn leave_out_long(found: &mut Vec<Metadata>, size_max: Option<u32>) -> Option<u64> {
    let max = size_max?;
    let is_long = |one: &Metadata| one.value.len() as u64 > u64::from(max);
    let longest = found.iter().filter(|one| is_long(one)).map(|one| one.value.len() as u64).max();
    found.retain(|one| !is_long(one));
    longest
}

fn is_wanted(entry: &EntryName, asked: &[EntryName], depth: EntryDepth) -> bool {
    asked.iter().any(|asked| entry.is_within(asked, depth))
}

fn admin_entry() -> EntryName {
    EntryName { is_private: false, name: ADMIN.to_owned() }
}

/// RFC 5321 §4.5.1: every domain has its postmaster.
async fn administrator(ctx: &Ctx<'_>) -> Result<Metadata> {
    let account = ctx.user()?.account;
    let account = ctx.shared.store.read(move |tx| tx.load_account(account)).await?;
    let domain = account.address.rsplit_once('@').map_or("", |(_, domain)| domain);
    let value = format!("mailto:postmaster@{domain}").into_bytes();
    Ok(Metadata { mailbox: None, entry: to_storage(admin_entry()), value })
}

pub(super) fn from_storage(entry: &MetadataEntry) -> EntryName {
    EntryName { is_private: entry.scope == MetadataScope::Private, name: entry.name.clone() }
}

fn to_storage(entry: EntryName) -> MetadataEntry {
    let scope = match entry.is_private {
        true => MetadataScope::Private,
        false => MetadataScope::Shared,
    };
    MetadataEntry { scope, name: entry.name }
}
