//! The run of a script on a message: where it is, if it is short, else on a thread that may
//! block, in one snapshot of the store.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use ids::Timestamp;
use message::date::DateTime;
use message::xtext;
use responder::{Delivery, Envelope, Event, Failure, Language, Outcome, Program, Trouble};
use storage::{Arrival, Deadline, Result, Store, WhenLate};

use crate::cache::Programs;
use crate::calendar;
use crate::rules::Ready;
use crate::world::{Quick, Whole};
use crate::zone::date_time;

/// What scripts of accounts may use: all there is.
pub fn language() -> Language {
    Language::default()
}

/// A result, with what the script took for new.
pub(crate) struct Run {
    pub(crate) result: std::result::Result<Outcome, Failure>,
    pub(crate) unseen: HashSet<[u8; 32]>,
}

/// What a run needs to know, apart from the world.
pub(crate) struct Runner<'a> {
    pub(crate) store: &'a Store,
    pub(crate) language: &'a Arc<Language>,
    pub(crate) quick: &'a Language,
    pub(crate) programs: &'a Programs,
    pub(crate) rules: &'a Arc<Ready>,
    pub(crate) now: Timestamp,
}

impl Runner<'_> {
    /// Runs the script.
    pub(crate) async fn run(&self, program: &Program, arrival: &Arrival<'_>) -> Result<Run> {
        let (rules, placement) = (&**self.rules, arrival.placement);
        let mut env = Quick { rules, placement, asked: false };
        let delivery = given(arrival, arrival.message, rules, self.now);
        let result = program.run(self.quick, &delivery, &mut env);
        let too_long = matches!(&result, Err(Failure { trouble: Trouble::TooMuch(_), .. }));
        if !env.asked && !too_long {
            return Ok(Run { result, unseen: HashSet::new() });
        }
        self.run_whole(arrival).await
    }

    async fn run_whole(&self, arrival: &Arrival<'_>) -> Result<Run> {
        let (rules, language, now) = (self.rules.clone(), self.language.clone(), self.now);
        let (owned, programs) = (Owned::of(arrival), self.programs.clone());
        let scheduling = self.store.settings().scheduling;
        let run = self.store.read(move |tx| {
            let arrival = owned.arrival();
            let Some(Ok(program)) = rules.script.as_ref().map(|(_, script)| script) else {
                return Ok(None);
            };
            let mut env = Whole {
                tx,
                account: arrival.account,
                rules: &rules,
                programs: &programs,
                placement: arrival.placement,
                now,
                unseen: HashSet::new(),
                calendar: calendar::Data::of(&arrival, scheduling),
                failed: None,
            };
            let delivery = given(&arrival, arrival.message, &rules, now);
            let result = program.run(&language, &delivery, &mut env);
            match env.failed {
                Some(error) => Err(error),
                None => Ok(Some(Run { result, unseen: env.unseen })),
            }
        });
        let nothing = || Run { result: Ok(Outcome::default()), unseen: HashSet::new() };
        // There is a program: it was just tried.
        Ok(run.await?.unwrap_or_else(nothing))
    }
}

/// A message as a run is given it.
fn given<'a>(
    arrival: &Arrival<'a>,
    message: &'a [u8],
    rules: &Ready,
    now: Timestamp,
) -> Delivery<'a> {
    let parameters = &arrival.parameters;
    Delivery {
        message,
        envelope: Some(Envelope {
            from: Cow::Borrowed(arrival.reverse_path),
            to: Cow::Borrowed(arrival.forward_path),
            auth: None,
            dsn_notify: parameters.notify.map(Cow::Borrowed),
            dsn_ret: parameters.ret.map(Cow::Borrowed),
            // RFC 6009 §4: as they were before they were encoded.
            dsn_envid: parameters.envelope_id.map(xtext::decode).map(Cow::Owned),
            dsn_orcpt: parameters.original.map(xtext::decode).map(Cow::Owned),
            deliver_by: parameters.deadline.map(|deadline| by(deadline, rules)),
        }),
        now: date_time(&rules.zone, now),
        detail_separator: '+',
        event: Event::Delivery,
    }
}

/// A deadline as scripts see it.
fn by(deadline: Deadline, rules: &Ready) -> (DateTime, char, bool) {
    let mode = match deadline.when_late {
        WhenLate::Notify => 'N',
        WhenLate::Return => 'R',
    };
    (date_time(&rules.zone, deadline.at), mode, deadline.trace)
}

/// An arrival that can go to another thread.
struct Owned {
    account: ids::AccountId,
    rules: u64,
    placement: storage::Placement,
    author: Option<String>,
    verified: bool,
    is_believed: bool,
    message: Vec<u8>,
    texts: [String; 3],
    optional: [Option<String>; 4],
    smtputf8: bool,
    require_tls: bool,
    tls_optional: bool,
    priority: Option<i8>,
    deadline: Option<Deadline>,
}

impl Owned {
    fn of(arrival: &Arrival<'_>) -> Self {
        let parameters = &arrival.parameters;
        Self {
            account: arrival.account,
            rules: arrival.rules,
            placement: arrival.placement,
            author: arrival.author.map(str::to_owned),
            verified: arrival.verified,
            is_believed: arrival.is_believed,
            message: arrival.message.to_vec(),
            texts: [arrival.reverse_path, arrival.forward_path, parameters.body].map(str::to_owned),
            optional: [
                parameters.notify,
                parameters.ret,
                parameters.envelope_id,
                parameters.original,
            ]
            .map(|text| text.map(str::to_owned)),
            smtputf8: parameters.smtputf8,
            require_tls: parameters.require_tls,
            tls_optional: parameters.tls_optional,
            priority: parameters.priority,
            deadline: parameters.deadline,
        }
    }

    fn arrival(&self) -> Arrival<'_> {
        let [reverse_path, forward_path, body] = &self.texts;
        let [notify, ret, envelope_id, original] = self.optional.each_ref().map(Option::as_deref);
        Arrival {
            account: self.account,
            rules: self.rules,
            message: &self.message,
            reverse_path,
            forward_path,
            placement: self.placement,
            author: self.author.as_deref(),
            verified: self.verified,
            is_believed: self.is_believed,
            parameters: storage::ArrivalParameters {
                body,
                smtputf8: self.smtputf8,
                notify,
                ret,
                envelope_id,
                original,
                require_tls: self.require_tls,
                tls_optional: self.tls_optional,
                priority: self.priority,
                deadline: self.deadline,
            },
        }
    }
}
