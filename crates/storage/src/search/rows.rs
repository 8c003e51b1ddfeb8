//! The rows of the search index: segments with their heads, and the blocks of each.

use ids::AccountId;
use textindex::{Corrupt, EachKeys, Head, Source};

use super::cache::KeptKeys;
use crate::sql::{Dialect, Sql, Value};
use crate::{Result, StorageError, Store};

/// States of a segment.
pub(super) const WRITTEN: i64 = 0;
pub(super) const IN_USE: i64 = 1;
pub(super) const GARBAGE: i64 = 2;

impl From<Corrupt> for StorageError {
    fn from(corrupt: Corrupt) -> Self {
        Self::Corrupt(corrupt.to_string())
    }
}

/// A segment in use, without its head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) id: i64,
    pub(super) contents: i64,
    pub(super) bytes: i64,
}

/// The segments of an account, the oldest first.
pub(super) fn segments(sql: &mut dyn Sql, account: AccountId) -> Result<Vec<Segment>> {
    sql.query_all(
        "SELECT id, contents, bytes FROM search_segment WHERE account_id = ?1 AND state = 1 \
         ORDER BY id",
        &[Value::Int(account.get())],
        |row| Ok(Segment { id: row.int(0)?, contents: row.int(1)?, bytes: row.int(2)? }),
    )
}

/// The segments of an account with their heads. One that cannot be read is left out, so that its
/// contents are not known, and `check_consistency` names it.
pub(super) fn heads(sql: &mut dyn Sql, account: AccountId) -> Result<Vec<(i64, Head)>> {
    let mut heads = Vec::new();
    for Segment { id, .. } in segments(sql, account)? {
        if let Some(head) = find_head(sql, id)? {
            heads.push((id, head));
        }
    }
    Ok(heads)
}

/// The head of a segment, unless it cannot be read.
pub(super) fn find_head(sql: &mut dyn Sql, segment: i64) -> Result<Option<Head>> {
    let query = "SELECT head FROM search_segment WHERE id = ?1";
    let head =
        sql.query_one(query, &[Value::Int(segment)], |row| Ok(Head::parse(row.bytes(0)?)))?;
    match head.transpose() {
        Ok(head) => Ok(head),
        Err(cause) => {
            tracing::error!(segment, %cause, "a segment cannot be read");
            Ok(None)
        }
    }
}

/// Whether some message of the account has this content.
pub(super) fn has_content(sql: &mut dyn Sql, account: AccountId, content: i64) -> Result<bool> {
    const HAS: &str = "SELECT EXISTS (SELECT 1 FROM message m \
                       JOIN mailbox b ON b.id = m.mailbox_id \
                       WHERE m.content_id = ?2 AND b.account_id = ?1)";
    let params = [Value::Int(account.get()), Value::Int(content)];
    Ok(sql.query_one(HAS, &params, |row| row.int(0))? == Some(1))
}

const TERMS: &str = "SELECT number, terms FROM search_block \
                     WHERE segment_id = ?1 AND number BETWEEN ?2 AND ?3 ORDER BY number";
const POSTINGS: &str = "SELECT postings FROM search_block WHERE segment_id = ?1 AND number = ?2";

/// The numbers are given as a text, for there is no parameter of a varying number of integers
/// beside others.
const POSTINGS_OF: &str = "SELECT number, postings FROM search_block WHERE segment_id = ?1 \
                           AND number = ANY(string_to_array(?2, ',')::bigint[]) ORDER BY number";

/// The blocks of a segment in one transaction.
pub(super) struct Blocks<'s> {
    pub(super) sql: &'s mut dyn Sql,
    pub(super) segment: i64,
    /// Keys that are in memory, by block; those read are put there.
    pub(super) kept: Option<&'s mut KeptKeys>,
}

impl Blocks<'_> {
    fn read_keys(&mut self, first: usize, last: usize, each: EachKeys<'_>) -> Result<()> {
        let mut next = first;
        let params = [Value::Int(self.segment), Value::Int(first as i64), Value::Int(last as i64)];
        let kept = &mut self.kept;
        self.sql.query(TERMS, &params, &mut |row| {
            let number = usize::try_from(row.int(0)?).unwrap_or(usize::MAX);
            if number != next {
                return Err(Corrupt("run of blocks").into());
            }
            next += 1;
            let keys = textindex::unpack(row.bytes(1)?)?;
            each(number, &keys)?;
            if let Some(kept) = kept {
                kept.put(number, keys);
            }
            Ok(())
        })?;
        if next == last + 1 { Ok(()) } else { Err(Corrupt("run of blocks").into()) }
    }
}

impl Source for Blocks<'_> {
    type Error = StorageError;

    fn keys(&mut self, first: usize, last: usize, each: EachKeys<'_>) -> Result<()> {
        let mut next = first;
        while next <= last {
            let kept = |at: usize| self.kept.as_ref().and_then(|kept| kept.get(at));
            if let Some(keys) = kept(next) {
                each(next, &keys)?;
                next += 1;
                continue;
            }
            let end = (next..=last).find(|at| kept(*at).is_some()).unwrap_or(last + 1);
            self.read_keys(next, end - 1, each)?;
            next = end;
        }
        Ok(())
    }

    fn postings(&mut self, block: usize) -> Result<Vec<u8>> {
        let params = [Value::Int(self.segment), Value::Int(block as i64)];
        let found = self.sql.query_one(POSTINGS, &params, |row| Ok(row.bytes(0)?.to_vec()))?;
        found.ok_or_else(|| Corrupt("run of blocks").into())
    }

    fn postings_of(&mut self, blocks: &[usize]) -> Result<Vec<Vec<u8>>> {
        // SQLite looks up each of them in no time; PostgreSQL is asked, and answers.
        if self.sql.dialect() == Dialect::Sqlite || blocks.len() < 2 {
            return blocks.iter().map(|block| self.postings(*block)).collect();
        }
        let numbers: Vec<String> = blocks.iter().map(usize::to_string).collect();
        let params = [Value::Int(self.segment), Value::Text(&numbers.join(","))];
        let (mut read, mut wanted) = (Vec::with_capacity(blocks.len()), blocks.iter());
        self.sql.query(POSTINGS_OF, &params, &mut |row| {
            if wanted.next().map(|block| *block as i64) != Some(row.int(0)?) {
                return Err(Corrupt("run of blocks").into());
            }
            read.push(row.bytes(1)?.to_vec());
            Ok(())
        })?;
        match wanted.next() {
            None => Ok(read),
            Some(_) => Err(Corrupt("run of blocks").into()),
        }
    }
}

/// The blocks of a segment in many transactions: they never change while it is in use, and what
/// reads long should not hold a snapshot.
pub(super) struct StoredBlocks<'s> {
    pub(super) store: &'s Store,
    pub(super) segment: i64,
}

impl Source for StoredBlocks<'_> {
    type Error = StorageError;

    fn keys(&mut self, first: usize, last: usize, each: EachKeys<'_>) -> Result<()> {
        let segment = self.segment;
        let mut read = Vec::new();
        self.store.read_blocking(|tx| {
            let mut blocks = Blocks { sql: &mut *tx.sql, segment, kept: None };
            blocks.keys(first, last, &mut |number, keys| {
                read.push((number, keys.to_vec()));
                Ok(())
            })
        })?;
        read.iter().try_for_each(|(number, keys)| each(*number, keys))?;
        Ok(())
    }

    fn postings(&mut self, block: usize) -> Result<Vec<u8>> {
        let segment = self.segment;
        let read = |tx: &mut crate::ReadTx<'_>| {
            Blocks { sql: &mut *tx.sql, segment, kept: None }.postings(block)
        };
        self.store.read_blocking(read)
    }

    fn postings_of(&mut self, blocks: &[usize]) -> Result<Vec<Vec<u8>>> {
        let segment = self.segment;
        let read = |tx: &mut crate::ReadTx<'_>| {
            Blocks { sql: &mut *tx.sql, segment, kept: None }.postings_of(blocks)
        };
        self.store.read_blocking(read)
    }
}
