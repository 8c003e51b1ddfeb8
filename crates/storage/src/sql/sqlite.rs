//! SQLite behind [`Sql`]: statements are prepared once, errors mapped to those of storage.

use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, ErrorCode};

use super::{Dialect, EachRow, RETURNING_ID, Row, Sql, Value};
use crate::{Result, StorageError};

/// A connection inside a transaction.
pub(crate) struct SqliteSql<'c> {
    connection: &'c Connection,
}

impl<'c> SqliteSql<'c> {
    pub(crate) fn new(connection: &'c Connection) -> Self {
        Self { connection }
    }

    fn prepare(&self, sql: &str, params: &[Value<'_>]) -> Result<CachedStatement<'c>> {
        let mut statement = self.connection.prepare_cached(sql).map_err(error)?;
        bind(&mut statement, params)?;
        Ok(statement)
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match *self {
            Value::Null => ValueRef::Null,
            Value::Int(number) => ValueRef::Integer(number),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

fn bind(statement: &mut CachedStatement<'_>, params: &[Value<'_>]) -> Result<()> {
    for (at, value) in params.iter().enumerate() {
        statement.raw_bind_parameter(at + 1, value).map_err(error)?;
    }
    Ok(())
}

fn each_row(statement: &mut CachedStatement<'_>, each: EachRow<'_>) -> Result<()> {
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next().map_err(error)? {
        each(&SqliteRow(row))?;
    }
    Ok(())
}

impl Sql for SqliteSql<'_> {
    fn execute(&mut self, sql: &'static str, params: &[Value<'_>]) -> Result<u64> {
        let changed = self.prepare(sql, params)?.raw_execute().map_err(error)?;
        Ok(changed as u64)
    }

    /// Without the clause: for its rows SQLite makes a table of its own, and takes it down.
    fn insert(&mut self, sql: &'static str, params: &[Value<'_>]) -> Result<i64> {
        let sql = sql.strip_suffix(RETURNING_ID).unwrap_or(sql);
        self.execute(sql, params)?;
        Ok(self.connection.last_insert_rowid())
    }

    fn query(&mut self, sql: &'static str, params: &[Value<'_>], each: EachRow<'_>) -> Result<()> {
        each_row(&mut self.prepare(sql, params)?, each)
    }

    fn execute_many(
        &mut self,
        sql: &'static str,
        rows: &mut dyn Iterator<Item = Vec<Value<'_>>>,
    ) -> Result<u64> {
        let mut statement = self.prepare(sql, &[])?;
        let mut changed = 0;
        for row in rows {
            bind(&mut statement, &row)?;
            changed += statement.raw_execute().map_err(error)? as u64;
        }
        Ok(changed)
    }

    /// Point selects on one prepared statement: as fast as one statement with a list, and it is
    /// prepared once whatever the length.
    fn query_in_of(
        &mut self,
        sql: &'static str,
        ids: &[i64],
        of: Option<Value<'_>>,
        each: EachRow<'_>,
    ) -> Result<()> {
        let mut statement = self.prepare(&sql.replace("{IN}", "?1"), &[])?;
        for id in ids {
            match of {
                None => bind(&mut statement, &[Value::Int(*id)])?,
                Some(of) => bind(&mut statement, &[Value::Int(*id), of])?,
            }
            each_row(&mut statement, each)?;
        }
        Ok(())
    }

    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }
}

struct SqliteRow<'r>(&'r rusqlite::Row<'r>);

impl SqliteRow<'_> {
    fn value(&self, column: usize) -> Result<ValueRef<'_>> {
        self.0.get_ref(column).map_err(error)
    }
}

fn mistyped(column: usize) -> StorageError {
    StorageError::Corrupt(format!("column {column} has an unexpected type"))
}

impl Row for SqliteRow<'_> {
    fn int(&self, column: usize) -> Result<i64> {
        self.opt_int(column)?.ok_or_else(|| mistyped(column))
    }

    fn opt_int(&self, column: usize) -> Result<Option<i64>> {
        match self.value(column)? {
            ValueRef::Null => Ok(None),
            ValueRef::Integer(number) => Ok(Some(number)),
            _ => Err(mistyped(column)),
        }
    }

    fn text(&self, column: usize) -> Result<&str> {
        self.opt_text(column)?.ok_or_else(|| mistyped(column))
    }

    fn opt_text(&self, column: usize) -> Result<Option<&str>> {
        match self.value(column)? {
            ValueRef::Null => Ok(None),
            ValueRef::Text(text) => {
                std::str::from_utf8(text).map(Some).map_err(|_| mistyped(column))
            }
            _ => Err(mistyped(column)),
        }
    }

    fn bytes(&self, column: usize) -> Result<&[u8]> {
        self.opt_bytes(column)?.ok_or_else(|| mistyped(column))
    }

    fn opt_bytes(&self, column: usize) -> Result<Option<&[u8]>> {
        match self.value(column)? {
            ValueRef::Null => Ok(None),
            ValueRef::Blob(bytes) => Ok(Some(bytes)),
            _ => Err(mistyped(column)),
        }
    }
}

/// SQLite's errors by meaning.
pub(crate) fn error(error: rusqlite::Error) -> StorageError {
    let code = error.sqlite_error_code();
    let text = error.to_string();
    match code {
        Some(ErrorCode::DiskFull) => StorageError::NoSpace(text),
        Some(
            ErrorCode::ReadOnly
            | ErrorCode::SystemIoFailure
            | ErrorCode::CannotOpen
            | ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::OutOfMemory
            | ErrorCode::OperationInterrupted
            | ErrorCode::PermissionDenied,
        ) => StorageError::Unavailable(text),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StorageError::Corrupt(text),
        _ => StorageError::Internal(text),
    }
}
