//! Reports of others (DMARC, TLS), read as they arrive.

use std::sync::Arc;
use std::time::Duration;

use ids::Timestamp;
use mailauth::dns::Lookups;
use mailauth::reports::{Report, ReportError, ReportMessage};
use net::{ReplaceableDns, Shutdown};
use smtp::TimedLookups;
use storage::{MailReport, Store};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;

/// LIMIT: messages that wait to be read, of 10 MiB at most each.
const WAITING_MAX: usize = 8;
/// LIMIT: messages whose signatures are looked at meanwhile. Others wait for none of them unless they
/// have signatures to be looked at, too.
const JUDGED_MAX: usize = 16;
/// LIMIT: how long the DNS is asked who signed one of them.
const ASKING_MAX: Duration = Duration::from_secs(10);

/// Whoever reads reports.
#[derive(Clone)]
struct Reader {
    store: Store,
    /// None where mail is taken unchecked: then no report of TLS is known to be anybody's.
    dns: Option<Arc<ReplaceableDns>>,
    judged: Arc<Semaphore>,
    shutdown: Shutdown,
}

/// Reads what is sent to the channel, until the shutdown.
pub(super) fn start(
    store: Store,
    dns: Option<Arc<ReplaceableDns>>,
    shutdown: &Shutdown,
) -> mpsc::Sender<Vec<u8>> {
    let (sender, mut receiver) = mpsc::channel(WAITING_MAX);
    let judged = Arc::new(Semaphore::new(JUDGED_MAX));
    let reader = Reader { store, dns, judged, shutdown: shutdown.clone() };
    shutdown.spawn(async move {
        loop {
            let message: Option<Vec<u8>> = tokio::select! {
                biased;
                () = reader.shutdown.requested() => None,
                message = receiver.recv() => message,
            };
            let Some(message) = message else { return };
            reader.read(message).await;
        }
    });
    sender
}

impl Reader {
    async fn read(&self, message: Vec<u8>) {
        let read = tokio::task::spawn_blocking(move || ReportMessage::of(&message)).await;
        let Ok(message) = read else { return };
        if !message.asks_who_signed() {
            self.keep(message).await;
            return;
        }
        // Whoever is asked may take their time.
        let Ok(place) = self.judged.clone().try_acquire_owned() else {
            tracing::warn!("too many reports of TLS at once; one is not read");
            return;
        };
        let reader = self.clone();
        self.shutdown.spawn(async move {
            let ending = reader.shutdown.clone();
            tokio::select! {
                biased;
                () = ending.requested() => {}
                () = reader.keep(message) => {}
            }
            drop(place);
        });
    }

    async fn keep(&self, message: ReportMessage) {
        let until = Instant::now() + ASKING_MAX;
        let lookups = self.dns.as_ref().map(|dns| TimedLookups::new(&**dns, until));
        let lookups = lookups.as_ref().map(|lookups| lookups as &dyn Lookups);
        let now_secs = self.store.settings().clock.now().as_secs().unsigned_abs();
        for report in message.judge(lookups, now_secs).await {
            match report {
                Ok(report) => keep_one(&self.store, &report).await,
                // RFC 8460 §3: it is ignored. Anybody can send one.
                Err(error @ ReportError::Unsigned { .. }) => {
                    tracing::info!(%error, "a report is ignored");
                }
                Err(error) => tracing::info!(%error, "a report cannot be read"),
            }
        }
    }
}

async fn keep_one(store: &Store, report: &Report) {
    let kept = row(report);
    let (domain, reporter) = (&report.domain, &report.reporter);
    match store.write("mail report", move |tx| tx.put_mail_report(&kept)).await {
        Ok(done) => tracing::info!(domain, reporter, new = done.value, "report"),
        Err(error) => tracing::warn!(%error, domain, "a report was not kept"),
    }
}

fn row(report: &Report) -> MailReport {
    MailReport {
        kind: report.kind.as_str().to_owned(),
        domain: report.domain.clone(),
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
