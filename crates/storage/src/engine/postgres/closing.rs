//! How threads that wait between attempts are woken and told to end when a store is closed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex};
use std::time::Duration;

use super::lock;

/// Tells threads that pause to end.
#[derive(Default)]
pub(super) struct Closing {
    requested: AtomicBool,
    lock: Mutex<()>,
    signal: Condvar,
}

impl Closing {
    pub(super) fn request(&self) {
        self.requested.store(true, Ordering::SeqCst);
        // Whoever looked before the store and holds the lock waits by the time it is free.
        drop(lock(&self.lock));
        self.signal.notify_all();
    }

    pub(super) fn is_requested(&self) -> bool {
        self.requested.load(Ordering::SeqCst)
    }

    /// Pauses, not longer than until closing is requested.
    pub(super) fn pause(&self, time: Duration) {
        let held = lock(&self.lock);
        if !self.is_requested() {
            drop(self.signal.wait_timeout(held, time));
        }
    }
}
