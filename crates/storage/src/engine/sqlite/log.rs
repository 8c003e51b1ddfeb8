//! The write-ahead log: kept short beside the writing, so that neither commits nor reads wait.
//!
//! A thread of its own copies the log into the database. Once all of it is copied and no reader
//! needs it, SQLite writes it anew from its beginning. Under load the writer is always ahead of
//! that thread by a little; this little the writer then copies itself. Where the thread falls far
//! behind, or the log gets long, the writer waits for it.
//!
//! A page that many commits change is copied once for all of them. Each copy is a write somewhere
//! in the file, while a commit is one write at the end of the log: on a disk of few writes a second
//! a short log has the copies cost more than the commits.
//!
//! The log's file stays when the store is closed: to sync one that is written over takes half the
//! time of one that gets longer (95 µs to 175 on ext4 without a journal).

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;

use super::log_ahead::LogAhead;
use super::log_room::{FRAME, LogRoom};
use super::open::{configure, database_path};
use crate::engine::join;
use crate::sql::sqlite::error;
use crate::{Result, Settings, StorageError};

/// LIMIT: pages the log may hold before it is copied (32 MiB): reading slows down with a longer
/// log, and a log in use long before its end is not extended, which makes its syncs much cheaper.
const PAGES_MAX: i64 = 8 * 1024;
/// LIMIT: pages the writer copies itself, while nobody can write.
const REST_MAX: i64 = 512;
/// LIMIT: pages that may wait to be copied before writing waits too: the log takes room on the
/// disk, and a crash leaves all of it to be read at the next start.
const BEHIND_MAX: i64 = 2 * PAGES_MAX;
/// LIMIT: how long the log gets before writing waits for what is left to be copied, however little
/// that is.
const LENGTH_MAX: i64 = 3 * PAGES_MAX;
/// Bytes of the log's own header (<https://www.sqlite.org/fileformat2.html#the_write_ahead_log>).
const HEADER: usize = 32;
/// LIMIT: bytes of the log's file that are kept when the store is closed: no more than it has while
/// nobody reads for long.
const KEPT_MAX: u64 = (LENGTH_MAX.unsigned_abs() + 1) * FRAME;
/// LIMIT: how long a commit waits for the copying.
const WAIT: Duration = Duration::from_secs(1);

/// Keeps the log short. Belongs to the writer.
pub(super) struct Log {
    copier: SyncSender<()>,
    copied: Receiver<()>,
    thread: JoinHandle<()>,
    room: Option<LogRoom>,
    ahead: LogAhead,
    /// The file itself, whatever is at its path meanwhile.
    file: File,
}

/// How long the log is, in pages, and how much of it is in the database already.
struct Length {
    /// Somebody reads from the log still, or writes.
    is_busy: bool,
    pages: i64,
    copied: i64,
}

impl Log {
    /// Starts the thread that copies; it ends with the value. The database is open, and with it
    /// its log.
    pub(super) fn start(settings: &Settings) -> Result<Self> {
        let connection = Connection::open(database_path(settings)).map_err(error)?;
        configure(&connection)?;
        let file = open_log(&connection, &database_path(settings))
            .map_err(|cause| StorageError::of_io("the write-ahead log", &cause))?;
        let (copier, asked) = sync_channel(1);
        let (done, copied) = sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("storage-log".to_owned())
            .spawn(move || {
                while asked.recv().is_ok() {
                    run(&connection, "PRAGMA wal_checkpoint(PASSIVE)");
                    // A full channel says the same.
                    let _ = done.try_send(());
                }
            })
            .map_err(|cause| StorageError::Unavailable(cause.to_string()))?;
        let room = LogRoom::behind(&file, LENGTH_MAX.unsigned_abs());
        let room = room.inspect_err(no_room).ok().flatten();
        let mut ahead = LogAhead::default();
        ahead.keep(&file, 0);
        Ok(Self { copier, copied, thread, room, ahead, file })
    }

    /// Called after each commit: has the log copied and begun anew when it has grown.
    pub(super) fn tend(&mut self, connection: &Connection) {
        let Some(log) = run(connection, "PRAGMA wal_checkpoint(NOOP)") else { return };
        self.make_room(log.pages);
        self.ahead.keep(&self.file, log.pages.unsigned_abs());
        if log.pages < PAGES_MAX {
            return;
        }
        let behind = log.pages - log.copied;
        if behind == 0 {
            // A reader still needs the log.
            return;
        }
        if behind <= REST_MAX {
            run(connection, "PRAGMA wal_checkpoint(PASSIVE)");
            return;
        }
        // Said of an earlier copy.
        let _ = self.copied.try_recv();
        // A full channel means that a copy is asked for already.
        let _ = self.copier.try_send(());
        if behind >= BEHIND_MAX || log.pages >= LENGTH_MAX {
            // A reader in an old snapshot can keep the copying from getting on; it ends soon
            // then, and only the log grows.
            let _ = self.copied.recv_timeout(WAIT);
        }
    }

    /// Once that fails, as on a full disk, the log grows as SQLite has it.
    fn make_room(&mut self, pages: i64) {
        let kept = self.room.as_ref().map(|room| room.keep(pages.unsigned_abs()));
        if let Some(Err(cause)) = kept {
            no_room(&cause);
            self.room = None;
        }
    }

    /// Nothing more will be written: all is copied into the database, and the log's file holds
    /// nothing that could be read again.
    pub(super) fn finish(self, connection: &Connection) {
        // While a copy is under way another is refused at once.
        drop(self.copier);
        join(self.thread);
        let is_kept = self.file.metadata().is_ok_and(|log| log.len() <= KEPT_MAX);
        let rest = match is_kept {
            true => run(connection, "PRAGMA wal_checkpoint(RESTART)"),
            false => run(connection, "PRAGMA wal_checkpoint(TRUNCATE)"),
        };
        let is_copied = rest.is_some_and(|log| !log.is_busy && log.copied == log.pages);
        let emptied = match (is_copied, is_kept) {
            (true, true) => invalidate(&self.file),
            (true, false) => Ok(()),
            (false, _) => Err(io::Error::other("somebody reads still")),
        };
        if let Err(cause) = emptied {
            tracing::warn!(
                %cause,
                "the write-ahead log is part of the database until the next start: both belong \
                 together in a copy"
            );
        }
    }
}

/// The log of the database that `connection` has open. SQLite looks behind links for where a
/// database is, and has the log beside that.
fn open_log(connection: &Connection, database: &Path) -> io::Result<File> {
    // Where that is no text, there is no link before it.
    let mut path = connection.path().map_or_else(|| database.into(), OsString::from);
    path.push("-wal");
    OpenOptions::new().read(true).write(true).open(path)
}

/// Overwrites the header of the log, without which SQLite takes it for empty. Else it would read at
/// the next start what is in the database already, or, where somebody put another database in its
/// place meanwhile, what never belonged to that one: nothing ties a log to its database.
fn invalidate(log: &File) -> io::Result<()> {
    log.write_all_at(&[0; HEADER], 0)?;
    log.sync_all()
}

fn no_room(cause: &io::Error) {
    tracing::debug!(%cause, "no room was written behind the write-ahead log");
}

/// Failing is no loss: the log stays, and is copied later.
fn run(connection: &Connection, pragma: &'static str) -> Option<Length> {
    let mut statement = connection.prepare_cached(pragma).ok()?;
    let length = statement.query_row([], |row| {
        Ok(Length { is_busy: row.get(0)?, pages: row.get(1)?, copied: row.get(2)? })
    });
    length
        .inspect_err(|cause| tracing::warn!(%cause, "the write-ahead log could not be copied"))
        .ok()
}
