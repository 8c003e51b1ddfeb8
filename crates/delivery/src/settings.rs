//! The settings of deliveries: plain values that the binary makes from its configuration.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mailauth::Signatory;
use mailauth::srs::SrsKey;

/// Everything a [`crate::Deliverer`] is made with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The name of this server, for Message-ID and Received.
    pub hostname: String,
    /// How senders of redirected mail are rewritten; `None`: they stay as they are.
    pub forwarding: Option<Forwarding>,
    /// Signs answers and notices with DKIM and seals copies with ARC; `None`: nothing is signed.
    pub signatory: Option<Arc<dyn Signatory>>,
    /// Where scripts may send mail on to.
    pub script_redirects: RedirectRule,
    /// Memory for rules and compiled scripts, each. Default 64 MiB.
    pub cache_bytes: u64,
    /// Steps up to which a script runs where it is first tried; what takes longer moves to a
    /// thread that may block. Default 20,000, which take less than a millisecond.
    pub quick_steps_max: u64,
}

/// Where scripts may send mail on to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RedirectTargets {
    /// To any address.
    Anywhere,
    /// To addresses here, and to those that agreed to a redirection of the account (R-ADDR-10).
    #[default]
    Agreed,
}

/// What is said of that, to all who were given a clone of it; it may change while they work.
#[derive(Debug, Clone)]
pub struct RedirectRule(Arc<AtomicBool>);

impl RedirectRule {
    /// Has scripts that run from now on send mail on to these.
    pub fn set(&self, targets: RedirectTargets) {
        self.0.store(targets == RedirectTargets::Anywhere, Ordering::Relaxed);
    }

    pub(crate) fn targets(&self) -> RedirectTargets {
        match self.0.load(Ordering::Relaxed) {
            true => RedirectTargets::Anywhere,
            false => RedirectTargets::Agreed,
        }
    }
}

impl From<RedirectTargets> for RedirectRule {
    fn from(targets: RedirectTargets) -> Self {
        Self(Arc::new(AtomicBool::new(targets == RedirectTargets::Anywhere)))
    }
}

/// Sender rewriting (SRS), so that redirected mail passes SPF (R-ADDR-10).
#[derive(Debug, Clone)]
pub struct Forwarding {
    /// What rewritten addresses are signed with.
    pub key: SrsKey,
}

impl Settings {
    /// Defaults for the server `hostname`.
    pub fn new(hostname: impl Into<String>) -> Self {
        Self {
            hostname: hostname.into(),
            forwarding: None,
            signatory: None,
            script_redirects: RedirectTargets::Agreed.into(),
            cache_bytes: 64 * 1024 * 1024,
            quick_steps_max: 20_000,
        }
    }
}
