//! The rows of the index.

use ids::AccountId;
use textindex::{Corrupt, EachTerms, Head, Source};

use crate::sql::{Sql, Value};
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
    sql.query(
        "SELECT id, head FROM search_segment WHERE account_id = ?1 AND state = 1 ORDER BY id",
        &[Value::Int(account.get())],
        &mut |row| {
            let id = row.int(0)?;
            match Head::parse(row.bytes(1)?) {
                Ok(head) => heads.push((id, head)),
                Err(cause) => tracing::error!(segment = id, %cause, "a segment cannot be read"),
            }
            Ok(())
        },
    )?;
    Ok(heads)
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

/// The blocks of a segment in one transaction.
pub(super) struct Blocks<'s> {
    pub(super) sql: &'s mut dyn Sql,
    pub(super) segment: i64,
}

impl Source for Blocks<'_> {
    type Error = StorageError;

    fn terms(&mut self, first: usize, last: usize, each: EachTerms<'_>) -> Result<()> {
        let mut next = first;
        let params = [Value::Int(self.segment), Value::Int(first as i64), Value::Int(last as i64)];
        self.sql.query(TERMS, &params, &mut |row| {
            let number = usize::try_from(row.int(0)?).unwrap_or(usize::MAX);
            if number != next {
                return Err(Corrupt("run of blocks").into());
            }
            next += 1;
            Ok(each(number, row.bytes(1)?)?)
        })?;
        if next == last + 1 { Ok(()) } else { Err(Corrupt("run of blocks").into()) }
    }

    fn postings(&mut self, block: usize) -> Result<Vec<u8>> {
        let params = [Value::Int(self.segment), Value::Int(block as i64)];
        let found = self.sql.query_one(POSTINGS, &params, |row| Ok(row.bytes(0)?.to_vec()))?;
        found.ok_or_else(|| Corrupt("run of blocks").into())
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

    fn terms(&mut self, first: usize, last: usize, each: EachTerms<'_>) -> Result<()> {
        let segment = self.segment;
        let mut read = Vec::new();
        self.store.read_blocking(|tx| {
            let mut blocks = Blocks { sql: &mut *tx.sql, segment };
            blocks.terms(first, last, &mut |number, terms| {
                read.push((number, terms.to_vec()));
                Ok(())
            })
        })?;
        read.iter().try_for_each(|(number, terms)| each(*number, terms))?;
        Ok(())
    }

    fn postings(&mut self, block: usize) -> Result<Vec<u8>> {
        let segment = self.segment;
        self.store.read_blocking(move |tx| Blocks { sql: &mut *tx.sql, segment }.postings(block))
    }
}
