//! Writing down what became of recipients, with the report to their sender.

use std::time::Duration;

use ids::{AccountId, QueueDaemonId, Timestamp};
use mailauth::srs;
use smtp::client::OutboundContent;
use smtp::report::{Action, Line, Prepared, Report, Way, prepare};
use storage::{
    Address, ClaimedMessage, ClaimedRecipient, Fate, Resolution, Settlement, StorageError,
    spool_destination,
};

use crate::answer::Answer;
use crate::counters::add;
use crate::queue::Inner;
use crate::report;
use crate::returning::Returned;
use crate::schedule::{after, pause, pause_unasked};

/// The outcome of an attempt for one recipient.
#[derive(Debug, Clone)]
pub(crate) enum End {
    /// The next server has it.
    Sent { answer: Answer, confirms: Confirms },
    /// It may succeed later.
    Deferred(Answer),
    /// It may succeed later; nobody was asked now, as others got this answer.
    Unasked(Answer),
    /// It can never succeed.
    Failed(Answer),
    /// Nothing was tried, nor will be: its time is over.
    Expired(Answer),
    /// Nothing was tried.
    Untried,
    /// Nothing was tried, and the sender is told that the message is late.
    Late(Answer),
    /// Nothing was tried, and the sender is told that the deadline is past.
    PastDeadline(Answer),
}

impl End {
    /// Whether it was tried now.
    const fn is_attempt(&self) -> bool {
        matches!(self, Self::Sent { .. } | Self::Deferred(_) | Self::Failed(_))
    }
}

/// Which server tells the sender that a message was passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Confirms {
    /// The next server, as the sender wished.
    Server,
    /// We do, if the sender wants to hear it.
    Us,
    /// We do, unless the sender wants to hear nothing (RFC 2852 §4.1.4).
    UsUnasked,
}

/// A message in hand and what became of some of its recipients.
pub(crate) struct Settling<'a> {
    pub(crate) daemon: QueueDaemonId,
    pub(crate) destination: &'a str,
    pub(crate) message: &'a ClaimedMessage,
    pub(crate) content: &'a OutboundContent,
    pub(crate) ends: Vec<(ClaimedRecipient, End)>,
}

/// How long storage that cannot be written is left alone.
const STORAGE_PAUSE: Duration = Duration::from_secs(5);

impl Inner {
    /// Settles them all in one transaction; whether it is on stable storage now.
    pub(crate) async fn settle(&self, settling: Settling<'_>) -> bool {
        match self.settle_at_last(&settling).await {
            Ok(()) => true,
            Err(StorageError::Conflict(_)) if settling.ends.len() > 1 => {
                // Some were taken over or removed meanwhile: each by itself, so that the report
                // tells of those alone that are still ours.
                let mut all = true;
                for end in settling.ends {
                    let one = Settling { ends: vec![end], ..settling };
                    all &= self.settle_at_last(&one).await.is_ok();
                }
                all
            }
            Err(error) => {
                let spool = settling.message.id;
                tracing::warn!(%error, %spool, "an outcome could not be written down");
                false
            }
        }
    }

    /// Settles them once storage can be written: what is in our hands is nobody's else, so an
    /// outcome that was forgotten would leave its recipients there, for the next start to send to
    /// again. So it is written down alone where what is to be told of it cannot be.
    async fn settle_at_last(&self, settling: &Settling<'_>) -> Result<(), StorageError> {
        let mut telling = Some(Way::Mailbox);
        loop {
            match self.try_to_settle(settling, telling).await {
                Err(error) if self.may_pass(&error).await => {}
                // RFC 5321 §4.5.4.1: a report for who has no room is tried again, as other mail is.
                Err(StorageError::OverQuota { .. }) if telling == Some(Way::Mailbox) => {
                    telling = Some(Way::Spool);
                }
                Err(error) if telling.is_some() && !is_of_settling(&error) => {
                    let spool = settling.message.id;
                    tracing::error!(%error, %spool, "what became of a message cannot be told");
                    telling = None;
                }
                outcome => return outcome,
            }
        }
    }

    /// Waits where storage cannot be written for now, which it may be later; not at the end of the
    /// daemon, when others get what it has.
    pub(crate) async fn may_pass(&self, error: &StorageError) -> bool {
        if !matches!(error, StorageError::Unavailable(_) | StorageError::NoSpace(_)) {
            return false;
        }
        tracing::warn!(%error, "the queue waits for storage");
        tokio::select! {
            () = tokio::time::sleep(STORAGE_PAUSE) => true,
            () = self.shutdown.requested() => false,
        }
    }

    async fn try_to_settle(
        &self,
        settling: &Settling<'_>,
        telling: Option<Way>,
    ) -> Result<(), StorageError> {
        let now = self.store.now();
        // One for all, so that those who were tried together are again.
        let chance = self.chance();
        let decided: Vec<Decided> =
            settling.ends.iter().map(|end| self.decide(settling, end, now, chance)).collect();
        let lines: Vec<Line> = decided.iter().filter_map(|one| one.line.clone()).collect();
        let report = match telling {
            Some(way) => self.prepare_report(settling, lines, way).await?,
            None => None,
        };
        let reported = report.is_some();
        let is_lost = telling.is_some() && !reported && decided.iter().any(Decided::is_failed);
        let returned = if is_lost { self.prepare_return(settling).await? } else { None };
        let (daemon, spool) = (settling.daemon, settling.message.id);
        let outcomes: Vec<Settlement> = decided.iter().map(|one| one.outcome.clone()).collect();
        let returning = returned.iter().map(Returned::message);
        let messages = report.iter().map(Prepared::message).chain(returning).cloned().collect();
        let bounced = if telling.is_some() { bounced(settling, &decided) } else { Vec::new() };
        self.store
            .write_messages("queue settle", messages, move |tx| {
                let settled = tx.settle_spooled(daemon, spool, &outcomes)?;
                if !settled.iter().all(|ours| *ours) {
                    return Err(StorageError::Conflict("the recipient is no longer in our hands"));
                }
                for Bounced { account, uid, to } in &bounced {
                    tx.note_bounced_letter(*account, (uid, to), spool)?;
                }
                returned.map_or(Ok(()), |returned| returned.spool(tx))?;
                report.map_or(Ok(()), |report| report.file(tx))
            })
            .await?;
        self.settled(settling, &decided, reported);
        Ok(())
    }

    /// Decides what becomes of one recipient.
    fn decide(
        &self,
        settling: &Settling<'_>,
        (recipient, end): &(ClaimedRecipient, End),
        now: Timestamp,
        chance: f64,
    ) -> Decided {
        let by = settling.message.parameters.by;
        let expired = self.until(settling.message) <= now;
        let (fate, action, answer) = match end {
            End::Sent { answer, confirms } => {
                let action = (*confirms != Confirms::Server).then_some(Action::Relayed);
                (Fate::Delivered, action, Some(answer.clone()))
            }
            End::Deferred(answer) | End::Unasked(answer) if expired => {
                let is_tried = end.is_attempt() || recipient.attempts > 0;
                let was = if is_tried { "was tried" } else { "waited" };
                let text = format!("{} (given up: it {was} for too long)", answer.text);
                let answer = Answer { text, ..answer.clone() };
                (Fate::Failed, Some(Action::Failed), Some(answer))
            }
            End::Deferred(_) | End::Unasked(_) if by.is_some_and(|by| by.is_over(now)) => {
                (Fate::Failed, Some(Action::Failed), Some(Answer::past_deadline()))
            }
            End::Deferred(answer) => {
                let attempts = recipient.attempts + 1;
                let due = self.retry_at(settling.destination, attempts, now, chance);
                (Fate::Deferred(due), None, Some(answer.clone()))
            }
            End::Unasked(answer) => {
                let due = self.ask_at(settling, now, chance);
                (Fate::Postponed(due), None, Some(answer.clone()))
            }
            End::Failed(answer) | End::Expired(answer) => {
                (Fate::Failed, Some(Action::Failed), Some(answer.clone()))
            }
            End::Untried => (Fate::Untried, None, None),
            End::Late(answer) => (Fate::Warned, Some(Action::Delayed), Some(answer.clone())),
            End::PastDeadline(answer) => {
                (Fate::ToldDeadline, Some(Action::Delayed), Some(answer.clone()))
            }
        };
        let line = action.zip(answer.as_ref());
        let unasked = matches!(end, End::Sent { confirms: Confirms::UsUnasked, .. });
        let attempted = if end.is_attempt() { Some(now) } else { recipient.attempted };
        let line = line.and_then(|(action, answer)| match unasked {
            true => report::unasked(recipient, action, (answer, attempted)),
            false => report::wanted(recipient, action, (answer, attempted)),
        });
        let outcome = Settlement {
            spool: settling.message.id,
            ordinal: recipient.ordinal,
            fate,
            answer: answer.as_ref().map(Answer::to_string).unwrap_or_default(),
        };
        Decided { outcome, line }
    }

    /// When a recipient is tried again.
    pub(crate) fn retry_at(
        &self,
        destination: &str,
        attempts: u32,
        now: Timestamp,
        chance: f64,
    ) -> Timestamp {
        let settings = self.settings();
        let own = after(now, pause(settings.retry_first, settings.retry_max, attempts, chance));
        self.when_open(destination, now, own)
    }

    /// When the recipients of a message are asked for that were not now: it is no attempt of
    /// theirs, so that how long they have waited says how long they wait.
    fn ask_at(&self, settling: &Settling<'_>, now: Timestamp, chance: f64) -> Timestamp {
        let settings = self.settings();
        let waited = now.as_micros().saturating_sub(settling.message.begins.as_micros());
        let waited = Duration::from_micros(u64::try_from(waited).unwrap_or(0));
        let own = pause_unasked(settings.retry_first, settings.retry_max, waited, chance);
        self.when_open(settling.destination, now, after(now, own))
    }

    /// Then, or when a destination that is left alone is not any longer.
    fn when_open(&self, destination: &str, now: Timestamp, own: Timestamp) -> Timestamp {
        self.table().blocked_until(destination, now).map_or(own, |until| until.max(own))
    }

    /// The instant until which a message is tried.
    pub(crate) fn until(&self, message: &ClaimedMessage) -> Timestamp {
        after(message.begins, self.settings().lifetime)
    }

    pub(crate) async fn prepare_report(
        &self,
        settling: &Settling<'_>,
        lines: Vec<Line>,
        way: Way,
    ) -> Result<Option<Prepared>, StorageError> {
        let (settings, message) = (self.settings(), settling.message);
        let Some(reverse_path) = self.told_as(message).await? else { return Ok(None) };
        let report = Report {
            hostname: &settings.hostname,
            signatory: settings.signatory.as_deref(),
            reverse_path: &reverse_path,
            parameters: report::parameters(&message.parameters),
            created: message.created,
            content: settling.content,
            lines,
            now: self.store.now(),
            until: self.until(message),
            id: message.id.to_string(),
            number: self.random(),
        };
        prepare(&self.store, &report, way).await
    }

    /// Where the sender of a message hears of it; `None`: nowhere.
    async fn told_as(&self, message: &ClaimedMessage) -> Result<Option<String>, StorageError> {
        let parameters = &message.parameters;
        // RFC 5321 §6.2: a report to who never sent anything helps nobody.
        if parameters.doubtful {
            return Ok(None);
        }
        let path = &message.reverse_path;
        let Some(original) = self.before_rewriting(path) else {
            return Ok(Some(path.clone()));
        };
        // A copy that was sent on, whose sender was rewritten here (R-ADDR-10). It goes back only
        // to who is known to have sent the message.
        let ours = Address::parse(path)?;
        if self.store.find_recipient(&ours).await? != Resolution::UnknownRecipient {
            return Ok(Some(path.clone()));
        }
        Ok(original.filter(|_| parameters.verified))
    }

    /// The sender that was rewritten (R-ADDR-10), where one was; nobody can say who it was where it
    /// was not done here, or too long ago.
    pub(crate) fn before_rewriting(&self, reverse_path: &str) -> Option<Option<String>> {
        let settings = self.settings();
        let key = settings.rewriting.as_ref()?;
        let address = message::address::Address::parse_path(reverse_path.as_bytes()).ok()?;
        let original = || srs::reverse(&address, key, srs::day_of(self.store.now().as_secs())).ok();
        srs::is_rewritten(&address).then(|| original().map(|original| original.to_string()))
    }

    /// Remembers, counts and logs what is on stable storage.
    fn settled(&self, settling: &Settling<'_>, decided: &[Decided], reported: bool) {
        self.count_settled(settling, decided, reported);
        self.progressed();
    }

    fn count_settled(&self, settling: &Settling<'_>, decided: &[Decided], reported: bool) {
        if reported {
            add(&self.counters.reports, 1);
        }
        let spool = settling.message.id;
        for (Decided { outcome, .. }, (recipient, _)) in decided.iter().zip(&settling.ends) {
            let destination = spool_destination(&recipient.forward_path);
            let (recipient, answer) = (&recipient.forward_path, &outcome.answer);
            match outcome.fate {
                Fate::Delivered => {
                    add(&self.counters.delivered, 1);
                    tracing::info!(%spool, recipient, answer, "sent");
                }
                Fate::Deferred(due) | Fate::Postponed(due) => {
                    add(&self.counters.deferred, 1);
                    self.table().note(&destination, due);
                    tracing::info!(%spool, recipient, answer, "deferred");
                }
                Fate::Failed => {
                    add(&self.counters.failed, 1);
                    tracing::info!(%spool, recipient, answer, "failed");
                }
                Fate::Untried => self.table().note(&destination, self.store.now()),
                Fate::Warned | Fate::ToldDeadline => {
                    self.table().note(&destination, self.store.now());
                    tracing::info!(%spool, recipient, "its sender was told that it is late");
                }
            }
        }
    }
}

/// Whether an error is of the outcome itself, whatever is told of it.
fn is_of_settling(error: &StorageError) -> bool {
    matches!(
        error,
        StorageError::Conflict(_) | StorageError::Unavailable(_) | StorageError::NoSpace(_)
    )
}

/// A message about a meeting that did not reach somebody.
struct Bounced {
    account: AccountId,
    uid: String,
    to: String,
}

fn bounced(settling: &Settling<'_>, decided: &[Decided]) -> Vec<Bounced> {
    let message = settling.message;
    let failed = settling.ends.iter().zip(decided);
    let failed = failed.filter(|(_, decided)| decided.is_failed());
    let (Some(account), Some(uid)) = (message.account, message.parameters.meeting()) else {
        return Vec::new();
    };
    let of = |((recipient, _), _): (&(ClaimedRecipient, End), _)| Bounced {
        account,
        uid: uid.clone(),
        to: recipient.forward_path.clone(),
    };
    failed.map(of).collect()
}

struct Decided {
    outcome: Settlement,
    line: Option<Line>,
}

impl Decided {
    fn is_failed(&self) -> bool {
        self.outcome.fate == Fate::Failed
    }
}
