//! Brings the search index of an account up to date: reads new messages and writes segments.

use std::collections::HashSet;

use ids::{AccountId, CollectionId, ContentId, Uid};
use textindex::Builder;

use super::merging::merge_small;
use super::rows::heads;
use super::texts::{WANT, add, add_unknown};
use super::writer::{Change, SegmentWriter};
use crate::sql::Value;
use crate::{Content, ReadTx, Result, StorageError, Store};

/// LIMIT: messages looked at for one segment.
const MESSAGES: usize = 2_000;
/// LIMIT: bytes of messages read at once, one message at least.
const READ_BYTES: u64 = 1024 * 1024;

/// How much one call indexed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Indexed {
    /// Messages that are in the index now.
    pub messages: u64,
    /// Segments that were merged into others.
    pub merged: u64,
}

/// A message that is not marked as indexed.
#[derive(Debug, Clone, Copy)]
struct New {
    mailbox: CollectionId,
    uid: Uid,
    content: ContentId,
    size_bytes: u64,
}

/// What is to be done for an account.
#[derive(Debug, Default)]
struct Plan {
    /// The new contents, by mailbox and UID.
    new: Vec<New>,
    /// Mailboxes of which nothing is left behind `new`, and their last UIDs.
    whole: Vec<(CollectionId, Uid)>,
    /// Contents that are indexed already.
    known: HashSet<i64>,
    segments: Vec<i64>,
}

/// Indexes what `account` has that is not, then merges; ends early, between two transactions,
/// once `ended` says so. An account that is gone has nothing.
pub(crate) fn update(
    store: &Store,
    account: AccountId,
    ended: &dyn Fn() -> bool,
) -> Result<Indexed> {
    let mut done = Indexed::default();
    while !ended() {
        let plan = store.read_blocking(|tx| plan(tx, account))?;
        if plan.new.is_empty() && plan.whole.is_empty() {
            break;
        }
        match index(store, account, &plan) {
            Ok(messages) => done.messages += messages,
            // Another daemon does the same, or the account is gone.
            Err(StorageError::Conflict(_) | StorageError::NotFound(_)) => return Ok(done),
            Err(other) => return Err(other),
        }
        done.merged += merge_small(store, account, ended)?;
    }
    Ok(done)
}

fn plan(tx: &mut ReadTx<'_>, account: AccountId) -> Result<Plan> {
    let behind = tx.sql.query_all(
        "SELECT id, indexed_uid, uid_next FROM mailbox \
         WHERE account_id = ?1 AND indexed_uid < uid_next - 1 ORDER BY id",
        &[Value::Int(account.get())],
        |row| Ok((row.int(0)?, row.int(1)?, uid(row.int(2)? - 1)?)),
    )?;
    let mut plan = Plan::default();
    if behind.is_empty() {
        return Ok(plan);
    }
    for (mailbox, indexed, last) in behind {
        let room = MESSAGES.saturating_sub(plan.new.len());
        if room == 0 {
            break;
        }
        let params = [mailbox, indexed, room as i64].map(Value::Int);
        let mailbox = CollectionId::new(mailbox);
        let new = tx.sql.query_all(
            "SELECT uid, content_id, size_bytes FROM message \
             WHERE mailbox_id = ?1 AND uid > ?2 ORDER BY uid LIMIT ?3",
            &params,
            |row| {
                let (content, size_bytes) = (ContentId::new(row.int(1)?), row.int(2)?);
                let size_bytes = size_bytes.cast_unsigned();
                Ok(New { mailbox, uid: uid(row.int(0)?)?, content, size_bytes })
            },
        )?;
        if new.len() < room {
            plan.whole.push((mailbox, last));
        }
        plan.new.extend(new);
    }
    for (segment, head) in heads(&mut *tx.sql, account)? {
        plan.segments.push(segment);
        plan.known.extend(head.documents());
    }
    // Also those that cannot be read: they are there.
    plan.segments = super::rows::segments(&mut *tx.sql, account)?.iter().map(|s| s.id).collect();
    Ok(plan)
}

fn uid(number: i64) -> Result<Uid> {
    let number = u32::try_from(number);
    number.map(Uid::new).map_err(|_| StorageError::Corrupt("an impossible UID".to_owned()))
}

/// Writes one segment of what is new, as far as the memory allowed goes; how many messages that
/// was.
fn index(store: &Store, account: AccountId, plan: &Plan) -> Result<u64> {
    let settings = store.settings();
    let mut builder = Builder::default();
    let mut seen = plan.known.clone();
    let mut rest = plan.new.as_slice();
    while !rest.is_empty() && builder.bytes() < settings.index_memory_bytes {
        let (now, later) = rest.split_at(readable(rest));
        let ids: Vec<ContentId> =
            now.iter().map(|new| new.content).filter(|id| seen.insert(id.get())).collect();
        for (id, content) in read(store, &ids)? {
            match content {
                Text::Read(content) => {
                    add(&mut builder, id, &content, &settings);
                }
                Text::Damaged => add_unknown(&mut builder, id),
                Text::Erased => {}
            }
        }
        rest = later;
    }
    let done = plan.new.len() - rest.len();
    let change =
        Change { known: plan.segments.clone(), marks: marks(plan, done), ..Change::default() };
    let mut writer = SegmentWriter::new(store, account);
    let (head, blocks) = builder.finish();
    for (number, block) in blocks {
        writer.push(number, block)?;
    }
    writer.finish(&head, change)?;
    Ok(done as u64)
}

/// What is there of a content.
enum Text {
    Read(Box<Content>),
    /// The content cannot be read: searches will report it.
    Damaged,
    /// The content was erased meanwhile, and needs no index.
    Erased,
}

fn read(store: &Store, ids: &[ContentId]) -> Result<Vec<(ContentId, Text)>> {
    let mut texts = Vec::with_capacity(ids.len());
    while let Some(rest) = ids.get(texts.len()..).filter(|rest| !rest.is_empty()) {
        let one = rest.get(..1).unwrap_or(rest);
        let some = |ids| {
            store.read_blocking(|tx| tx.passing_by().load_contents_within(ids, WANT, READ_BYTES))
        };
        let (ids, contents) = match some(rest) {
            // One of them is damaged: from here on one by one.
            Err(StorageError::Corrupt(_)) => (one, some(one)),
            other => (rest, other),
        };
        match contents {
            Ok(contents) => texts.extend(ids.iter().zip(contents).map(|(id, content)| {
                (*id, content.map_or(Text::Erased, |content| Text::Read(Box::new(content))))
            })),
            Err(StorageError::Corrupt(cause)) => {
                tracing::error!(cause, "a message cannot be indexed");
                texts.extend(ids.iter().map(|id| (*id, Text::Damaged)));
            }
            Err(other) => return Err(other),
        }
    }
    Ok(texts)
}

/// How many of `new` are read at once.
fn readable(new: &[New]) -> usize {
    let mut bytes = 0u64;
    let fits = new.iter().take_while(|new| {
        bytes = bytes.saturating_add(new.size_bytes);
        bytes <= READ_BYTES
    });
    fits.count().max(1)
}

/// Up to where each mailbox is indexed once the first `done` of the plan are.
fn marks(plan: &Plan, done: usize) -> Vec<(CollectionId, Uid)> {
    let mut marks: Vec<(CollectionId, Uid)> = Vec::new();
    for new in plan.new.iter().take(done) {
        match marks.last_mut() {
            Some((mailbox, uid)) if *mailbox == new.mailbox => *uid = new.uid,
            _ => marks.push((new.mailbox, new.uid)),
        }
    }
    // Behind the last message of a mailbox there were others once.
    let unfinished = plan.new.get(done).map(|new| new.mailbox);
    let whole = plan.whole.iter().take_while(|(mailbox, _)| Some(*mailbox) != unfinished);
    marks.extend(whole.copied());
    marks
}
