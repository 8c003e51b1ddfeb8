//! What the binary decides about WebDAV. Plain values with defaults.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use net::MemoryBudget;
use storage::{AttachmentSettings, ObjectLimits};

use crate::counts::Counts;
use crate::push::PushKey;
use crate::xml;

/// What is decided about subscriptions to pushes.
#[derive(Debug, Clone)]
pub struct PushSettings {
    /// The key that signs requests to push services.
    pub key: Arc<PushKey>,
    /// The most subscriptions of one account.
    pub subscriptions_max: u64,
}

/// Looks at what people attach before it is taken.
pub trait AttachmentChecks: fmt::Debug + Send + Sync {
    /// What it says of data that has this id.
    fn look_at<'a>(
        &'a self,
        id: &'a str,
        data: &'a [u8],
    ) -> Pin<Box<dyn Future<Output = AttachmentVerdict> + Send + 'a>>;
}

/// What is said of an attachment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttachmentVerdict {
    /// The attachment may be stored.
    Sound,
    /// The attachment is malware: refused.
    Harmful,
    /// Nobody can say now, and it is not to be taken without.
    Unknown,
}

/// Everything the service is told.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What URLs begin with that are given to others, such as `https://mail.example.test`.
    pub public_url: String,
    /// Whether clients may sign in without TLS.
    pub plaintext_auth: bool,
    /// The bounds on one object.
    pub objects: ObjectLimits,
    /// What managed attachments are bound by, as storage has it (RFC 8607 §6).
    pub attachments: AttachmentSettings,
    /// Attendees of a meeting, as storage has it (RFC 4791 §5.2.9).
    pub attendees_max: usize,
    /// What a body of XML may cost.
    pub xml: xml::Limits,
    /// Objects that one answer tells of; above it the answer is cut (RFC 6578 §3.6) or refused.
    pub results_max: usize,
    /// Bytes of an answer about many resources.
    pub answer_bytes_max: usize,
    /// How long such an answer may take to make.
    pub answer_time: Duration,
    /// Requests of one account that read from the store at a time ([`Turns`](crate::Turns)); at
    /// least one.
    pub account_readers_max: usize,
    /// The memory that bodies of requests share.
    pub body_memory: Arc<MemoryBudget>,
    /// The scanner of attachments, if one is configured.
    pub checks: Option<Arc<dyn AttachmentChecks>>,
    /// How long a body may take to arrive.
    pub body_timeout: Duration,
    /// Absent where nobody is told of changes.
    pub pushes: Option<PushSettings>,
    /// The counters of requests.
    pub counts: Arc<Counts>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            public_url: String::new(),
            plaintext_auth: false,
            objects: ObjectLimits::default(),
            attachments: AttachmentSettings::default(),
            attendees_max: storage::SchedulingSettings::default().attendees_max,
            xml: xml::Limits::default(),
            results_max: 100_000,
            answer_bytes_max: 256 * 1024 * 1024,
            answer_time: Duration::from_secs(60),
            account_readers_max: 2,
            body_memory: Arc::new(MemoryBudget::new(256 * 1024 * 1024)),
            checks: None,
            body_timeout: Duration::from_secs(300),
            pushes: None,
            counts: Arc::default(),
        }
    }
}
