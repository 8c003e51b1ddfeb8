//! The change log reaches back some days; what is older is answered with "too old".

use ids::{AccountId, Timestamp};

use super::{Log, for_owners};
use crate::sql::Value;
use crate::{Result, StorageError, Store};

/// The next accounts whose oldest fact is too old. Walks along the key, as for expunged messages;
/// includes accounts that are gone, whose last facts are still there.
const ACCOUNTS: &str = "WITH RECURSIVE walk (id) AS ( \
     SELECT MIN(account_id) FROM change WHERE account_id > ?1 \
     UNION ALL SELECT (SELECT MIN(c.account_id) FROM change c WHERE c.account_id > walk.id) \
     FROM walk WHERE walk.id IS NOT NULL) \
     SELECT id FROM walk WHERE id IS NOT NULL AND ( \
     SELECT c.at FROM change c WHERE c.account_id = walk.id \
     ORDER BY c.modseq, c.ordinal LIMIT 1) < ?2 LIMIT 500";

const LOG: Log = Log {
    oldest: "SELECT modseq, at FROM change WHERE account_id = ?1 ORDER BY modseq, ordinal LIMIT 500",
    raise: "UPDATE account SET horizon = ?2 WHERE id = ?1 AND horizon < ?2",
    delete: "DELETE FROM change WHERE account_id = ?1 AND modseq <= ?2",
};

/// LIMIT: facts of one account. A client that flags and unflags in a loop writes one each time.
pub(super) const ROWS_MAX: i64 = 1_000_000;
/// LIMIT: facts that one call counts; the next call goes on from there.
const COUNTED_MAX: i64 = 2_000_000;

const NEXT: &str = "SELECT MIN(account_id) FROM change WHERE account_id > ?1";
const COUNT: &str = "SELECT COUNT(*) FROM change WHERE account_id = ?1";
/// The newest fact of ?1 that is one too many.
const SURPLUS: &str = "SELECT modseq FROM change WHERE account_id = ?1 \
     ORDER BY modseq DESC, ordinal DESC LIMIT 1 OFFSET ?2";

/// Gives up the oldest facts of accounts with more than `rows_max`, from behind the account
/// `cursor` on, once around. A transaction of which one is too many goes as a whole.
pub(super) fn trim(store: &Store, cursor: &mut i64, rows_max: i64) -> Result<u64> {
    let (mut trimmed, mut counted) = (0, 0);
    while counted < COUNTED_MAX {
        let last = *cursor;
        let found = store.read_blocking(move |tx| {
            let next = tx.sql.query_one(NEXT, &[Value::Int(last)], |row| row.opt_int(0))?;
            let Some(account) = next.flatten() else { return Ok(None) };
            let rows = tx.sql.query_one(COUNT, &[Value::Int(account)], |row| row.int(0))?;
            Ok(Some((account, rows.unwrap_or_default())))
        })?;
        let Some((account, rows)) = found else {
            *cursor = 0;
            return Ok(trimmed);
        };
        if rows > rows_max {
            trimmed += trim_account(store, account, rows_max)?;
        }
        counted += rows;
        *cursor = account;
    }
    Ok(trimmed)
}

fn trim_account(store: &Store, account: i64, rows_max: i64) -> Result<u64> {
    let surplus = store.read_blocking(move |tx| {
        let params = [Value::Int(account), Value::Int(rows_max)];
        tx.sql.query_one(SURPLUS, &params, |row| row.int(0))
    })?;
    let Some(surplus) = surplus else { return Ok(0) };
    super::repeat(|| purge_slice(store, account, move |modseq, _| modseq <= surplus))
}

fn purge_slice(
    store: &Store,
    account: i64,
    is_over: impl Fn(i64, i64) -> bool + Send + 'static,
) -> Result<u64> {
    let slice = store.write_blocking("purge change log", move |tx| {
        match tx.account(AccountId::new(account)) {
            Ok(_) | Err(StorageError::NotFound(_)) => LOG.purge_while(tx, account, is_over),
            Err(error) => Err(error),
        }
    })?;
    Ok(slice.value)
}

/// Gives up facts from before `before`.
pub(super) fn purge(store: &Store, before: Timestamp) -> Result<u64> {
    let before = before.as_micros();
    // Never a part of a transaction: all of it carries one instant, and its number decides.
    let purge = |account| purge_slice(store, account, move |_, at| at < before);
    for_owners(store, ACCOUNTS, before, purge)
}
