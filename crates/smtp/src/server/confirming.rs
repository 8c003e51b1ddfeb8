//! What senders hear who asked to be told of success (RFC 3461 §5.2.3), written before the
//! transaction that stores their message, and spooled in it.
//!
//! **Invariant:** nobody is told who may not be the one who sent it ([`Delivery::is_believed`]),
//! and nothing of a recipient whose copy is not stored.

use ids::Timestamp;
use mailauth::Signatory;
use message::header_fields;
use storage::{Store, Verdict};

use super::delivery::Delivery;
use super::desk::Target;
use super::spooling::{path_text, ret_text};
use crate::client::{OutboundContent, Status};
use crate::error::CommandError;
use crate::report::{Action, Line, Parameters, Prepared, Report, Way, prepare};
use crate::settings::Role;
use crate::types::{Notify, Recipient, ReversePath};

/// LIMIT: bytes of a header section that a report may hold.
const HEADER_BYTES_MAX: usize = 64 * 1024;

/// What reports of delivery are written with.
#[derive(Clone, Copy)]
pub(super) struct Reporter<'a> {
    pub(super) store: &'a Store,
    pub(super) hostname: &'a str,
    pub(super) signatory: Option<&'a dyn Signatory>,
}

/// A message whose sender wants to hear that it has arrived.
pub(super) struct Confirming {
    id: u64,
    reverse_path: String,
    parameters: Parameters,
    created: Timestamp,
    content: OutboundContent,
    /// By target: who asked for a report of it, with what is said of it.
    wanted: Vec<Option<Wanted>>,
    role: Role,
}

struct Wanted {
    forward_path: String,
    original: Option<String>,
}

/// A report, and what must have become of the message for which targets for it to be true.
#[derive(Clone)]
pub(super) struct Confirmation {
    pub(super) prepared: Prepared,
    pub(super) actions: Vec<(usize, Action)>,
}

impl Confirming {
    /// `None` where nobody is to be told anything.
    pub(super) fn of(delivery: &Delivery<'_>) -> Option<Self> {
        let envelope = delivery.envelope;
        let ReversePath::Mailbox(sender) = &envelope.reverse_path else { return None };
        // DEVIATION(RFC 3461 §5.2.3): it wants every report that is asked for; what is asked in the
        // name of somebody else would fill the mailbox of who never wrote (R-SMTP-2).
        if !delivery.is_believed {
            return None;
        }
        let wanted: Vec<_> = envelope.recipients.iter().map(Wanted::of).collect();
        if wanted.iter().all(Option::is_none) {
            return None;
        }
        let parameters = &envelope.parameters;
        Some(Self {
            id: delivery.id,
            reverse_path: sender.to_string(),
            parameters: Parameters {
                smtputf8: parameters.smtputf8,
                ret: parameters.ret.map(ret_text).map(str::to_owned),
                envelope_id: parameters.envelope_id.as_ref().map(|id| id.as_str().to_owned()),
                hold: None,
                deliver_by: parameters.deliver_by.map(|by| by.deadline(envelope.at)),
                priority: parameters.priority.map(|priority| priority.get()),
                requiretls: parameters.require_tls,
            },
            created: envelope.at,
            content: header_of(delivery.bytes.get(delivery.return_path_bytes..)),
            wanted,
            role: delivery.role,
        })
    }

    /// What is to become of a message for each recipient, as far as its sender is told.
    pub(super) fn fates(
        &self,
        targets: &[Target],
        verdicts: &[Option<Verdict>],
    ) -> Vec<Option<Action>> {
        let decided = targets.iter().zip(verdicts);
        decided.map(|(target, verdict)| fate(target, verdict.as_ref())).collect()
    }

    /// Writes the reports: one for all, or over LMTP, where each recipient has an end of its own,
    /// one for each.
    pub(super) async fn prepare(
        &self,
        reporter: Reporter<'_>,
        fates: &[Option<Action>],
    ) -> Result<Vec<Confirmation>, CommandError> {
        let now = reporter.store.now();
        let lines = fates.iter().zip(&self.wanted).enumerate();
        let lines = lines.filter_map(|(at, (action, wanted))| {
            Some((at, line(wanted.as_ref()?, (*action)?, now)))
        });
        let lines: Vec<(usize, Line)> = lines.collect();
        let together = if self.role == Role::Lmtp { 1 } else { lines.len().max(1) };
        let mut confirmations = Vec::new();
        for part in lines.chunks(together) {
            let actions = part.iter().map(|(at, line)| (*at, line.action)).collect();
            let lines = part.iter().map(|(_, line)| line.clone()).collect();
            if let Some(prepared) = self.prepare_one(reporter, lines, confirmations.len()).await? {
                confirmations.push(Confirmation { prepared, actions });
            }
        }
        Ok(confirmations)
    }

    async fn prepare_one(
        &self,
        reporter: Reporter<'_>,
        lines: Vec<Line>,
        ordinal: usize,
    ) -> Result<Option<Prepared>, CommandError> {
        let now = reporter.store.now();
        let report = Report {
            hostname: reporter.hostname,
            signatory: reporter.signatory,
            reverse_path: &self.reverse_path,
            parameters: self.parameters.clone(),
            created: self.created,
            content: &self.content,
            lines,
            now,
            until: now,
            id: ordinal.to_string(),
            number: self.id,
        };
        Ok(prepare(reporter.store, &report, Way::Spool).await?)
    }
}

impl Wanted {
    fn of(recipient: &Recipient) -> Option<Self> {
        if !matches!(recipient.notify, Notify::On { success: true, .. }) {
            return None;
        }
        let forward_path = path_text(&recipient.path);
        let original = recipient.original.as_ref().map(|original| original.as_str().to_owned());
        Some(Self { forward_path, original })
    }
}

/// What becomes of a recipient; `None` where nothing is to be told now.
fn fate(target: &Target, verdict: Option<&Verdict>) -> Option<Action> {
    match (target, verdict) {
        // RFC 3461 §5.2.7.1: what a list has got is where it was sent to.
        (Target::List(_), _) | (Target::Account { .. }, None) => Some(Action::Delivered),
        (Target::Account { .. }, Some(Verdict::Do(plan))) => Action::of_plan(plan),
        // Its sender hears of the refusal.
        (Target::Account { .. }, Some(Verdict::Refuse { .. })) => None,
        // The queue tells of it, or the server it brings it to.
        (Target::Elsewhere, _) => None,
    }
}

fn line(wanted: &Wanted, action: Action, now: Timestamp) -> Line {
    Line {
        forward_path: wanted.forward_path.clone(),
        original: wanted.original.clone(),
        action,
        status: Status::new(2, 0, 0),
        host: None,
        text: action.text().to_owned(),
        attempted: Some(now),
    }
}

/// RFC 3461 §6.2: of what has arrived, the header section goes back.
fn header_of(message: Option<&[u8]>) -> OutboundContent {
    let message = message.unwrap_or_default();
    let end = header_fields(message).last().map_or(0, |field| field.range.end);
    let header = message.get(..end.min(HEADER_BYTES_MAX)).unwrap_or_default();
    OutboundContent { header: header.to_vec(), body: Vec::new() }
}
