//! Room at the end of the write-ahead log, written ahead of need.
//!
//! Where a commit makes the log's file longer, syncing it also writes what the file system knows of
//! the file: on ext4 with a journal seven writes were counted for such a commit, and two for one in
//! a file that is long enough already. SQLite makes the log longer by just what it appends; so
//! zeros are put behind its end, many commits' worth at once, until it has the length at which it
//! is begun anew. They are no frames, so a log that is read after a crash ends before them, as it
//! does before frames of an earlier round.
//!
//! On ext4 without a journal a longer file costs next to nothing, and to write it twice costs a
//! seventh of the commits: there SQLite does as it likes.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

/// Bytes of a frame of the log: a page and its header
/// (<https://www.sqlite.org/fileformat2.html#the_write_ahead_log>).
pub(super) const FRAME: u64 = 24 + 4096;
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
    /// The room behind this log, up to a length of `pages_max`; `None` where it is worth nothing.
    pub(super) fn behind(log: &File, pages_max: u64) -> io::Result<Option<Self>> {
        if is_without_journal(log.metadata()?.dev(), Path::new("/sys")) {
            return Ok(None);
        }
        Ok(Some(Self::of(log.try_clone()?, pages_max)))
    }

    pub(super) fn of(file: File, pages_max: u64) -> Self {
        Self { file, zeros: vec![0; STEP as usize], max: pages_max * FRAME }
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

/// Whether the file system of this device is ext4, and says that it has no journal
/// (<https://docs.kernel.org/admin-guide/ext4.html>).
fn is_without_journal(device: u64, sys: &Path) -> bool {
    let number = format!("{}:{}", rustix::fs::major(device), rustix::fs::minor(device));
    // A link to where the device stands among others, under its name.
    let Ok(place) = std::fs::read_link(sys.join("dev/block").join(number)) else { return false };
    let Some(name) = place.file_name() else { return false };
    let task = std::fs::read_to_string(sys.join("fs/ext4").join(name).join("journal_task"));
    task.is_ok_and(|task| task.trim() == "<none>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_behind_the_end_up_to_the_most() {
        let pages_max = (8 << 20) / FRAME;
        let room = LogRoom::of(tempfile::tempfile().unwrap(), pages_max);
        let length = |pages: u64| {
            let used = (pages + 1) * FRAME;
            let length = room.file.metadata().unwrap().len();
            room.file.set_len(length.max(used)).unwrap();
            room.keep(pages).unwrap();
            room.file.metadata().unwrap().len()
        };
        let pages = SHORT / FRAME;
        assert_eq!(length(pages - 1), pages * FRAME, "a short one");
        let first = (pages + 1) * FRAME + STEP;
        assert_eq!(length(pages), first);
        assert_eq!(length((first - LEAST) / FRAME - 1), first, "enough is left");
        assert_eq!(length((first - LEAST) / FRAME), first + STEP);
        assert_eq!(length(pages_max - 2), pages_max * FRAME);
        assert_eq!(length(pages_max + 9), (pages_max + 10) * FRAME, "it is longer than that");
    }

    #[test]
    fn a_file_system_may_say_that_it_has_no_journal() {
        let sys = tempfile::tempdir().unwrap();
        let is_without = |device| is_without_journal(device, sys.path());
        let device = rustix::fs::makedev(254, 1);
        assert!(!is_without(device));
        std::fs::create_dir_all(sys.path().join("dev/block")).unwrap();
        std::os::unix::fs::symlink("../../devices/vda/vda1", sys.path().join("dev/block/254:1"))
            .unwrap();
        assert!(!is_without(device), "not ext4");
        let ext4 = sys.path().join("fs/ext4/vda1");
        std::fs::create_dir_all(&ext4).unwrap();
        for (task, expect) in [("<none>\n", true), ("412\n", false)] {
            std::fs::write(ext4.join("journal_task"), task).unwrap();
            assert_eq!(is_without(device), expect, "{task}");
        }
        assert!(!is_without(rustix::fs::makedev(254, 2)));
    }
}
