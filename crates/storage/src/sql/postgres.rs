//! PostgreSQL behind [`Sql`]: placeholders, errors and types as that server has them.

use std::collections::HashMap;
use std::error::Error as StdError;

use futures_util::future::try_join_all;
use futures_util::{StreamExt, pin_mut};
use tokio_postgres::Statement;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{IsNull, ToSql, Type, private::BytesMut, to_sql_checked};

use super::connection::Connection;
use super::{Dialect, EachRow, Row, Sql, Value};
use crate::{Result, StorageError};

/// LIMIT: ids in one array parameter.
const IDS_MAX: usize = 2000;

/// LIMIT: statements under way at once: enough that the time between the two machines does not
/// count, few enough that their parameters are small in memory.
const PIPELINED_MAX: usize = 256;

/// A connection with its prepared statements.
pub(crate) struct PostgresSql {
    connection: Connection,
    /// By the address of the text, which is a literal.
    statements: HashMap<usize, Statement>,
    /// The error of a statement that failed, by which nothing of the transaction can be committed.
    failure: Option<String>,
}

impl PostgresSql {
    pub(crate) fn new(connection: Connection) -> Self {
        Self { connection, statements: HashMap::new(), failure: None }
    }

    /// Begins a transaction that writes, and says its number, by which the server knows later
    /// what became of it. One round trip.
    pub(crate) fn begin(&mut self) -> Result<String> {
        const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; \
             SELECT pg_current_xact_id()";
        self.failure = None;
        self.connection
            .simple(BEGIN)?
            .ok_or_else(|| StorageError::Internal("a transaction has no number".to_owned()))
    }

    /// Why this transaction can't be committed.
    pub(crate) fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// Runs statements without parameters and without an answer.
    pub(crate) fn batch(&mut self, sql: &str) -> Result<()> {
        self.connection.wait(self.connection.client().batch_execute(sql))
    }

    /// Keeps in mind that a statement failed.
    fn noted<T>(&mut self, outcome: Result<T>) -> Result<T> {
        if let Err(cause) = &outcome {
            self.failure.get_or_insert_with(|| cause.to_string());
        }
        outcome
    }

    fn statement(&mut self, sql: &'static str) -> Result<Statement> {
        let key = sql.as_ptr().addr();
        if let Some(statement) = self.statements.get(&key) {
            return Ok(statement.clone());
        }
        let text = translate(sql);
        let prepared = self.connection.wait(self.connection.client().prepare(&text));
        let statement = self.noted(prepared)?;
        self.statements.insert(key, statement.clone());
        Ok(statement)
    }

    /// Calls `each` per row; between two rows the thread is free to do other things.
    fn run(
        &mut self,
        statement: &Statement,
        params: &[&(dyn ToSql + Sync)],
        each: EachRow<'_>,
    ) -> Result<()> {
        let client = self.connection.client();
        let params = params.iter().copied();
        let rows = self.connection.wait(client.query_raw(statement, params));
        let rows = match rows {
            Ok(rows) => rows,
            Err(cause) => return self.noted(Err(cause)),
        };
        pin_mut!(rows);
        loop {
            let next = self.connection.wait(async { rows.next().await.transpose() });
            match self.noted(next)? {
                Some(row) => each(&PostgresRow(&row))?,
                None => return Ok(()),
            }
        }
    }

    /// Sends all rows before the first answer comes.
    fn execute_pipelined(&self, statement: &Statement, rows: &[Vec<Value<'_>>]) -> Result<u64> {
        let client = self.connection.client();
        let sent = rows.iter().map(|row| client.execute_raw(statement, row.iter().copied()));
        Ok(self.connection.wait(try_join_all(sent))?.iter().sum())
    }
}

/// The text as PostgreSQL takes it: `?1` becomes `$1` outside quotes, and a list of ids an array.
fn translate(sql: &str) -> String {
    let sql = sql.replace("IN ({IN})", "= ANY(?1)");
    let mut quoted = false;
    sql.chars()
        .map(|c| {
            quoted ^= c == '\'';
            if c == '?' && !quoted { '$' } else { c }
        })
        .collect()
}

fn as_params<'v, 'b>(values: &'v [Value<'b>]) -> Vec<&'v (dyn ToSql + Sync)> {
    values.iter().map(|value| value as &(dyn ToSql + Sync)).collect()
}

impl Sql for PostgresSql {
    fn execute(&mut self, sql: &'static str, params: &[Value<'_>]) -> Result<u64> {
        let statement = self.statement(sql)?;
        let client = self.connection.client();
        let done = self.connection.wait(client.execute(&statement, &as_params(params)));
        self.noted(done)
    }

    fn query(&mut self, sql: &'static str, params: &[Value<'_>], each: EachRow<'_>) -> Result<()> {
        let statement = self.statement(sql)?;
        self.run(&statement, &as_params(params), each)
    }

    fn execute_many(
        &mut self,
        sql: &'static str,
        rows: &mut dyn Iterator<Item = Vec<Value<'_>>>,
    ) -> Result<u64> {
        let statement = self.statement(sql)?;
        let mut changed = 0;
        loop {
            let some: Vec<Vec<Value<'_>>> = rows.take(PIPELINED_MAX).collect();
            if some.is_empty() {
                return Ok(changed);
            }
            let done = self.execute_pipelined(&statement, &some);
            changed += self.noted(done)?;
        }
    }

    fn query_in_of(
        &mut self,
        sql: &'static str,
        ids: &[i64],
        of: Option<Value<'_>>,
        each: EachRow<'_>,
    ) -> Result<()> {
        let statement = self.statement(sql)?;
        for ids in ids.chunks(IDS_MAX) {
            match &of {
                None => self.run(&statement, &[&ids], each)?,
                Some(of) => self.run(&statement, &[&ids, of], each)?,
            }
        }
        Ok(())
    }

    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }
}

impl ToSql for Value<'_> {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> std::result::Result<IsNull, Box<dyn StdError + Sync + Send>> {
        match *self {
            Value::Null => Ok(IsNull::Yes),
            // A parameter beside an integer literal is an INT4 to PostgreSQL.
            Value::Int(number) if *ty == Type::INT4 => i32::try_from(number)?.to_sql(ty, out),
            Value::Int(number) => number.to_sql(ty, out),
            Value::Text(text) => text.to_sql(ty, out),
            Value::Bytes(bytes) => bytes.to_sql(ty, out),
        }
    }

    fn accepts(ty: &Type) -> bool {
        [Type::INT8, Type::INT4, Type::TEXT, Type::VARCHAR, Type::BYTEA, Type::UNKNOWN].contains(ty)
    }

    to_sql_checked!();
}

struct PostgresRow<'r>(&'r tokio_postgres::Row);

fn mistyped(column: usize) -> StorageError {
    StorageError::Corrupt(format!("column {column} has an unexpected type"))
}

impl Row for PostgresRow<'_> {
    fn int(&self, column: usize) -> Result<i64> {
        self.opt_int(column)?.ok_or_else(|| mistyped(column))
    }

    fn opt_int(&self, column: usize) -> Result<Option<i64>> {
        let ty = self.0.columns().get(column).ok_or_else(|| mistyped(column))?.type_();
        let value = match *ty {
            // Literals, comparisons and EXISTS come as narrower types.
            Type::INT4 => self.0.try_get::<_, Option<i32>>(column).map(|n| n.map(i64::from)),
            Type::BOOL => self.0.try_get::<_, Option<bool>>(column).map(|b| b.map(i64::from)),
            _ => self.0.try_get::<_, Option<i64>>(column),
        };
        value.map_err(|_| mistyped(column))
    }

    fn text(&self, column: usize) -> Result<&str> {
        self.opt_text(column)?.ok_or_else(|| mistyped(column))
    }

    fn opt_text(&self, column: usize) -> Result<Option<&str>> {
        self.0.try_get(column).map_err(|_| mistyped(column))
    }

    fn bytes(&self, column: usize) -> Result<&[u8]> {
        self.opt_bytes(column)?.ok_or_else(|| mistyped(column))
    }

    fn opt_bytes(&self, column: usize) -> Result<Option<&[u8]>> {
        self.0.try_get(column).map_err(|_| mistyped(column))
    }
}

/// PostgreSQL's errors by meaning.
pub(crate) fn error(error: tokio_postgres::Error) -> StorageError {
    let text = error.as_db_error().map_or_else(
        || error.to_string(),
        |cause| format!("{} ({})", cause.message(), cause.code().code()),
    );
    match error.code() {
        // No answer from the server: the connection is gone.
        None => StorageError::Unavailable(text),
        Some(code) if *code == SqlState::DISK_FULL => StorageError::NoSpace(text),
        Some(code) if is_passing(code) => StorageError::Unavailable(text),
        Some(code) if *code == SqlState::DATA_CORRUPTED || *code == SqlState::INDEX_CORRUPTED => {
            StorageError::Corrupt(text)
        }
        Some(_) => StorageError::Internal(text),
    }
}

/// Whether the same may succeed later: no room, read-only, shutting down, a deadlock lost, or this
/// process was stopped in the middle of a transaction, as with a machine that is moved.
fn is_passing(code: &SqlState) -> bool {
    ["53", "57", "58", "08"].iter().any(|class| code.code().starts_with(class))
        || [
            SqlState::READ_ONLY_SQL_TRANSACTION,
            SqlState::T_R_DEADLOCK_DETECTED,
            SqlState::T_R_SERIALIZATION_FAILURE,
            SqlState::LOCK_NOT_AVAILABLE,
            SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
        ]
        .contains(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_told_from_what_is_wrong() {
        for (code, passes) in [
            ("08006", true),  // connection_failure
            ("25006", true),  // read_only_sql_transaction
            ("25P03", true),  // idle_in_transaction_session_timeout
            ("40001", true),  // serialization_failure
            ("40P01", true),  // deadlock_detected
            ("53100", true),  // disk_full
            ("55P03", true),  // lock_not_available
            ("57P01", true),  // admin_shutdown
            ("23505", false), // unique_violation
            ("42601", false), // syntax_error
            ("25P02", false), // in_failed_sql_transaction
        ] {
            assert_eq!(is_passing(&SqlState::from_code(code)), passes, "{code}");
        }
    }

    #[test]
    fn placeholders_change_outside_quotes_only() {
        for (ours, theirs) in [
            ("SELECT ?1, '?2', ?3", "SELECT $1, '?2', $3"),
            ("WHERE id IN ({IN})", "WHERE id = ANY($1)"),
            ("LIKE '%''?' || ?1", "LIKE '%''?' || $1"),
        ] {
            assert_eq!(translate(ours), theirs);
        }
    }
}
