//! Storing keys behind deliveries, in blocks that grow with the mailbox.
//!
//! Who reads gets the newest messages, too few for a block, one by one. Four blocks of a size
//! become one, so that each message is written anew a few times and the blocks of a mailbox are
//! few.

use ids::{AccountId, CollectionId, Uid};

use super::blocks::{self, Block};
use super::bounds::IdLimit;
use super::columns::{Kind, Rows, SortKeys};
use crate::sql::{Sql, Value};
use crate::{ReadTx, Result, StorageError, Store};

/// How many messages blocks have.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    /// Fewer are not worth one: reading them one by one takes next to no time.
    pub(super) few: u32,
    /// LIMIT: the most of one, a megabyte or so: while it is written, deliveries wait.
    pub(super) most: u32,
}

impl Default for Sizes {
    fn default() -> Self {
        Self { few: 64, most: 8192 }
    }
}

/// How many blocks of one size are merged into one of the next.
const FAN: usize = 4;
/// A block is rewritten when more than one in so many of its messages is gone.
const GONE_SHARE: u64 = 8;

/// Accounts with a mailbox of which enough for a block may be new.
pub(crate) fn accounts_behind(sql: &mut (dyn Sql + '_), sizes: &Sizes) -> Result<Vec<AccountId>> {
    let few = Value::Int(sizes.few.into());
    sql.query_all(
        "SELECT DISTINCT m.account_id FROM mailbox m \
         WHERE m.message_count >= ?1 AND m.uid_next - ?1 > \
         COALESCE((SELECT MAX(b.last_uid) FROM sort_block b WHERE b.mailbox_id = m.id), 0)",
        &[few],
        |row| Ok(AccountId::new(row.int(0)?)),
    )
}

/// What becomes of the blocks of a mailbox.
#[derive(Debug, Default)]
pub(super) struct Change {
    /// All there are; if there are others by now, somebody else was faster.
    pub(super) known: Vec<i64>,
    /// The blocks that this one replaces.
    pub(super) replaced: Vec<i64>,
    /// The range of the one in their place, and its keys.
    pub(super) block: Option<((i64, i64), SortKeys)>,
}

/// Stores the keys of what is new in an account; ends early, between two transactions, once
/// `ended` says so.
pub(crate) fn update(
    store: &Store,
    account: AccountId,
    sizes: &Sizes,
    ended: &dyn Fn() -> bool,
) -> Result<()> {
    let few = i64::from(sizes.few);
    let behind = store.read_blocking(|tx| {
        tx.sql.query_all(
            "SELECT m.id FROM mailbox m \
             WHERE m.account_id = ?1 AND m.message_count >= ?2 AND m.uid_next - ?2 > \
             COALESCE((SELECT MAX(b.last_uid) FROM sort_block b WHERE b.mailbox_id = m.id), 0)",
            &[Value::Int(account.get()), Value::Int(few)],
            |row| Ok(CollectionId::new(row.int(0)?)),
        )
    })?;
    for mailbox in behind {
        while !ended()
            && let Some(change) = store.read_blocking(|tx| extension(tx, mailbox, sizes))?
            && write(store, account, mailbox, change)?
        {}
    }
    Ok(())
}

/// The next block of a mailbox, together with those it grows into; `None` where there is nothing
/// to do.
fn extension(tx: &mut ReadTx<'_>, mailbox: CollectionId, sizes: &Sizes) -> Result<Option<Change>> {
    let all = blocks::list(&mut *tx.sql, mailbox, 0)?;
    let known: Vec<i64> = all.iter().map(|block| block.id).collect();
    let forget = |from: usize, known: Vec<i64>| {
        let replaced = known.get(from..).unwrap_or_default().to_vec();
        Ok(Some(Change { known, replaced, block: None }))
    };
    if let Some(at) = all.iter().position(|block| !block.is_current()) {
        return forget(at, known);
    }
    let covered = all.last().map_or(0, |block| block.last);
    let new = read_new(tx, mailbox, covered, sizes.most)?;
    let (Some(first), Some(last)) = (new.uids().first(), new.uids().last()) else {
        return Ok(None);
    };
    if new.uids().len() < sizes.few as usize {
        return Ok(None);
    }
    let (mut first, last) = (i64::from(*first), i64::from(*last));
    let from = grown(&all, new.uids().len() as u64, sizes);
    let mut parts = Vec::new();
    for (at, block) in all.iter().enumerate().skip(from) {
        match blocks::read(&mut *tx.sql, block, &Kind::ALL) {
            Ok(keys) => parts.push(keys),
            Err(StorageError::Corrupt(cause)) => {
                tracing::error!(cause, "stored sort keys are damaged and made anew");
                return forget(at, known);
            }
            Err(other) => return Err(other),
        }
    }
    if let Some(joined) = all.get(from) {
        first = joined.first;
    }
    parts.push(new);
    let mut keys = SortKeys::join(parts, IdLimit::NONE)?.unwrap_or_default();
    keys.retain(live(&mut *tx.sql, mailbox, (first, last))?);
    let replaced = known.get(from..).unwrap_or_default().to_vec();
    Ok(Some(Change { known, replaced, block: Some(((first, last), keys)) }))
}

/// From which block on they become one with `new` messages.
fn grown(all: &[Block], new: u64, sizes: &Sizes) -> usize {
    let class = |messages: u64| messages.max(1).ilog(FAN as u64);
    let (mut from, mut sum) = (all.len(), new);
    loop {
        let before = all.get(..from).unwrap_or_default().iter().rev();
        let run = before.take_while(|block| class(block.messages) <= class(sum));
        let (count, messages) =
            run.fold((0, sum), |(count, messages), block| (count + 1, messages + block.messages));
        if count + 1 < FAN || messages > u64::from(sizes.most) {
            return from;
        }
        (from, sum) = (from - count, messages);
    }
}

/// The keys of the first messages above a UID, all columns of them.
fn read_new(tx: &mut ReadTx<'_>, mailbox: CollectionId, above: i64, most: u32) -> Result<SortKeys> {
    read_keys(&mut *tx.sql, mailbox, (above + 1, u32::MAX.into()), most)
}

/// The keys of messages between two UIDs, all columns of them, as their rows have them.
pub(super) fn read_keys(
    sql: &mut dyn Sql,
    mailbox: CollectionId,
    (first, last): (i64, i64),
    most: u32,
) -> Result<SortKeys> {
    let mut rows = Rows::after(SortKeys::of_all_kinds());
    let params = [mailbox.get(), first, last, most.into()].map(Value::Int);
    sql.query(
        "SELECT m.uid, m.internal_date, c.keys FROM message m \
         JOIN content c ON c.id = m.content_id \
         WHERE m.mailbox_id = ?1 AND m.uid BETWEEN ?2 AND ?3 ORDER BY m.uid LIMIT ?4",
        &params,
        &mut |row| {
            let received = ids::Timestamp::from_micros(row.int(1)?).as_secs();
            rows.push(uid(row.int(0)?)?, received, row.bytes(2)?, &[]);
            Ok(())
        },
    )?;
    Ok(rows.finish())
}

/// The UIDs between two that a mailbox has.
fn live(sql: &mut dyn Sql, mailbox: CollectionId, (first, last): (i64, i64)) -> Result<Vec<u32>> {
    sql.query_all(
        "SELECT uid FROM message WHERE mailbox_id = ?1 AND uid BETWEEN ?2 AND ?3 ORDER BY uid",
        &[mailbox.get(), first, last].map(Value::Int),
        |row| uid(row.int(0)?).map(Uid::get),
    )
}

fn uid(number: i64) -> Result<Uid> {
    let number = u32::try_from(number);
    number.map(Uid::new).map_err(|_| StorageError::Corrupt("an impossible UID".to_owned()))
}

/// Makes a change, unless the mailbox is gone or its blocks have changed meanwhile; whether it did.
pub(super) fn write(
    store: &Store,
    account: AccountId,
    mailbox: CollectionId,
    change: Change,
) -> Result<bool> {
    let written = store.account_write_blocking(account, "sort keys", Vec::new(), move |tx| {
        let here = tx.sql.query_one(
            "SELECT id FROM mailbox WHERE id = ?1 AND account_id = ?2",
            &[Value::Int(mailbox.get()), Value::Int(account.get())],
            |row| row.int(0),
        )?;
        let all = blocks::list(&mut *tx.sql, mailbox, 0)?;
        if here.is_none() || !all.iter().map(|block| &block.id).eq(&change.known) {
            return Ok(false);
        }
        blocks::delete(&mut *tx.sql, &change.replaced)?;
        if let Some((range, keys)) = &change.block {
            blocks::insert(&mut *tx.sql, mailbox, *range, keys)?;
        }
        Ok(true)
    });
    match written {
        Ok(written) => Ok(written.value),
        // The account was removed.
        Err(StorageError::NotFound(_)) => Ok(false),
        Err(other) => Err(other),
    }
}

/// Writes blocks anew of which much is gone.
pub(crate) fn sweep(store: &Store) -> Result<()> {
    let sparse = store.read_blocking(|tx| {
        tx.sql.query_all(
            "SELECT m.id, m.account_id FROM mailbox m \
             JOIN sort_block b ON b.mailbox_id = m.id \
             GROUP BY m.id, m.account_id, m.message_count \
             HAVING (SUM(b.messages) - m.message_count) * CAST(?1 AS BIGINT) > SUM(b.messages)",
            &[Value::Int(GONE_SHARE.cast_signed())],
            |row| Ok((CollectionId::new(row.int(0)?), AccountId::new(row.int(1)?))),
        )
    })?;
    for (mailbox, account) in sparse {
        while let Some(change) = store.read_blocking(|tx| thinned(tx, mailbox))?
            && write(store, account, mailbox, change)?
        {}
    }
    Ok(())
}

/// A block of which much is gone, without it.
fn thinned(tx: &mut ReadTx<'_>, mailbox: CollectionId) -> Result<Option<Change>> {
    let all = blocks::list(&mut *tx.sql, mailbox, 0)?;
    let known: Vec<i64> = all.iter().map(|block| block.id).collect();
    for block in all.iter().filter(|block| block.is_current()) {
        let range = (block.first, block.last);
        let live = live(&mut *tx.sql, mailbox, range)?;
        let gone = block.messages.saturating_sub(live.len() as u64);
        if gone * GONE_SHARE <= block.messages {
            continue;
        }
        // What is damaged is found by whoever reads it next.
        let Ok(mut keys) = blocks::read(&mut *tx.sql, block, &Kind::ALL) else { continue };
        keys.retain(live);
        let left = (!keys.uids().is_empty()).then_some((range, keys));
        return Ok(Some(Change { known, replaced: vec![block.id], block: left }));
    }
    Ok(None)
}
