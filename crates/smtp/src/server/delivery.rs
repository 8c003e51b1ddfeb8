//! One message into the mailboxes and the spool, in one transaction.
//!
//! **Invariant:** what [`deliver`] says is stored is on stable storage, for every recipient it
//! says it of; nothing else is.

use std::sync::{Arc, OnceLock};

use ids::{AccountId, Timestamp};
use message::date::{DateTime, format_rfc3339};
use storage::{
    Placement, PreparedMessage, SpoolEntry, SpoolRecipient, SpoolTerms, StorageError, Store,
    Urgency, WriteTx,
};

use super::desk::Target;
use crate::error::CommandError;
use crate::settings::Role;
use crate::types::{
    Body, ByMode, DeliverBy, Envelope, ForwardPath, Hold, Notify, Recipient, Ret, ReversePath,
};

/// A complete message and where it goes.
pub(super) struct Delivery<'a> {
    /// With our trace fields.
    pub(super) bytes: Vec<u8>,
    /// Bytes of Return-Path at the start, which relayed mail goes without.
    pub(super) return_path_bytes: usize,
    pub(super) envelope: &'a Envelope,
    /// One for each recipient of the envelope.
    pub(super) targets: Vec<Target>,
    /// Where it belongs in mailboxes here.
    pub(super) placement: Placement,
    /// Whether the content holds bytes outside ASCII.
    pub(super) eight_bit: bool,
    /// Whether its author would rather have it sent without TLS than not at all (RFC 8689 §3).
    pub(super) tls_optional: bool,
    pub(super) submitter: Option<AccountId>,
    pub(super) role: Role,
}

/// What happened to each recipient, in the order of the envelope.
pub(super) type Outcomes = Vec<Result<(), CommandError>>;

/// Stores the message: in one transaction for all recipients, unless mailboxes filled up since
/// their RCPT, when that transaction is given up and another one takes its place.
pub(super) async fn deliver(
    store: &Store,
    delivery: Delivery<'_>,
) -> Result<Outcomes, CommandError> {
    let mut plan = Plan::of(store, delivery).await?;
    loop {
        let refused = Arc::new(OnceLock::new());
        let (attempt, noted) = (plan.attempt(), refused.clone());
        let messages = attempt.messages();
        let stored = store
            .write_messages("smtp delivery", messages, move |tx| attempt.store(tx, &noted))
            .await;
        match (stored, refused.get()) {
            (Ok(committed), _) => return Ok(committed.value),
            (Err(_), Some(refused)) => plan.redirect_to_spool(store, refused).await?,
            (Err(error), None) => return Err(error.into()),
        }
    }
}

/// What there is to do, kept for a second attempt.
struct Plan {
    targets: Vec<Target>,
    placement: Placement,
    /// The message for mailboxes here.
    local: Option<Arc<PreparedMessage>>,
    /// The same without Return-Path, for the spool.
    relayed: Option<Arc<PreparedMessage>>,
    /// Its bytes, where it may yet be needed.
    spare: Option<Vec<u8>>,
    entry: SpoolEntry,
    terms: SpoolTerms,
    role: Role,
}

impl Plan {
    async fn of(store: &Store, delivery: Delivery<'_>) -> Result<Self, CommandError> {
        let (entry, terms) = (spool_entry(&delivery), spool_terms(delivery.envelope));
        let Delivery { bytes, return_path_bytes, mut targets, placement, role, .. } = delivery;
        if terms.begins.is_some() {
            // RFC 4865 §4.2: it waits in the spool, wherever it goes.
            targets.fill(Target::Elsewhere);
        }
        let here = targets.iter().any(|target| target.account().is_some());
        let elsewhere = targets.contains(&Target::Elsewhere);
        let mut spare = (elsewhere || (role != Role::Lmtp && targets.len() > 1))
            .then(|| bytes.get(return_path_bytes..).unwrap_or_default().to_vec());
        let relayed = match spare.take_if(|_| elsewhere) {
            Some(bytes) => Some(Arc::new(store.prepare(bytes).await?)),
            None => None,
        };
        let local = if here { Some(Arc::new(store.prepare(bytes).await?)) } else { None };
        Ok(Self { targets, placement, local, relayed, spare, entry, terms, role })
    }

    /// Sends the copies of some recipients to the spool: RFC 5321 §4.4 lets no other answer
    /// than yes be given when some recipients get a message, and the sending side tells the
    /// sender if it cannot bring the rest home.
    async fn redirect_to_spool(
        &mut self,
        store: &Store,
        refused: &[usize],
    ) -> Result<(), CommandError> {
        for at in refused {
            if let Some(target) = self.targets.get_mut(*at) {
                *target = Target::Elsewhere;
            }
        }
        if let Some(bytes) = self.spare.take() {
            self.relayed = Some(Arc::new(store.prepare(bytes).await?));
        }
        Ok(())
    }

    fn attempt(&self) -> Attempt {
        let mut order: Vec<usize> = (0..self.targets.len()).collect();
        order.sort_by_key(|at| self.targets.get(*at).and_then(Target::account));
        Attempt {
            order,
            targets: self.targets.clone(),
            placement: self.placement,
            local: self.local.clone(),
            relayed: self.relayed.clone(),
            entry: self.entry.clone(),
            terms: self.terms,
            role: self.role,
        }
    }
}

/// What one transaction does.
struct Attempt {
    targets: Vec<Target>,
    placement: Placement,
    /// Accounts ascending, since each stays locked until the commit.
    order: Vec<usize>,
    local: Option<Arc<PreparedMessage>>,
    relayed: Option<Arc<PreparedMessage>>,
    entry: SpoolEntry,
    terms: SpoolTerms,
    role: Role,
}

impl Attempt {
    fn messages(&self) -> Vec<Arc<PreparedMessage>> {
        self.local.iter().chain(&self.relayed).cloned().collect()
    }

    /// Writes everything. A recipient that alone is refused is told so in its outcome over
    /// LMTP; elsewhere nothing is written, and `refused` says for whom it must be the spool,
    /// unless that would be everybody.
    fn store(
        mut self,
        tx: &mut WriteTx<'_>,
        refused: &OnceLock<Vec<usize>>,
    ) -> storage::Result<Outcomes> {
        let mut outcomes: Outcomes = self.targets.iter().map(|_| Ok(())).collect();
        let mut failed = Vec::new();
        let mut last_error = None;
        for at in &self.order {
            match self.deliver(tx, *at) {
                Ok(()) => {}
                Err(error) if !concerns_one_recipient(&error) => return Err(error),
                Err(error) if self.role == Role::Lmtp => {
                    if let Some(outcome) = outcomes.get_mut(*at) {
                        *outcome = Err(error.into());
                    }
                }
                Err(error) => {
                    failed.push(*at);
                    last_error = Some(error);
                }
            }
        }
        if let Some(error) = last_error {
            if failed.len() < self.targets.len() {
                // Set once: this is the only place, and the transaction runs once.
                let _ = refused.set(failed);
            }
            return Err(error);
        }
        self.spool(tx)?;
        Ok(outcomes)
    }

    fn deliver(&self, tx: &mut WriteTx<'_>, at: usize) -> storage::Result<()> {
        let (Some(Target::Account { account, detail }), Some(message)) =
            (self.targets.get(at), &self.local)
        else {
            return Ok(());
        };
        let delivery = storage::Delivery { placement: self.placement, mailbox: detail.clone() };
        // R-ADDR-4: two addresses of one account are two deliveries.
        tx.account(*account)?.deliver(message, delivery)?;
        Ok(())
    }

    fn spool(&mut self, tx: &mut WriteTx<'_>) -> storage::Result<()> {
        let Some(message) = &self.relayed else { return Ok(()) };
        let mut entry = self.entry.clone();
        let mut targets = self.targets.iter();
        entry.recipients.retain(|_| targets.next() == Some(&Target::Elsewhere));
        tx.spool_on(self.terms, entry, message)?;
        Ok(())
    }
}

/// Errors that storage gives before it wrote anything for the recipient, so that the others'
/// copies can be committed.
fn concerns_one_recipient(error: &StorageError) -> bool {
    match error {
        StorageError::OverQuota { .. }
        | StorageError::NotFound(_)
        | StorageError::NoPermission(_) => true,
        StorageError::AlreadyExists(_)
        | StorageError::TooBig { .. }
        | StorageError::Limit { .. }
        | StorageError::Conflict(_)
        | StorageError::InUse(_)
        | StorageError::Maintenance
        | StorageError::Expunged
        | StorageError::Invalid(_)
        | StorageError::Unavailable(_)
        | StorageError::NoSpace(_)
        | StorageError::Corrupt(_)
        | StorageError::Internal(_) => false,
    }
}

/// The envelope as the spool keeps it, with all its recipients.
fn spool_entry(delivery: &Delivery<'_>) -> SpoolEntry {
    let Delivery { envelope, submitter, tls_optional, .. } = *delivery;
    let parameters = &envelope.parameters;
    let ret = parameters.ret.map(|ret| match ret {
        Ret::Full => "FULL",
        Ret::Hdrs => "HDRS",
    });
    let body = match parameters.body {
        // RFC 6152 §3: who says nothing says 7BIT, and many send 8 bits all the same; the next
        // server must be told what it gets.
        Body::SevenBit if delivery.eight_bit => "8BITMIME",
        Body::SevenBit => "7BIT",
        Body::EightBitMime => "8BITMIME",
        Body::BinaryMime => "BINARYMIME",
    };
    let mut envelope_json = serde_json::json!({
        "body": body,
        "smtputf8": parameters.smtputf8,
        "ret": ret,
        "envid": parameters.envelope_id.as_ref().map(|id| id.as_str()),
    });
    // Hardly any message has one of these.
    for (name, value) in [
        ("hold", parameters.hold.map(|hold| render_hold(hold).into())),
        ("by", parameters.deliver_by.map(|by| deadline_json(by, envelope.at))),
        ("priority", parameters.priority.map(|priority| priority.get().into())),
        ("requiretls", parameters.require_tls.then(|| true.into())),
        ("tls_optional", tls_optional.then(|| true.into())),
        // The queue brings it to a mailbox here that was full.
        ("quarantine", (delivery.placement == Placement::Junk).then(|| true.into())),
    ] {
        if let Some(value) = value {
            envelope_json[name] = value;
        }
    }
    SpoolEntry {
        account: submitter,
        reverse_path: match &envelope.reverse_path {
            ReversePath::Null => String::new(),
            ReversePath::Mailbox(mailbox) => mailbox.to_string(),
        },
        envelope_json: envelope_json.to_string(),
        recipients: envelope.recipients.iter().map(spool_recipient).collect(),
    }
}

/// As RFC 4865 §5.1.2 has it in reports.
fn render_hold(hold: Hold) -> String {
    match hold {
        Hold::For(secs) => format!("for;{secs}"),
        Hold::Until(at) => {
            format!("until;{}", format_rfc3339(DateTime::from_unix_secs(at.as_secs())))
        }
    }
}

/// RFC 2852 §4: the span of time becomes an instant at once.
fn deadline_json(by: DeliverBy, now: Timestamp) -> serde_json::Value {
    let mode = match by.mode {
        ByMode::Notify => "N",
        ByMode::Return => "R",
    };
    let at = by.deadline(now).as_micros();
    serde_json::json!({ "at": at, "mode": mode, "trace": by.trace })
}

fn spool_terms(envelope: &Envelope) -> SpoolTerms {
    let parameters = &envelope.parameters;
    SpoolTerms {
        begins: parameters.hold.map(|hold| hold.until(envelope.at)),
        deadline: parameters.deliver_by.map(|by| by.deadline(envelope.at)),
        // RFC 6710 §5: levels between these are rounded up.
        urgency: match parameters.priority.unwrap_or_default().get() {
            1.. => Urgency::Urgent,
            0 => Urgency::Normal,
            _ => Urgency::Bulk,
        },
    }
}

fn spool_recipient(recipient: &Recipient) -> SpoolRecipient {
    let notify = match recipient.notify {
        Notify::Unspecified => None,
        Notify::Never => Some("NEVER".to_owned()),
        Notify::On { success, failure, delay } => {
            let words = [("SUCCESS", success), ("FAILURE", failure), ("DELAY", delay)];
            let wanted: Vec<&str> =
                words.iter().filter(|(_, on)| *on).map(|(word, _)| *word).collect();
            Some(wanted.join(","))
        }
    };
    let parameters_json = serde_json::json!({
        "notify": notify,
        "orcpt": recipient.original.as_ref().map(|original| original.as_str()),
    });
    SpoolRecipient {
        forward_path: match &recipient.path {
            ForwardPath::Postmaster => "postmaster".to_owned(),
            ForwardPath::Mailbox(mailbox) => mailbox.to_string(),
        },
        parameters_json: parameters_json.to_string(),
    }
}

impl Target {
    fn account(&self) -> Option<AccountId> {
        match self {
            Self::Account { account, .. } => Some(*account),
            Self::Elsewhere => None,
        }
    }
}
