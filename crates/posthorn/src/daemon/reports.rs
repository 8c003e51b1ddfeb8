//! Reports of others (DMARC, TLS), read as they arrive.

use mailauth::reports::{self, Report};
use net::Shutdown;
use storage::{MailReport, Store};
use tokio::sync::mpsc;

/// LIMIT: messages that wait to be read, of 10 MiB at most each.
const WAITING_MAX: usize = 8;

/// Reads what is sent to the channel, until the shutdown.
pub(super) fn start(store: Store, shutdown: &Shutdown) -> mpsc::Sender<Vec<u8>> {
    let (sender, mut receiver) = mpsc::channel(WAITING_MAX);
    let ending = shutdown.clone();
    shutdown.spawn(async move {
        loop {
            let message: Option<Vec<u8>> = tokio::select! {
                biased;
                () = ending.requested() => None,
                message = receiver.recv() => message,
            };
            let Some(message) = message else { return };
            keep(&store, message).await;
        }
    });
    sender
}

async fn keep(store: &Store, message: Vec<u8>) {
    let read = tokio::task::spawn_blocking(move || reports::read(&message)).await;
    for report in read.unwrap_or_default() {
        match report {
            Ok(report) => keep_one(store, &report).await,
            Err(error) => tracing::info!(%error, "a report cannot be read"),
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
fn instant(secs: i64) -> ids::Timestamp {
    // LIMIT: the year 9999.
    ids::Timestamp::from_secs(secs.clamp(0, 253_402_300_799))
}
