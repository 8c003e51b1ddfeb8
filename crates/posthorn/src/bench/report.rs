//! What was measured: numbers with their units, for people and for programs.

use std::time::Duration;

use serde::Serialize;

/// All results of one run.
#[derive(Serialize)]
pub(crate) struct Report {
    /// `imap`, `smtp` or `http`.
    pub(crate) bench: &'static str,
    /// The server's address.
    pub(crate) server: String,
    /// Messages a row is about.
    pub(crate) messages: usize,
    /// The size of each.
    pub(crate) size_bytes: usize,
    /// What the message texts were made from.
    pub(crate) seed: u64,
    /// Processor time of this client over the whole run, texts included.
    pub(crate) client_cpu_secs: Option<f64>,
    /// The results, in the order they were measured.
    pub(crate) rows: Vec<Row>,
}

/// The unit of a number.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) enum Unit {
    /// More is better.
    #[serde(rename = "messages/s")]
    MessagesPerSecond,
    /// More is better.
    #[serde(rename = "requests/s")]
    RequestsPerSecond,
    /// More is better.
    #[serde(rename = "sign-ins/s")]
    SignInsPerSecond,
    /// Less is better.
    #[serde(rename = "ms")]
    Milliseconds,
    /// Less is better.
    #[serde(rename = "KiB/connection")]
    KibibytesPerConnection,
    /// Less is better.
    #[serde(rename = "MiB")]
    Mebibytes,
}

impl Unit {
    /// As it stands in the table.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::MessagesPerSecond => "messages/s",
            Self::RequestsPerSecond => "requests/s",
            Self::SignInsPerSecond => "sign-ins/s",
            Self::Milliseconds => "ms",
            Self::KibibytesPerConnection => "KiB/connection",
            Self::Mebibytes => "MiB",
        }
    }

    fn more_is_better(self) -> bool {
        use Unit::{MessagesPerSecond, RequestsPerSecond, SignInsPerSecond};
        matches!(self, MessagesPerSecond | RequestsPerSecond | SignInsPerSecond)
    }
}

/// Something that was measured, with every repetition.
#[derive(Clone, Serialize)]
pub(crate) struct Row {
    /// What was done, the same words for every server.
    pub(crate) name: String,
    /// The unit of the numbers.
    pub(crate) unit: Unit,
    /// The middle repetition.
    pub(crate) median: f64,
    /// The best repetition.
    pub(crate) best: f64,
    /// Every repetition, in order.
    pub(crate) runs: Vec<f64>,
    /// How much was found each time, where servers may differ in that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) found: Option<u64>,
}

impl Row {
    /// A row from its repetitions, of which there is at least one.
    pub(super) fn new(name: impl Into<String>, unit: Unit, runs: Vec<f64>) -> Self {
        let mut sorted = runs.clone();
        sorted.sort_by(f64::total_cmp);
        let best = if unit.more_is_better() { sorted.last() } else { sorted.first() };
        let best = best.copied().unwrap_or_default();
        Self { name: name.into(), unit, median: median(&sorted), best, runs, found: None }
    }

    /// The row of something that was found so often.
    pub(super) fn found(mut self, count: u64) -> Self {
        self.found = Some(count);
        self
    }
}

fn median(sorted: &[f64]) -> f64 {
    let at = |index: usize| sorted.get(index).copied().unwrap_or_default();
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 {
        at(middle)
    } else {
        (at(middle.saturating_sub(1)) + at(middle)) / 2.0
    }
}

/// A duration in the unit of the table.
pub(super) fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// How often per second, if it happened so often in this time.
pub(super) fn per_second(count: usize, duration: Duration) -> f64 {
    count as f64 / duration.as_secs_f64().max(1e-9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn best_and_median_follow_the_unit() {
        for (unit, runs, median, best) in [
            (Unit::Milliseconds, vec![3.0, 1.0, 2.0], 2.0, 1.0),
            (Unit::MessagesPerSecond, vec![3.0, 1.0, 2.0], 2.0, 3.0),
            (Unit::KibibytesPerConnection, vec![4.0, 1.0], 2.5, 1.0),
            (Unit::SignInsPerSecond, vec![7.0], 7.0, 7.0),
        ] {
            let row = Row::new("row", unit, runs.clone());
            assert_eq!((row.median, row.best, row.runs), (median, best, runs));
        }
    }

    #[test]
    fn units_are_spelt_alike_in_table_and_json() {
        for unit in [
            Unit::MessagesPerSecond,
            Unit::RequestsPerSecond,
            Unit::SignInsPerSecond,
            Unit::Milliseconds,
            Unit::KibibytesPerConnection,
            Unit::Mebibytes,
        ] {
            assert_eq!(serde_json::to_value(unit).unwrap(), unit.as_str());
        }
    }
}
