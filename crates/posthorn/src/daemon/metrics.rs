//! The metrics page: counters of every service in the text format of Prometheus.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use auth::Authenticator;
use dav::MethodCounts;
use net::{ConnectionCounters, NetworkRates, ProtocolCounts};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};
use queue::{Backlog, CountersSnapshot, Waits};
use storage::{BATCH_SIZES, COMMIT_MICROS, StatisticsSnapshot, Store};

use super::certificates::CertificateMetrics;
use super::checks::CheckMetrics;
use super::services::{Counts, Shared};
use super::teaching::TeachingMetrics;

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
        registry.register_collector(Box::new(Protocols { counts: shared.counts.clone() }));
        registry.register_collector(Box::new(CheckMetrics { checks: shared.checks.clone() }));
        registry.register_collector(Box::new(DavMetrics { counts: shared.counts.dav.clone() }));
        registry.register_collector(Box::new(Networks { rates: shared.rates.clone() }));
        let counts = shared.certificates.clone();
        registry.register_collector(Box::new(CertificateMetrics { counts }));
        registry.register_collector(Box::new(TeachingMetrics { counts: shared.taught.clone() }));
        if let Some(queue) = shared.queue.clone() {
            let (counting, waiting, behind) = (queue.clone(), queue.clone(), queue);
            let counters = Box::new(move || counting.counters());
            let waits = Box::new(move || waiting.waits());
            let backlog = Box::new(move || behind.backlog());
            registry.register_collector(Box::new(Sending { counters, waits, backlog }));
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

/// The counters of listeners.
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
    ("received_bytes", "Bytes from clients, without those of TLS", |counters| {
        ConnectionCounters::read(&counters.received_bytes)
    }),
    ("sent_bytes", "Bytes to clients, without those of TLS", |counters| {
        ConnectionCounters::read(&counters.sent_bytes)
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

/// What strangers were refused, for their network or their address did too much.
#[derive(Debug)]
struct Networks {
    rates: Arc<NetworkRates>,
}

impl Collector for Networks {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let help = "Refused for now: too much of it from one network or address within a minute";
        let name = "network_limit_refusals";
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        let whats = ["connection", "message", "recipient"];
        for (what, count) in whats.into_iter().zip(self.rates.refused()) {
            ConstCounter::new(count).encode(family.encode_family(&[("what", what)])?)?;
        }
        Ok(())
    }
}

/// The counters of protocols.
struct Protocols {
    counts: Arc<Counts>,
}

impl fmt::Debug for Protocols {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Protocols").finish_non_exhaustive()
    }
}

impl Collector for Protocols {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let kind = MetricType::Counter;
        let help = "Commands by how they were answered";
        let mut family = encoder.encode_descriptor("commands", help, None, kind)?;
        for (protocol, counts) in self.counts.each() {
            for (command, result, value) in counts.commands() {
                let labels = [("protocol", protocol), ("command", command), ("result", result)];
                ConstCounter::new(value).encode(family.encode_family(&labels)?)?;
            }
        }
        let help = "Messages handed in by what became of them; over LMTP for each recipient";
        let mut family = encoder.encode_descriptor("messages", help, None, kind)?;
        for (protocol, counts) in self.takers() {
            for (result, value) in counts.messages() {
                let labels = [("protocol", protocol), ("result", result)];
                ConstCounter::new(value).encode(family.encode_family(&labels)?)?;
            }
        }
        let help = "Bytes of messages that were stored";
        let unit = Some(&Unit::Bytes);
        let mut family = encoder.encode_descriptor("message", help, unit, kind)?;
        for (protocol, counts) in self.takers() {
            let labels = [("protocol", protocol)];
            ConstCounter::new(counts.message_bytes()).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

impl Protocols {
    /// The protocols by which messages come in.
    fn takers(&self) -> impl Iterator<Item = (&'static str, &ProtocolCounts)> {
        self.counts
            .each()
            .into_iter()
            .filter(|(protocol, _)| !matches!(*protocol, "pop3" | "managesieve"))
    }
}

/// What requests about calendars, contacts and files come to.
#[derive(Debug)]
struct DavMetrics {
    counts: Arc<dav::Counts>,
}

fn received(of: &MethodCounts) -> u64 {
    of.received_bytes
}

fn sent(of: &MethodCounts) -> u64 {
    of.sent_bytes
}

impl Collector for DavMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let kind = MetricType::Counter;
        let help = "Requests about calendars, contacts and files, by how they were answered";
        let mut family = encoder.encode_descriptor("dav_requests", help, None, kind)?;
        for of in self.counts.each() {
            for (status, value) in of.answered {
                let labels = [("method", of.method), ("status", status)];
                ConstCounter::new(value).encode(family.encode_family(&labels)?)?;
            }
        }
        let help = "How long they took, from the head of the request to the answer";
        let unit = Some(&Unit::Seconds);
        let mut family = encoder.encode_descriptor("dav_request", help, unit, kind)?;
        for of in self.counts.each() {
            let labels = [("method", of.method)];
            ConstCounter::new(of.time.as_secs_f64()).encode(family.encode_family(&labels)?)?;
        }
        let unit = Some(&Unit::Bytes);
        for (name, help, value) in [
            ("dav_received", "Bytes of their bodies", received as fn(&MethodCounts) -> u64),
            ("dav_sent", "Bytes of the bodies of the answers", sent),
        ] {
            let mut family = encoder.encode_descriptor(name, help, unit, kind)?;
            for of in self.counts.each() {
                let labels = [("method", of.method)];
                ConstCounter::new(value(&of)).encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}

/// The counters of storage and authentication.
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
        encode_commits(&mut encoder, &storage)?;
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

/// The counters of the queue.
struct Sending {
    counters: Box<dyn Fn() -> CountersSnapshot + Send + Sync>,
    waits: Box<dyn Fn() -> Waits + Send + Sync>,
    backlog: Box<dyn Fn() -> Backlog + Send + Sync>,
}

impl fmt::Debug for Sending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sending").finish_non_exhaustive()
    }
}

impl Collector for Sending {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let (queue, waits) = ((self.counters)(), (self.waits)());
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
            (
                "queue_paced",
                "Times that a destination had had its messages of a minute",
                queue.paced,
            ),
            (
                "queue_left_alone",
                "Times that a destination was left alone, as no server there could be used",
                queue.left_alone,
            ),
            ("queue_panicked", "Visits that ended by a panic", queue.panicked),
        ] {
            counter(&mut encoder, name, help, value)?;
        }
        for (name, help, value) in [
            ("queue_active", "Destinations being visited now, by connection", queue.active),
            ("queue_waiting", "Recipients that waited at the last look", queue.waiting),
            ("queue_destinations", "Destinations that they wait for", queue.destinations),
            ("queue_destinations_left_alone", "Those left alone for a while", waits.blocked),
            ("queue_destinations_paced", "Those that had their messages of a minute", waits.paced),
            ("queue_destinations_full", "Those with as many connections as they may", waits.full),
        ] {
            let descriptor = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX)).encode(descriptor)?;
        }
        encode_backlog(&mut encoder, (self.backlog)())
    }
}

/// What waits in the queue, and how.
fn encode_backlog(encoder: &mut DescriptorEncoder<'_>, backlog: Backlog) -> Result<(), fmt::Error> {
    let help = "Recipients by what they wait for, at the last count";
    let mut family =
        encoder.encode_descriptor("queue_recipients", help, None, MetricType::Gauge)?;
    for (state, value) in
        [("held", backlog.held), ("deferred", backlog.deferred), ("scheduled", backlog.scheduled)]
    {
        let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
        gauge.encode(family.encode_family(&[("state", state)])?)?;
    }
    let help = "How long the oldest message has waited that may go";
    let (unit, kind) = (Some(&Unit::Seconds), MetricType::Gauge);
    let descriptor = encoder.encode_descriptor("queue_oldest", help, unit, kind)?;
    let secs = i64::try_from(backlog.oldest.as_secs()).unwrap_or(i64::MAX);
    ConstGauge::new(secs).encode(descriptor)
}

/// The queue before the writers, and what comes out of it.
fn encode_commits(
    encoder: &mut DescriptorEncoder<'_>,
    storage: &StatisticsSnapshot,
) -> Result<(), fmt::Error> {
    let help = "Write transactions that wait for a writer";
    let waiting = i64::try_from(storage.waiting).unwrap_or(i64::MAX);
    let descriptor = encoder.encode_descriptor("storage_waiting", help, None, MetricType::Gauge)?;
    ConstGauge::new(waiting).encode(descriptor)?;
    let help = "Memory of messages that wait for a writer or are being written";
    let (unit, kind) = (Some(&Unit::Bytes), MetricType::Gauge);
    let queued = i64::try_from(storage.queued_bytes).unwrap_or(i64::MAX);
    let descriptor = encoder.encode_descriptor("storage_queue", help, unit, kind)?;
    ConstGauge::new(queued).encode(descriptor)?;
    let help = "Write transactions that shared a commit";
    let bounds =
        BATCH_SIZES.map(|bound| if bound == u64::MAX { f64::INFINITY } else { bound as f64 });
    let sum = storage.transactions as f64;
    histogram(encoder, "storage_batch", help, None, sum, &bounds, &storage.batch_sizes)?;
    let help = "How long commits took with their transactions";
    let bounds = COMMIT_MICROS.map(|bound| match bound {
        u64::MAX => f64::INFINITY,
        micros => Duration::from_micros(micros).as_secs_f64(),
    });
    let sum = Duration::from_micros(storage.commit_micros).as_secs_f64();
    let unit = Some(&Unit::Seconds);
    histogram(encoder, "storage_commit_duration", help, unit, sum, &bounds, &storage.commit_times)
}

fn histogram(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    unit: Option<&Unit>,
    sum: f64,
    bounds: &[f64],
    counts: &[u64],
) -> Result<(), fmt::Error> {
    let mut descriptor = encoder.encode_descriptor(name, help, unit, MetricType::Histogram)?;
    let buckets: Vec<_> = bounds.iter().copied().zip(counts.iter().copied()).collect();
    descriptor.encode_histogram::<NoLabelSet>(sum, counts.iter().sum(), &buckets, None)
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fmt::Write;
    use std::path::Path;

    use auth::AuthSettings;
    use net::SystemClock;

    use super::*;
    use crate::daemon::checks::Checks;
    use crate::daemon::signing::DomainSignatory;

    /// The page of a daemon that has one listener and did nothing.
    fn page() -> String {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(SystemClock);
        let store = Store::open(storage::Settings::new(folder.path(), clock.clone())).unwrap();
        let settings = AuthSettings::default();
        let authenticator = Arc::new(Authenticator::new(store.clone(), clock, settings).unwrap());
        let memory = smtp::ReceptionMemory::new(0);
        let counts = Arc::new(Counts::new());
        let seal_key = crate::seal_key::SealKey::new([0; 32]);
        let srs_key = seal_key.srs();
        let signatory = Arc::new(DomainSignatory::new(store.clone(), seal_key, String::new()));
        let text = "hostname = \"a.test\"\n[tls]\nmode = \"self-signed\"\n[[listener]]\n\
                    protocol = \"imap\"\nbind = \"[::1]:143\"\n[[check]]\nscanner = \"clamd\"\n\
                    address = \"[::1]:3310\"\n";
        let config = config::parse(text, Path::new("p.toml")).unwrap();
        let checks = Checks::new(&config);
        let rules = delivery::Settings::new("a.test");
        let sorter = Arc::new(delivery::Deliverer::new(store.clone(), rules));
        let shared = Shared {
            store,
            authenticator,
            memory,
            sorter,
            dns: None,
            signatory,
            reports: tokio::sync::mpsc::channel(1).0,
            dmarc: Arc::default(),
            srs_key,
            queue: None,
            counts,
            checks,
            taught: Arc::default(),
            certificates: Arc::default(),
            rates: Arc::default(),
            dav_turns: dav::Turns::new(1),
            pushes: None,
        };
        let listeners = vec![("imap".to_owned(), Arc::default())];
        let mut metrics = Metrics::new(listeners, &shared);
        let counters = Box::new(CountersSnapshot::default);
        let waits = Box::new(Waits::default);
        let backlog = Box::new(Backlog::default);
        let sending = Sending { counters, waits, backlog };
        metrics.registry.register_collector(Box::new(sending));
        metrics.render().unwrap()
    }

    /// One line of the table for each metric, from what the page says of it.
    fn reference(page: &str) -> String {
        let mut out = String::from(
            "# Metrics\n\nWhat `/metrics` tells, in the OpenMetrics text format. This table is \
             made from the page itself\nby `UPDATE=1 cargo t -p posthorn metrics`.\n\n\
             Labels take values from short lists only: names of listeners, protocols, commands \
             and results. What a\nclient sends never becomes a label; what is no command is \
             counted as `other`.\n\n| metric | kind | labels | what it says |\n|---|---|---|---|\n",
        );
        for line in page.lines() {
            let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|l| l.split_once(' '))
            else {
                continue;
            };
            let kind = page.lines().find_map(|l| l.strip_prefix(&format!("# TYPE {name} ")));
            let kind = kind.unwrap();
            let shown = if kind == "counter" { format!("{name}_total") } else { name.to_owned() };
            let samples = page
                .lines()
                .filter(|l| l.starts_with(&format!("{name}_")) || l.starts_with(&shown));
            let labels: BTreeSet<_> = samples.flat_map(labels_of).collect();
            let labels: Vec<_> = labels.iter().map(|label| format!("`{label}`")).collect();
            let help = help.trim_end_matches('.');
            writeln!(out, "| `{shown}` | {kind} | {} | {help} |", labels.join(", ")).unwrap();
        }
        out
    }

    fn labels_of(sample: &str) -> Vec<&str> {
        let labels = sample.split_once('{').and_then(|(_, rest)| rest.split_once('}'));
        let labels = labels.map_or("", |(labels, _)| labels);
        labels.split(',').filter_map(|label| label.split_once('=')).map(|(name, _)| name).collect()
    }

    #[test]
    fn the_documents_name_every_metric() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/metrics.md");
        let rendered = reference(&page());
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&path, &rendered).unwrap();
        }
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(written == rendered, "docs/metrics.md is not what the page says; run UPDATE=1");
    }

    #[test]
    fn the_page_stays_small() {
        let page = page();
        // Each command with each result once for a protocol; some hundred of them in all.
        let samples = page.lines().filter(|line| !line.starts_with('#')).count();
        assert!((100..1000).contains(&samples), "{samples}");
        for line in [
            "posthorn_commands_total{protocol=\"imap\",command=\"FETCH\",result=\"ok\"} 0",
            "posthorn_commands_total{protocol=\"lmtp\",command=\"other\",result=\"5xx\"} 0",
            "posthorn_messages_total{protocol=\"imap\",result=\"stored\"} 0",
            "posthorn_dav_requests_total{method=\"PROPFIND\",status=\"2xx\"} 0",
            "posthorn_storage_batch_bucket{le=\"+Inf\"} ",
        ] {
            assert!(page.contains(line), "{line}: {page}");
        }
    }
}
