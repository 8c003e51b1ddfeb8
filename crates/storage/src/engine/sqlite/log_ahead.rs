//! Reading of the write-ahead log's file ahead of where it is written over.
//!
//! A frame is a little longer than a page, so each write ends in the middle of one, and the system
//! has to read that page first where it is not in memory: a commit of four frames took 325 µs in a
//! file that nobody had touched for long, 105 in one that was in memory, and 220 in one that gets
//! longer. Asked for in large pieces beforehand, it is 125.

use std::fs::File;
use std::num::NonZeroU64;

use rustix::fs::{Advice, fadvise};

use super::log_room::FRAME;

/// Bytes that are asked for one after another.
const STEP: u64 = 2 << 20;
/// Bytes that are asked for at once. Linux reads no more of one request than what the disk reads
/// ahead by itself, which is no less than this but for settings of somebody's own, and says nothing
/// of the rest.
const PIECE: u64 = 128 << 10;
/// When less than this is left of what was asked for, more is.
const LEAST: u64 = 1 << 20;

/// Asks for what is written over next. Belongs to the writer.
#[derive(Debug, Default)]
pub(super) struct LogAhead {
    /// Up to here the file was asked for, since the log was begun anew.
    asked: u64,
}

impl LogAhead {
    /// The log holds `pages`.
    pub(super) fn keep(&mut self, log: &File, pages: u64) {
        while let Some(from) = self.next(pages) {
            for piece in (from..from + STEP).step_by(PIECE as usize) {
                // Without it writing is slower, and no worse.
                let _ = fadvise(log, piece, NonZeroU64::new(PIECE), Advice::WillNeed);
            }
        }
    }

    /// Where the next piece begins that is to be asked for.
    fn next(&mut self, pages: u64) -> Option<u64> {
        let used = (pages + 1) * FRAME;
        if used + LEAST + STEP <= self.asked {
            // The log was begun anew.
            self.asked = 0;
        }
        if used + LEAST <= self.asked {
            return None;
        }
        // What a long transaction has written already is in memory.
        let from = self.asked.max(used - used % STEP);
        self.asked = from + STEP;
        Some(from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_piece_is_asked_for_once_and_before_it_is_needed() {
        let mut ahead = LogAhead::default();
        let mut asked = |used: u64| {
            let pages = used / FRAME;
            std::iter::from_fn(|| ahead.next(pages).map(|from| from / STEP)).collect::<Vec<u64>>()
        };
        assert_eq!(asked(0), [0]);
        assert_eq!(asked(LEAST / 2), [0; 0]);
        assert_eq!(asked(LEAST + 2 * FRAME), [1]);
        assert_eq!(asked(STEP), [0; 0]);
        assert_eq!(asked(STEP + LEAST + 2 * FRAME), [2]);
        // A transaction that was longer than all that was asked for.
        assert_eq!(asked(10 * STEP + 2 * FRAME), [10]);
        assert_eq!(asked(11 * STEP - 2 * FRAME), [11]);
        // Begun anew.
        assert_eq!(asked(FRAME), [0]);
        assert_eq!(asked(LEAST + 2 * FRAME), [1]);
    }
}
