//! The invariants of the index, and making it anew where one is broken.

use std::collections::{BTreeMap, HashSet};

use ids::AccountId;
use textindex::{Input, merge};

use super::rows::{Blocks, IN_USE, Segment};
use super::writer::discard;
use crate::sql::{Sql, Value};
use crate::{Result, StorageError, WriteTx};

/// Hands the number of each segment in use that is damaged to `damaged`, and each mailbox with a
/// message that is marked as indexed and is not to `missing`.
pub(crate) fn check(
    sql: &mut dyn Sql,
    damaged: &mut dyn FnMut(i64),
    missing: &mut dyn FnMut(i64),
) -> Result<()> {
    let mut accounts: BTreeMap<i64, Vec<(Segment, Vec<u8>)>> = BTreeMap::new();
    sql.query(
        "SELECT account_id, id, contents, bytes, head FROM search_segment WHERE state = ?1",
        &[Value::Int(IN_USE)],
        &mut |row| {
            let segment = Segment { id: row.int(1)?, contents: row.int(2)?, bytes: row.int(3)? };
            accounts.entry(row.int(0)?).or_default().push((segment, row.bytes(4)?.to_vec()));
            Ok(())
        },
    )?;
    let mut indexed: HashSet<(AccountId, i64)> = HashSet::new();
    for (account, segments) in accounts {
        let account = AccountId::new(account);
        for (segment, head) in segments {
            match contents(sql, segment, &head) {
                Ok(contents) => {
                    let is_first = contents.into_iter().map(|c| indexed.insert((account, c)));
                    // A content in two segments would be answered by one of them.
                    if is_first.fold(false, |again, is_first| again | !is_first) {
                        damaged(segment.id);
                    }
                }
                Err(StorageError::Corrupt(_)) => damaged(segment.id),
                Err(other) => return Err(other),
            }
        }
    }
    let mut last = None;
    sql.query(
        "SELECT b.id, b.account_id, m.content_id FROM mailbox b \
         JOIN message m ON m.mailbox_id = b.id WHERE m.uid <= b.indexed_uid ORDER BY b.id",
        &[],
        &mut |row| {
            let (mailbox, account) = (row.int(0)?, AccountId::new(row.int(1)?));
            if last != Some(mailbox) && !indexed.contains(&(account, row.int(2)?)) {
                last = Some(mailbox);
                missing(mailbox);
            }
            Ok(())
        },
    )
}

/// The contents of a segment whose every byte can be read.
fn contents(sql: &mut dyn Sql, segment: Segment, head: &[u8]) -> Result<Vec<i64>> {
    let head = textindex::Head::parse(head)?;
    let keep = vec![true; head.documents().len()];
    let mut source = Blocks { sql, segment: segment.id, kept: None };
    let mut bytes = 0;
    // Written anew it must be what it is.
    let input = Input { head: &head, keep, source: &mut source };
    let again = merge(vec![input], &mut |_, block| {
        bytes += block.bytes() as i64;
        Ok::<_, StorageError>(())
    })?;
    let contents: Vec<i64> = head.documents().collect();
    if again != head || bytes != segment.bytes || contents.len() as i64 != segment.contents {
        return Err(StorageError::Corrupt("a segment of the search index".to_owned()));
    }
    Ok(contents)
}

/// Gives up what is damaged, so that it is indexed anew; how many rows were wrong.
pub(crate) fn repair(tx: &mut WriteTx<'_>) -> Result<u64> {
    let (mut damaged, mut missing) = (Vec::new(), Vec::new());
    check(&mut *tx.sql, &mut |segment| damaged.push(segment), &mut |mailbox| {
        missing.push(mailbox);
    })?;
    discard(tx, &damaged)?;
    tx.sql.execute_many(
        "UPDATE mailbox SET indexed_uid = 0 WHERE account_id IN \
         (SELECT account_id FROM search_segment WHERE id = ?1)",
        &mut damaged.iter().map(|segment| vec![Value::Int(*segment)]),
    )?;
    tx.sql.execute_many(
        "UPDATE mailbox SET indexed_uid = 0 WHERE id = ?1",
        &mut missing.iter().map(|mailbox| vec![Value::Int(*mailbox)]),
    )?;
    Ok((damaged.len() + missing.len()) as u64)
}
