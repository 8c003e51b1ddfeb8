//! What requests are counted by, over all listeners and reloads.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hyper::body::Body;

use crate::answer::Answer;

/// Everything else is counted as `other`: what a client sends becomes no label.
const METHODS: [&str; 17] = [
    "ACL",
    "COPY",
    "DELETE",
    "GET",
    "HEAD",
    "LOCK",
    "MKCALENDAR",
    "MKCOL",
    "MOVE",
    "OPTIONS",
    "POST",
    "PROPFIND",
    "PROPPATCH",
    "PUT",
    "REPORT",
    "UNLOCK",
    "other",
];
const CLASSES: [&str; 4] = ["2xx", "3xx", "4xx", "5xx"];

/// Requests by method. Only ever grows.
#[derive(Debug, Default)]
pub struct Counts {
    methods: [OfMethod; METHODS.len()],
}

#[derive(Debug, Default)]
struct OfMethod {
    answered: [AtomicU64; CLASSES.len()],
    micros: AtomicU64,
    received_bytes: AtomicU64,
    sent_bytes: AtomicU64,
}

/// What was counted of one method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MethodCounts {
    /// The name of the method, or `other` for those that have no count of their own.
    pub method: &'static str,
    /// Requests by the class of their status.
    pub answered: [(&'static str, u64); CLASSES.len()],
    /// How long they took, from the head to the answer.
    pub time: Duration,
    /// Bytes of their bodies.
    pub received_bytes: u64,
    /// Bytes of the bodies of their answers.
    pub sent_bytes: u64,
}

/// A method, as it is counted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Method(usize);

impl Method {
    pub(crate) fn of(method: &hyper::Method) -> Self {
        let known = METHODS.iter().position(|known| *known == method.as_str());
        Self(known.unwrap_or(METHODS.len() - 1))
    }
}

impl Counts {
    /// Counts the bytes of the body of a request.
    pub(crate) fn received(&self, method: Method, bytes: usize) {
        if let Some(counts) = self.methods.get(method.0) {
            add(&counts.received_bytes, bytes as u64);
        }
    }

    /// A request was answered.
    pub(crate) fn answered(&self, method: Method, answer: &Answer, time: Duration) {
        let Some(counts) = self.methods.get(method.0) else { return };
        let class = usize::from(answer.status().as_u16() / 100).saturating_sub(2);
        if let Some(class) = counts.answered.get(class) {
            add(class, 1);
        }
        add(&counts.micros, u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
        add(&counts.sent_bytes, answer.body().size_hint().lower());
    }

    /// The counts of every method so far.
    pub fn each(&self) -> impl Iterator<Item = MethodCounts> {
        METHODS.into_iter().zip(&self.methods).map(|(method, counts)| MethodCounts {
            method,
            answered: std::array::from_fn(|at| {
                let class = CLASSES.get(at).copied().unwrap_or_default();
                (class, counts.answered.get(at).map_or(0, read))
            }),
            time: Duration::from_micros(read(&counts.micros)),
            received_bytes: read(&counts.received_bytes),
            sent_bytes: read(&counts.sent_bytes),
        })
    }
}

fn add(counter: &AtomicU64, more: u64) {
    counter.fetch_add(more, Ordering::Relaxed);
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}
