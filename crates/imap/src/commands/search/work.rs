//! How much one command may look through.
//!
//! A text is decoded once, however many keys look into it. Each look takes time all the same, and
//! a client names as many keys as it likes, of texts that a stranger wrote as long as he likes.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// A word that is compared with one spelled nearly so takes as long as so many bytes of a text in
/// which another is sought.
const WORD_BYTES: u64 = 128;
/// Any look takes as long as one into so many bytes, however few there are.
const LOOK_BYTES: u64 = 64;
/// The first looks into a message are free: all together they take no longer than decoding it,
/// which its length bounds.
const LOOKS_FREE: u32 = 16;

/// A test that needs no text takes as long as a look into so many bytes: the 2,000 keys of one
/// command may be asked of a million messages.
const TEST_BYTES: u64 = 16;
/// A walk over the rows of a mailbox takes as long as over so many, however few there are.
const ROWS_MIN: u32 = 1000;

/// What a search may still do, in bytes of texts looked through.
#[derive(Debug)]
pub(in crate::commands) struct Work {
    bytes_left: AtomicU64,
    is_spent: AtomicBool,
}

impl Work {
    /// For a command that may look through so many bytes.
    pub(in crate::commands) fn new(bytes_max: u64) -> Arc<Self> {
        Arc::new(Self { bytes_left: AtomicU64::new(bytes_max), is_spent: AtomicBool::new(false) })
    }

    /// Whether more was asked for than there was: what was found since then means nothing.
    pub(in crate::commands) fn is_spent(&self) -> bool {
        self.is_spent.load(Ordering::Relaxed)
    }

    /// Whether so many tests may be made that need no text.
    pub(super) fn take_tests(&self, tests: u64) -> bool {
        self.take(tests.saturating_mul(TEST_BYTES))
    }

    /// Whether the rows of a mailbox of so many messages may be walked over.
    pub(super) fn take_rows(&self, messages: u32) -> bool {
        self.take(u64::from(messages.max(ROWS_MIN)).saturating_mul(LOOK_BYTES))
    }

    /// Whether a text of so many bytes may be looked through.
    pub(super) fn take_look(&self, bytes: usize) -> bool {
        self.take((bytes as u64).max(LOOK_BYTES))
    }

    /// Takes so much of what is left, if it is there.
    fn take(&self, bytes: u64) -> bool {
        let taken = self
            .bytes_left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes));
        if taken.is_err() {
            self.is_spent.store(true, Ordering::Relaxed);
        }
        !self.is_spent()
    }
}

/// The count of looks into one message, which draw on the budget of the command.
#[derive(Debug, Default)]
pub(super) struct Looks<'w> {
    /// None where the number of looks is bounded otherwise.
    work: Option<&'w Work>,
    made: Cell<u32>,
}

impl<'w> Looks<'w> {
    pub(super) fn of(work: &'w Work) -> Self {
        Self { work: Some(work), made: Cell::new(0) }
    }

    /// Whether so many bytes of texts may be looked through.
    pub(super) fn take(&self, bytes: usize) -> bool {
        self.made.set(self.made.get().saturating_add(1));
        if self.made.get() <= LOOKS_FREE {
            return self.work.is_none_or(|work| !work.is_spent());
        }
        self.work.is_none_or(|work| work.take_look(bytes))
    }

    /// Takes work for comparing a word with `count` others.
    pub(super) fn take_words(&self, count: usize) -> bool {
        self.take(count.saturating_mul(WORD_BYTES as usize))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_spent_is_spent_for_all() {
        let work = Work::new(1000);
        let (one, two) = (Looks::of(&work), Looks::of(&work));
        for looks in [&one, &two] {
            assert!((0..LOOKS_FREE).all(|_| looks.take(usize::MAX)));
        }
        assert!(one.take(600));
        assert!(two.take_words(3));
        assert!(!work.is_spent());
        assert!(!two.take(17));
        assert!(work.is_spent());
        assert!(!one.take(0), "nothing is looked at any more");
        assert!(!Looks::of(&work).take(0));
        let unbounded = Looks::default();
        assert!((0..100).all(|_| unbounded.take_words(usize::MAX)));
    }
}
