//! The rows in which sort keys are stored: one block for a run of messages, read at once in place
//! of their contents.

use ids::CollectionId;

use super::bounds::IdLimit;
use super::columns::{Kind, SortKeys};
use crate::sql::{Sql, Value};
use crate::{Result, StorageError};

/// The version of the stored columns: it changes with their layout, and with what is computed from
/// a message.
pub(super) const VERSION: i64 = 1;
/// LIMIT: messages whose keys one transaction reads, about.
const READ_MESSAGES: u64 = 64 * 1024;
/// LIMIT: message ids that one transaction reads, about: they are put together with those of
/// others before more are read.
const READ_IDS: usize = 1_000_000;

/// The keys of all messages of a mailbox whose UIDs are within a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) id: i64,
    pub(super) first: i64,
    pub(super) last: i64,
    pub(super) messages: u64,
    version: i64,
}

impl Block {
    /// Whether its columns are what they are today.
    pub(super) fn is_current(&self) -> bool {
        self.version == VERSION
    }
}

/// The blocks of a mailbox that begin above a UID, ascending.
pub(super) fn list(sql: &mut dyn Sql, mailbox: CollectionId, above: i64) -> Result<Vec<Block>> {
    sql.query_all(
        "SELECT id, first_uid, last_uid, messages, version FROM sort_block \
         WHERE mailbox_id = ?1 AND first_uid > ?2 ORDER BY first_uid",
        &[Value::Int(mailbox.get()), Value::Int(above)],
        |row| {
            let (first, last) = (row.int(1)?, row.int(2)?);
            let messages = row.int(3)?.cast_unsigned();
            Ok(Block { id: row.int(0)?, first, last, messages, version: row.int(4)? })
        },
    )
}

/// How many messages the blocks of a mailbox have.
pub(super) fn count(sql: &mut dyn Sql, mailbox: CollectionId) -> Result<usize> {
    let blocks = list(sql, mailbox, i64::MIN)?;
    Ok(blocks.iter().fold(0, |sum: usize, block| sum.saturating_add(block.messages as usize)))
}

/// Some columns of a block, the rows first; [`StorageError::Corrupt`] where they are damaged.
pub(super) fn read(sql: &mut dyn Sql, block: &Block, kinds: &[Kind]) -> Result<SortKeys> {
    let wanted = kinds.iter().fold(0, |wanted, kind| wanted | 1 << kind.number());
    let mut columns = Vec::with_capacity(kinds.len());
    sql.query(
        "SELECT kind, data FROM sort_column WHERE block_id = ?1 \
         AND ((CAST(?2 AS BIGINT) >> CAST(kind AS INTEGER)) & 1) = 1",
        &[Value::Int(block.id), Value::Int(wanted)],
        &mut |row| {
            let number = row.int(0)?;
            if let Some(at) = kinds.iter().position(|kind| kind.number() == number) {
                columns.push((
                    at,
                    kinds.get(at).copied().unwrap_or(Kind::Rows),
                    row.bytes(1)?.to_vec(),
                ));
            }
            Ok(())
        },
    )?;
    columns.sort_unstable_by_key(|(at, ..)| *at);
    let columns: Vec<_> = columns.into_iter().map(|(_, kind, bytes)| (kind, bytes)).collect();
    let keys = (columns.len() == kinds.len()).then(|| SortKeys::decode(&columns)).flatten();
    let fits = |keys: &SortKeys| {
        let within = |uid: &u32| (block.first..=block.last).contains(&i64::from(*uid));
        keys.uids().len() as u64 == block.messages && keys.uids().iter().all(within)
    };
    keys.filter(fits).ok_or_else(|| StorageError::Corrupt(format!("sort block {}", block.id)))
}

/// The keys of the next blocks of a mailbox above a UID.
#[derive(Debug, Default)]
pub(super) struct Next {
    pub(super) keys: Option<SortKeys>,
    /// Where to go on.
    pub(super) next: Option<i64>,
}

/// Reads as many blocks as one transaction should.
pub(super) fn read_some(
    sql: &mut dyn Sql,
    mailbox: CollectionId,
    above: i64,
    kinds: &[Kind],
    limit: IdLimit,
) -> Result<Next> {
    let (mut parts, mut messages, mut ids, mut next) = (Vec::new(), 0, 0, None);
    // What another version wrote is as if it were not there, and so is what comes behind it.
    for block in list(sql, mailbox, above)?.iter().take_while(|block| block.is_current()) {
        if messages >= READ_MESSAGES || ids >= READ_IDS {
            next = parts.last().map(|(last, _)| *last);
            break;
        }
        messages += block.messages;
        let keys = read(sql, block, kinds)?;
        ids += keys.message_ids();
        parts.push((block.last, keys));
    }
    let parts = parts.into_iter().map(|(_, keys)| keys).collect();
    Ok(Next { keys: SortKeys::join(parts, limit)?, next })
}

/// Stores a block with every column.
pub(super) fn insert(
    sql: &mut dyn Sql,
    mailbox: CollectionId,
    (first, last): (i64, i64),
    keys: &SortKeys,
) -> Result<()> {
    let messages = keys.uids().len() as i64;
    let params = [mailbox.get(), first, last, messages, VERSION].map(Value::Int);
    let block = sql.insert(
        "INSERT INTO sort_block (mailbox_id, first_uid, last_uid, messages, version) \
         VALUES (?1, ?2, ?3, ?4, ?5) RETURNING id",
        &params,
    )?;
    for kind in Kind::ALL {
        let Some(data) = keys.encode(kind) else { continue };
        let params = [Value::Int(block), Value::Int(kind.number()), Value::Bytes(&data)];
        sql.execute("INSERT INTO sort_column (block_id, kind, data) VALUES (?1, ?2, ?3)", &params)?;
    }
    Ok(())
}

pub(super) fn delete(sql: &mut dyn Sql, blocks: &[i64]) -> Result<()> {
    for block in blocks {
        let id = [Value::Int(*block)];
        sql.execute("DELETE FROM sort_column WHERE block_id = ?1", &id)?;
        sql.execute("DELETE FROM sort_block WHERE id = ?1", &id)?;
    }
    Ok(())
}

/// Deletes what is stored of a mailbox.
pub(crate) fn delete_of(sql: &mut (dyn Sql + '_), mailbox: CollectionId) -> Result<()> {
    let blocks: Vec<i64> = list(sql, mailbox, 0)?.iter().map(|block| block.id).collect();
    delete(sql, &blocks)
}
