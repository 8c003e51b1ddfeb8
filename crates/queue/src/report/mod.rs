//! What senders are told: failures, delays, and successes if they asked (RFC 3461, 3464).
//!
//! **Invariants:** nothing is told to the null sender (RFC 5321 §4.5.5), nor with any other sender
//! than it; a report is in the transaction that settles what it tells of.

mod render;

use ids::Timestamp;
use mailauth::{Author, Signatory};
use storage::{
    Address, ClaimedMessage, ClaimedRecipient, Delivery, PreparedMessage, Resolution, SpoolEntry,
    SpoolRecipient, SpoolTerms, StorageError, Store, Urgency, WriteTx,
};

use crate::answer::Answer;
use crate::envelope::{MailParameters, RcptParameters, Wish};
use smtp::client::OutboundContent;

/// What is told of a recipient (RFC 3464 §2.3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// It cannot be reached.
    Failed,
    /// It could not be reached yet.
    Delayed,
    /// The message is in its mailbox.
    Delivered,
    /// A server that tells nothing has the message.
    Relayed,
}

impl Action {
    const fn wish(self) -> Wish {
        match self {
            Self::Failed => Wish::Failure,
            Self::Delayed => Wish::Delay,
            Self::Delivered | Self::Relayed => Wish::Success,
        }
    }
}

/// One recipient of a report.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) recipient: ClaimedRecipient,
    pub(crate) action: Action,
    pub(crate) answer: Answer,
}

impl Line {
    /// What is to be told of a recipient, if its sender wants to hear it.
    pub(crate) fn wanted(
        recipient: &ClaimedRecipient,
        action: Action,
        answer: &Answer,
    ) -> Option<Self> {
        RcptParameters::of(recipient).wants(action.wish()).then(|| Self {
            recipient: recipient.clone(),
            action,
            answer: answer.clone(),
        })
    }
}

impl Line {
    /// The same, though the sender did not ask, unless nothing is to be told.
    pub(crate) fn unasked(
        recipient: &ClaimedRecipient,
        action: Action,
        answer: &Answer,
    ) -> Option<Self> {
        (!RcptParameters::of(recipient).is_never()).then(|| Self {
            recipient: recipient.clone(),
            action,
            answer: answer.clone(),
        })
    }
}

/// What a report is about.
#[derive(Debug)]
pub(crate) struct Report<'a> {
    pub(crate) hostname: &'a str,
    pub(crate) signatory: Option<&'a dyn Signatory>,
    pub(crate) message: &'a ClaimedMessage,
    pub(crate) content: &'a OutboundContent,
    pub(crate) lines: &'a [Line],
    pub(crate) now: Timestamp,
    /// Until when it is tried.
    pub(crate) until: Timestamp,
    /// Makes the message unlike every other.
    pub(crate) number: u64,
}

/// A report ready to be stored.
pub(crate) struct Prepared {
    to: Address,
    message: std::sync::Arc<PreparedMessage>,
    entry: SpoolEntry,
    terms: SpoolTerms,
}

/// Writes a report and finds out where it goes; `None` where nobody is to be told.
pub(crate) async fn prepare(
    store: &Store,
    report: &Report<'_>,
) -> Result<Option<Prepared>, StorageError> {
    let reverse_path = report.message.reverse_path.as_str();
    if report.lines.is_empty() || reverse_path.is_empty() {
        return Ok(None);
    }
    let Ok(to) = Address::parse(reverse_path) else { return Ok(None) };
    let rendered = report.render();
    let bytes = match store.find_recipient(&to).await? {
        Resolution::Account(_) => {
            [message::compose::return_path(None).into_bytes(), rendered.bytes].concat()
        }
        Resolution::Relay => match report.signatory {
            // A report without a signature is better than none.
            Some(signatory) => {
                let signed = signatory.sign(rendered.bytes.clone(), 0, Author::Server).await;
                signed.unwrap_or(rendered.bytes)
            }
            None => rendered.bytes,
        },
        // An address of ours that is no longer.
        // Or a list, which takes no reports.
        Resolution::UnknownRecipient | Resolution::List(_) => return Ok(None),
    };
    let message = std::sync::Arc::new(store.prepare(bytes).await?);
    let parameters = MailParameters::of(report.message);
    // RFC 6710 §4.6 and RFC 8689 §5: a report has the priority of what it is about, and goes by as
    // safe a way.
    let envelope = MailParameters {
        body: Some(if rendered.eight_bit { "8BITMIME" } else { "7BIT" }.to_owned()),
        smtputf8: rendered.utf8,
        priority: parameters.priority,
        requiretls: parameters.requiretls,
        ..MailParameters::default()
    };
    let terms = SpoolTerms { urgency: urgency(&parameters), ..SpoolTerms::default() };
    let entry = SpoolEntry {
        account: None,
        // RFC 3464 §2: a report has the null sender.
        reverse_path: String::new(),
        envelope_json: serde_json::json!(envelope).to_string(),
        recipients: vec![SpoolRecipient {
            forward_path: reverse_path.to_owned(),
            // RFC 3461 §6.1: of the fate of a report nobody is told.
            parameters_json: serde_json::json!({ "notify": "NEVER" }).to_string(),
        }],
    };
    Ok(Some(Prepared { to, message, entry, terms }))
}

pub(crate) fn urgency(parameters: &MailParameters) -> Urgency {
    match parameters.priority.unwrap_or_default() {
        1.. => Urgency::Urgent,
        0 => Urgency::Normal,
        _ => Urgency::Bulk,
    }
}

impl Prepared {
    /// What has to be durable before it is filed.
    pub(crate) fn message(&self) -> std::sync::Arc<PreparedMessage> {
        self.message.clone()
    }

    /// Files it: into the mailbox of a sender of ours, else into the spool. A mailbox that takes
    /// nothing gets nothing: RFC 5321 §4.5.5, of a report nobody is told.
    pub(crate) fn file(self, tx: &mut WriteTx<'_>) -> storage::Result<()> {
        let Resolution::Account(recipient) = tx.resolve(&self.to)? else {
            return tx.spool_on(self.terms, self.entry, &self.message).map(|_| ());
        };
        let mut account = match tx.account(recipient.account) {
            Ok(account) => account,
            Err(StorageError::NotFound(_)) => return Ok(()),
            Err(error) => return Err(error),
        };
        let delivery = Delivery { mailbox: recipient.detail, ..Delivery::default() };
        match account.deliver(&self.message, delivery) {
            Ok(_) => Ok(()),
            Err(
                error @ (StorageError::OverQuota { .. }
                | StorageError::NotFound(_)
                | StorageError::NoPermission(_)),
            ) => {
                tracing::info!(%error, "a report found no room");
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}
