//! Structured logs on standard error, whose level can change while the daemon runs.

use std::io::{IsTerminal, stderr};

use config::{Level, Log, LogFormat};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Registry, fmt, reload};

use super::log_writer::LogWriter;

/// The crates of this workspace that log. Others are only heard when something is wrong.
const OURS: &[&str] = &[
    "posthorn",
    "net",
    "storage",
    "auth",
    "imap",
    "pop3",
    "smtp",
    "managesieve",
    "dav",
    "queue",
    "message",
    "sasl",
    "delivery",
    "scan",
    "acme",
    "mailauth",
    "responder",
    "ical",
    "textindex",
    "config",
    "ids",
];

/// Changes the level of the running log. Where it goes, what waits to be logged is.
pub(super) struct LevelHandle {
    handle: reload::Handle<Targets, Registry>,
    log: LogWriter,
}

/// Starts logging. Only the first start in a process counts.
pub(super) fn start(log: &Log) -> LevelHandle {
    let (filter, handle) = reload::Layer::new(targets(log.level));
    let registry = tracing_subscriber::registry().with(filter);
    let writer = LogWriter::start(stderr());
    let started = match log.format {
        LogFormat::Plain => registry
            .with(fmt::layer().with_writer(writer.clone()).with_ansi(stderr().is_terminal()))
            .try_init(),
        LogFormat::Json => registry
            .with(fmt::layer().json().flatten_event(true).with_writer(writer.clone()))
            .try_init(),
    };
    if started.is_ok() {
        log_panics();
    }
    LevelHandle { handle, log: writer }
}

impl Drop for LevelHandle {
    fn drop(&mut self) {
        self.log.finish();
    }
}

impl LevelHandle {
    /// Sets another level.
    pub(super) fn set(&self, level: Level) {
        if let Err(error) = self.handle.reload(targets(level)) {
            tracing::error!(%error, "the log level cannot be changed");
        }
    }
}

fn targets(level: Level) -> Targets {
    let level = match level {
        Level::Error => LevelFilter::ERROR,
        Level::Warn => LevelFilter::WARN,
        Level::Info => LevelFilter::INFO,
        Level::Debug => LevelFilter::DEBUG,
        Level::Trace => LevelFilter::TRACE,
    };
    // Libraries warn of what peers do wrong, which is the peers' business.
    let others = if level > LevelFilter::INFO { LevelFilter::WARN } else { LevelFilter::ERROR };
    Targets::new()
        .with_default(others.min(level))
        .with_targets(OURS.iter().map(|target| (*target, level)))
}

/// Panics go to the log with their place. Their text may quote what was being parsed, which is
/// somebody's mail, so it stays out.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let location = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(location, "panic");
    }));
}
