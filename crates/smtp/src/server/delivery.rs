//! One message into the mailboxes and the spool, in one transaction.
//!
//! **Invariant:** what [`deliver`] says is stored is on stable storage, for every recipient it
//! says it of; nothing else is.

mod attempt;

use std::sync::{Arc, OnceLock};

use ids::AccountId;
use storage::{
    Arrival, ArrivalParameters, Claimed, DeliveryPlan, Extent, Placement, Post, PreparedMessage,
    Reception, Sorter, SpoolEntry, SpoolTerms, StorageError, Store, Verdict,
};

use self::attempt::{Attempt, Done};
use super::confirming::{Confirming, Reporter};
use super::desk::Target;
use super::external::External;
use super::posting;
use super::readdressing::not_added;
use super::spooling::{body_of, deadline, path_text, ret_text, spool_entry, spool_terms};
use crate::error::CommandError;
use crate::render::notify_text;
use crate::report::Action;
use crate::settings::Role;
use crate::types::Envelope;

/// A complete message and where it goes.
pub(super) struct Delivery<'a> {
    /// Unlike that of every other.
    pub(super) id: u64,
    /// The bytes of the message, with our trace fields.
    pub(super) bytes: Vec<u8>,
    /// Bytes of Return-Path at the start, which relayed mail goes without.
    pub(super) return_path_bytes: usize,
    pub(super) envelope: &'a Envelope,
    /// One target for each recipient of the envelope.
    pub(super) targets: Vec<Target>,
    /// Where it belongs in mailboxes here.
    pub(super) placement: Placement,
    /// The domain of its author, where they are known to be who they say.
    pub(super) author: Option<String>,
    /// Whether the content holds bytes outside ASCII.
    pub(super) eight_bit: bool,
    /// Whether its author would rather have it sent without TLS than not at all (RFC 8689 §3).
    pub(super) tls_optional: bool,
    /// Whether the reverse-path is known to be whose it says.
    pub(super) verified: bool,
    /// Whether its sender may be told what becomes of it: nobody is who may never have written.
    pub(super) is_believed: bool,
    pub(super) submitter: Option<AccountId>,
    pub(super) role: Role,
    /// What the log of receptions notes of the message.
    pub(super) reception: Option<Arc<Reception>>,
    /// How a check changed its recipients.
    pub(super) changed: Changed,
}

/// How the recipients came to be others than those that the client named.
#[derive(Debug, Clone, Copy)]
pub(super) struct Changed {
    /// How many it named; they are what it is counted for.
    pub(super) named: usize,
    /// Where those begin among the targets that were added.
    pub(super) added_from: usize,
    /// How many were taken away, who are behind the others in what is written down.
    pub(super) removed: usize,
}

/// What happened to each recipient, in the order of the envelope.
pub(super) type Outcomes = Vec<Result<(), CommandError>>;

/// A message that is stored.
pub(super) struct Delivered {
    pub(super) outcomes: Outcomes,
    /// What the rules of each recipient said, where there are any.
    pub(super) plans: Vec<Option<Arc<DeliveryPlan>>>,
}

/// Stores the message: in one transaction for all recipients, unless mailboxes filled up since
/// their RCPT, when that transaction is given up and another one takes its place.
pub(super) async fn deliver(
    reporter: Reporter<'_>,
    sorter: Option<&Arc<dyn Sorter>>,
    delivery: Delivery<'_>,
) -> Result<Delivered, CommandError> {
    let store = reporter.store;
    let envelope = delivery.envelope;
    let mut plan = Plan::of(store, sorter, delivery).await?;
    let mut sortings = 1;
    loop {
        let given_up = Arc::new(OnceLock::new());
        let is_last = sortings >= SORTINGS_MAX;
        let (attempt, noted) = (plan.attempt(reporter, is_last).await?, given_up.clone());
        let messages = attempt.messages();
        let extent = Extent::of_messages(&messages, envelope.recipients.len());
        let stored = store
            .deliver_messages(extent, "smtp delivery", messages, move |tx| {
                attempt.store(tx, &noted)
            })
            .await;
        match (stored, given_up.get()) {
            (Ok(committed), _) => {
                let Done { outcomes, claimed } = committed.value;
                plan.settled(sorter, &claimed);
                let plans = plan.verdicts.iter().map(|one| one.as_ref().map(plan_of).cloned());
                return Ok(Delivered { outcomes, plans: plans.collect() });
            }
            (Err(_), Some(GivenUp::Refused(refused))) => {
                plan.redirect_to_spool(store, refused).await?;
            }
            (Err(error), Some(GivenUp::NotAdded(at))) => {
                let recipient = envelope.recipients.get(*at);
                let recipient = recipient.map(|one| path_text(&one.path)).unwrap_or_default();
                return Err(not_added(&recipient, error.into()));
            }
            (Err(_), Some(GivenUp::Untrue(actions))) => {
                sortings += 1;
                plan.actions.clone_from(actions);
            }
            // The same message came twice at once: the second one sees the first.
            (Err(StorageError::Conflict(_)), None) if sortings < SORTINGS_MAX => {
                sortings += 1;
                plan.actions.clear();
                plan.sort(sorter, envelope).await?;
            }
            (Err(error), None) => return Err(error.into()),
        }
    }
}

/// Why a transaction was given up for another one.
enum GivenUp {
    /// The mailboxes of these are full, while others are not.
    Refused(Vec<usize>),
    /// This one, whom a check adds, cannot have the message.
    NotAdded(usize),
    /// By recipient what became of the message, where its sender was to be told something else.
    Untrue(Vec<Option<Action>>),
}

/// LIMIT: times that one message is sorted; each time another one like it came first.
const SORTINGS_MAX: u32 = 5;

/// What there is to do, kept for a second attempt.
struct Plan {
    targets: Vec<Target>,
    /// What becomes of the message for each recipient whose account has rules.
    verdicts: Vec<Option<Verdict>>,
    placement: Placement,
    author: Option<String>,
    /// The message for mailboxes here.
    local: Option<Arc<PreparedMessage>>,
    /// The message without Return-Path, for the spool.
    relayed: Option<Arc<PreparedMessage>>,
    /// The message as each list sends it, by target, and the terms on which.
    posted: Vec<Option<Arc<PreparedMessage>>>,
    post: Option<Post>,
    /// The message with the mark of outside mail, for recipients that it is from outside to.
    external: External,
    /// Its bytes, where they may yet be needed, and how many of them are Return-Path.
    spare: Option<(Vec<u8>, usize)>,
    /// For the spool and for rules, where one of them may be asked.
    entry: Option<SpoolEntry>,
    /// The account that submitted the message, if one signed in.
    submitter: Option<AccountId>,
    /// Where its sender wants to hear that it has arrived.
    confirming: Option<Confirming>,
    terms: SpoolTerms,
    body: &'static str,
    tls_optional: bool,
    verified: bool,
    is_believed: bool,
    role: Role,
    /// What the log of receptions notes of the message.
    reception: Option<Arc<Reception>>,
    changed: Changed,
    /// By recipient what became of it in a transaction that was given up for that; empty before.
    actions: Vec<Option<Action>>,
}

impl Plan {
    async fn of(
        store: &Store,
        sorter: Option<&Arc<dyn Sorter>>,
        delivery: Delivery<'_>,
    ) -> Result<Self, CommandError> {
        let (envelope, body) = (delivery.envelope, body_of(&delivery));
        let terms = spool_terms(envelope);
        let mut delivery = delivery;
        if terms.begins.is_some() {
            // RFC 4865 §4.2: it waits in the spool, wherever it goes.
            delivery.targets.fill(Target::Elsewhere);
        }
        let (targets, submitter, role) = (&delivery.targets, delivery.submitter, delivery.role);
        let external =
            External::of(store, targets, submitter, &envelope.reverse_path, &delivery.bytes)
                .await?;
        let mut accounts = targets.iter().enumerate().filter(|(_, one)| one.account().is_some());
        let here = accounts.any(|(at, _)| !external.is_for(at));
        let elsewhere = targets.contains(&Target::Elsewhere);
        let sorted = sorter.is_some() && targets.iter().any(|target| target.rules().is_some());
        let lists = targets.iter().any(|target| matches!(target, Target::List(_)));
        // Such a copy may have to wait in the spool; over LMTP only where something was added.
        let waits = role != Role::Lmtp || delivery.changed.added_from < targets.len();
        let spare = sorted || elsewhere || lists || (waits && targets.len() > 1);
        let entry = spare.then(|| spool_entry(&delivery));
        let post = lists.then(|| posting::post(&delivery, body, terms));
        let confirming = Confirming::of(&delivery);
        let (tls_optional, verified) = (delivery.tls_optional, delivery.verified);
        let is_believed = delivery.is_believed;
        let Delivery { bytes, return_path_bytes, targets, placement, author, .. } = delivery;
        let Delivery { reception, changed, .. } = delivery;
        let mut plan = Self {
            verdicts: vec![None; targets.len()],
            targets,
            placement,
            author,
            local: None,
            relayed: None,
            posted: Vec::new(),
            post,
            external,
            spare: spare.then(|| (bytes.clone(), return_path_bytes)),
            entry,
            submitter,
            confirming,
            terms,
            body,
            tls_optional,
            verified,
            is_believed,
            role,
            reception,
            changed,
            actions: Vec::new(),
        };
        if sorted {
            plan.sort(sorter, envelope).await?;
        }
        if elsewhere {
            plan.prepare_relayed(store).await?;
        }
        if lists && let Some((message, _)) = &plan.spare {
            let targets = (&plan.targets[..], plan.changed.added_from);
            plan.posted = posting::prepare(store, targets, envelope, message).await?;
        }
        if here {
            plan.local = Some(Arc::new(store.prepare(bytes).await?));
        }
        Ok(plan)
    }

    async fn prepare_relayed(&mut self, store: &Store) -> Result<(), CommandError> {
        if self.relayed.is_none()
            && let Some((bytes, return_path_bytes)) = &self.spare
        {
            let bytes = bytes.get(*return_path_bytes..).unwrap_or_default().to_vec();
            self.relayed = Some(Arc::new(store.prepare_for_elsewhere(bytes).await?));
        }
        Ok(())
    }

    /// Asks what becomes of the message for those whose accounts have rules. Where everybody's
    /// script refuses it, so does this, and no other message tells the sender; the null sender is
    /// told in no other way at all. Those count whom the client named, if any is left: what a check
    /// adds for itself, such as an archive, takes everything.
    async fn sort(
        &mut self,
        sorter: Option<&Arc<dyn Sorter>>,
        envelope: &Envelope,
    ) -> Result<(), CommandError> {
        let (Some(sorter), Some((message, _)), Some(entry)) = (sorter, &self.spare, &self.entry)
        else {
            return Ok(());
        };
        for (at, target) in self.targets.iter().enumerate() {
            let Target::Account { account, rules: Some(rules), .. } = target else { continue };
            let Some(recipient) = entry.recipients.get(at) else { continue };
            let given = envelope.recipients.get(at);
            let parameters = &envelope.parameters;
            let notify = given.and_then(|given| notify_text(given.notify));
            let message = if self.external.is_for(at) { self.external.bytes() } else { message };
            let arrival = Arrival {
                account: *account,
                rules: *rules,
                message,
                reverse_path: &entry.reverse_path,
                forward_path: &recipient.forward_path,
                placement: self.placement,
                author: self.author.as_deref(),
                verified: self.verified,
                is_believed: self.is_believed,
                parameters: ArrivalParameters {
                    body: self.body,
                    smtputf8: parameters.smtputf8,
                    notify: notify.as_deref(),
                    ret: parameters.ret.map(ret_text),
                    envelope_id: parameters.envelope_id.as_ref().map(|id| id.as_str()),
                    original: given
                        .and_then(|given| given.original.as_ref())
                        .map(|original| original.as_str()),
                    require_tls: parameters.require_tls,
                    tls_optional: self.tls_optional,
                    priority: parameters.priority.map(|priority| priority.get()),
                    deadline: parameters.deliver_by.map(|by| deadline(by, envelope.at)),
                },
            };
            let verdict = match sorter.sort(arrival).await {
                Ok(verdict) => Some(verdict),
                // Its account is gone, say: storing it says so, of this recipient alone.
                Err(error) if concerns_one_recipient(&error) => None,
                Err(error) => return Err(error.into()),
            };
            if let Some(slot) = self.verdicts.get_mut(at) {
                *slot = verdict;
            }
        }
        let asked = match self.changed.added_from {
            0 => self.verdicts.len(),
            named => named,
        };
        let mut refusals = self.verdicts.iter().take(asked).map(|verdict| match verdict {
            Some(Verdict::Refuse { reason, .. }) => Some(reason),
            Some(Verdict::Do(_)) | None => None,
        });
        match refusals.next().flatten() {
            Some(reason) if self.role != Role::Lmtp && refusals.all(|one| one.is_some()) => {
                Err(CommandError::Rejected(reason.clone()))
            }
            _ => Ok(()),
        }
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
        self.actions.clear();
        self.prepare_relayed(store).await
    }

    async fn attempt(
        &self,
        reporter: Reporter<'_>,
        is_last: bool,
    ) -> Result<Attempt, CommandError> {
        let confirmations = match &self.confirming {
            Some(asked) => asked.prepare(reporter, &self.expected(asked)).await?,
            None => Vec::new(),
        };
        let mut order: Vec<usize> = (0..self.targets.len()).collect();
        order.sort_by_key(|at| self.targets.get(*at).and_then(Target::account));
        Ok(Attempt {
            order,
            confirmations,
            is_last,
            targets: self.targets.clone(),
            verdicts: self.verdicts.clone(),
            placement: self.placement,
            local: self.local.clone(),
            relayed: self.relayed.clone(),
            posted: self.posted.clone(),
            post: self.post.clone(),
            external: self.external.marks().to_vec(),
            marked: self.external.prepared().cloned(),
            entry: self.entry.clone(),
            terms: self.terms,
            role: self.role,
            submitter: self.submitter,
            reception: self.reception.clone(),
            changed: self.changed,
        })
    }

    /// What is expected to become of the message for each recipient, as a report would say it.
    fn expected(&self, asked: &Confirming) -> Vec<Option<Action>> {
        match self.actions.is_empty() {
            true => asked.fates(&self.targets, &self.verdicts),
            false => self.actions.clone(),
        }
    }

    /// Tells the sorter that what the plans claimed is on stable storage.
    fn settled(&self, sorter: Option<&Arc<dyn Sorter>>, claimed: &[(usize, Vec<Claimed>)]) {
        let Some(sorter) = sorter else { return };
        for (at, claimed) in claimed {
            let account = self.targets.get(*at).and_then(Target::account);
            let verdict = self.verdicts.get(*at).and_then(Option::as_ref);
            if let (Some(account), Some(verdict)) = (account, verdict) {
                sorter.settled(account, plan_of(verdict), claimed);
            }
        }
    }
}

fn plan_of(verdict: &Verdict) -> &Arc<DeliveryPlan> {
    match verdict {
        Verdict::Do(plan) | Verdict::Refuse { instead: plan, .. } => plan,
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

impl Target {
    pub(super) fn account(&self) -> Option<AccountId> {
        match self {
            Self::Account { account, .. } => Some(*account),
            Self::List(_) | Self::Elsewhere => None,
        }
    }

    /// The account, where it is told of mail from outside.
    pub(super) fn asks_external(&self) -> Option<AccountId> {
        match self {
            Self::Account { account, marks_external: true, .. } => Some(*account),
            _ => None,
        }
    }

    fn rules(&self) -> Option<u64> {
        match self {
            Self::Account { rules, .. } => *rules,
            Self::List(_) | Self::Elsewhere => None,
        }
    }
}
