//! The checks in their order, and what comes of all they say.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{Instant, timeout};

use crate::clamd::Clamd;
use crate::edit::{self, Edit};
use crate::envelope::{EnvelopeChanges, EnvelopeEdit};
use crate::error::ScanError;
use crate::finding::{Finding, Judgement, Reply};
use crate::mail::{Mail, Origin, Recipient};
use crate::milter::{Milter, MilterSession};
use crate::rspamd::Rspamd;

/// LIMIT: how long the goodbyes to the milters of a connection take at most.
const GOODBYE_TIME: Duration = Duration::from_secs(2);

/// A program that checks mail.
#[derive(Debug, Clone)]
pub enum Scanner {
    /// rspamd, over HTTP.
    Rspamd(Rspamd),
    /// A milter.
    Milter(Milter),
    /// ClamAV's daemon, by INSTREAM.
    Clamd(Clamd),
}

/// What happens to a message whose scanner gives no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFailure {
    /// The message is refused for now, so that its sender keeps it.
    Defer,
    /// The message is taken unchecked.
    Accept,
}

/// What a check counted since the start.
#[derive(Debug, Default)]
pub struct CheckCounters {
    /// Messages it let pass, changed or not.
    pub accepted: AtomicU64,
    /// Messages it marked or quarantined.
    pub marked: AtomicU64,
    /// Messages it refused for now, and recipients that it did so with alone.
    pub deferred: AtomicU64,
    /// Messages it refused, and recipients that it did so with alone.
    pub refused: AtomicU64,
    /// Messages it gave no answer for.
    pub failed: AtomicU64,
    /// Messages too large for it.
    pub skipped: AtomicU64,
}

/// A configured check.
#[derive(Debug, Clone)]
pub struct Check {
    /// The name of the check in logs and metrics.
    pub name: String,
    /// The scanner that is asked.
    pub scanner: Scanner,
    /// About which mail.
    pub origins: Vec<Origin>,
    /// Larger messages are not shown to it.
    pub size_bytes_max: u64,
    /// How long it may take for a message, with all that it is asked of its recipients.
    pub timeout: Duration,
    /// What happens to the message when the scanner gives no answer.
    pub on_failure: OnFailure,
    /// Whether what it refuses is refused; else such incoming mail is quarantined.
    pub refuses: bool,
    /// Whether incoming mail that it marks is quarantined.
    pub quarantines: bool,
    /// The counters of the check.
    pub counters: Arc<CheckCounters>,
}

/// All checks, in order.
#[derive(Debug, Clone, Default)]
pub struct Chain {
    checks: Arc<[Check]>,
}

/// The outcome of all checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The message is taken.
    Accept {
        /// How it is now, where that is not as it was.
        changed: Option<Vec<u8>>,
        /// Whether it belongs in quarantine.
        quarantine: bool,
        /// The changes of its envelope.
        envelope: EnvelopeChanges,
    },
    /// The message is refused, for now or for good as the code says.
    Refuse(Reply),
}

impl Chain {
    /// A chain of these checks, in this order.
    pub fn new(checks: Vec<Check>) -> Self {
        Self { checks: checks.into() }
    }

    /// The configured checks, in order.
    pub fn checks(&self) -> &[Check] {
        &self.checks
    }

    /// Whether any looks at mail from there.
    pub fn looks_at(&self, origin: Origin) -> bool {
        self.checks.iter().any(|check| check.origins.contains(&origin))
    }

    /// Whether any is asked of recipients of such mail.
    pub fn asks_recipients(&self, origin: Origin) -> bool {
        self.checks.iter().any(|check| check.hears_recipients(origin))
    }

    /// What a connection keeps of the checks from one message to the next.
    pub fn begin(&self) -> ChainSession {
        let milters = self.checks.iter().map(|_| MilterSession::default()).collect();
        ChainSession { chain: self.clone(), milters, transaction: None, standings: Vec::new() }
    }
}

/// The checks as one connection uses them: milters hear of it once, and of each of its messages.
pub struct ChainSession {
    chain: Chain,
    /// By the place of their check; a session connects when it is first needed.
    milters: Vec<MilterSession>,
    /// That which the checks heard of last, until its end.
    transaction: Option<u64>,
    /// By the place of their check, for that transaction.
    standings: Vec<Standing>,
}

/// How a check stands in a transaction.
#[derive(Debug)]
struct Standing {
    patience: Patience,
    /// What it said of the message when it was asked of a recipient. That stays said, though it may
    /// be gone by now.
    verdict: Option<Judgement>,
}

/// What a check has left in a transaction, be it asked of many recipients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Patience {
    /// How much of its time is left.
    Left(Duration),
    /// It failed, so it is not asked again. Others wait for who hangs once, not once for each
    /// recipient.
    Failed,
}

/// What was said by a check that was to be asked.
enum Asked<T> {
    Answered(T),
    /// It gave no answer, and mail is taken without it.
    Unanswered,
    /// It gave no answer, and mail is not taken without it.
    Unavailable,
}

impl ChainSession {
    /// Whether any check is asked of recipients of such mail.
    pub fn asks_recipients(&self, origin: Origin) -> bool {
        self.chain.asks_recipients(origin)
    }

    /// Asks the milters whether one more recipient is taken; of those before it they have heard, so
    /// `mail` needs to name none. Where they were asked of each, the message is not refused for one
    /// of them alone. As in Postfix (`milter_rcpt_event`), the first that refuses ends it: those
    /// after it do not hear of who gets nothing, those before it go on to believe in them.
    ///
    /// # Errors
    /// How the recipient is refused.
    pub async fn recipient(&mut self, mail: Mail<'_>, recipient: &Recipient) -> Result<(), Reply> {
        self.turn_to(mail.transaction);
        let checks = self.chain.checks.clone();
        let mut kept_apart = Vec::new();
        for (place, check) in checks.iter().enumerate() {
            let Scanner::Milter(milter) = &check.scanner else { continue };
            if !check.hears_recipients(mail.origin) {
                continue;
            }
            let judgement = match self.ask_of(place, check, milter, &mail, recipient).await {
                Asked::Answered(judgement) => judgement,
                Asked::Unanswered => continue,
                Asked::Unavailable => return Err(unavailable()),
            };
            match judgement {
                Judgement::Reject(reply) if check.keeps_apart(mail.origin) => {
                    kept_apart.push((place, reply));
                }
                Judgement::Reject(reply) => {
                    count(&check.counters.refused);
                    return Err(check.refuse_recipient(reply));
                }
                Judgement::Defer(reply) => {
                    count(&check.counters.deferred);
                    return Err(check.refuse_recipient(reply));
                }
                Judgement::Accept | Judgement::Spam | Judgement::Quarantine(_) => {}
            }
        }
        // Not before nobody refuses the recipient: the message for the others is not kept apart for
        // one who does not get it.
        for (place, reply) in kept_apart {
            if let Some(standing) = self.standings.get_mut(place) {
                standing.verdict = Some(Judgement::Reject(reply));
            }
        }
        Ok(())
    }

    /// Asks every check that looks at such mail. The first refusal ends it; each sees what those
    /// before it changed.
    pub async fn run(&mut self, mail: Mail<'_>) -> Outcome {
        self.turn_to(mail.transaction);
        let outcome = self.ask_all(mail).await;
        self.transaction = None;
        outcome
    }

    async fn ask_all(&mut self, mail: Mail<'_>) -> Outcome {
        let checks = self.chain.checks.clone();
        let mut message = Cow::Borrowed(mail.message);
        let mut quarantine = false;
        let mut envelope = EnvelopeChanges::default();
        for (place, check) in checks.iter().enumerate() {
            if !check.origins.contains(&mail.origin) {
                continue;
            }
            if message.len() as u64 > check.size_bytes_max && self.verdict(place).is_none() {
                count(&check.counters.skipped);
                tracing::info!(check = check.name, message = mail.id, "too large to be checked");
                continue;
            }
            let shown = Mail { message: &message, ..mail };
            let found = match self.ask_about(place, check, &shown).await {
                Asked::Answered(found) => found,
                Asked::Unanswered => continue,
                Asked::Unavailable => return Outcome::Refuse(unavailable()),
            };
            match check.conclude(mail.origin, found) {
                Ok(Taken { edits, envelope: changes, quarantine: kept_apart }) => {
                    quarantine |= kept_apart;
                    envelope.make(mail.recipients, changes);
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
        Outcome::Accept { changed, quarantine, envelope }
    }

    /// Asks a milter of a recipient, in what is left of its time, unless it has made up its mind.
    async fn ask_of(
        &mut self,
        place: usize,
        check: &Check,
        milter: &Milter,
        mail: &Mail<'_>,
        recipient: &Recipient,
    ) -> Asked<Judgement> {
        if let Some(verdict) = self.verdict(place) {
            return Asked::Answered(verdict);
        }
        let Some(left) = self.left(place) else { return check.unanswered() };
        let Some(session) = self.milters.get_mut(place) else { return check.unanswered() };
        let begun = Instant::now();
        let asked = timeout(left, session.recipient(milter, mail, recipient)).await;
        let said = session.verdict();
        let asked = self.note(place, check, mail, begun, asked.unwrap_or(Err(ScanError::TimedOut)));
        if let (Asked::Answered(_), Some(standing)) = (&asked, self.standings.get_mut(place)) {
            standing.verdict = said;
        }
        asked
    }

    /// Asks a check about a message, in what is left of its time, unless it has made up its mind.
    async fn ask_about(&mut self, place: usize, check: &Check, mail: &Mail<'_>) -> Asked<Finding> {
        let Some(left) = self.left(place) else { return check.unanswered() };
        if let Some(verdict) = self.verdict(place) {
            if let Some(session) = self.milters.get_mut(place) {
                // Who does not listen has the connection closed: nothing more is wanted of it.
                let _ = timeout(left, session.give_up()).await;
            }
            return Asked::Answered(verdict.into());
        }
        let begun = Instant::now();
        let asked = timeout(left, self.ask(place, check, mail)).await;
        self.note(place, check, mail, begun, asked.unwrap_or(Err(ScanError::TimedOut)))
    }

    /// Begins to count anew for another transaction.
    fn turn_to(&mut self, transaction: u64) {
        if self.transaction.replace(transaction) != Some(transaction) {
            let new =
                |check: &Check| Standing { patience: Patience::Left(check.timeout), verdict: None };
            self.standings = self.chain.checks.iter().map(new).collect();
        }
    }

    /// What a check has left of its time, unless it failed.
    fn left(&self, place: usize) -> Option<Duration> {
        match self.standings.get(place)?.patience {
            Patience::Left(left) => Some(left),
            Patience::Failed => None,
        }
    }

    /// Takes down how a check was asked. A milter that failed, or was left in the middle of an
    /// exchange, begins anew.
    fn note<T>(
        &mut self,
        place: usize,
        check: &Check,
        mail: &Mail<'_>,
        begun: Instant,
        asked: Result<T, ScanError>,
    ) -> Asked<T> {
        let Some(standing) = self.standings.get_mut(place) else { return check.unanswered() };
        let patience = &mut standing.patience;
        match asked {
            Ok(answer) => {
                if let Patience::Left(left) = patience {
                    *left = left.saturating_sub(begun.elapsed());
                }
                Asked::Answered(answer)
            }
            Err(error) => {
                *patience = Patience::Failed;
                if let Some(session) = self.milters.get_mut(place) {
                    *session = MilterSession::default();
                }
                count(&check.counters.failed);
                tracing::warn!(check = check.name, message = mail.id, %error, "not checked");
                check.unanswered()
            }
        }
    }

    /// What a milter said of the message when it was asked of a recipient.
    fn verdict(&self, place: usize) -> Option<Judgement> {
        self.standings.get(place)?.verdict.clone()
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

    /// Says goodbye where there is somebody to say it to, and does not wait long for who does not
    /// listen.
    pub async fn end(mut self) {
        let goodbyes = async {
            for session in self.milters.drain(..) {
                session.quit().await;
            }
        };
        // Who is not reached by then sees the connection closed.
        let _ = timeout(GOODBYE_TIME, goodbyes).await;
    }
}

/// What is done about a message that is taken.
struct Taken {
    edits: Vec<Edit>,
    envelope: Vec<EnvelopeEdit>,
    quarantine: bool,
}

impl Check {
    /// Whether what it refuses is kept apart instead.
    fn keeps_apart(&self, origin: Origin) -> bool {
        origin != Origin::Outgoing && !self.refuses
    }

    /// Whether it is asked of recipients of such mail.
    fn hears_recipients(&self, origin: Origin) -> bool {
        matches!(self.scanner, Scanner::Milter(_)) && self.origins.contains(&origin)
    }

    /// What comes of mail that it gives no answer for.
    fn unanswered<T>(&self) -> Asked<T> {
        match self.on_failure {
            OnFailure::Defer => Asked::Unavailable,
            OnFailure::Accept => Asked::Unanswered,
        }
    }

    fn refuse_recipient(&self, reply: Reply) -> Reply {
        tracing::info!(check = self.name, code = reply.code, "a recipient is refused by a check");
        reply
    }

    /// What is done about what it found: changes and whether the message is kept apart, or how
    /// it is refused.
    fn conclude(&self, origin: Origin, found: Finding) -> Result<Taken, Reply> {
        // Mail that leaves has no quarantine here, so what would go there does not leave.
        let incoming = origin != Origin::Outgoing;
        let counters = &self.counters;
        let Finding { edits, envelope, judgement } = found;
        let (counter, quarantine) = match judgement {
            Judgement::Accept => (&counters.accepted, false),
            Judgement::Spam => (&counters.marked, incoming && self.quarantines),
            Judgement::Quarantine(_) if incoming => (&counters.marked, true),
            Judgement::Quarantine(reason) => {
                count(&counters.refused);
                return Err(Reply::reject(&format!("Held back by a check: {reason}")));
            }
            Judgement::Reject(_) if self.keeps_apart(origin) => (&counters.marked, true),
            Judgement::Defer(reply) => {
                count(&counters.deferred);
                return Err(reply);
            }
            Judgement::Reject(reply) => {
                count(&counters.refused);
                return Err(reply);
            }
        };
        count(counter);
        Ok(Taken { edits, envelope, quarantine })
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Over a connection that nobody reads from, it takes no byte more.
    #[tokio::test(start_paused = true)]
    async fn goodbyes_have_an_end() {
        let (ours, _theirs) = tokio::io::duplex(1);
        let mut session = Chain::default().begin();
        session.milters.push(MilterSession::over(Box::new(ours)));
        let begun = Instant::now();
        session.end().await;
        assert_eq!(begun.elapsed(), GOODBYE_TIME);
    }
}
