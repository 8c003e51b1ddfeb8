//! From a message and an account's rules to what is to be done.

use std::collections::HashSet;
use std::sync::Arc;

use ids::{AccountId, Timestamp};
use message::address::normal_domain;
use responder::{Action, Language, Outcome, Redirect, Reject, Vacation, Version};
use storage::{
    AnswerClaim, AnswerSource, Arrival, Claimed, DeliveryPlan, Destination, Filing, Outgoing,
    Placement, PreparedMessage, Result, SeenMark, Sorter, Sorting, Store, Verdict,
};

use crate::cache::{AnsweredKey, Caches};
use crate::letters::failure_notice;
use crate::outgoing::{Letter, Stamper};
use crate::rules::Ready;
use crate::script::{Run, Runner, language};
use crate::settings::Settings;
use crate::world::seen_key;
use crate::{filing, redirect, reject, respond};

/// The [`Sorter`] of a daemon.
pub struct Deliverer {
    store: Store,
    settings: Settings,
    language: Arc<Language>,
    /// The same with few steps.
    quick: Language,
    caches: Caches,
}

impl Deliverer {
    /// One for a store.
    pub fn new(store: Store, settings: Settings) -> Self {
        let language = language();
        let mut quick = language.clone();
        quick.limits.steps_max = settings.quick_steps_max;
        let caches = Caches::new(settings.cache_bytes);
        Self { store, settings, language: Arc::new(language), quick, caches }
    }

    async fn verdict(&self, arrival: Arrival<'_>) -> Result<Verdict> {
        let rules = self.caches.rules(&self.store, &self.language, &arrival).await?;
        let mut sorting = SortingOne {
            deliverer: self,
            rules: &rules,
            arrival: &arrival,
            now: self.store.now(),
            plan: DeliveryPlan {
                rules: rules.version,
                filings: Vec::new(),
                sends: Vec::new(),
                seen: Vec::new(),
                failure: None,
                notice: failure_notice(&self.settings.hostname, &rules, self.store.now()),
            },
            targets: HashSet::new(),
            implicit: None,
            answers: false,
            reject: None,
        };
        sorting.run_script().await?;
        sorting.finish().await
    }
}

impl Sorter for Deliverer {
    fn sort<'a>(&'a self, arrival: Arrival<'a>) -> Sorting<'a> {
        Box::pin(self.verdict(arrival))
    }

    fn settled(&self, account: AccountId, plan: &DeliveryPlan, claimed: &[Claimed]) {
        for (send, claimed) in plan.sends.iter().zip(claimed) {
            let Some(claim) = &send.claim else { continue };
            let until = match claimed {
                Claimed::Now => {
                    let window = i64::try_from(claim.window_secs).unwrap_or(i64::MAX);
                    // The commit was a moment ago: a moment early is asked again.
                    self.store.now().plus_secs(window.saturating_sub(60))
                }
                Claimed::Until(until) => *until,
                Claimed::Never => continue,
            };
            self.caches.note_answered(answered_key(account, plan.rules, claim), until);
        }
    }
}

fn answered_key(account: AccountId, version: u64, claim: &AnswerClaim) -> AnsweredKey {
    AnsweredKey { account, version, source: claim.source, sender: claim.sender.clone() }
}

/// One message for one account.
struct SortingOne<'a> {
    deliverer: &'a Deliverer,
    rules: &'a Arc<Ready>,
    arrival: &'a Arrival<'a>,
    now: Timestamp,
    plan: DeliveryPlan,
    /// Addresses that get a copy, in one spelling.
    targets: HashSet<String>,
    /// The filing that nobody asked for, if there is one (RFC 5228 §2.10.2).
    implicit: Option<usize>,
    /// Whether the script answers, or would if it was due.
    answers: bool,
    reject: Option<Reject>,
}

impl<'a> SortingOne<'a> {
    fn stamper(&self) -> Stamper<'a> {
        let hostname = &self.deliverer.settings.hostname;
        Stamper { hostname, zone: &self.rules.zone, now: self.now }
    }

    /// Runs the script, if there is one, and takes up its actions; without one, or where it
    /// fails, the message is kept (RFC 5228 §2.10.6, R-FILT-2).
    async fn run_script(&mut self) -> Result<()> {
        let failure = match self.rules.script.as_ref().map(|(_, script)| &**script) {
            None => None,
            Some(Err(mistakes)) => Some(mistakes.clone()),
            Some(Ok(program)) => {
                let deliverer = self.deliverer;
                let runner = Runner {
                    store: &deliverer.store,
                    language: &deliverer.language,
                    quick: &deliverer.quick,
                    rules: self.rules,
                    now: self.now,
                };
                let Run { result, unseen } = runner.run(program, self.arrival).await?;
                match result {
                    Ok(outcome) => {
                        self.take(outcome, &unseen);
                        return Ok(());
                    }
                    Err(failure) => Some(failure.to_string()),
                }
            }
        };
        if let Some(failure) = &failure {
            tracing::info!(account = %self.arrival.account, failure, "a script failed");
        }
        self.plan.failure = failure;
        self.plan.filings = vec![Filing::usual()];
        self.implicit = Some(0);
        Ok(())
    }

    fn take(&mut self, outcome: Outcome, unseen: &HashSet<[u8; 32]>) {
        let mut versions = Versions::new(&outcome, self.arrival.message);
        let loops = redirect::loops(self.arrival.message, self.rules);
        for action in &outcome.actions {
            match action {
                Action::Keep(keep) => {
                    if keep.is_implicit {
                        self.implicit = Some(self.plan.filings.len());
                    }
                    let (message, flags) = (versions.stored(keep.version), &keep.flags);
                    let kept = Filing { message, flags: filing::flags(flags), ..Filing::usual() };
                    self.plan.filings.push(kept);
                }
                Action::FileInto(into) => {
                    let message = versions.stored(into.version);
                    self.plan.filings.push(Filing { message, ..filing::file_into(into) });
                }
                Action::Redirect(to)
                    if loops || self.is_spam() || self.rules.is_own(&to.address) =>
                {
                    // RFC 5228 §10: a loop is ended, and the message is not lost for that; nor
                    // is spam, which is not sent on.
                    self.plan.filings.push(Filing::usual());
                }
                Action::Redirect(to) => {
                    let message = versions.sent(to.version, self.rules);
                    self.redirect(to, message);
                }
                Action::Reject(reject) => self.reject = Some(reject.clone()),
                Action::Vacation(vacation) => {
                    self.answers = true;
                    self.vacation(vacation);
                }
                Action::Notify(notify) => {
                    let stamper = self.stamper();
                    let to = [&notify.to[..], &notify.cc, &notify.bcc].concat();
                    if !to.is_empty() {
                        let letter = Letter {
                            account: self.arrival.account,
                            reverse_path: &notify.reverse_path,
                            to,
                            bytes: stamper.render(|stamp| notify.render(stamp)),
                            claim: None,
                            copy: notify.fcc.as_ref().map(filing::copy),
                        };
                        self.plan.sends.push(letter.outgoing());
                    }
                }
            }
        }
        self.plan.seen = outcome
            .seen
            .iter()
            .map(|(key, seconds)| {
                let key = seen_key(key);
                SeenMark { key, seconds: *seconds, unseen: unseen.contains(&key) }
            })
            .collect();
    }

    fn redirect(&mut self, to: &Redirect, message: Arc<PreparedMessage>) {
        let spelling = match to.address.rsplit_once('@') {
            Some((local, domain)) => format!("{local}@{}", normal_domain(domain)),
            None => to.address.clone(),
        };
        if !self.targets.insert(spelling) {
            return;
        }
        let settings = &self.deliverer.settings;
        let path =
            redirect::reverse_path(settings, self.rules, self.arrival.reverse_path, self.now);
        self.plan.sends.push(redirect::outgoing(to, message, self.arrival, path));
    }

    fn vacation(&mut self, vacation: &Vacation) {
        // R-RESP-5: spam is not answered, whatever the script says.
        if self.is_spam() {
            return;
        }
        let claim = AnswerClaim {
            source: AnswerSource::Script(*blake3::hash(vacation.handle.as_bytes()).as_bytes()),
            sender: vacation.recipient.clone(),
            window_secs: vacation.seconds,
        };
        if self.is_answered(&claim) {
            return;
        }
        let send = respond::send(vacation, self.arrival, claim, &self.stamper());
        self.plan.sends.push(send);
    }

    /// Whether the sender is known to have been answered, so that no answer need be made.
    fn is_answered(&self, claim: &AnswerClaim) -> bool {
        let key = answered_key(self.arrival.account, self.rules.version, claim);
        self.deliverer.caches.answered_until(&key).is_some_and(|until| self.now < until)
    }

    /// Whether the checks found spam. It is not sent on: it would be this server's in the eyes of
    /// others.
    fn is_spam(&self) -> bool {
        self.arrival.placement == Placement::Junk
    }

    /// Redirections and the responder, for a message that the script neither did away with nor
    /// took for spam.
    async fn finish(mut self) -> Result<Verdict> {
        if let Some(reject) = self.reject.take() {
            return Ok(self.refuse(&reject));
        }
        // Telling somebody of a message does not keep it.
        let is_discarded = self.plan.filings.is_empty() && self.targets.is_empty();
        if self.is_junked().await? {
            // R-RESP-5: spam is not answered, whatever the script says. Only answers claim.
            self.plan.sends.retain(|send| send.claim.is_none());
        } else if !is_discarded {
            self.redirect_account();
            self.respond();
        }
        Ok(Verdict::Do(Arc::new(self.plan)))
    }

    /// Whether the script files the message among spam.
    async fn is_junked(&self) -> Result<bool> {
        let named =
            self.plan.filings.iter().filter(|filing| filing.destination != Destination::Usual);
        let places: Vec<Destination> = named.map(|filing| filing.destination.clone()).collect();
        let account = self.arrival.account;
        let is_silent =
            !self.answers && self.rules.responder.is_none() && self.rules.redirections.is_empty();
        if places.is_empty() || is_silent {
            return Ok(false);
        }
        let store = &self.deliverer.store;
        store.read(move |tx| filing::is_any_junk(tx, account, &places)).await
    }

    /// R-ADDR-10: the redirections of the account.
    fn redirect_account(&mut self) {
        let (rules, message) = (self.rules, self.arrival.message);
        if rules.redirections.is_empty() || self.is_spam() || redirect::loops(message, rules) {
            return;
        }
        let copy = Arc::new(PreparedMessage::new(redirect::forwarded(message, message, rules)));
        for redirection in &rules.redirections {
            let to = Redirect { address: redirection.target.clone(), ..Redirect::default() };
            self.redirect(&to, copy.clone());
        }
        let keeps = rules.redirections.iter().any(|redirection| redirection.keep);
        if let Some(implicit) = self.implicit
            && !keeps
            && self.plan.failure.is_none()
        {
            self.plan.filings.remove(implicit);
        }
    }

    fn respond(&mut self) {
        // One message gets one answer at most.
        if self.answers {
            return;
        }
        let Some(due) = respond::due(self.rules, self.arrival, self.now) else { return };
        if self.is_answered(&due.1) {
            return;
        }
        let answer = respond::answer(self.rules, self.arrival, due, &self.stamper());
        self.plan.sends.push(answer);
    }

    fn refuse(mut self, reject: &Reject) -> Verdict {
        let notification: Option<Outgoing> =
            reject::notification(reject, self.arrival, &self.stamper());
        self.plan.sends.extend(notification);
        let instead = Arc::new(self.plan);
        match reject::reply_text(reject) {
            Some(reason) => Verdict::Refuse { reason, instead },
            None => Verdict::Do(instead),
        }
    }
}

/// The versions of a message that actions are about, each prepared once.
struct Versions<'o> {
    outcome: &'o Outcome,
    message: &'o [u8],
    stored: Vec<Option<Arc<PreparedMessage>>>,
    sent: Vec<Option<Arc<PreparedMessage>>>,
}

impl<'o> Versions<'o> {
    fn new(outcome: &'o Outcome, message: &'o [u8]) -> Self {
        let none = vec![None; outcome.versions.len() + 1];
        Self { outcome, message, stored: none.clone(), sent: none }
    }

    /// To be stored; `None`: as it came.
    fn stored(&mut self, version: Version) -> Option<Arc<PreparedMessage>> {
        if version.0 == 0 {
            return None;
        }
        let bytes = self.outcome.version(version, self.message);
        let slot = self.stored.get_mut(version.0)?;
        Some(slot.get_or_insert_with(|| Arc::new(PreparedMessage::new(bytes.to_vec()))).clone())
    }

    /// To be sent on.
    fn sent(&mut self, version: Version, rules: &Ready) -> Arc<PreparedMessage> {
        let bytes = self.outcome.version(version, self.message);
        let make =
            || Arc::new(PreparedMessage::new(redirect::forwarded(bytes, self.message, rules)));
        match self.sent.get_mut(version.0) {
            Some(slot) => slot.get_or_insert_with(make).clone(),
            None => make(),
        }
    }
}
