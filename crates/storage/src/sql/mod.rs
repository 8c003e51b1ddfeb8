//! The one seam between domain verbs and engines: SQL text in the subset both engines share,
//! four value types, placeholders `?1`.
//!
//! **Invariant:** outside this module and `engine/` nothing knows which engine runs.

pub(crate) mod connection;
pub(crate) mod postgres;
pub(crate) mod sqlite;
pub(crate) mod tls;

use crate::{Result, StorageError};

/// A parameter. Integers carry booleans (0/1) and instants (microseconds) too.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Value<'a> {
    /// SQL NULL.
    Null,
    /// BIGINT.
    Int(i64),
    /// TEXT.
    Text(&'a str),
    /// BLOB / BYTEA.
    Bytes(&'a [u8]),
}

/// One row of an answer, valid during the callback. Reading a column as another type than it has
/// is [`StorageError::Corrupt`](crate::StorageError::Corrupt).
pub(crate) trait Row {
    /// BIGINT, not null.
    fn int(&self, column: usize) -> Result<i64>;
    /// BIGINT or NULL.
    fn opt_int(&self, column: usize) -> Result<Option<i64>>;
    /// TEXT, not null.
    fn text(&self, column: usize) -> Result<&str>;
    /// TEXT or NULL.
    fn opt_text(&self, column: usize) -> Result<Option<&str>>;
    /// BLOB, not null.
    fn bytes(&self, column: usize) -> Result<&[u8]>;
    /// BLOB or NULL.
    fn opt_bytes(&self, column: usize) -> Result<Option<&[u8]>>;
}

/// What is called for each row of an answer.
pub(crate) type EachRow<'f> = &'f mut dyn FnMut(&dyn Row) -> Result<()>;

/// A connection inside a transaction. `sql` is a literal, so that prepared statements can be
/// kept by its address.
pub(crate) trait Sql {
    /// Runs a statement; returns the number of rows changed.
    fn execute(&mut self, sql: &'static str, params: &[Value<'_>]) -> Result<u64>;
    /// Inserts a row by a statement that ends in [`RETURNING_ID`]; its id.
    fn insert(&mut self, sql: &'static str, params: &[Value<'_>]) -> Result<i64> {
        let mut id = None;
        self.query(sql, params, &mut |row| {
            id = Some(row.int(0)?);
            Ok(())
        })?;
        id.ok_or_else(|| StorageError::Internal("an inserted row has no id".to_owned()))
    }
    /// Runs a query (or `… RETURNING`) and calls `each` per row. An error of `each` ends it.
    fn query(&mut self, sql: &'static str, params: &[Value<'_>], each: EachRow<'_>) -> Result<()>;
    /// Runs the same statement for many parameter rows: one round trip where the engine can.
    fn execute_many(
        &mut self,
        sql: &'static str,
        rows: &mut dyn Iterator<Item = Vec<Value<'_>>>,
    ) -> Result<u64>;
    /// Runs `… WHERE id IN (ids)`-like look-ups in chunks. `sql` holds the token `{IN}` once,
    /// where the list of integers goes.
    fn query_in(&mut self, sql: &'static str, ids: &[i64], each: EachRow<'_>) -> Result<()> {
        self.query_in_of(sql, ids, None, each)
    }
    /// Like `query_in`, with one more parameter, `?2`.
    fn query_in_of(
        &mut self,
        sql: &'static str,
        ids: &[i64],
        of: Option<Value<'_>>,
        each: EachRow<'_>,
    ) -> Result<()>;
    /// Which engine this is, for the few places where texts must differ.
    fn dialect(&self) -> Dialect;
}

/// What ends the statements of [`Sql::insert`].
pub(crate) const RETURNING_ID: &str = " RETURNING id";

/// The engine behind a [`Sql`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// SQLite.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

impl dyn Sql + '_ {
    /// The first row through `map`, or `None` where there is none.
    pub(crate) fn query_one<T>(
        &mut self,
        sql: &'static str,
        params: &[Value<'_>],
        mut map: impl FnMut(&dyn Row) -> Result<T>,
    ) -> Result<Option<T>> {
        let mut found = None;
        self.query(sql, params, &mut |row| {
            if found.is_none() {
                found = Some(map(row)?);
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// Changes a row by a statement that ends in RETURNING, and reads what that says. For RETURNING
    /// SQLite makes a table and takes it down, which costs more than `find` and its parameters.
    pub(crate) fn change_one<T>(
        &mut self,
        change: &'static str,
        params: &[Value<'_>],
        (find, key): (&'static str, &[Value<'_>]),
        map: impl FnMut(&dyn Row) -> Result<T>,
    ) -> Result<Option<T>> {
        match (self.dialect(), change.split_once(" RETURNING ")) {
            (Dialect::Sqlite, Some((change, _))) => {
                self.execute(change, params)?;
                self.query_one(find, key, map)
            }
            _ => self.query_one(change, params, map),
        }
    }

    /// Every row through `map`.
    pub(crate) fn query_all<T>(
        &mut self,
        sql: &'static str,
        params: &[Value<'_>],
        mut map: impl FnMut(&dyn Row) -> Result<T>,
    ) -> Result<Vec<T>> {
        let mut rows = Vec::new();
        self.query(sql, params, &mut |row| {
            rows.push(map(row)?);
            Ok(())
        })?;
        Ok(rows)
    }
}

#[cfg(test)]
mod conformance;
