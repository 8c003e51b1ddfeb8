//! Free pages of the embedded database. PostgreSQL looks after its own.

use crate::sql::{Dialect, Sql};
use crate::{Result, Store};

/// LIMIT: free pages that are kept for what comes next: giving back what is needed again
/// tomorrow costs twice.
const KEPT_PAGES_MIN: i64 = 256;
/// LIMIT: one in so many pages may be free.
const KEPT_SHARE: i64 = 10;

/// Gives back what is free beyond what is worth keeping; how many bytes that was.
pub(super) fn give_back(store: &Store) -> Result<u64> {
    super::repeat(|| {
        let step = store.write_blocking("give back space", |tx| match tx.sql.dialect() {
            Dialect::Sqlite => give_back_some(&mut *tx.sql),
            Dialect::Postgres => Ok(0),
        })?;
        Ok(step.value)
    })
}

fn give_back_some(sql: &mut dyn Sql) -> Result<u64> {
    let pages = number(sql, "PRAGMA page_count")?;
    let free = number(sql, "PRAGMA freelist_count")?;
    if free <= KEPT_PAGES_MIN.max(pages / KEPT_SHARE) {
        return Ok(0);
    }
    // Gives one page back per row of its answer.
    sql.query("PRAGMA incremental_vacuum(500)", &[], &mut |_| Ok(()))?;
    let left = number(sql, "PRAGMA page_count")?;
    Ok(pages.saturating_sub(left).cast_unsigned()
        * number(sql, "PRAGMA page_size")?.cast_unsigned())
}

fn number(sql: &mut dyn Sql, pragma: &'static str) -> Result<i64> {
    let mut value = 0;
    sql.query(pragma, &[], &mut |row| {
        value = row.int(0)?;
        Ok(())
    })?;
    Ok(value)
}
