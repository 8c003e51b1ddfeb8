//! What is kept from one delivery to the next, all of it bounded.
//!
//! **Invariant:** rules are gone by only where their version is the one that RCPT was answered
//! with, or a newer one; that somebody was answered is believed until the next answer is due, and
//! only under the same version. Losing any of it changes nothing but speed.

use std::sync::Arc;

use ids::{AccountId, Timestamp};
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use responder::Language;
use storage::{AnswerSource, Arrival, Result, Store};

use crate::rules::{Compiled, Ready, compile};

/// LIMIT: senders known to be answered; one takes some 200 bytes.
const ANSWERED_MAX: usize = 32 * 1024;

/// What a compiled script takes in memory for each byte of its text, and besides.
const PROGRAM_BYTES_PER_BYTE: u64 = 20;
const PROGRAM_BYTES: u64 = 4096;

/// Compiled scripts by the hash of their text, so that one that many accounts have, or that others
/// include, is compiled once.
#[derive(Clone)]
pub(crate) struct Programs(Arc<Cache<[u8; 32], (u64, Compiled), ByBytes>>);

impl Programs {
    pub(crate) fn new(bytes: u64) -> Self {
        Self(Arc::new(Cache::with_weighter(4 * 1024, bytes, ByBytes)))
    }

    /// A script, compiled now if it is not known.
    pub(crate) fn get(&self, text: &[u8], language: &Language) -> Compiled {
        let hash = *blake3::hash(text).as_bytes();
        if let Some((_, known)) = self.0.get(&hash) {
            return known;
        }
        let program = compile(text, language);
        let regexes = program.as_ref().map_or(0, |program| program.regex_bytes()) as u64;
        let weight = PROGRAM_BYTES + PROGRAM_BYTES_PER_BYTE * text.len() as u64 + regexes;
        self.0.insert(hash, (weight, program.clone()));
        program
    }
}

pub(crate) struct Caches {
    rules: Cache<AccountId, Arc<Ready>, ByBytes>,
    pub(crate) programs: Programs,
    answered: Cache<AnsweredKey, Timestamp>,
}

/// Whom an account with rules of one version answered.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct AnsweredKey {
    pub(crate) account: AccountId,
    pub(crate) version: u64,
    pub(crate) source: AnswerSource,
    pub(crate) sender: String,
}

#[derive(Clone)]
struct ByBytes;

impl Weighter<AccountId, Arc<Ready>> for ByBytes {
    fn weight(&self, _: &AccountId, rules: &Arc<Ready>) -> u64 {
        rules.bytes
    }
}

impl Weighter<[u8; 32], (u64, Compiled)> for ByBytes {
    fn weight(&self, _: &[u8; 32], program: &(u64, Compiled)) -> u64 {
        program.0
    }
}

impl Caches {
    pub(crate) fn new(bytes: u64) -> Self {
        Self {
            rules: Cache::with_weighter(16 * 1024, bytes, ByBytes),
            programs: Programs::new(bytes),
            answered: Cache::new(ANSWERED_MAX),
        }
    }

    /// The rules that hold for a message.
    pub(crate) async fn rules(
        &self,
        store: &Store,
        language: &Arc<Language>,
        arrival: &Arrival<'_>,
    ) -> Result<Arc<Ready>> {
        let account = arrival.account;
        if let Some(found) = self.rules.get(&account)
            && found.version >= arrival.rules
        {
            return Ok(found);
        }
        let (programs, language) = (self.programs.clone(), language.clone());
        let ready = store.read(move |tx| {
            let mut rules = tx.load_rules(account)?;
            let script = rules.script.take();
            let script = script
                .map(|script| (script.name.to_string(), programs.get(&script.text, &language)));
            Ok(Arc::new(Ready::new(rules, script)))
        });
        let ready = ready.await?;
        self.rules.insert(account, ready.clone());
        Ok(ready)
    }

    /// The instant until which a sender gets no further answer, if the cache has it.
    pub(crate) fn answered_until(&self, key: &AnsweredKey) -> Option<Timestamp> {
        self.answered.get(key)
    }

    pub(crate) fn note_answered(&self, key: AnsweredKey, until: Timestamp) {
        self.answered.insert(key, until);
    }
}
