//! Answers about the directory in memory: where mail to an address goes, who may send as whom, how
//! an account is signed in to, and which keys sign for a domain. Relays deliver to the same
//! recipients again and again, programs send as the same sender and sign in with each request, and
//! each of these waits for the answer.
//!
//! **Invariant:** an answer from here is the one that the newest commit would give. Every commit
//! that may have touched accounts, addresses or domains makes all of it void; commits that are
//! known to change messages and objects only do not. With PostgreSQL other daemons change the
//! directory too, so nothing is kept.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use quick_cache::sync::Cache;

use super::{Credentials, Recipient, Resolution, SigningKey};
use crate::{Address, Database};

/// LIMIT: recipients kept; one takes some 200 bytes.
const RECIPIENTS_MAX: usize = 16 * 1024;
/// LIMIT: domains kept that are not ours; one takes some 100 bytes.
const DOMAINS_MAX: usize = 8 * 1024;
/// LIMIT: questions kept that were answered with yes; one takes some 200 bytes.
const QUESTIONS_MAX: usize = 4 * 1024;
/// LIMIT: bytes of a question that is kept; those of usual mail have some hundred.
const QUESTION_BYTES_MAX: usize = 512;

/// LIMIT: accounts kept with what signs in to them; one takes some 300 bytes.
const CREDENTIALS_MAX: usize = 16 * 1024;
/// LIMIT: domains kept with the keys that sign for them; most have two keys of some 2 KB.
const SIGNING_DOMAINS_MAX: usize = 1024;
/// LIMIT: bytes of a domain's name that is kept; RFC 1035 §2.3.4 has no longer ones.
const DOMAIN_BYTES_MAX: usize = 255;

/// A number that changes with the directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Edition(u64);

/// A question about the directory that is not answered in memory; see `Store::ask_directory`.
#[derive(Debug)]
pub struct DirectoryQuestion {
    text: String,
    edition: Edition,
}

/// Answers by what was asked.
pub(crate) struct RecipientCache {
    edition: AtomicU64,
    /// Absent where the directory can change unseen.
    kept: Option<Kept>,
}

struct Kept {
    recipients: Cache<String, (Edition, Recipient)>,
    foreign_domains: Cache<String, Edition>,
    granted: Cache<String, Edition>,
    credentials: Cache<String, (Edition, Credentials)>,
    signing_keys: Cache<String, (Edition, Arc<[SigningKey]>)>,
}

impl RecipientCache {
    pub(crate) fn new(database: &Database) -> Self {
        let kept = match database {
            Database::Sqlite => Some(Kept {
                recipients: Cache::new(RECIPIENTS_MAX),
                foreign_domains: Cache::new(DOMAINS_MAX),
                granted: Cache::new(QUESTIONS_MAX),
                credentials: Cache::new(CREDENTIALS_MAX),
                signing_keys: Cache::new(SIGNING_DOMAINS_MAX),
            }),
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

    pub(crate) fn find(&self, address: &Address) -> Option<Resolution> {
        let (kept, now) = (self.kept.as_ref()?, self.edition());
        if kept.foreign_domains.get(address.domain()).is_some_and(|edition| edition == now) {
            return Some(Resolution::Relay);
        }
        let (edition, recipient) = kept.recipients.get(&address.to_string())?;
        (edition == now).then_some(Resolution::Account(recipient))
    }

    /// Keeps what a snapshot said. What an account with a quota uses changes with each message,
    /// so the next RCPT asks again.
    pub(crate) fn keep(&self, edition: Edition, address: &Address, resolution: &Resolution) {
        let Some(kept) = &self.kept else { return };
        match resolution {
            Resolution::Account(recipient) if recipient.quota_bytes == 0 => {
                kept.recipients.insert(address.to_string(), (edition, recipient.clone()));
            }
            // No address of that domain is ours.
            Resolution::Relay => {
                kept.foreign_domains.insert(address.domain().to_owned(), edition);
            }
            Resolution::Account(_) | Resolution::List(_) | Resolution::UnknownRecipient => {}
        }
    }

    /// How the account of a primary address is signed in to.
    pub(crate) fn credentials(&self, address: &Address) -> Option<Credentials> {
        let (edition, found) = self.kept.as_ref()?.credentials.get(&address.to_string())?;
        (edition == self.edition()).then_some(found)
    }

    /// Keeps what a snapshot said. Names that nobody has are not kept: anybody can make them up.
    pub(crate) fn keep_credentials(
        &self,
        edition: Edition,
        address: &Address,
        found: &Credentials,
    ) {
        if let Some(kept) = &self.kept {
            kept.credentials.insert(address.to_string(), (edition, found.clone()));
        }
    }

    /// The keys of a domain, as it is written.
    pub(crate) fn signing_keys(&self, domain: &str) -> Option<Arc<[SigningKey]>> {
        let (edition, found) = self.kept.as_ref()?.signing_keys.get(domain)?;
        (edition == self.edition()).then_some(found)
    }

    /// Keeps what a snapshot said.
    pub(crate) fn keep_signing_keys(
        &self,
        edition: Edition,
        domain: &str,
        found: &Arc<[SigningKey]>,
    ) {
        if let Some(kept) = &self.kept
            && domain.len() <= DOMAIN_BYTES_MAX
        {
            kept.signing_keys.insert(domain.to_owned(), (edition, found.clone()));
        }
    }

    /// `None` where the answer is yes.
    pub(crate) fn ask(&self, text: String) -> Option<DirectoryQuestion> {
        let edition = self.edition();
        let granted = self.kept.as_ref().and_then(|kept| kept.granted.get(&text));
        (granted != Some(edition)).then_some(DirectoryQuestion { text, edition })
    }

    /// Keeps a yes.
    pub(crate) fn grant(&self, question: DirectoryQuestion) {
        if let Some(kept) = &self.kept
            && question.text.len() <= QUESTION_BYTES_MAX
        {
            kept.granted.insert(question.text, question.edition);
        }
    }
}
