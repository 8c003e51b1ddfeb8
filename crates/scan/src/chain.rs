//! The checks in their order, and what comes of all they say.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::clamd::Clamd;
use crate::edit::{self, Edit};
use crate::error::ScanError;
use crate::finding::{Finding, Judgement, Reply};
use crate::mail::{Mail, Origin};
use crate::milter::{Milter, MilterSession};
use crate::rspamd::Rspamd;

/// A program that checks mail.
#[derive(Debug, Clone)]
pub enum Scanner {
    /// Over HTTP.
    Rspamd(Rspamd),
    /// By the milter protocol.
    Milter(Milter),
    /// By INSTREAM.
    Clamd(Clamd),
}

/// What happens to a message whose scanner gives no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFailure {
    /// It is refused for now; its sender keeps it.
    Defer,
    /// It is taken unchecked.
    Accept,
}

/// What a check counted since the start.
#[derive(Debug, Default)]
pub struct CheckCounters {
    /// Messages it let pass, changed or not.
    pub accepted: AtomicU64,
    /// Messages it marked or quarantined.
    pub marked: AtomicU64,
    /// Messages it refused for now.
    pub deferred: AtomicU64,
    /// Messages it refused.
    pub refused: AtomicU64,
    /// Messages it gave no answer for.
    pub failed: AtomicU64,
    /// Messages too large for it.
    pub skipped: AtomicU64,
}

/// One configured check.
#[derive(Debug, Clone)]
pub struct Check {
    /// Its name in logs and metrics.
    pub name: String,
    /// Who is asked.
    pub scanner: Scanner,
    /// About which mail.
    pub origins: Vec<Origin>,
    /// Larger messages are not shown to it.
    pub size_bytes_max: u64,
    /// How long it may take for a message.
    pub timeout: Duration,
    /// What happens without its answer.
    pub on_failure: OnFailure,
    /// Whether what it refuses is refused; else such incoming mail is quarantined.
    pub refuses: bool,
    /// Whether incoming mail that it marks is quarantined.
    pub quarantines: bool,
    /// What it counted.
    pub counters: Arc<CheckCounters>,
}

/// All checks, in order.
#[derive(Debug, Clone, Default)]
pub struct Chain {
    checks: Arc<[Check]>,
}

/// What comes of all checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The message is taken.
    Accept {
        /// How it is now, where that is not as it was.
        changed: Option<Vec<u8>>,
        /// Whether it belongs in quarantine.
        quarantine: bool,
    },
    /// It is refused; the code says for how long.
    Refuse(Reply),
}

impl Chain {
    /// These checks, in this order.
    pub fn new(checks: Vec<Check>) -> Self {
        Self { checks: checks.into() }
    }

    /// Each of them.
    pub fn checks(&self) -> &[Check] {
        &self.checks
    }

    /// Whether any looks at mail from there.
    pub fn looks_at(&self, origin: Origin) -> bool {
        self.checks.iter().any(|check| check.origins.contains(&origin))
    }

    /// What a connection keeps of the checks from one message to the next.
    pub fn begin(&self) -> ChainSession {
        let milters = self.checks.iter().map(|_| MilterSession::default()).collect();
        ChainSession { chain: self.clone(), milters }
    }
}

/// The checks as one connection uses them: milters hear of it once, and of each of its messages.
pub struct ChainSession {
    chain: Chain,
    /// By the place of their check; a session connects when it is first needed.
    milters: Vec<MilterSession>,
}

impl ChainSession {
    /// Asks every check that looks at such mail. The first refusal ends it; each sees what those
    /// before it changed.
    pub async fn run(&mut self, mail: Mail<'_>) -> Outcome {
        let checks = self.chain.checks.clone();
        let mut message = Cow::Borrowed(mail.message);
        let mut quarantine = false;
        for (place, check) in checks.iter().enumerate() {
            if !check.origins.contains(&mail.origin) {
                continue;
            }
            if message.len() as u64 > check.size_bytes_max {
                count(&check.counters.skipped);
                tracing::info!(check = check.name, message = mail.id, "too large to be checked");
                continue;
            }
            let shown = Mail { message: &message, ..mail };
            let asked = tokio::time::timeout(check.timeout, self.ask(place, check, &shown)).await;
            let found = match asked.unwrap_or(Err(ScanError::TimedOut)) {
                Ok(found) => found,
                Err(error) => {
                    self.forget(place);
                    count(&check.counters.failed);
                    tracing::warn!(check = check.name, message = mail.id, %error, "not checked");
                    if check.on_failure == OnFailure::Defer {
                        return Outcome::Refuse(unavailable());
                    }
                    continue;
                }
            };
            match check.conclude(mail.origin, found) {
                Ok((edits, kept_apart)) => {
                    quarantine |= kept_apart;
                    if !edits.is_empty() {
                        message = Cow::Owned(edit::apply(&message, edits));
                    }
                }
                Err(reply) => {
                    let (check, code) = (check.name.as_str(), reply.code);
                    tracing::info!(check, message = mail.id, code, "refused by a check");
                    return Outcome::Refuse(reply);
                }
            }
        }
        let changed = match message {
            Cow::Borrowed(_) => None,
            Cow::Owned(message) => Some(message),
        };
        Outcome::Accept { changed, quarantine }
    }

    async fn ask(
        &mut self,
        place: usize,
        check: &Check,
        mail: &Mail<'_>,
    ) -> Result<Finding, ScanError> {
        match &check.scanner {
            Scanner::Rspamd(rspamd) => rspamd.scan(mail).await,
            Scanner::Clamd(clamd) => clamd.scan(mail).await,
            Scanner::Milter(milter) => match self.milters.get_mut(place) {
                Some(session) => session.scan(milter, mail).await,
                None => Err(ScanError::Protocol("the check has no session")),
            },
        }
    }

    /// A milter that failed, or was left in the middle of an exchange, begins anew.
    fn forget(&mut self, place: usize) {
        if let Some(session) = self.milters.get_mut(place) {
            *session = MilterSession::default();
        }
    }

    /// Says goodbye where there is somebody to say it to.
    pub async fn end(mut self) {
        for session in self.milters.drain(..) {
            session.quit().await;
        }
    }
}

impl Check {
    /// What is done about what it found: changes and whether the message is kept apart, or how
    /// it is refused.
    fn conclude(&self, origin: Origin, found: Finding) -> Result<(Vec<Edit>, bool), Reply> {
        // Mail that leaves has no quarantine here, so what would go there does not leave.
        let incoming = origin != Origin::Outgoing;
        let counters = &self.counters;
        match found.judgement {
            Judgement::Accept => {
                count(&counters.accepted);
                Ok((found.edits, false))
            }
            Judgement::Spam => {
                count(&counters.marked);
                Ok((found.edits, incoming && self.quarantines))
            }
            Judgement::Quarantine(_) if incoming => {
                count(&counters.marked);
                Ok((found.edits, true))
            }
            Judgement::Quarantine(reason) => {
                count(&counters.refused);
                Err(Reply::reject(&format!("Held back by a check: {reason}")))
            }
            Judgement::Reject(_) if incoming && !self.refuses => {
                count(&counters.marked);
                Ok((found.edits, true))
            }
            Judgement::Defer(reply) => {
                count(&counters.deferred);
                Err(reply)
            }
            Judgement::Reject(reply) => {
                count(&counters.refused);
                Err(reply)
            }
        }
    }
}

/// RFC 3463 §3.5: X.4.3, directory server failure, is the nearest to a scanner that is down;
/// X.3.0 says no more than that the system is not well, which is all that senders need.
fn unavailable() -> Reply {
    let text = "The message cannot be checked now, try again later".to_owned();
    Reply { code: 451, enhanced: (4, 3, 0), text }
}

pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
