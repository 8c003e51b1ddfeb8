//! Counters of what the queue has done, for the metrics page.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)+) => {
        /// Counts since the start.
        #[derive(Debug, Default)]
        pub struct Counters {
            $($(#[$doc])* pub(crate) $name: AtomicU64,)+
        }

        /// The values of the counters at one moment.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct CountersSnapshot {
            $($(#[$doc])* pub $name: u64,)+
        }

        impl Counters {
            /// The values of all counters now.
            pub fn snapshot(&self) -> CountersSnapshot {
                CountersSnapshot { $($name: self.$name.load(Ordering::Relaxed),)+ }
            }
        }
    };
}

counters! {
    /// Recipients that the next server, or a mailbox here, has.
    delivered,
    /// Attempts that did not succeed now.
    deferred,
    /// Recipients that could not be reached.
    failed,
    /// Reports sent: failures, delays, successes.
    reports,
    /// Connections that were made.
    connections,
    /// Connections that were made with TLS.
    connections_tls,
    /// Servers that could not be used.
    connections_failed,
    /// Times that a destination had had its messages of a minute.
    paced,
    /// Times that a destination was left alone, as no server there could be used.
    left_alone,
    /// Visits that ended by a panic.
    panicked,
    /// Connections open now.
    active,
    /// Recipients that waited when the queue last looked.
    waiting,
    /// Destinations that had something waiting then.
    destinations,
}

pub(crate) fn add(counter: &AtomicU64, count: usize) {
    counter.fetch_add(count as u64, Ordering::Relaxed);
}
