//! What reports to other domains have in common in time: what is counted goes to storage every
//! half minute, and once a day is over the domains that want to hear of it are told.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use ids::Timestamp;
use storage::StorageError;
use tokio::time::{Instant, sleep};

use crate::queue::Inner;

/// How often what was counted is written down.
const FLUSH: Duration = Duration::from_secs(30);
/// How often it is looked for days that are over.
const LOOK: Duration = Duration::from_secs(600);
/// RFC 8460 §4.1: a day, by UTC; RFC 7489 §7.2 leaves it open.
pub(crate) const DAY_SECS: i64 = 86_400;
/// RFC 8460 §4.1: reports are spread over the first hours of a day.
const SPREAD_SECS: i64 = 4 * 3600;
/// How long a domain is left alone that could not be told.
pub(crate) const AGAIN_SECS: i64 = 3_600;

/// Days of domains that could not be told, and when it is tried again.
pub(crate) type Again = HashMap<(i64, String), Timestamp>;

/// One kind of daily report, as the loop that sends them sees it.
pub(crate) trait DayReports: Send {
    /// What it is called in the log.
    const NAME: &str;

    /// Writes down what was counted since it was last.
    fn flush(&self, inner: &Inner) -> impl Future<Output = ()> + Send;

    /// Tells every domain of the days that are over, if no other daemon does.
    fn tell(&mut self, inner: &Inner) -> impl Future<Output = Result<(), StorageError>> + Send;
}

/// Counts and reports until the shutdown.
pub(crate) async fn run<R: DayReports>(inner: Arc<Inner>, mut reports: R) {
    let mut looked: Option<Instant> = None;
    loop {
        tokio::select! {
            biased;
            () = inner.shutdown.requested() => break,
            () = sleep(FLUSH) => {}
        }
        reports.flush(&inner).await;
        if looked.is_some_and(|at| at.elapsed() < LOOK) {
            continue;
        }
        looked = Some(Instant::now());
        tokio::select! {
            biased;
            () = inner.shutdown.requested() => break,
            // What is cut off is done after the next start, or by another daemon.
            outcome = reports.tell(&inner) => {
                if let Err(error) = outcome {
                    tracing::warn!(%error, "{}", R::NAME);
                }
            }
        }
    }
    reports.flush(&inner).await;
}

/// The day of an instant, counted from 1970.
pub(crate) fn day_of(at: Timestamp) -> i64 {
    at.as_secs().div_euclid(DAY_SECS)
}

/// How long after midnight a domain is told, in seconds.
pub(crate) fn offset(domain: &str) -> i64 {
    let mut hasher = DefaultHasher::new();
    domain.hash(&mut hasher);
    (hasher.finish() % SPREAD_SECS.unsigned_abs()).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_are_told_in_the_first_hours_of_a_day() {
        assert!((0..SPREAD_SECS).contains(&offset("there.test")));
    }
}
