//! One attempt to store a message for all its recipients in one transaction: filing, spooling,
//! answers and reports.

use std::sync::{Arc, OnceLock};

use ids::AccountId;
use storage::{
    CarriedOut, Claimed, Disposition, Placement, Post, PreparedMessage, Reception, SpoolEntry,
    SpoolTerms, StorageError, Verdict, WriteTx,
};

use super::{Changed, GivenUp, Outcomes, concerns_one_recipient, plan_of};
use crate::error::CommandError;
use crate::report::Action;
use crate::server::confirming::Confirmation;
use crate::server::desk::Target;
use crate::server::trace::Trace;
use crate::settings::Role;

/// Everything that one transaction stores of a message.
pub(super) struct Attempt {
    pub(super) targets: Vec<Target>,
    pub(super) verdicts: Vec<Option<Verdict>>,
    pub(super) placement: Placement,
    /// Accounts ascending, since each stays locked until the commit.
    pub(super) order: Vec<usize>,
    pub(super) local: Option<Arc<PreparedMessage>>,
    pub(super) relayed: Option<Arc<PreparedMessage>>,
    pub(super) posted: Vec<Option<Arc<PreparedMessage>>>,
    pub(super) post: Option<Post>,
    /// To whom it is from outside, by target; and what they get.
    pub(super) external: Vec<bool>,
    pub(super) marked: Option<Arc<PreparedMessage>>,
    pub(super) entry: Option<SpoolEntry>,
    /// The reports that its sender gets.
    pub(super) confirmations: Vec<Confirmation>,
    /// Whether what is untrue of that is left out, and nothing is given up for it.
    pub(super) is_last: bool,
    pub(super) terms: SpoolTerms,
    pub(super) role: Role,
    /// The account that submitted the message, if one signed in.
    pub(super) submitter: Option<AccountId>,
    /// What the log of receptions notes of the message.
    pub(super) reception: Option<Arc<Reception>>,
    pub(super) changed: Changed,
}

/// The outcome of the transaction.
pub(super) struct Done {
    pub(super) outcomes: Outcomes,
    /// What the plans claimed, by the index of the recipient.
    pub(super) claimed: Vec<(usize, Vec<Claimed>)>,
}

impl Attempt {
    pub(super) fn messages(&self) -> Vec<Arc<PreparedMessage>> {
        let planned =
            self.verdicts.iter().flatten().flat_map(|verdict| plan_of(verdict).messages());
        let posted = self.posted.iter().flatten().chain(&self.marked);
        let told = self.confirmations.iter().map(|one| one.prepared.message());
        let own = self.local.iter().chain(&self.relayed);
        own.chain(posted).chain(planned).chain(told).cloned().collect()
    }

    /// Writes everything. A recipient that alone is refused is told so in its outcome over
    /// LMTP; elsewhere nothing is written, and `given_up` says for whom it must be the spool,
    /// unless that would be everybody. It also says who cannot be added, and what the sender must
    /// be told instead.
    pub(super) fn store(
        &self,
        tx: &mut WriteTx<'_>,
        given_up: &OnceLock<GivenUp>,
    ) -> storage::Result<Done> {
        if let Some(submitter) = self.submitter {
            tx.count_sent(submitter, self.changed.named as u64)?;
        }
        let mut outcomes: Outcomes = self.targets.iter().map(|_| Ok(())).collect();
        let (mut failed, mut claimed) = (Vec::new(), Vec::new());
        let mut last_error = None;
        let mut trace = Trace::new(self.reception.as_ref(), self.targets.len());
        for at in &self.order {
            if let Some(reason) = self.refusal(*at) {
                let refused = CommandError::Rejected(reason.to_owned());
                trace.refused(*at, &refused);
                if let Some(outcome) = outcomes.get_mut(*at) {
                    *outcome = Err(refused);
                }
                continue;
            }
            match self.deliver(tx, *at) {
                Ok(done) => {
                    trace.note(*at, done.dispositions);
                    if !done.claimed.is_empty() {
                        claimed.push((*at, done.claimed));
                    }
                }
                Err(error) if !concerns_one_recipient(&error) => return Err(error),
                // It has no answer of its own: it has the message, or nobody has it.
                Err(error) if self.role == Role::Lmtp && self.is_added(*at) => {
                    let _ = given_up.set(GivenUp::NotAdded(*at));
                    return Err(error);
                }
                Err(error) if self.is_told_alone(*at, &error) => {
                    let refused = CommandError::from(error);
                    trace.refused(*at, &refused);
                    if let Some(outcome) = outcomes.get_mut(*at) {
                        *outcome = Err(refused);
                    }
                }
                Err(error) => {
                    failed.push(*at);
                    // The client is told of one that it named, where there is one.
                    if last_error.is_none() || !self.is_added(*at) {
                        last_error = Some((*at, error));
                    }
                }
            }
        }
        if let Some((at, error)) = last_error {
            // Set once: wherever it is, the transaction ends there, and it runs once.
            if self.goes_on_without(&failed, &outcomes) {
                let _ = given_up.set(GivenUp::Refused(failed));
            } else if self.is_added(at) {
                let _ = given_up.set(GivenUp::NotAdded(at));
            }
            return Err(error);
        }
        self.spool(tx, &mut trace)?;
        self.confirm(tx, &trace, given_up)?;
        trace.leave_out(self.changed.removed);
        trace.file(tx)?;
        Ok(Done { outcomes, claimed })
    }

    /// Why a recipient refuses the message, where it can be told so.
    fn refusal(&self, at: usize) -> Option<&str> {
        match self.verdicts.get(at) {
            Some(Some(Verdict::Refuse { reason, .. }))
                if self.role == Role::Lmtp && !self.is_added(at) =>
            {
                Some(reason)
            }
            _ => None,
        }
    }

    /// Whether a check added a recipient.
    fn is_added(&self, at: usize) -> bool {
        at >= self.changed.added_from
    }

    /// Whether a recipient is told alone that it does not have the message: over LMTP, unless it
    /// could be brought again and others were added. They would have it with each part that comes
    /// later.
    fn is_told_alone(&self, at: usize, error: &StorageError) -> bool {
        let may_come_again = matches!(error, StorageError::OverQuota { .. });
        let is_added_to = self.changed.added_from < self.targets.len();
        self.role == Role::Lmtp && !self.is_added(at) && !(may_come_again && is_added_to)
    }

    /// Whether these are left to the spool, as somebody else has the message. Over LMTP that is one
    /// whom the client named, or it would bring it again for all of them, and to those who were
    /// added.
    fn goes_on_without(&self, failed: &[usize], outcomes: &Outcomes) -> bool {
        if self.role != Role::Lmtp {
            return failed.len() < self.targets.len();
        }
        let mut named = outcomes.iter().take(self.changed.added_from).enumerate();
        let has_it =
            |(at, outcome): (usize, &Result<_, _>)| outcome.is_ok() && !failed.contains(&at);
        self.changed.removed > 0 || named.any(has_it)
    }

    fn deliver(&self, tx: &mut WriteTx<'_>, at: usize) -> storage::Result<CarriedOut> {
        if let (Some(Target::List(list)), Some(Some(message)), Some(post)) =
            (self.targets.get(at), self.posted.get(at), &self.post)
        {
            let posted = Disposition::Posted(tx.post_to_list(*list, post.clone(), message)?);
            return Ok(CarriedOut { dispositions: vec![posted], ..CarriedOut::default() });
        }
        let is_external = self.external.get(at).copied().unwrap_or(false);
        let message = if is_external { &self.marked } else { &self.local };
        let (Some(Target::Account { account, detail, .. }), Some(message)) =
            (self.targets.get(at), message)
        else {
            return Ok(CarriedOut::default());
        };
        let (placement, mailbox) = (self.placement, detail.clone());
        let delivery = storage::Delivery { placement, mailbox, is_external };
        // R-ADDR-4: two addresses of one account are two deliveries.
        let mut account = tx.account(*account)?;
        match self.verdicts.get(at).and_then(Option::as_ref) {
            Some(verdict) => account.deliver_planned(message, plan_of(verdict), &delivery),
            None => account.deliver(message, delivery).map(CarriedOut::from),
        }
    }

    /// Spools what its sender is told of those who have it. What the rules wanted may not have been
    /// done: what they send on in a day has a limit (R-ADDR-11).
    fn confirm(
        &self,
        tx: &mut WriteTx<'_>,
        trace: &Trace<'_>,
        given_up: &OnceLock<GivenUp>,
    ) -> storage::Result<()> {
        for Confirmation { prepared, actions } in &self.confirmations {
            let is_true = |(at, action): &(usize, Action)| trace.action(*at) == Some(*action);
            // Over LMTP a recipient that was refused is told of by its reply.
            let is_refused = |(at, _): &(usize, Action)| trace.is_refused(*at);
            if actions.iter().all(is_true) {
                prepared.file(tx)?;
            } else if !self.is_last && !actions.iter().any(is_refused) {
                let actions = (0..self.targets.len()).map(|at| trace.action(at)).collect();
                // Set once: the transaction ends here.
                let _ = given_up.set(GivenUp::Untrue(actions));
                return Err(StorageError::Conflict("something else became of the message"));
            }
        }
        Ok(())
    }

    fn spool(&self, tx: &mut WriteTx<'_>, trace: &mut Trace<'_>) -> storage::Result<()> {
        let (Some(message), Some(entry)) = (&self.relayed, &self.entry) else { return Ok(()) };
        let mut entry = entry.clone();
        let mut targets = self.targets.iter();
        entry.recipients.retain(|_| targets.next() == Some(&Target::Elsewhere));
        let spool = tx.spool_on(self.terms, entry, message)?;
        for (at, target) in self.targets.iter().enumerate() {
            if *target == Target::Elsewhere {
                trace.note(at, vec![Disposition::Queued(spool)]);
            }
        }
        Ok(())
    }
}
