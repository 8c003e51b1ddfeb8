//! Content checks: what the configuration says of them, and the way from an SMTP session to the
//! programs that check.

use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use config::{CheckedMail as Kind, Config, Socket, Unavailable};
use dav::{AttachmentChecks, AttachmentVerdict};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use scan::{
    Chain, ChainSession, Check, CheckCounters, Clamd, DataOutcome, Mail, Milter, OnFailure, Origin,
    Outcome, Peer, Recipient, Reply, Rspamd, Scanner, ScannerAddress, TlsOfPeer,
};
use smtp::Role;
use smtp::check::{
    AddedRecipient, CheckReply, CheckSession, CheckedMail, Checking, ContentChecks,
    EnvelopeChanges, Verdict,
};
use smtp::render::{Enhanced, mail_parameters, rcpt_parameters};
use smtp::types::{ForwardPath, ReversePath};
use storage::Placement;

/// The checks of a daemon. Connections that begin after a reload have the new ones; what a check
/// counted goes on under its name.
#[derive(Clone)]
pub(super) struct Checks {
    chain: Arc<RwLock<Chain>>,
    hostname: Arc<str>,
}

impl Checks {
    /// The checks of the configuration.
    pub(super) fn new(config: &Config) -> Self {
        let checks = config.checks.iter().map(check).collect();
        let chain = Arc::new(RwLock::new(Chain::new(checks)));
        Self { chain, hostname: config.hostname.as_str().into() }
    }

    /// Takes up those of another configuration.
    pub(super) fn replace(&self, config: &Config) {
        let mut chain = self.chain.write().unwrap_or_else(PoisonError::into_inner);
        let renewed = config.checks.iter().map(check).map(|mut new| {
            let before = chain.checks().iter().find(|before| before.name == new.name);
            if let Some(before) = before {
                new.counters = before.counters.clone();
            }
            new
        });
        let renewed = Chain::new(renewed.collect());
        *chain = renewed;
    }

    fn chain(&self) -> Chain {
        self.chain.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn check(check: &config::Check) -> Check {
    let address = address(&check.address);
    Check {
        name: match &check.name {
            Some(name) => name.to_string(),
            None => check.scanner.as_str().to_owned(),
        },
        scanner: match check.scanner {
            config::Scanner::Rspamd => Scanner::Rspamd(Rspamd { address }),
            config::Scanner::Milter => Scanner::Milter(Milter { address }),
            config::Scanner::Clamd => Scanner::Clamd(Clamd { address }),
        },
        origins: check
            .mail
            .iter()
            .map(|kind| match kind {
                Kind::Incoming => Origin::Incoming,
                Kind::Outgoing => Origin::Outgoing,
                Kind::Lmtp => Origin::Local,
            })
            .collect(),
        size_bytes_max: check.size,
        timeout: check.timeout,
        on_failure: match check.unavailable {
            Unavailable::Defer => OnFailure::Defer,
            Unavailable::Accept => OnFailure::Accept,
        },
        refuses: check.refuse,
        quarantines: check.junk,
        counters: Arc::default(),
    }
}

/// Where a program listens, as `scan` has it.
pub(super) fn address(socket: &Socket) -> ScannerAddress {
    match socket {
        Socket::Inet(endpoint) => {
            ScannerAddress::Inet { host: endpoint.host().to_owned(), port: endpoint.port() }
        }
        Socket::Unix(path) => ScannerAddress::Unix(path.clone()),
    }
}

fn origin(role: Role) -> Origin {
    match role {
        Role::Mx => Origin::Incoming,
        Role::Submission => Origin::Outgoing,
        Role::Lmtp => Origin::Local,
    }
}

impl ContentChecks for Checks {
    fn looks_at(&self, role: Role) -> bool {
        self.chain().looks_at(origin(role))
    }

    fn begin(&self) -> Box<dyn CheckSession> {
        Box::new(Session { checks: self.chain().begin(), hostname: self.hostname.clone() })
    }
}

impl fmt::Debug for Checks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checks").finish_non_exhaustive()
    }
}

impl AttachmentChecks for Checks {
    fn look_at<'a>(
        &'a self,
        id: &'a str,
        data: &'a [u8],
    ) -> Pin<Box<dyn Future<Output = AttachmentVerdict> + Send + 'a>> {
        let chain = self.chain();
        Box::pin(async move {
            match chain.look_at_data(id, data).await {
                DataOutcome::Accept => AttachmentVerdict::Sound,
                DataOutcome::Refuse(_) => AttachmentVerdict::Harmful,
                DataOutcome::Unavailable => AttachmentVerdict::Unknown,
            }
        })
    }
}

/// The checks of one connection.
struct Session {
    checks: ChainSession,
    hostname: Arc<str>,
}

impl CheckSession for Session {
    fn asks_recipients(&self, role: Role) -> bool {
        self.checks.asks_recipients(origin(role))
    }

    fn check_recipient<'a>(
        &'a mut self,
        mail: CheckedMail<'a>,
        recipient: &'a smtp::types::Recipient,
    ) -> Checking<'a, Result<(), CheckReply>> {
        Box::pin(async move {
            // They have heard of those before it.
            let envelope = Envelope::of(mail.envelope, &[]);
            let shown = envelope.shown(&mail, &self.hostname);
            let asked = self.checks.recipient(shown, &self::recipient(recipient)).await;
            asked.map_err(check_reply)
        })
    }

    fn check<'a>(&'a mut self, mail: CheckedMail<'a>) -> Checking<'a, Verdict> {
        Box::pin(async move {
            let envelope = Envelope::of(mail.envelope, &mail.envelope.recipients);
            verdict(self.checks.run(envelope.shown(&mail, &self.hostname)).await)
        })
    }

    fn end(self: Box<Self>) -> Checking<'static, ()> {
        Box::pin(self.checks.end())
    }
}

/// An envelope as `scan` has it.
struct Envelope {
    reverse_path: String,
    parameters: Vec<String>,
    recipients: Vec<Recipient>,
}

impl Envelope {
    fn of(envelope: &smtp::types::Envelope, recipients: &[smtp::types::Recipient]) -> Self {
        Self {
            reverse_path: match &envelope.reverse_path {
                ReversePath::Null => String::new(),
                ReversePath::Mailbox(mailbox) => mailbox.to_string(),
            },
            parameters: mail_parameters(&envelope.parameters),
            recipients: recipients.iter().map(recipient).collect(),
        }
    }

    fn shown<'a>(&'a self, mail: &CheckedMail<'a>, hostname: &'a str) -> Mail<'a> {
        let tls = |tls: &'a net::TlsFacts| TlsOfPeer { version: &tls.version, cipher: &tls.cipher };
        Mail {
            origin: origin(mail.role),
            peer: Peer {
                address: mail.peer,
                name: mail.peer_name,
                helo: mail.helo,
                tls: mail.tls.map(tls),
            },
            account: mail.account,
            mechanism: mail.mechanism,
            transaction: mail.transaction,
            reverse_path: &self.reverse_path,
            parameters: &self.parameters,
            recipients: &self.recipients,
            id: mail.id,
            hostname,
            message: mail.message,
        }
    }
}

fn recipient(recipient: &smtp::types::Recipient) -> Recipient {
    let address = match &recipient.path {
        ForwardPath::Postmaster => "postmaster".to_owned(),
        ForwardPath::Mailbox(mailbox) => mailbox.to_string(),
    };
    Recipient { address, parameters: rcpt_parameters(recipient) }
}

fn verdict(outcome: Outcome) -> Verdict {
    match outcome {
        Outcome::Accept { changed, quarantine, envelope } => {
            let placement = if quarantine { Placement::Junk } else { Placement::Inbox };
            let added = envelope.added.into_iter().map(|one| AddedRecipient {
                address: one.address,
                parameters: one.parameters.join(" "),
            });
            let added = added.collect();
            let (sender, removed) = (envelope.sender, envelope.removed);
            let envelope = EnvelopeChanges { sender, removed, added };
            Verdict::Accept { changed, placement, envelope }
        }
        Outcome::Refuse(reply) => Verdict::Refuse(check_reply(reply)),
    }
}

fn check_reply(reply: Reply) -> CheckReply {
    let (class, subject, detail) = reply.enhanced;
    CheckReply { code: reply.code, enhanced: Enhanced(class, subject, detail), text: reply.text }
}

/// What the checks count, for the metrics page.
pub(super) struct CheckMetrics {
    pub(super) checks: Checks,
}

impl fmt::Debug for CheckMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CheckMetrics").finish_non_exhaustive()
    }
}

impl Collector for CheckMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let help = "Messages shown to a check, and recipients it refused, by what it said of them";
        let mut family = encoder.encode_descriptor("checks", help, None, MetricType::Counter)?;
        for check in self.checks.chain().checks() {
            for (result, value) in results(&check.counters) {
                let labels = [("check", check.name.as_str()), ("result", result)];
                let value = value.load(Ordering::Relaxed);
                ConstCounter::new(value).encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}

fn results(counters: &CheckCounters) -> [(&'static str, &AtomicU64); 6] {
    [
        ("accepted", &counters.accepted),
        ("marked", &counters.marked),
        ("deferred", &counters.deferred),
        ("refused", &counters.refused),
        ("failed", &counters.failed),
        ("skipped", &counters.skipped),
    ]
}
