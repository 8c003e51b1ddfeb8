//! What is kept from one delivery to the next, all of it bounded.
//!
//! **Invariant:** rules are gone by only where their version is the one that RCPT was answered
//! with, or a newer one; that somebody was answered is believed until the next answer is due, and
//! only under the same version. Losing any of it changes nothing but speed.

use std::sync::Arc;

use ids::{AccountId, Timestamp};
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use responder::{Language, Program};
use storage::{AnswerSource, Arrival, Result, Store};

use crate::rules::{Compiled, Ready, compile};

/// LIMIT: senders known to be answered; one takes some 200 bytes.
const ANSWERED_MAX: usize = 32 * 1024;

/// What a compiled script takes in memory for each byte of its text, and besides.
const PROGRAM_BYTES_PER_BYTE: u64 = 20;
const PROGRAM_BYTES: u64 = 4096;

/// Compiled scripts with what they take in memory.
type Programs = Cache<[u8; 32], (u64, Arc<Compiled>), ByBytes>;

pub(crate) struct Caches {
    rules: Cache<AccountId, Arc<Ready>, ByBytes>,
    /// By the hash of the text: a script that many accounts have is compiled once.
    programs: Arc<Programs>,
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

impl Weighter<[u8; 32], (u64, Arc<Compiled>)> for ByBytes {
    fn weight(&self, _: &[u8; 32], program: &(u64, Arc<Compiled>)) -> u64 {
        program.0
    }
}

impl Caches {
    pub(crate) fn new(bytes: u64) -> Self {
        Self {
            rules: Cache::with_weighter(16 * 1024, bytes, ByBytes),
            programs: Arc::new(Cache::with_weighter(4 * 1024, bytes, ByBytes)),
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
            let script = rules.script.take().map(|script| {
                let hash = *blake3::hash(&script.text).as_bytes();
                let program = programs.get(&hash).map(|(_, program)| program);
                let program = program.unwrap_or_else(|| {
                    let program = Arc::new(compile(&script.text, &language));
                    let regexes = program.as_ref().as_ref().map_or(0, Program::regex_bytes) as u64;
                    let text = PROGRAM_BYTES_PER_BYTE * script.text.len() as u64;
                    let weight = PROGRAM_BYTES + text + regexes;
                    programs.insert(hash, (weight, program.clone()));
                    program
                });
                (script.name.to_string(), program)
            });
            Ok(Arc::new(Ready::new(rules, script)))
        });
        let ready = ready.await?;
        self.rules.insert(account, ready.clone());
        Ok(ready)
    }

    /// Until when a sender gets no answer, as far as that is known.
    pub(crate) fn answered_until(&self, key: &AnsweredKey) -> Option<Timestamp> {
        self.answered.get(key)
    }

    pub(crate) fn note_answered(&self, key: AnsweredKey, until: Timestamp) {
        self.answered.insert(key, until);
    }
}
