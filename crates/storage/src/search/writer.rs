//! Writing a segment: its blocks in transactions of bounded size, and then, all at once, that it
//! is in use and others are not.

use ids::{AccountId, CollectionId, Uid};
use textindex::{Block, Head};

use super::rows::{GARBAGE, IN_USE, WRITTEN, has_content, segments};
use crate::sql::{Sql, Value};
use crate::{AccountTx, Result, StorageError, Store, WriteTx};

/// LIMIT: bytes of blocks in one transaction: while it is written, deliveries wait.
const FLUSH_BYTES: usize = 1024 * 1024;

/// What changes when a segment comes into use.
#[derive(Debug, Default)]
pub(super) struct Change {
    /// The segments the account has; if it has others by now, somebody else was faster.
    pub(super) known: Vec<i64>,
    /// The segments that this one replaces.
    pub(super) replaced: Vec<i64>,
    /// Contents of those that the account had no more; if it has one again, nothing changes.
    pub(super) gone: Vec<i64>,
    /// Up to where each mailbox is indexed.
    pub(super) marks: Vec<(CollectionId, Uid)>,
}

/// A segment being written.
pub(super) struct SegmentWriter<'s> {
    store: &'s Store,
    account: AccountId,
    /// The id of the segment, once its first rows are stored.
    id: Option<i64>,
    blocks: Vec<(i64, Block)>,
    waiting_bytes: usize,
    bytes: i64,
}

impl<'s> SegmentWriter<'s> {
    pub(super) fn new(store: &'s Store, account: AccountId) -> Self {
        Self { store, account, id: None, blocks: Vec::new(), waiting_bytes: 0, bytes: 0 }
    }

    pub(super) fn push(&mut self, number: usize, block: Block) -> Result<()> {
        self.waiting_bytes += block.bytes();
        self.bytes += block.bytes() as i64;
        self.blocks.push((number as i64, block));
        if self.waiting_bytes < FLUSH_BYTES {
            return Ok(());
        }
        let (account, id) = (self.account, self.id);
        let blocks = std::mem::take(&mut self.blocks);
        self.waiting_bytes = 0;
        let written = self.store.write_blocking("index blocks", move |tx| {
            let id = match id {
                Some(id) => id,
                None => insert_segment(tx, account)?,
            };
            insert_blocks(&mut *tx.sql, id, &blocks)?;
            Ok(id)
        })?;
        self.id = Some(written.value);
        Ok(())
    }

    /// Writes what is left, and puts the segment in use. One without contents only replaces.
    pub(super) fn finish(self, head: &Head, change: Change) -> Result<()> {
        let Self { store, account, id, blocks, bytes, .. } = self;
        let (contents, head) = (head.documents().len() as i64, head.encode());
        store.account_write_blocking(account, "index", Vec::new(), move |tx| {
            let known: Vec<i64> = segments(&mut *tx.sql, account)?.iter().map(|s| s.id).collect();
            if known != change.known {
                return Err(StorageError::Conflict("the index has changed"));
            }
            for content in &change.gone {
                if has_content(&mut *tx.sql, account, *content)? {
                    return Err(StorageError::Conflict("a content came back"));
                }
            }
            if contents > 0 {
                let id = match id {
                    Some(id) => id,
                    None => insert_segment(tx, account)?,
                };
                insert_blocks(&mut *tx.sql, id, &blocks)?;
                let sql = "UPDATE search_segment SET state = ?2, contents = ?3, bytes = ?4, \
                           head = ?5 WHERE id = ?1";
                let params = [id, IN_USE, contents, bytes].map(Value::Int);
                tx.sql.execute(sql, &[&params[..], &[Value::Bytes(&head)]].concat())?;
            }
            discard(tx, &change.replaced)?;
            set_marks(tx, &change.marks)
        })?;
        Ok(())
    }
}

fn insert_segment(tx: &mut WriteTx<'_>, account: AccountId) -> Result<i64> {
    let now = tx.now.as_micros();
    let params = [account.get(), WRITTEN, now].map(Value::Int);
    let id = tx.sql.query_one(
        "INSERT INTO search_segment (account_id, state, contents, bytes, created, head) \
         VALUES (?1, ?2, 0, 0, ?3, ?4) RETURNING id",
        &[&params[..], &[Value::Bytes(&[])]].concat(),
        |row| row.int(0),
    )?;
    id.ok_or_else(|| StorageError::Internal("an inserted row has no id".to_owned()))
}

fn insert_blocks(sql: &mut dyn Sql, segment: i64, blocks: &[(i64, Block)]) -> Result<()> {
    sql.execute_many(
        "INSERT INTO search_block (segment_id, number, terms, postings) VALUES (?1, ?2, ?3, ?4)",
        &mut blocks.iter().map(|(number, block)| {
            vec![
                Value::Int(segment),
                Value::Int(*number),
                Value::Bytes(&block.terms),
                Value::Bytes(&block.postings),
            ]
        }),
    )?;
    Ok(())
}

/// Takes segments out of use; [`give_up`](super::give_up) erases them.
pub(super) fn discard(tx: &mut WriteTx<'_>, segments: &[i64]) -> Result<()> {
    let now = tx.now.as_micros();
    tx.sql.execute_many(
        "UPDATE search_segment SET state = ?2, created = ?3 WHERE id = ?1",
        &mut segments.iter().map(|id| [*id, GARBAGE, now].map(Value::Int).to_vec()),
    )?;
    Ok(())
}

fn set_marks(tx: &mut AccountTx<'_, '_>, marks: &[(CollectionId, Uid)]) -> Result<()> {
    tx.sql.execute_many(
        "UPDATE mailbox SET indexed_uid = ?2 WHERE id = ?1 AND indexed_uid < ?2",
        &mut marks.iter().map(|(mailbox, uid)| {
            vec![Value::Int(mailbox.get()), Value::Int(i64::from(uid.get()))]
        }),
    )?;
    Ok(())
}
