//! Opening the database: where it is, how connections are set, its schema.

use std::path::PathBuf;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::sql::Dialect;
use crate::sql::sqlite::error;
use crate::{Result, Settings, StorageError, migrate};

/// LIMIT: prepared statements kept per connection; there are some 150 texts in all.
const STATEMENTS: usize = 256;
/// LIMIT: bytes of the file that are mapped: all of it, however long it gets. Only addresses are
/// taken for that, of which 64 bits have more.
const MAPPED_MAX: i64 = if cfg!(target_pointer_width = "64") { 1 << 40 } else { 1 << 30 };
/// How long a lock that should not exist is waited for: nobody else writes.
const LOCK_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) fn database_path(settings: &Settings) -> PathBuf {
    settings.data_dir.join("posthorn.db")
}

/// Opens the database, brings its schema up to date.
pub(crate) fn open_writer(settings: &Settings) -> Result<Connection> {
    let connection = Connection::open(database_path(settings)).map_err(error)?;
    configure(&connection)?;
    // Only effective on a new file; lets `maintain` give space back.
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL").map_err(error)?;
    let mode: String = connection
        .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))
        .map_err(error)?;
    if !mode.eq_ignore_ascii_case("wal") {
        return Err(StorageError::Unavailable(format!("no write-ahead log here, only {mode}")));
    }
    // A promise is kept: with FULL the log is synced at every commit.
    connection.pragma_update(None, "synchronous", "FULL").map_err(error)?;
    // In KiB. At nearly every commit SQLite goes through all pages it has in memory, for some of
    // them to be given up. What is not there is a page of the mapped file.
    connection.pragma_update(None, "cache_size", -16 * 1024).map_err(error)?;
    // In bytes: what it touches anywhere would count as memory of this process for good.
    connection.pragma_update(None, "mmap_size", 1_i64 << 30).map_err(error)?;
    // The writer decides when the log is copied.
    connection.pragma_update(None, "wal_autocheckpoint", 0).map_err(error)?;
    migrate(&connection, settings)?;
    Ok(connection)
}

pub(super) fn configure(connection: &Connection) -> Result<()> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // Plans that don't depend on what is bound: else SQLite prepares a statement anew whenever a
    // parameter that was 0 or 1 before gets another value, which is most of them.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map_err(error)?;
    // SQLite would remove the log with the last connection; see `log`.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map_err(error)?;
    connection.busy_timeout(LOCK_TIMEOUT).map_err(error)?;
    connection.pragma_update(None, "foreign_keys", true).map_err(error)?;
    // In KiB: 64 MiB of pages per connection at most.
    connection.pragma_update(None, "cache_size", -64 * 1024).map_err(error)?;
    connection.pragma_update(None, "mmap_size", MAPPED_MAX).map_err(error)?;
    connection.pragma_update(None, "temp_store", "MEMORY").map_err(error)?;
    Ok(())
}

fn migrate(connection: &Connection, settings: &Settings) -> Result<()> {
    connection.execute_batch(migrate::VERSION_TABLE).map_err(error)?;
    let mut statement = connection
        .prepare("SELECT version, checksum FROM schema_version ORDER BY version")
        .map_err(error)?;
    let applied = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .and_then(Iterator::collect)
        .map_err(error)?;
    drop(statement);
    let applied: Vec<(i64, String)> = applied;
    for migration in migrate::pending(&applied)? {
        connection.execute_batch("BEGIN IMMEDIATE").map_err(error)?;
        let done = connection.execute_batch(&migration.text(Dialect::Sqlite)).and_then(|()| {
            connection.execute(
                "INSERT INTO schema_version (version, checksum, applied) VALUES (?1, ?2, ?3)",
                (migration.version, migration.checksum(), settings.clock.now().as_micros()),
            )?;
            connection.execute_batch("COMMIT")
        });
        if let Err(cause) = done {
            // The error matters more than how the rollback went.
            let _ = connection.execute_batch("ROLLBACK");
            return Err(error(cause));
        }
    }
    Ok(())
}

pub(super) fn open_reader(settings: &Settings) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(database_path(settings), flags).map_err(error)?;
    configure(&connection)?;
    connection.pragma_update(None, "query_only", true).map_err(error)?;
    Ok(connection)
}

/// One to read with whose memory is that of few pages.
pub(super) fn open_unmapped(settings: &Settings) -> Result<Connection> {
    let connection = open_reader(settings)?;
    connection.pragma_update(None, "mmap_size", 0).map_err(error)?;
    // In KiB.
    connection.pragma_update(None, "cache_size", -1024).map_err(error)?;
    Ok(connection)
}
