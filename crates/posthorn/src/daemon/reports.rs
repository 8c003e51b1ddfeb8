//! Reports of others (DMARC, TLS), read as they arrive. One whose signer cannot be asked for then
//! is looked at again later, by whichever daemon is there.

use std::sync::Arc;
use std::time::Duration;

use ids::Timestamp;
use mailauth::dns::Lookups;
use mailauth::reports::{Report, ReportError, ReportMessage};
use net::{Dns, ReplaceableDns, Shutdown};
use smtp::TimedLookups;
use storage::{MailReport, StorageError, Store, WAITING_REPORT_BYTES_MAX, WaitingReport};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, MissedTickBehavior, interval};

/// LIMIT: messages that wait to be read, of 10 MiB at most each.
const WAITING_MAX: usize = 8;
/// LIMIT: messages whose signatures are looked at meanwhile, each held until it is known whose it
/// is. Others wait for none of them unless they have signatures to be looked at, too.
const JUDGED_MAX: usize = 12;
/// LIMIT: the same of messages that waited, which take no place from those that come.
const AGAIN_MAX: usize = 4;
/// LIMIT: how long the DNS is asked who signed one of them.
const ASKING_MAX: Duration = Duration::from_secs(10);
/// How often is looked whether one that waits is due.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// Whoever reads reports.
#[derive(Clone)]
struct Reader {
    store: Store,
    /// None where mail is taken unchecked: then no report of TLS is known to be anybody's.
    dns: Option<Arc<dyn Dns>>,
    judged: Arc<Semaphore>,
    /// Places for those that waited.
    again: Arc<Semaphore>,
    shutdown: Shutdown,
}

/// A message that may hold reports.
struct Letter {
    /// As it was received; empty where it is too large to wait.
    message: Vec<u8>,
    /// The domain that reports, by its own word; empty until it is read.
    source: String,
    received: Timestamp,
    /// The number among waiting reports, if it waited.
    waited: Option<i64>,
    /// Whether it is looked at again, should nobody answer now.
    waits_on: bool,
}

impl From<WaitingReport> for Letter {
    fn from(report: WaitingReport) -> Self {
        let WaitingReport { id, received, message, is_last } = report;
        let source = String::new();
        Self { message, source, received, waited: Some(id), waits_on: !is_last }
    }
}

/// Reads what is sent to the channel, until the shutdown.
pub(super) fn start(
    store: Store,
    dns: Option<Arc<ReplaceableDns>>,
    shutdown: &Shutdown,
) -> mpsc::Sender<Vec<u8>> {
    let (sender, mut receiver) = mpsc::channel(WAITING_MAX);
    let judged = Arc::new(Semaphore::new(JUDGED_MAX));
    let again = Arc::new(Semaphore::new(AGAIN_MAX));
    let dns = dns.map(|dns| -> Arc<dyn Dns> { dns });
    let reader = Reader { store, dns, judged, again, shutdown: shutdown.clone() };
    let mut due = interval(LOOK_AGAIN);
    due.set_missed_tick_behavior(MissedTickBehavior::Delay);
    shutdown.spawn(async move {
        loop {
            tokio::select! {
                biased;
                () = reader.shutdown.requested() => return,
                message = receiver.recv() => match message {
                    Some(message) => reader.read(message).await,
                    None => return,
                },
                // One at a time: what comes is read first.
                _ = due.tick() => if reader.look_again().await {
                    due.reset_immediately();
                },
            }
        }
    });
    sender
}

impl Reader {
    /// Reads a message that has come.
    async fn read(&self, message: Vec<u8>) {
        let received = self.store.now();
        let source = String::new();
        let letter = Letter { message, source, received, waited: None, waits_on: true };
        let Some((letter, found)) = read_letter(letter).await else { return };
        if !found.asks_who_signed() {
            self.keep(&letter, found).await;
            return;
        }
        // Whoever is asked may take their time.
        match self.judged.clone().try_acquire_owned() {
            Ok(place) => self.judge(letter, found, place),
            Err(_) => self.put_off(&letter).await,
        }
    }

    /// Reads again the first message that is due; whether there was one.
    async fn look_again(&self) -> bool {
        // Another daemon has put it off, which asks the DNS.
        if self.dns.is_none() {
            return false;
        }
        let Ok(place) = self.again.clone().try_acquire_owned() else { return false };
        let letter = match self.take_due().await {
            Ok(Some(taken)) => Letter::from(taken),
            Ok(None) => return false,
            Err(error) => {
                tracing::warn!(%error, "reports that wait were not looked at");
                return false;
            }
        };
        if let Some((letter, found)) = read_letter(letter).await {
            self.judge(letter, found, place);
        }
        true
    }

    async fn take_due(&self) -> Result<Option<WaitingReport>, StorageError> {
        let due = self.store.read(|tx| tx.waiting_report_due()).await?;
        if due.is_none_or(|due| due > self.store.now()) {
            return Ok(None);
        }
        let taken = self.store.write("waiting report", |tx| tx.take_waiting_report()).await?;
        Ok(taken.value)
    }

    /// Finds out whose it is, beside everything else.
    fn judge(&self, letter: Letter, found: ReportMessage, place: OwnedSemaphorePermit) {
        let reader = self.clone();
        self.shutdown.spawn(async move {
            let ending = reader.shutdown.clone();
            tokio::select! {
                biased;
                () = ending.requested() => reader.put_off(&letter).await,
                () = reader.keep(&letter, found) => {}
            }
            drop(place);
        });
    }

    async fn keep(&self, letter: &Letter, message: ReportMessage) {
        let until = Instant::now() + ASKING_MAX;
        let lookups = self.dns.as_ref().map(|dns| TimedLookups::new(&**dns, until));
        let lookups = lookups.as_ref().map(|lookups| lookups as &dyn Lookups);
        // A signature that has expired since then did hold.
        let received = letter.received.as_secs().unsigned_abs();
        let (mut is_undecided, mut is_lost) = (false, false);
        for report in message.judge(lookups, received).await {
            match report {
                Ok(report) => is_lost |= !keep_one(&self.store, &report).await,
                // RFC 8460 §3: it is ignored. Anybody can send one.
                Err(error @ ReportError::Unsigned { .. }) => {
                    tracing::info!(%error, "a report is ignored");
                }
                Err(error @ ReportError::Undecided { .. }) => {
                    tracing::info!(%error, again = letter.waits_on, "a report cannot be judged");
                    is_undecided = true;
                }
                Err(error) => tracing::info!(%error, "a report cannot be read"),
            }
        }
        match is_lost || (is_undecided && letter.waits_on) {
            true => self.put_off(letter).await,
            false => self.end(letter).await,
        }
    }

    /// Has a message looked at again later.
    async fn put_off(&self, letter: &Letter) {
        // One that waited is due again already.
        if letter.waited.is_some() {
            return;
        }
        if letter.message.is_empty() {
            tracing::warn!("a report is too large to wait; it is not read");
            return;
        }
        let (source, message) = (letter.source.clone(), letter.message.clone());
        let put =
            self.store.write("waiting report", move |tx| tx.put_waiting_report(&source, &message));
        match put.await {
            Ok(done) if done.value => {}
            Ok(_) => {
                tracing::warn!(source = letter.source, "too many reports wait; one is not read")
            }
            Err(error) => tracing::warn!(%error, "a report was not kept"),
        }
    }

    async fn end(&self, letter: &Letter) {
        let Some(id) = letter.waited else { return };
        let end = self.store.write("waiting report", move |tx| tx.end_waiting_report(id));
        if let Err(error) = end.await {
            tracing::warn!(%error, "a report is looked at once more");
        }
    }
}

/// Reads the report in a letter.
async fn read_letter(mut letter: Letter) -> Option<(Letter, ReportMessage)> {
    let read = tokio::task::spawn_blocking(move || {
        let found = ReportMessage::of(&letter.message);
        letter.source = found.source().unwrap_or_default().to_owned();
        if letter.message.len() > WAITING_REPORT_BYTES_MAX {
            letter.message = Vec::new();
        }
        (letter, found)
    });
    read.await.ok()
}

/// Keeps a report; whether nothing was in the way.
async fn keep_one(store: &Store, report: &Report) -> bool {
    let kept = row(report);
    let (domain, reporter) = (&report.domain, &report.reporter);
    match store.write("mail report", move |tx| tx.put_mail_report(&kept)).await {
        Ok(done) => {
            tracing::info!(domain, reporter, new = done.value, "report");
            true
        }
        Err(error) => {
            tracing::warn!(%error, domain, "a report was not kept");
            false
        }
    }
}

fn row(report: &Report) -> MailReport {
    MailReport {
        kind: report.kind.as_str().to_owned(),
        domain: report.domain.clone(),
        source: report.source.clone().unwrap_or_default(),
        reporter: report.reporter.clone(),
        report_id: report.id.clone(),
        begins: instant(report.begins),
        ends: instant(report.ends),
        passed: report.passed,
        failed: report.failed,
        details_json: serde_json::to_string(&report.rows).unwrap_or_default(),
    }
}

/// What a report calls a time, within what an instant can hold.
fn instant(secs: i64) -> Timestamp {
    // LIMIT: the year 9999.
    Timestamp::from_secs(secs.clamp(0, 253_402_300_799))
}

#[cfg(test)]
mod tests;
