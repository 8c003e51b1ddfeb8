//! The metrics page.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use auth::Authenticator;
use net::ConnectionCounters;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};
use queue::Queue;
use storage::Store;

use super::services::Shared;

/// Everything that is measured.
pub(super) struct Metrics {
    registry: Registry,
}

impl Metrics {
    /// Measurements of these listeners, named as in the log, and of what they share.
    pub(super) fn new(listeners: Vec<(String, Arc<ConnectionCounters>)>, shared: &Shared) -> Self {
        let mut registry = Registry::with_prefix("posthorn");
        registry.register_collector(Box::new(Connections { listeners }));
        let (store, authenticator) = (shared.store.clone(), shared.authenticator.clone());
        registry.register_collector(Box::new(Inside { store, authenticator }));
        if let Some(queue) = shared.queue.clone() {
            registry.register_collector(Box::new(Sending { queue }));
        }
        Self { registry }
    }

    /// The page in the OpenMetrics text format.
    pub(super) fn render(&self) -> Result<String, fmt::Error> {
        let mut page = String::new();
        prometheus_client::encoding::text::encode(&mut page, &self.registry)?;
        Ok(page)
    }
}

/// What the listeners count.
#[derive(Debug)]
struct Connections {
    listeners: Vec<(String, Arc<ConnectionCounters>)>,
}

type Read = fn(&ConnectionCounters) -> u64;

/// Name, help and value of each counter.
const COUNTERS: &[(&str, &str, Read)] = &[
    ("connections_accepted", "Connections accepted", |counters| {
        ConnectionCounters::read(&counters.accepted)
    }),
    ("connections_refused_full", "Refused: the listener was full", |counters| {
        ConnectionCounters::read(&counters.refused_total)
    }),
    ("connections_refused_address", "Refused: too many from one address", |counters| {
        ConnectionCounters::read(&counters.refused_address)
    }),
    ("tls_failures", "TLS handshakes that failed", |counters| {
        ConnectionCounters::read(&counters.tls_failed)
    }),
    ("proxy_failures", "PROXY headers missing or malformed", |counters| {
        ConnectionCounters::read(&counters.proxy_failed)
    }),
    ("session_panics", "Sessions ended by a panic", |counters| {
        ConnectionCounters::read(&counters.panicked)
    }),
];

impl Collector for Connections {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        for (name, help, read) in COUNTERS {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            for (listener, counters) in &self.listeners {
                let labels = [("listener", listener.as_str())];
                ConstCounter::new(read(counters)).encode(family.encode_family(&labels)?)?;
            }
        }
        let help = "Connections open now";
        let mut family =
            encoder.encode_descriptor("connections_active", help, None, MetricType::Gauge)?;
        for (listener, counters) in &self.listeners {
            let labels = [("listener", listener.as_str())];
            let active = ConnectionCounters::read(&counters.active);
            let gauge = ConstGauge::new(i64::try_from(active).unwrap_or(i64::MAX));
            gauge.encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

/// What storage and authentication count.
struct Inside {
    store: Store,
    authenticator: Arc<Authenticator>,
}

impl fmt::Debug for Inside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inside").finish_non_exhaustive()
    }
}

impl Collector for Inside {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let storage = self.store.statistics();
        for (name, help, value) in [
            ("storage_writes_submitted", "Write transactions submitted", storage.submitted),
            ("storage_writes", "Write transactions on stable storage", storage.transactions),
            ("storage_commits", "Commits; several transactions share one", storage.commits),
            ("search_indexed", "Messages put into the search index", storage.indexed),
        ] {
            counter(&mut encoder, name, help, value)?;
        }
        let help = "Time spent in commits with their transactions";
        let seconds = Duration::from_micros(storage.commit_micros).as_secs_f64();
        let kind = MetricType::Counter;
        let descriptor =
            encoder.encode_descriptor("storage_commit", help, Some(&Unit::Seconds), kind)?;
        ConstCounter::new(seconds).encode(descriptor)?;
        let help = "The most transactions that shared a commit";
        let largest = i64::try_from(storage.largest_batch).unwrap_or(i64::MAX);
        let descriptor =
            encoder.encode_descriptor("storage_batch_max", help, None, MetricType::Gauge)?;
        ConstGauge::new(largest).encode(descriptor)?;
        self.encode_index_lag(&mut encoder)?;
        self.encode_sign_ins(encoder)
    }
}

impl Inside {
    fn encode_index_lag(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let (messages, since) = self.store.index_lag();
        let help = "Messages that wait to be indexed";
        let waiting = i64::try_from(messages).unwrap_or(i64::MAX);
        let descriptor =
            encoder.encode_descriptor("search_waiting", help, None, MetricType::Gauge)?;
        ConstGauge::new(waiting).encode(descriptor)?;
        let help = "How long the first of them has waited";
        let seconds = since.map_or(0, |since| self.store.now().as_secs() - since.as_secs());
        let (unit, kind) = (Some(&Unit::Seconds), MetricType::Gauge);
        let descriptor = encoder.encode_descriptor("search_lag", help, unit, kind)?;
        ConstGauge::new(seconds.max(0)).encode(descriptor)
    }

    fn encode_sign_ins(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let counts = self.authenticator.counts();
        let help = "Sign-ins by their result";
        let mut family = encoder.encode_descriptor("sign_ins", help, None, MetricType::Counter)?;
        for (result, value) in
            [("ok", counts.signed_in), ("failed", counts.wrong), ("throttled", counts.throttled)]
        {
            let labels = [("result", result)];
            ConstCounter::new(value).encode(family.encode_family(&labels)?)?;
        }
        let help = "Passwords that were hashed to verify them; the rest were remembered";
        counter(&mut encoder, "password_verifications", help, counts.verified)
    }
}

/// What the queue counts.
struct Sending {
    queue: Queue,
}

impl fmt::Debug for Sending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sending").finish_non_exhaustive()
    }
}

impl Collector for Sending {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let queue = self.queue.counters();
        for (name, help, value) in [
            ("queue_delivered", "Recipients that the next server has", queue.delivered),
            ("queue_deferred", "Attempts that did not succeed", queue.deferred),
            ("queue_failed", "Recipients that could not be reached", queue.failed),
            ("queue_reports", "Reports to senders", queue.reports),
            ("queue_connections", "Connections to other servers", queue.connections),
            ("queue_connections_tls", "Those with TLS", queue.connections_tls),
            (
                "queue_connections_failed",
                "Servers that could not be used",
                queue.connections_failed,
            ),
        ] {
            counter(&mut encoder, name, help, value)?;
        }
        for (name, help, value) in [
            ("queue_active", "Destinations being visited now, by connection", queue.active),
            ("queue_waiting", "Recipients that waited at the last look", queue.waiting),
            ("queue_destinations", "Destinations that they wait for", queue.destinations),
        ] {
            let descriptor = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX)).encode(descriptor)?;
        }
        Ok(())
    }
}

fn counter(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    value: u64,
) -> Result<(), fmt::Error> {
    let descriptor = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    ConstCounter::new(value).encode(descriptor)
}
