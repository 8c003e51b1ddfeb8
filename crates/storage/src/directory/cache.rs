//! Where mail to an address goes, in memory: relays deliver to the same recipients again and
//! again, and each RCPT waits for the answer.
//!
//! **Invariant:** an answer from here is the one that the newest commit would give. Every commit
//! that may have touched accounts, addresses or domains makes all of it void; commits that are
//! known to add messages only do not. With PostgreSQL other daemons change the directory too,
//! so nothing is kept.

use std::sync::atomic::{AtomicU64, Ordering};

use quick_cache::sync::Cache;

use super::{Recipient, Resolution};
use crate::{Address, Database};

/// LIMIT: recipients kept; one takes some 200 bytes.
const RECIPIENTS_MAX: usize = 16 * 1024;

/// A number that changes with the directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Edition(u64);

/// Recipients by the address as it was given.
pub(crate) struct RecipientCache {
    edition: AtomicU64,
    /// Absent where the directory can change unseen.
    kept: Option<Cache<String, (Edition, Recipient)>>,
}

impl RecipientCache {
    pub(crate) fn new(database: &Database) -> Self {
        let kept = match database {
            Database::Sqlite => Some(Cache::new(RECIPIENTS_MAX)),
            Database::Postgres(_) => None,
        };
        Self { edition: AtomicU64::new(0), kept }
    }

    /// To be taken before the snapshot from which [`keep`](Self::keep) is told.
    pub(crate) fn edition(&self) -> Edition {
        Edition(self.edition.load(Ordering::Acquire))
    }

    /// The directory may have changed: to be called after the commit, before anybody is told.
    pub(crate) fn renew(&self) {
        self.edition.fetch_add(1, Ordering::AcqRel);
    }

    pub(crate) fn find(&self, address: &str) -> Option<Recipient> {
        let (edition, recipient) = self.kept.as_ref()?.get(address)?;
        (edition == self.edition()).then_some(recipient)
    }

    /// Keeps what a snapshot said. What an account with a quota uses changes with each message,
    /// so the next RCPT asks again.
    pub(crate) fn keep(&self, edition: Edition, address: &Address, resolution: &Resolution) {
        if let Some(kept) = &self.kept
            && let Resolution::Account(recipient) = resolution
            && recipient.quota_bytes == 0
        {
            kept.insert(address.to_string(), (edition, recipient.clone()));
        }
    }
}
