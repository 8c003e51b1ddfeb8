//! Scripts started by what happens in mailboxes (RFC 6785).
//!
//! **Invariants:** no command waits for a script; each message is taken out of its event in the
//! transaction that does what the script says of it, so once, whichever daemon runs it; what a
//! script does starts no script; one account's messages keep no other account waiting for more
//! than a turn.

mod actions;

use std::collections::VecDeque;
use std::sync::Arc;

use ids::{AccountId, CollectionId, Timestamp, Uid};
use message::flag::{Flag, Flags, SystemFlags};
use responder::{Delivery, Event, Failure, ImapCause, ImapEvent, Language, Outcome, Program};
use storage::{
    DeliveryPlan, EventCause, EventOutcome, EventScript, FlagChange, MailboxEvent, Placement,
    PreparedMessage, ReadTx, Result, ScriptName, StorageError, Store, Want,
};

use self::actions::Acting;
use crate::cache::Programs;
use crate::letters::failure_notice;
use crate::rules::Ready;
use crate::script::language;
use crate::settings::Settings;
use crate::world::Whole;
use crate::zone::date_time;

/// LIMIT: messages to which nothing is to be done, taken out of an event at once.
const PASSED_MAX: u32 = 100;
/// LIMIT: messages of one account that are looked at before others have their turn.
const TURN_MESSAGES: u32 = 200;
/// LIMIT: how often something that changed meanwhile is looked at again.
const TRIES_MAX: u32 = 5;

/// Runs the scripts of a daemon's events.
pub struct EventRunner {
    store: Store,
    settings: Settings,
    language: Arc<Language>,
    programs: Programs,
}

/// What the runs for one account may take before it is another account's turn: a number of
/// messages, and time.
struct Turn<'e> {
    messages_left: u32,
    ends: &'e (dyn Fn() -> bool + Sync),
}

impl Turn<'_> {
    fn is_over(&self) -> bool {
        self.messages_left == 0 || (self.ends)()
    }
}

/// What the runs of one event have in common.
struct Started {
    rules: Arc<Ready>,
    name: ScriptName,
    mailbox: String,
    actor: String,
}

/// A message after a run of the script, and the outcome of the run.
struct Ran {
    message: Vec<u8>,
    flags: Flags,
    result: std::result::Result<Outcome, Failure>,
}

impl EventRunner {
    /// A runner of scripts for events of a store.
    pub fn new(store: Store, settings: Settings) -> Self {
        let programs = Programs::new(settings.cache_bytes);
        Self { store, settings, language: Arc::new(language()), programs }
    }

    /// Runs scripts for events of these accounts, and of those in whose mailboxes something happens
    /// meanwhile, in turns, until none waits or it is to end.
    pub async fn run(
        &self,
        accounts: impl IntoIterator<Item = AccountId>,
        ends: &(dyn Fn() -> bool + Sync),
    ) {
        let mut waiting: VecDeque<AccountId> = accounts.into_iter().collect();
        while let Some(account) = waiting.pop_front() {
            match self.run_turn(account, ends).await {
                Ok(true) => waiting.push_back(account),
                Ok(false) => {}
                Err(error) => tracing::warn!(%account, %error, "scripts of mailboxes wait"),
            }
            if ends() {
                return;
            }
            for account in self.store.event_notices().take() {
                if !waiting.contains(&account) {
                    waiting.push_back(account);
                }
            }
        }
    }

    /// Runs scripts for events of an account, for as many messages as a turn has. Whether more may
    /// wait.
    pub async fn run_turn(
        &self,
        account: AccountId,
        ends: &(dyn Fn() -> bool + Sync),
    ) -> Result<bool> {
        let mut turn = Turn { messages_left: TURN_MESSAGES, ends };
        while !turn.is_over() {
            let next = self.store.read(move |tx| tx.next_event(account)).await?;
            let Some(event) = next else { return Ok(false) };
            self.run_event(Arc::new(event), &mut turn).await?;
        }
        Ok(true)
    }

    async fn run_event(&self, event: Arc<MailboxEvent>, turn: &mut Turn<'_>) -> Result<()> {
        let Some(started) = self.start(&event).await? else {
            // The script or the mailbox has gone.
            let last = event.uids.ranges().last().map_or(Uid::new(u32::MAX), |range| *range.end());
            return self.settle(&event, last, None).await.map(|_| ());
        };
        let (mut passed, mut last) = (0, None);
        for uid in event.uids.iter() {
            if turn.is_over() {
                break;
            }
            turn.messages_left -= 1;
            let outcome = match self.outcome(&started, &event, uid).await {
                Err(error) if !passes(&error) => {
                    tracing::info!(account = %event.account, %error, "a message has no script run");
                    None
                }
                other => other?,
            };
            match outcome {
                None => {
                    passed += 1;
                    last = Some(uid);
                    if passed < PASSED_MAX {
                        continue;
                    }
                    self.settle(&event, uid, None).await?;
                }
                Some(outcome) => self.carry_out(&event, uid, outcome).await?,
            }
            (passed, last) = (0, None);
        }
        match last {
            Some(last) => self.settle(&event, last, None).await.map(|_| ()),
            None => Ok(()),
        }
    }

    /// The script of an event, compiled, and what is the same for each of its messages.
    async fn start(&self, event: &Arc<MailboxEvent>) -> Result<Option<Arc<Started>>> {
        let (event, language) = (event.clone(), self.language.clone());
        let programs = self.programs.clone();
        let loaded = self.store.read(move |tx| {
            let Some(script) = tx.load_event_script(&event)? else { return Ok(None) };
            let EventScript { name, text, mailbox, actor } = script;
            let rules = tx.load_rules(event.account)?;
            let program = programs.get(&text, &language);
            let rules = Arc::new(Ready::new(rules, Some((name.to_string(), program))));
            Ok(Some(Arc::new(Started { rules, name, mailbox, actor })))
        });
        match loaded.await {
            Err(StorageError::NotFound(_)) => Ok(None),
            other => other,
        }
    }

    /// What is to be done for one message; `None`: nothing, or it is gone.
    async fn outcome(
        &self,
        started: &Arc<Started>,
        event: &Arc<MailboxEvent>,
        uid: Uid,
    ) -> Result<Option<EventOutcome>> {
        let now = self.store.now();
        let program = match started.rules.script.as_ref().map(|(_, program)| program.clone()) {
            Some(program) => program,
            None => return Ok(None),
        };
        let program = match program {
            Ok(program) => program,
            Err(mistakes) => {
                let message = Arc::new(PreparedMessage::new(Vec::new()));
                let plan = self.plan(started, now, Some(mistakes));
                return Ok(Some(EventOutcome { message, plan, original: Vec::new() }));
            }
        };
        let (given, at, language) = (started.clone(), event.clone(), self.language.clone());
        let programs = self.programs.clone();
        let ran = self
            .store
            .read(move |tx| run(tx, &program, (&language, &programs), &given, &at, uid, now));
        let Some(ran) = ran.await? else { return Ok(None) };
        self.understood(started, event, ran, now).await
    }

    /// A plan without actions.
    fn plan(&self, started: &Started, now: Timestamp, failure: Option<String>) -> DeliveryPlan {
        DeliveryPlan {
            rules: started.rules.version,
            filings: Vec::new(),
            sends: Vec::new(),
            calendar: None,
            seen: Vec::new(),
            failure,
            script: Some(started.name.clone()),
            notice: failure_notice(&self.settings.hostname, &started.rules, now),
        }
    }

    async fn understood(
        &self,
        started: &Started,
        event: &MailboxEvent,
        ran: Ran,
        now: Timestamp,
    ) -> Result<Option<EventOutcome>> {
        let Ran { message, flags, result } = ran;
        let mut plan = self.plan(started, now, None);
        let mut original = Vec::new();
        match result {
            // R-FILT-2: the message stays as it is, and the owner is told.
            Err(failure) => plan.failure = Some(failure.to_string()),
            Ok(outcome) => {
                let (store, settings) = (&self.store, &self.settings);
                let rules = &started.rules;
                let acting = Acting { store, settings, rules, event, message: &message, now };
                original = changes(&flags, acting.take_up(&outcome, &mut plan, &flags).await?);
            }
        }
        let nothing = plan.filings.is_empty()
            && plan.sends.is_empty()
            && plan.failure.is_none()
            && original.is_empty();
        if nothing {
            return Ok(None);
        }
        let message = Arc::new(self.store.prepare(message).await?);
        Ok(Some(EventOutcome { message, plan, original }))
    }

    /// Does what a script says of a message. What cannot be done is given up: it would stand in
    /// the way of every event behind it.
    async fn carry_out(
        &self,
        event: &Arc<MailboxEvent>,
        uid: Uid,
        outcome: EventOutcome,
    ) -> Result<()> {
        let outcome = Arc::new(outcome);
        for _ in 0..TRIES_MAX {
            match self.settle(event, uid, Some(outcome.clone())).await {
                Ok(_) => return Ok(()),
                Err(StorageError::Conflict(_)) => {}
                Err(error) if passes(&error) => return Err(error),
                Err(error) => {
                    tracing::info!(account = %event.account, %error, "a script's actions failed");
                    break;
                }
            }
        }
        self.settle(event, uid, None).await.map(|_| ())
    }

    async fn settle(
        &self,
        event: &Arc<MailboxEvent>,
        up_to: Uid,
        outcome: Option<Arc<EventOutcome>>,
    ) -> Result<bool> {
        let event = event.clone();
        let brought = outcome.iter().flat_map(|outcome| {
            outcome.plan.messages().chain([&outcome.message]).cloned().collect::<Vec<_>>()
        });
        let settled = self.store.write_with("imap event", brought.collect(), move |tx| {
            tx.account(event.account)?.settle_event(&event, up_to, outcome.as_deref())
        });
        Ok(settled.await?.value)
    }
}

/// Whether an error is one that another try may not meet.
fn passes(error: &StorageError) -> bool {
    matches!(
        error,
        StorageError::Unavailable(_) | StorageError::NoSpace(_) | StorageError::Internal(_)
    )
}

/// Runs a script on one message, in one snapshot; `None`: the message is gone.
fn run(
    tx: &mut ReadTx<'_>,
    program: &Program,
    (language, programs): (&Language, &Programs),
    started: &Started,
    event: &MailboxEvent,
    uid: Uid,
    now: Timestamp,
) -> Result<Option<Ran>> {
    let Some((message, flags)) = load(tx, event.mailbox, uid)? else { return Ok(None) };
    let names = names(&flags);
    let mut env = Whole {
        tx,
        account: event.account,
        rules: &started.rules,
        programs,
        placement: Placement::Inbox,
        now,
        unseen: std::collections::HashSet::new(),
        calendar: None,
        failed: None,
    };
    let delivery = Delivery {
        message: &message,
        envelope: None,
        now: date_time(&started.rules.zone, now),
        detail_separator: '+',
        event: Event::Imap(ImapEvent {
            cause: match event.cause {
                EventCause::Append => ImapCause::Append,
                EventCause::Copy => ImapCause::Copy,
                EventCause::Flag => ImapCause::Flag,
            },
            user: &started.actor,
            mailbox: &started.mailbox,
            changed_flags: &event.changed,
            flags: &names,
        }),
    };
    let result = program.run(language, &delivery, &mut env);
    match env.failed {
        Some(error) => Err(error),
        None => Ok(Some(Ran { message, flags, result })),
    }
}

fn load(tx: &mut ReadTx<'_>, mailbox: CollectionId, uid: Uid) -> Result<Option<(Vec<u8>, Flags)>> {
    let Some((content, _, flags)) = tx.find_message(mailbox, uid)? else { return Ok(None) };
    let contents = match tx.load_contents(&[content], Want::HEADER | Want::TEXT) {
        Err(StorageError::Expunged) => return Ok(None),
        other => other?,
    };
    let parts = contents.first().map(|content| [content.header(), content.text()]);
    let parts = parts.unwrap_or_default().map(Option::unwrap_or_default);
    Ok(Some((parts.concat(), flags)))
}

/// The names of flags, as scripts see them.
fn names(flags: &Flags) -> Vec<String> {
    let system = flags.system.names().filter(|name| *name != "\\Recent").map(str::to_owned);
    system.chain(flags.keywords().iter().map(|keyword| keyword.as_str().to_owned())).collect()
}

/// What makes `before` the flags with which a message stays; without any it is marked
/// `\Deleted`, and whoever looks at the mailbox expunges it (RFC 6785 §2.2.4).
fn changes(before: &Flags, kept: Option<Flags>) -> Vec<FlagChange> {
    let Some(kept) = kept else {
        let mut deleted = Flags::default();
        deleted.insert(Flag::System(SystemFlags::DELETED));
        return vec![FlagChange::Add(deleted)];
    };
    let (added, removed) = (kept.difference(before), before.difference(&kept));
    let added = (!added.is_empty()).then_some(FlagChange::Add(added));
    let removed = (!removed.is_empty()).then_some(FlagChange::Remove(removed));
    added.into_iter().chain(removed).collect()
}
