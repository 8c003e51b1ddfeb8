//! What each listener counts, for the metrics page: connections, failed handshakes, bytes.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters of one listener. All but `active` only grow.
#[derive(Debug, Default)]
pub struct ConnectionCounters {
    /// Connections accepted from the kernel, refused ones included.
    pub accepted: AtomicU64,
    /// Connections open now.
    pub active: AtomicU64,
    /// Refused because the listener had its total.
    pub refused_total: AtomicU64,
    /// Refused because the peer's address had its share.
    pub refused_address: AtomicU64,
    /// TLS handshakes that failed or took too long, implicit and STARTTLS alike.
    pub tls_failed: AtomicU64,
    /// PROXY headers that were missing, malformed or late.
    pub proxy_failed: AtomicU64,
    /// Sessions ended by a panic.
    pub panicked: AtomicU64,
    /// Bytes from peers, those of TLS itself not counted.
    pub received_bytes: AtomicU64,
    /// Bytes to peers, those of TLS itself not counted.
    pub sent_bytes: AtomicU64,
}

impl ConnectionCounters {
    /// Counts one more.
    pub(crate) fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Adds a number of bytes to a counter.
    pub(crate) fn add(counter: &AtomicU64, bytes: usize) {
        counter.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// The value of one counter.
    pub fn read(counter: &AtomicU64) -> u64 {
        counter.load(Ordering::Relaxed)
    }
}

/// Holds `active` up by one for as long as it lives, however the connection ends.
pub(crate) struct ActiveGuard(std::sync::Arc<ConnectionCounters>);

impl ActiveGuard {
    /// Counts one more connection, if there are fewer than `max`.
    pub(crate) fn below(counters: &std::sync::Arc<ConnectionCounters>, max: usize) -> Option<Self> {
        let before = counters.active.fetch_add(1, Ordering::Relaxed);
        let guard = Self(counters.clone());
        (before < max as u64).then_some(guard)
    }
}

impl Drop for ActiveGuard {
    fn drop(&mut self) {
        self.0.active.fetch_sub(1, Ordering::Relaxed);
    }
}
