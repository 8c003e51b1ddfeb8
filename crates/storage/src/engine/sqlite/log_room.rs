//! Room at the end of the write-ahead log, written ahead of need.
//!
//! Where a commit makes the log's file longer, syncing it also writes what the file system knows of
//! the file: on ext4 with a journal seven writes were counted for such a commit, and two for one in a
//! file that is long enough already. SQLite makes the log longer by just what it appends; so zeros
//! are put behind its end, many commits' worth at once, until it has the length at which it is begun
//! anew. They are no frames, so a log that is read after a crash ends before them, as it does before
//! frames of an earlier round.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Bytes of a frame of the log: a page and its header
/// (<https://www.sqlite.org/fileformat2.html#the_write_ahead_log>).
const FRAME: u64 = 24 + 4096;
/// Bytes that are written ahead at once.
const STEP: u64 = 2 << 20;
/// When less than this is left, more is written.
const LEAST: u64 = 512 << 10;
/// A log that stays shorter than this gets no room: it belongs to a store that is seldom written.
const SHORT: u64 = 1 << 20;

/// The end of the file. Belongs to the writer, who alone appends to it.
pub(super) struct LogRoom {
    file: File,
    zeros: Vec<u8>,
    /// LIMIT: bytes the file is made longer to.
    max: u64,
}

impl LogRoom {
    /// Of the log at `path`, up to a length of `pages_max`.
    pub(super) fn open(path: &Path, pages_max: u64) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).open(path)?;
        Ok(Self { file, zeros: vec![0; STEP as usize], max: pages_max * FRAME })
    }

    /// The log holds `pages`: makes room behind them where little is left. Between two commits
    /// only: nobody else may be appending.
    pub(super) fn keep(&self, pages: u64) -> io::Result<()> {
        // The log's own header is less than what is rounded here.
        let used = (pages + 1) * FRAME;
        if used < SHORT {
            return Ok(());
        }
        let length = self.file.metadata()?.len();
        if used + LEAST <= length || length >= self.max {
            return Ok(());
        }
        let step = STEP.min(self.max - length);
        self.file.write_all_at(&self.zeros[..step as usize], length)
    }
}
