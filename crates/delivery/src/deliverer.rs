//! From a message and an account's rules to what is to be done.

use std::collections::HashSet;
use std::sync::Arc;

use ids::{AccountId, Timestamp};
use mailauth::Author;
use message::address::normal_domain;
use responder::{
    Action, Capability, Language, Notify, Outcome, Redirect, Reject, Vacation, Version,
};
use storage::{
    AnswerClaim, AnswerSource, Arrival, Claimed, DeliveryPlan, Destination, Filing, MailboxName,
    Outgoing, Placement, PreparedMessage, Result, SeenMark, Sorter, Sorting, SpecialUse, Store,
    Verdict, Withdrawn,
};

use crate::cache::{AnsweredKey, Caches};
use crate::dispatch::Dispatch;
use crate::letters::failure_notice;
use crate::outgoing::{Letter, Stamper};
use crate::rules::Ready;
use crate::script::{Run, Runner, language};
use crate::settings::Settings;
use crate::versions::Versions;
use crate::world::seen_key;
use crate::{filing, redirect, reject, respond};

/// The [`Sorter`] of a daemon.
pub struct Deliverer {
    store: Store,
    settings: Settings,
    language: Arc<Language>,
    /// The same language with fewer steps to a run: scripts that need more run on a thread that may
    /// block.
    quick: Language,
    caches: Caches,
}

impl Deliverer {
    /// A deliverer for a store.
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
            versions: Versions::new(Outcome::default(), arrival.message),
            now: self.store.now(),
            plan: DeliveryPlan {
                rules: rules.version,
                filings: Vec::new(),
                sends: Vec::new(),
                calendar: None,
                seen: Vec::new(),
                failure: None,
                script: None,
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

/// One message on its way to one account: its script is run and a plan made of the actions.
struct SortingOne<'a> {
    deliverer: &'a Deliverer,
    rules: &'a Arc<Ready>,
    arrival: &'a Arrival<'a>,
    versions: Versions<'a>,
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

    fn dispatch(&self) -> Dispatch<'a> {
        let Deliverer { store, settings, .. } = self.deliverer;
        Dispatch { store, signatory: settings.signatory.as_deref(), rules: self.rules }
    }

    /// Runs the script, if there is one, and takes up its actions; without one, or where it
    /// fails, the message is kept (RFC 5228 §2.10.6, R-FILT-2).
    async fn run_script(&mut self) -> Result<()> {
        let failure = match self.rules.script.as_ref().map(|(_, script)| script) {
            None => None,
            Some(Err(mistakes)) => Some(mistakes.clone()),
            Some(Ok(program)) => {
                let deliverer = self.deliverer;
                let runner = Runner {
                    store: &deliverer.store,
                    language: &deliverer.language,
                    quick: &deliverer.quick,
                    programs: &deliverer.caches.programs,
                    rules: self.rules,
                    now: self.now,
                };
                let Run { result, unseen } = runner.run(program, self.arrival).await?;
                match result {
                    Ok(outcome) => return self.take(outcome, &unseen).await,
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

    async fn take(&mut self, mut outcome: Outcome, unseen: &HashSet<[u8; 32]>) -> Result<()> {
        // From here on it is the script's business, or that of one it includes.
        let script = self.rules.script.as_ref().and_then(|(_, script)| script.as_ref().ok());
        let is_scripted = outcome.processes_calendar
            || script.is_some_and(|it| it.required().has(Capability::ProcessCalendar));
        self.plan.calendar = is_scripted.then(Vec::new);
        let actions = std::mem::take(&mut outcome.actions);
        let seen = std::mem::take(&mut outcome.seen);
        self.versions = Versions::new(outcome, self.arrival.message);
        let dispatch = self.dispatch();
        for action in actions {
            match action {
                Action::Keep(keep) => {
                    if keep.is_implicit {
                        self.implicit = Some(self.plan.filings.len());
                    }
                    let message = self.versions.stored(keep.version, &dispatch).await?;
                    let flags = filing::flags(&keep.flags);
                    self.plan.filings.push(Filing { message, flags, ..Filing::usual() });
                }
                Action::FileInto(into) => {
                    let message = self.versions.stored(into.version, &dispatch).await?;
                    self.plan.filings.push(Filing { message, ..filing::file_into(&into) });
                }
                Action::Redirect(to) => self.script_redirect(&to).await?,
                Action::Reject(reject) => self.reject = Some(reject),
                // R-ADDR-7
                Action::Vacation(_) if self.rules.withdrawn.contains(Withdrawn::RESPONDER) => {}
                Action::Vacation(vacation) => {
                    self.answers = true;
                    self.vacation(&vacation).await?;
                }
                Action::Notify(notify) => self.notify(&notify).await?,
                Action::ProcessCalendar(action) => {
                    let wishes = self.plan.calendar.get_or_insert_with(Vec::new);
                    wishes.push(crate::calendar::wishes(&action, self.arrival.forward_path));
                }
            }
        }
        let marks = seen.into_iter().map(|(key, seconds)| {
            let key = seen_key(&key);
            SeenMark { key, seconds, unseen: unseen.contains(&key) }
        });
        self.plan.seen = marks.collect();
        Ok(())
    }

    /// `redirect` (RFC 5228 §4.2). What is not sent on is kept.
    async fn script_redirect(&mut self, to: &Redirect) -> Result<()> {
        let Deliverer { store, settings, .. } = self.deliverer;
        let is_mute = self.is_spam() || self.rules.is_own(&to.address);
        // RFC 5228 §10: a loop is ended, and the message is not lost for that; nor is spam, which
        // is not sent on.
        if is_mute || redirect::loops(self.arrival.message, self.rules) {
            self.plan.filings.push(Filing::usual());
        } else if self.rules.withdrawn.contains(Withdrawn::REDIRECTIONS) {
            self.plan.failure.get_or_insert_with(|| redirect::WITHDRAWN.to_owned());
            self.plan.filings.push(Filing::usual());
        } else if !redirect::may_send_to(store, settings, self.rules, &to.address).await? {
            self.plan.failure.get_or_insert_with(|| redirect::NOT_AGREED.to_owned());
            self.plan.filings.push(Filing::usual());
        } else if self.is_forged(to.version).await? {
            self.plan.failure.get_or_insert_with(|| redirect::NOT_OWN.to_owned());
            self.plan.filings.push(Filing::usual());
        } else {
            let message = self.versions.sent(to.version, &self.dispatch()).await?;
            if let Some(send) = self.redirect(to, message) {
                // R-ADDR-11: unlike a redirection, nobody set bounds to what a script sends on.
                send.counted = true;
            }
        }
        Ok(())
    }

    async fn is_forged(&self, version: Version) -> Result<bool> {
        let (account, original) = (self.arrival.account, self.arrival.message);
        let store = &self.deliverer.store;
        match self.versions.bytes(version) {
            bytes if version.0 > 0 => redirect::is_forged(store, account, bytes, original).await,
            _ => Ok(false),
        }
    }

    async fn notify(&mut self, notify: &Notify) -> Result<()> {
        let to = [&notify.to[..], &notify.cc, &notify.bcc].concat();
        if to.is_empty() {
            return Ok(());
        }
        let letter = Letter {
            account: self.arrival.account,
            author: Author::Account,
            reverse_path: &notify.reverse_path,
            to,
            bytes: self.stamper().render(|stamp| notify.render(stamp)),
            claim: None,
            counted: true,
            copy: notify.fcc.as_ref().map(filing::copy),
        };
        self.plan.sends.push(self.dispatch().letter(letter).await?);
        Ok(())
    }

    /// Sends a copy to an address; `None` where it got one already.
    fn redirect(&mut self, to: &Redirect, message: Arc<PreparedMessage>) -> Option<&mut Outgoing> {
        let spelling = match to.address.rsplit_once('@') {
            Some((local, domain)) => format!("{local}@{}", normal_domain(domain)),
            None => to.address.clone(),
        };
        if !self.targets.insert(spelling) {
            return None;
        }
        let settings = &self.deliverer.settings;
        let (now, sender) = (self.now, self.arrival.reverse_path);
        let path = redirect::reverse_path(settings, self.rules, (to, sender), now);
        self.plan.sends.push(redirect::outgoing(to, message, self.arrival, path, now));
        self.plan.sends.last_mut()
    }

    async fn vacation(&mut self, vacation: &Vacation) -> Result<()> {
        // R-RESP-5: spam is not answered, whatever the script says.
        if self.is_spam() {
            return Ok(());
        }
        let claim = AnswerClaim {
            source: AnswerSource::Script(*blake3::hash(vacation.handle.as_bytes()).as_bytes()),
            sender: vacation.recipient.clone(),
            window_secs: vacation.seconds,
        };
        if self.is_answered(&claim) {
            return Ok(());
        }
        if self.may_be_from(&vacation.from).await? {
            return self.answer(vacation, claim).await;
        }
        // RFC 5230 §4.3: an author that is not allowed is ignored.
        let from = match self.rules.is_own(self.arrival.forward_path) {
            true => self.arrival.forward_path.to_owned(),
            // It came to a catch-all, and names the account beside that.
            false => self.rules.address.clone(),
        };
        let own = Vacation { from, ..vacation.clone() };
        self.answer(&own, claim).await
    }

    /// R-ADDR-5: whether an answer of a script may come from an address: the account's, one that
    /// it may send as, or one that agreed.
    async fn may_be_from(&self, from: &str) -> Result<bool> {
        let named = redirect::addresses(from.as_bytes());
        let [address] = named.as_slice() else { return Ok(false) };
        if self.rules.is_own(&address.to_string()) {
            return Ok(true);
        }
        let (account, address) = (self.arrival.account, address.clone());
        let store = &self.deliverer.store;
        store
            .read(move |tx| match tx.may_answer_as(account, &address)? {
                true => Ok(true),
                // Who is in maintenance sends nothing.
                false => Ok(tx.may_send_as(account, &address).unwrap_or(false)),
            })
            .await
    }

    async fn answer(&mut self, vacation: &Vacation, claim: AnswerClaim) -> Result<()> {
        let letter = respond::letter(vacation, self.arrival.account, claim, &self.stamper());
        self.plan.sends.push(self.dispatch().letter(letter).await?);
        Ok(())
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
            return self.refuse(&reject).await;
        }
        // Telling somebody of a message does not keep it.
        let is_discarded = self.plan.filings.is_empty() && self.targets.is_empty();
        if self.is_junked().await? {
            // R-RESP-5: spam is not answered, whatever the script says. Only answers claim.
            self.plan.sends.retain(|send| send.claim.is_none());
        } else if !is_discarded {
            self.redirect_account().await?;
            self.respond().await?;
        }
        if self.plan.filings.is_empty() {
            let copies = self.plan.sends.iter_mut().filter(|send| send.is_forwarded);
            copies.for_each(redirect::note_unkept);
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
    async fn redirect_account(&mut self) -> Result<()> {
        let (rules, message) = (self.rules, self.arrival.message);
        if rules.redirections.is_empty() || self.is_spam() || redirect::loops(message, rules) {
            return Ok(());
        }
        let copy = self.versions.sent(Version(0), &self.dispatch()).await?;
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
        Ok(())
    }

    async fn respond(&mut self) -> Result<()> {
        // One message gets one answer at most.
        if self.answers {
            return Ok(());
        }
        let Some((responder, claim)) = respond::due(self.rules, self.arrival, self.now) else {
            return Ok(());
        };
        // Most senders were answered, which is known without reading what they wrote.
        if self.is_answered(&claim) {
            return Ok(());
        }
        let Some(head) = respond::head(self.rules, self.arrival) else { return Ok(()) };
        let answer = respond::answer(self.rules, (responder, &claim, head));
        self.answer(&answer, claim).await
    }

    /// Refuses the message. Where that is too late and nobody can be told, it goes among the spam
    /// rather than be lost in silence.
    async fn refuse(mut self, reject: &Reject) -> Result<Verdict> {
        let may_notify = reject::may_notify(self.arrival);
        if may_notify {
            let letter = reject::notification(reject, self.arrival, &self.stamper());
            self.plan.sends.push(self.dispatch().letter(letter).await?);
        } else {
            let junk = Destination::Mailbox {
                name: MailboxName::parse("Junk").ok(),
                id: None,
                special_use: Some(SpecialUse::Junk),
                create: true,
            };
            self.plan.filings.push(Filing { destination: junk, ..Filing::usual() });
        }
        let instead = Arc::new(self.plan);
        Ok(match reject::reply_text(reject, may_notify) {
            Some(reason) => Verdict::Refuse { reason, instead },
            None => Verdict::Do(instead),
        })
    }
}
