//! What is to be done with one message for one recipient, and doing it.
//!
//! Whoever runs scripts ([`Sorter`]) says it in a [`DeliveryPlan`] before the transaction; what
//! may have changed since is looked at again here, where the account is locked.

use std::pin::Pin;
use std::sync::Arc;

use ids::{AccountId, CollectionId, SpoolId};
use message::flag::Flags;

use super::{AnswerSource, Claimed, ScriptName};
use crate::mailbox::{MailboxName, SpecialUse};
use crate::message_store::Delivery;
use crate::{
    AccountTx, Appended, CalendarWishes, Deadline, Disposition, Placement, PreparedMessage, Result,
    SpoolEntry, SpoolTerms, StorageError,
};

/// What the owner is told of a version that is not stored or sent.
const TOO_BIG: &str = "the message became too big";
/// What the owner is told of what is not sent on.
const TOO_MANY: &str = "more was sent on today than this account may send in a day";

/// Decides what becomes of messages for accounts that have rules.
pub trait Sorter: Send + Sync {
    /// What is to be done with a message. [`StorageError::Conflict`] in the transaction that does
    /// it means that it is to be asked again.
    fn sort<'a>(&'a self, arrival: Arrival<'a>) -> Sorting<'a>;

    /// Hears what was claimed of a plan that is on stable storage.
    fn settled(&self, arrival: AccountId, plan: &DeliveryPlan, claimed: &[Claimed]);
}

/// The answer of a [`Sorter`], to be waited for.
pub type Sorting<'a> = Pin<Box<dyn Future<Output = Result<Verdict>> + Send + 'a>>;

/// A message for an account.
#[derive(Debug, Clone, Copy)]
pub struct Arrival<'a> {
    /// The account that receives.
    pub account: AccountId,
    /// The version of its rules, as [`crate::Recipient`] says.
    pub rules: u64,
    /// The message, byte for byte, as it would be stored.
    pub message: &'a [u8],
    /// MAIL FROM; empty for the null sender.
    pub reverse_path: &'a str,
    /// The forward-path, as in RCPT TO.
    pub forward_path: &'a str,
    /// The mailbox that checks would have it in.
    pub placement: Placement,
    /// The domain of the author, where they are known to be who they say.
    pub author: Option<&'a str>,
    /// Whether MAIL FROM is known to be whose it says: of somebody who signed in, or found to be
    /// so. Nobody else is told that the message was refused, who may not have sent it.
    pub verified: bool,
    /// Whether MAIL FROM is taken for whose it says, proved or not: what the operator has not
    /// checked here is. Nobody else is told that a copy could not be brought out.
    pub is_believed: bool,
    /// The parameters of MAIL and RCPT, as far as they are about reports and transport.
    pub parameters: ArrivalParameters<'a>,
}

/// What came with the message in MAIL and RCPT; see [`Arrival::parameters`].
#[derive(Debug, Clone, Copy, Default)]
pub struct ArrivalParameters<'a> {
    /// `8BITMIME` and the like.
    pub body: &'a str,
    /// Whether the header is one of RFC 6532.
    pub smtputf8: bool,
    /// NOTIFY (RFC 3461 §4.1).
    pub notify: Option<&'a str>,
    /// RET (RFC 3461 §4.3).
    pub ret: Option<&'a str>,
    /// ENVID (RFC 3461 §4.4).
    pub envelope_id: Option<&'a str>,
    /// ORCPT (RFC 3461 §4.2).
    pub original: Option<&'a str>,
    /// REQUIRETLS (RFC 8689 §2).
    pub require_tls: bool,
    /// Whether the header section says `TLS-Required: No` (RFC 8689 §3).
    pub tls_optional: bool,
    /// MT-PRIORITY (RFC 6710 §4).
    pub priority: Option<i8>,
    /// BY (RFC 2852 §4).
    pub deadline: Option<Deadline>,
}

/// What the rules decided about a message.
#[derive(Debug, Clone)]
pub enum Verdict {
    /// The plan is to be carried out.
    Do(Arc<DeliveryPlan>),
    /// It is refused for this reason, in printable ASCII; where refusing is too late, `instead` is
    /// to be done.
    Refuse {
        /// The reason given to the sender.
        reason: String,
        /// The plan that tells the sender by mail, where refusing is too late.
        instead: Arc<DeliveryPlan>,
    },
}

/// What is to be done with a message.
#[derive(Clone)]
pub struct DeliveryPlan {
    /// The version of the rules it was made by.
    pub rules: u64,
    /// Where it is stored; nowhere: it is discarded.
    pub filings: Vec<Filing>,
    /// The messages to send.
    pub sends: Vec<Outgoing>,
    /// What is done with what it says to calendars, by whoever stored it; `None`: what is done with
    /// everybody's.
    pub calendar: Option<Vec<CalendarWishes>>,
    /// What `duplicate` (RFC 7352) is to remember.
    pub seen: Vec<SeenMark>,
    /// Why the script failed, if it did (R-FILT-2).
    pub failure: Option<String>,
    /// The script; `None`: the active one.
    pub script: Option<ScriptName>,
    /// Makes the message that tells the owner of a failure.
    pub notice: Notice,
}

/// Makes a message that tells the owner what failed.
pub type Notice = Arc<dyn Fn(&str) -> Vec<u8> + Send + Sync>;

/// One mailbox that the message is stored in, and with which flags.
#[derive(Debug, Clone)]
pub struct Filing {
    /// What is stored; `None`: the message as it came.
    pub message: Option<Arc<PreparedMessage>>,
    /// The mailbox.
    pub destination: Destination,
    /// The flags it is stored with.
    pub flags: Flags,
}

impl Filing {
    /// The message as it came, where it would be without rules.
    pub fn usual() -> Self {
        Self { message: None, destination: Destination::Usual, flags: Flags::default() }
    }
}

/// Where a message is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// The mailbox in which it would be without rules.
    Usual,
    /// A mailbox: by its id, else by its special use, else by its name.
    Mailbox {
        /// Its name; `None` where the script gave none that can be one.
        name: Option<MailboxName>,
        /// The id of the mailbox, if the script named one (RFC 9042).
        id: Option<CollectionId>,
        /// The special use, if the script named one (RFC 8579).
        special_use: Option<SpecialUse>,
        /// Whether it is made where it is missing.
        create: bool,
    },
}

/// A message that is sent.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// The envelope for the spool.
    pub entry: SpoolEntry,
    /// The message to send.
    pub message: Arc<PreparedMessage>,
    /// The terms on which it is spooled.
    pub terms: SpoolTerms,
    /// Sent only if the right to answer is granted.
    pub claim: Option<AnswerClaim>,
    /// Whether it counts among what the account sends (R-ADDR-11), and is not sent beyond that.
    pub counted: bool,
    /// Where a copy is stored; its message is this one.
    pub copy: Option<Filing>,
    /// Whether it is the message that arrived, sent on.
    pub is_forwarded: bool,
}

/// The right to answer a sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerClaim {
    /// What sends the answer.
    pub source: AnswerSource,
    /// The address that gets the answer.
    pub sender: String,
    /// How long it must be ago that the sender was answered last.
    pub window_secs: u64,
}

/// Something to remember a message by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenMark {
    /// A hash of what identifies the message.
    pub key: [u8; 32],
    /// How long the mark is remembered, in seconds.
    pub seconds: u64,
    /// Whether the script took the message for new.
    pub unseen: bool,
}

/// What became of a message for which there was a plan.
#[derive(Debug, Default)]
pub struct CarriedOut {
    /// What became of the claims of [`DeliveryPlan::sends`], in their order.
    pub claimed: Vec<Claimed>,
    /// Where the message is now.
    pub dispositions: Vec<Disposition>,
}

impl From<Appended> for CarriedOut {
    /// What became of a message that there was no plan for.
    fn from(appended: Appended) -> Self {
        Self { claimed: Vec::new(), dispositions: vec![stored(appended)] }
    }
}

fn stored(Appended { mailbox, uid, .. }: Appended) -> Disposition {
    Disposition::Stored { mailbox, uid }
}

impl std::fmt::Debug for DeliveryPlan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeliveryPlan")
            .field("rules", &self.rules)
            .field("filings", &self.filings)
            .field("sends", &self.sends)
            .field("seen", &self.seen)
            .field("failure", &self.failure)
            .finish_non_exhaustive()
    }
}

impl DeliveryPlan {
    /// The messages that the plan brings, for the transaction that carries it out.
    pub fn messages(&self) -> impl Iterator<Item = &Arc<PreparedMessage>> {
        let filed = self.filings.iter().filter_map(|filing| filing.message.as_ref());
        filed.chain(self.sends.iter().map(|send| &send.message))
    }

    /// How many of the messages that are sent count among what the account sends.
    fn counted(&self) -> u64 {
        self.sends.iter().filter(|send| send.counted).count() as u64
    }
}

impl AccountTx<'_, '_> {
    /// Does with a message what a plan says: all of it in this transaction.
    ///
    /// # Errors
    /// [`StorageError::OverQuota`] and [`StorageError::TooBig`] before anything was written;
    /// [`StorageError::Conflict`] where the message came twice at once, and has to be sorted again.
    pub fn deliver_planned(
        &mut self,
        message: &Arc<PreparedMessage>,
        plan: &DeliveryPlan,
        delivery: &Delivery,
    ) -> Result<CarriedOut> {
        self.carry_out(message, plan, delivery, Missing::Inbox).map(|(done, _)| done)
    }

    /// Carries out a plan for a message in a mailbox: a copy whose mailbox cannot be had is not
    /// made. Whether all was done.
    pub(super) fn copy_planned(
        &mut self,
        message: &Arc<PreparedMessage>,
        plan: &DeliveryPlan,
    ) -> Result<bool> {
        let done = self.carry_out(message, plan, &Delivery::default(), Missing::Nowhere);
        done.map(|(_, complete)| complete)
    }

    fn carry_out(
        &mut self,
        message: &Arc<PreparedMessage>,
        plan: &DeliveryPlan,
        delivery: &Delivery,
        missing: Missing,
    ) -> Result<(CarriedOut, bool)> {
        self.require_own()?;
        let mut granted = self.may_send_on(plan.counted())?;
        // Where something is not sent because it is too big or too much, the message would be lost.
        let fallback = (missing == Missing::Inbox
            && plan.filings.is_empty()
            && (granted < plan.counted()
                || plan.sends.iter().any(|send| self.is_too_big(&send.message))))
        .then(Filing::usual);
        let filings: Vec<&Filing> = plan.filings.iter().chain(&fallback).collect();
        self.check_plan(message, &filings)?;
        self.count_sent_on(granted)?;
        for mark in &plan.seen {
            self.remember_seen(&mark.key, mark.seconds, mark.unseen)?;
        }
        let trouble = plan.failure.clone();
        let mut work = Work { message, delivery, missing, filed: Vec::new(), trouble };
        let mut dispositions = Vec::new();
        for filing in filings {
            dispositions.extend(self.file(filing, &mut work)?.map(stored));
        }
        let mut claimed = Vec::with_capacity(plan.sends.len());
        for send in &plan.sends {
            if send.counted && granted == 0 {
                work.trouble.get_or_insert_with(|| TOO_MANY.to_owned());
                claimed.push(Claimed::Never);
                continue;
            }
            granted -= u64::from(send.counted);
            let (claim, spool) = self.send_planned(send, &mut work)?;
            claimed.push(claim);
            dispositions.extend(spool.map(|spool| match send.is_forwarded {
                true => Disposition::SentOn(spool),
                false => Disposition::Answered(spool),
            }));
        }
        // Telling somebody of a message does not keep it.
        if dispositions.iter().all(|done| matches!(done, Disposition::Answered(_))) {
            dispositions.push(Disposition::Discarded);
        }
        let complete = work.trouble.is_none();
        if let Some(trouble) = work.trouble {
            self.tell_owner(&trouble, plan)?;
        }
        Ok((CarriedOut { claimed, dispositions }, complete))
    }

    /// Everything that may refuse it, before anything is written.
    fn check_plan(&self, message: &Arc<PreparedMessage>, filings: &[&Filing]) -> Result<()> {
        self.check_message_size(message)?;
        let bytes: u64 = filings.iter().map(|filing| self.stored(filing, message).size()).sum();
        self.check_quota(bytes.cast_signed(), filings.len() as i64)
    }

    /// Whether what a script made of a message is more than the store takes (R-ADDR-11). That is
    /// no reason to refuse the message, which was not too big.
    fn is_too_big(&self, version: &PreparedMessage) -> bool {
        self.check_message_size(version).is_err()
    }

    /// What is stored of a filing: the message as it came, where the version of it is too big.
    fn stored<'f>(
        &self,
        filing: &'f Filing,
        message: &'f Arc<PreparedMessage>,
    ) -> &'f Arc<PreparedMessage> {
        filing.message.as_ref().filter(|version| !self.is_too_big(version)).unwrap_or(message)
    }

    /// Stores a message; where its mailbox cannot be had, where it would be without rules. `None`
    /// where it is there already, or has no place.
    fn file(&mut self, filing: &Filing, work: &mut Work<'_>) -> Result<Option<Appended>> {
        let mailbox = match &filing.destination {
            Destination::Usual => self.destination(work.delivery)?,
            Destination::Mailbox { .. } => match self.open_destination(&filing.destination)? {
                Ok(mailbox) => mailbox,
                Err(trouble) => {
                    work.trouble.get_or_insert(trouble);
                    match work.missing {
                        Missing::Inbox => self.destination(work.delivery)?,
                        Missing::Nowhere => return Ok(None),
                    }
                }
            },
        };
        let message = self.stored(filing, work.message);
        if filing.message.as_ref().is_some_and(|version| self.is_too_big(version)) {
            work.trouble.get_or_insert_with(|| TOO_BIG.to_owned());
        }
        // RFC 5228 §2.10.3: what ends in one mailbox by two ways is stored there once.
        let place = (mailbox, message.hash);
        if work.filed.contains(&place) {
            return Ok(None);
        }
        work.filed.push(place);
        let flags = work.delivery.marked(&filing.flags);
        self.deliver_into(mailbox, message, flags).map(Some)
    }

    /// The mailbox of a destination, `None` for INBOX, made if it is to be; else why there is none.
    fn open_destination(
        &mut self,
        destination: &Destination,
    ) -> Result<std::result::Result<Option<CollectionId>, String>> {
        let Destination::Mailbox { name, id, special_use, create } = destination else {
            return Ok(Err("no mailbox is named".to_owned()));
        };
        let account = self.account;
        if let Some(id) = id
            && self.is_mailbox_of(account, *id)?
        {
            // By any name it is one place.
            let inbox = self.find_mailbox(account, &MailboxName::inbox())?;
            let is_inbox = inbox.is_some_and(|inbox| inbox.id == *id);
            return Ok(Ok((!is_inbox).then_some(*id)));
        }
        if let Some(special_use) = special_use
            && let Some(found) = self.special_mailbox(account, *special_use)?
        {
            return Ok(Ok(Some(found)));
        }
        let Some(name) = name else {
            return Ok(Err("fileinto names no valid mailbox".to_owned()));
        };
        if name.is_inbox() {
            return Ok(Ok(None));
        }
        if let Some(found) = self.find_mailbox(account, name)? {
            return Ok(Ok(Some(found.id)));
        }
        if !create {
            return Ok(Err(format!("the mailbox \"{}\" does not exist", name.as_str())));
        }
        if let Err(trouble) = self.check_new_mailbox(name)? {
            return Ok(Err(trouble));
        }
        // RFC 8579 §4.1: the mailbox that is made gets the special use, if none has it.
        Ok(Ok(Some(self.create_mailbox(name, *special_use)?.id)))
    }

    /// Whether a mailbox can be made: asked before, so that a refusal leaves nothing behind.
    fn check_new_mailbox(&mut self, name: &MailboxName) -> Result<std::result::Result<(), String>> {
        if crate::acl::is_reserved(name) {
            return Ok(Err("this name is for the mailboxes of others".to_owned()));
        }
        let account = self.account;
        let found = self.load_account(account)?;
        let max = match found.quota_mailboxes {
            0 => self.settings.mailboxes_max,
            quota => quota.min(self.settings.mailboxes_max),
        };
        match found.mailboxes >= max {
            true => Ok(Err(format!("an account has at most {max} mailboxes"))),
            false => Ok(Ok(())),
        }
    }

    /// Sends a message, if the right to do so is granted.
    fn send_planned(
        &mut self,
        send: &Outgoing,
        work: &mut Work<'_>,
    ) -> Result<(Claimed, Option<SpoolId>)> {
        if self.is_too_big(&send.message) {
            work.trouble.get_or_insert_with(|| TOO_BIG.to_owned());
            return Ok((Claimed::Never, None));
        }
        if let Some(claim) = &send.claim {
            let claimed = self.claim_answer(claim.source, &claim.sender, claim.window_secs)?;
            if claimed != Claimed::Now {
                return Ok((claimed, None));
            }
        }
        let spool = self.tx.spool_on(send.terms, send.entry.clone(), &send.message)?;
        if let Some(copy) = &send.copy
            && self.check_quota(send.message.size().cast_signed(), 1).is_ok()
        {
            // RFC 8580 §3: where it cannot be stored, it is sent all the same.
            let filing = Filing { message: Some(send.message.clone()), ..copy.clone() };
            self.file(&filing, work)?;
        }
        Ok((Claimed::Now, Some(spool)))
    }

    /// R-FILT-2: tells the owner that the script failed, once for each text of it.
    fn tell_owner(&mut self, trouble: &str, plan: &DeliveryPlan) -> Result<()> {
        if !self.claim_failure(plan.script.as_ref())? {
            return Ok(());
        }
        let message = PreparedMessage::new((plan.notice)(trouble));
        match self.check_quota(message.size().cast_signed(), 1) {
            Ok(()) => self.deliver_into(None, &message, Flags::default()).map(drop),
            Err(StorageError::OverQuota { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Where a message is stored whose mailbox cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Missing {
    /// Where it would be without rules: it would be lost otherwise.
    Inbox,
    /// Nowhere: it is in a mailbox already.
    Nowhere,
}

/// What is going on in one plan.
struct Work<'a> {
    message: &'a Arc<PreparedMessage>,
    delivery: &'a Delivery,
    missing: Missing,
    filed: Vec<(Option<CollectionId>, ids::BlobId)>,
    trouble: Option<String>,
}

#[cfg(test)]
mod tests;
