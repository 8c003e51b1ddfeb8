//! What senders are told of their mail: failures, delays, and successes if they asked (RFC 3461,
//! 3464, 6522 and 6533).
//!
//! **Invariants:** nothing is told to the null sender (RFC 5321 §4.5.5), nor with any other sender
//! than it; a report is in the transaction that settles what it tells of.
//! **Absent:** when something is to be told, and of what a sender asked to hear.

mod render;

use std::sync::Arc;

use ids::Timestamp;
use mailauth::{Author, Signatory};
use storage::{
    Address, Delivery, DeliveryPlan, Disposition, MailParameters, PreparedMessage, RcptParameters,
    Resolution, SpoolEntry, SpoolRecipient, SpoolTerms, StorageError, Store, Urgency, WriteTx,
};

use crate::client::{OutboundContent, Status};

/// What is told of a recipient (RFC 3464 §2.3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Delivery failed for good.
    Failed,
    /// Delivery is delayed, and will be tried further.
    Delayed,
    /// The message is in its mailbox.
    Delivered,
    /// A server that tells nothing has the message, or an address that nothing is told of.
    Relayed,
    /// Several addresses have it.
    Expanded,
}

impl Action {
    /// What is told of a message of which this became for one recipient; `None` where it has
    /// reached nobody.
    pub fn of_dispositions(dispositions: &[Disposition]) -> Option<Self> {
        let (mut is_here, mut sent_on) = (false, 0);
        for disposition in dispositions {
            match disposition {
                // RFC 3461 §5.2.7.1: what a list has got is where it was sent to.
                Disposition::Stored { .. } | Disposition::Posted(_) => is_here = true,
                Disposition::SentOn(_) => sent_on += 1,
                Disposition::Queued(_)
                | Disposition::Answered(_)
                | Disposition::Discarded
                | Disposition::Refused(_) => {}
            }
        }
        match (is_here, sent_on) {
            (true, _) => Some(Self::Delivered),
            (false, 0) => None,
            (false, 1) => Some(Self::Relayed),
            (false, _) => Some(Self::Expanded),
        }
    }

    /// What is to be told of a message with which this is to be done for one recipient, if nothing
    /// comes between; `None` where it is to reach nobody.
    pub fn of_plan(plan: &DeliveryPlan) -> Option<Self> {
        if !plan.filings.is_empty() {
            return Some(Self::Delivered);
        }
        // RFC 3461 §5.2.7.3: what is sent on asks for no report of success, so this is one.
        match plan.sends.iter().filter(|send| send.is_forwarded).count() {
            0 => None,
            1 => Some(Self::Relayed),
            _ => Some(Self::Expanded),
        }
    }

    /// What people read of it, where it was done here.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Delivered => "delivered to the mailbox",
            Self::Relayed | Self::Expanded => "sent on, as the recipient wished",
            Self::Failed => "it failed",
            Self::Delayed => "it is late",
        }
    }
}

/// What a report says of one recipient.
#[derive(Debug, Clone)]
pub struct Line {
    /// The forward-path, as in RCPT TO.
    pub forward_path: String,
    /// ORCPT (RFC 3461 §4.2), as it came.
    pub original: Option<String>,
    /// What was done with the message.
    pub action: Action,
    /// Why (RFC 3463); the class is that of the action.
    pub status: Status,
    /// The server that said so, where it was one.
    pub host: Option<String>,
    /// The text of the reply or reason.
    pub text: String,
    /// When it was tried last; `None` where it never was.
    pub attempted: Option<Timestamp>,
}

/// What MAIL said of a message, as far as reports are about it.
#[derive(Debug, Clone, Default)]
pub struct Parameters {
    /// Whether the message needs SMTPUTF8.
    pub smtputf8: bool,
    /// RET (RFC 3461 §4.3).
    pub ret: Option<String>,
    /// ENVID (RFC 3461 §4.4), as it came.
    pub envelope_id: Option<String>,
    /// HOLDFOR or HOLDUNTIL, as RFC 4865 §5.1.2 has it in reports.
    pub hold: Option<String>,
    /// BY (RFC 2852 §4).
    pub deliver_by: Option<Timestamp>,
    /// MT-PRIORITY (RFC 6710 §4).
    pub priority: Option<i8>,
    /// REQUIRETLS (RFC 8689 §2).
    pub requiretls: bool,
}

impl Parameters {
    /// RFC 6710 §4.6: a report has the priority of what it is about.
    fn urgency(&self) -> Urgency {
        Urgency::of_priority(self.priority.unwrap_or_default())
    }
}

/// Everything that a report is made from.
#[derive(Debug)]
pub struct Report<'a> {
    /// The name of this server.
    pub hostname: &'a str,
    /// Signs the report where it leaves this server.
    pub signatory: Option<&'a dyn Signatory>,
    /// The reverse-path of the message, which gets the report.
    pub reverse_path: &'a str,
    /// The parameters of MAIL.
    pub parameters: Parameters,
    /// When the message came.
    pub created: Timestamp,
    /// The message, or its header section where nothing failed.
    pub content: &'a OutboundContent,
    /// The recipients that the report is about.
    pub lines: Vec<Line>,
    /// The time of the report.
    pub now: Timestamp,
    /// The instant until which the message is tried, for delays.
    pub until: Timestamp,
    /// With the number, what makes the report unlike every other.
    pub id: String,
    /// A number that makes the Message-ID unique; see `id`.
    pub number: u64,
}

/// How a report gets to a sender here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Into the mailbox, in the transaction that files it; where that is full, it takes the other.
    Mailbox,
    /// Through the spool, as to everybody else: where other accounts are locked, which are locked
    /// in order.
    Spool,
}

/// A report ready to be stored.
#[derive(Debug, Clone)]
pub struct Prepared {
    to: Address,
    way: Way,
    message: Arc<PreparedMessage>,
    entry: SpoolEntry,
    terms: SpoolTerms,
}

/// Writes a report and finds out where it goes; `None` where nobody is to be told.
///
/// # Errors
/// What storage says of its sender.
pub async fn prepare(
    store: &Store,
    report: &Report<'_>,
    way: Way,
) -> Result<Option<Prepared>, StorageError> {
    let reverse_path = report.reverse_path;
    if report.lines.is_empty() || reverse_path.is_empty() {
        return Ok(None);
    }
    let Ok(to) = Address::parse(reverse_path) else { return Ok(None) };
    // What is told of a message has to be stored, too.
    let returned_bytes_max = usize::try_from(store.settings().message_bytes_max / 2);
    let rendered = report.render(returned_bytes_max.unwrap_or(usize::MAX));
    let bytes = match (store.find_recipient(&to).await?, way) {
        (Resolution::Account(_), Way::Mailbox) => {
            [message::compose::return_path(None).into_bytes(), rendered.bytes].concat()
        }
        (Resolution::Account(_), Way::Spool) => rendered.bytes,
        (Resolution::Relay, _) => match report.signatory {
            // A report without a signature is better than none.
            Some(signatory) => {
                let signed = signatory.sign(rendered.bytes.clone(), 0, Author::Server).await;
                signed.unwrap_or(rendered.bytes)
            }
            None => rendered.bytes,
        },
        // The reverse-path is an address here that no account has any longer, or a list, which
        // takes no reports.
        (Resolution::UnknownRecipient | Resolution::List(_), _) => return Ok(None),
    };
    let message = Arc::new(store.prepare(bytes).await?);
    let entry = SpoolEntry {
        account: None,
        // RFC 3464 §2: a report has the null sender.
        reverse_path: String::new(),
        parameters: mail_parameters(&report.parameters, rendered.eight_bit, rendered.utf8),
        recipients: vec![SpoolRecipient {
            forward_path: reverse_path.to_owned(),
            // RFC 3461 §6.1: of the fate of a report nobody is told.
            parameters: RcptParameters::never(),
        }],
    };
    let terms = SpoolTerms { urgency: report.parameters.urgency(), ..SpoolTerms::default() };
    Ok(Some(Prepared { to, way, message, entry, terms }))
}

/// RFC 6710 §4.6 and RFC 8689 §5: a report has the priority of what it is about, and goes by as
/// safe a way.
fn mail_parameters(about: &Parameters, eight_bit: bool, utf8: bool) -> MailParameters {
    MailParameters {
        body: Some(if eight_bit { "8BITMIME" } else { "7BIT" }.to_owned()),
        smtputf8: utf8,
        priority: about.priority,
        requiretls: about.requiretls,
        ..MailParameters::default()
    }
}

impl Prepared {
    /// What has to be durable before it is filed.
    pub fn message(&self) -> &Arc<PreparedMessage> {
        &self.message
    }

    /// Files it: into the mailbox of a sender of ours, where that is the way, else into the spool.
    /// A mailbox that takes nothing gets nothing: RFC 5321 §4.5.5, of a report nobody is told.
    ///
    /// # Errors
    /// [`StorageError::OverQuota`] where the mailbox is full: the report is to be prepared for the
    /// spool then, where it waits (RFC 5321 §4.5.4.1). Else what storage says.
    pub fn file(&self, tx: &mut WriteTx<'_>) -> storage::Result<()> {
        let spool = |tx: &mut WriteTx<'_>| {
            tx.spool_on(self.terms, self.entry.clone(), &self.message).map(|_| ())
        };
        if self.way == Way::Spool {
            return spool(tx);
        }
        let Resolution::Account(recipient) = tx.resolve(&self.to)? else { return spool(tx) };
        let mut account = match tx.account(recipient.account) {
            Ok(account) => account,
            Err(StorageError::NotFound(_)) => return Ok(()),
            Err(error) => return Err(error),
        };
        let delivery = Delivery { mailbox: recipient.detail, ..Delivery::default() };
        match account.deliver(&self.message, delivery) {
            Ok(_) => Ok(()),
            Err(error @ (StorageError::NotFound(_) | StorageError::NoPermission(_))) => {
                tracing::info!(%error, "a report found no mailbox");
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use storage::{Filing, Outgoing};

    use super::*;

    fn outgoing(is_forwarded: bool) -> Outgoing {
        let entry = SpoolEntry {
            account: None,
            reverse_path: String::new(),
            parameters: MailParameters::default(),
            recipients: Vec::new(),
        };
        Outgoing {
            entry,
            message: Arc::new(PreparedMessage::new(Vec::new())),
            terms: SpoolTerms::default(),
            claim: None,
            counted: false,
            copy: None,
            is_forwarded,
        }
    }

    /// RFC 3461 §5.2.7.3
    #[test]
    fn what_was_done_is_what_is_told() {
        let kept = || vec![Filing::usual()];
        for (filings, sends, action) in [
            (kept(), vec![], Some(Action::Delivered)),
            (kept(), vec![true], Some(Action::Delivered)),
            (vec![], vec![true, false], Some(Action::Relayed)),
            (vec![], vec![true, true], Some(Action::Expanded)),
            // Thrown away, or answered.
            (vec![], vec![], None),
            (vec![], vec![false], None),
        ] {
            let plan = DeliveryPlan {
                rules: 1,
                filings,
                sends: sends.iter().map(|is_forwarded| outgoing(*is_forwarded)).collect(),
                calendar: None,
                seen: Vec::new(),
                failure: None,
                script: None,
                notice: Arc::new(|trouble: &str| trouble.as_bytes().to_vec()),
            };
            assert_eq!(Action::of_plan(&plan), action, "{sends:?}");
        }
    }
}
