//! What people do with their mail, told to rspamd.
//!
//! **Invariant:** nobody waits for it; what it does not learn now, it does not learn.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use config::Config;
use net::Shutdown;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use scan::{RspamdTeacher, ScanError};
use storage::{Lesson, LessonKind, Store, Want};

use super::checks;
use super::open::read_secret;
use crate::cli::Failure;

/// LIMIT: larger messages teach nothing.
const MESSAGE_BYTES_MAX: usize = 10 * 1024 * 1024;
/// LIMIT: how long a lesson may take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How long the controller is left alone when it does not answer.
const PAUSE: Duration = Duration::from_secs(10);

/// Counters of what was taught.
#[derive(Debug, Default)]
pub(super) struct TeachingCounts {
    spam: AtomicU64,
    ham: AtomicU64,
    failed: AtomicU64,
}

/// The rspamd that is taught, if one is configured.
pub(super) fn teacher(config: &Config) -> Result<Option<RspamdTeacher>, Failure> {
    let Some(controller) = &config.rspamd.controller else { return Ok(None) };
    Ok(Some(RspamdTeacher {
        address: checks::address(controller),
        password: config.rspamd.password_file.as_ref().map(read_secret).transpose()?,
    }))
}

/// Teaches until the shutdown.
pub(super) fn start(
    teacher: RspamdTeacher,
    store: Store,
    counting: Arc<TeachingCounts>,
    shutdown: &Shutdown,
) {
    let ending = shutdown.clone();
    shutdown.spawn(async move {
        loop {
            tokio::select! {
                biased;
                () = ending.requested() => return,
                () = teach_next(&store, &teacher, &counting) => {}
            }
        }
    });
}

async fn teach_next(store: &Store, teacher: &RspamdTeacher, counts: &TeachingCounts) {
    let lesson = store.lesson_notices().next().await;
    let Some(message) = load(store, lesson).await else { return };
    let (kind, counter) = match lesson.kind {
        LessonKind::Spam => (scan::Lesson::Spam, &counts.spam),
        LessonKind::Ham => (scan::Lesson::Ham, &counts.ham),
    };
    let outcome = match tokio::time::timeout(TIMEOUT, teacher.teach(kind, &message)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(ScanError::TimedOut),
    };
    match outcome {
        Ok(()) => {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        Err(error) => {
            counts.failed.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(%error, "rspamd did not learn a message");
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// The message, if it is there still and not too large.
async fn load(store: &Store, lesson: Lesson) -> Option<Vec<u8>> {
    let want = Want::HEADER | Want::TEXT;
    let found = store.read(move |tx| tx.load_contents(&[lesson.content], want)).await;
    let content = match found {
        Ok(mut found) => found.pop()?,
        Err(error) => {
            tracing::warn!(%error, "a message to learn cannot be read");
            return None;
        }
    };
    let (header, text) = (content.header()?, content.text()?);
    let fits = header.len() + text.len() <= MESSAGE_BYTES_MAX;
    fits.then(|| [header, text].concat())
}

/// What was taught, for the metrics page.
pub(super) struct TeachingMetrics {
    pub(super) counts: Arc<TeachingCounts>,
}

impl fmt::Debug for TeachingMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TeachingMetrics").finish_non_exhaustive()
    }
}

impl Collector for TeachingMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let help = "Messages that rspamd was to learn, by what became of it";
        let mut family = encoder.encode_descriptor("lessons", help, None, MetricType::Counter)?;
        let TeachingCounts { spam, ham, failed } = &*self.counts;
        for (result, value) in [("spam", spam), ("ham", ham), ("failed", failed)] {
            let value = value.load(Ordering::Relaxed);
            let labels = [("result", result)];
            ConstCounter::new(value).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}
