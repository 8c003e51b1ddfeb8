//! The rules of an account, ready to be gone by: the script compiled, the zone found.

use std::collections::HashSet;
use std::sync::Arc;

use jiff::tz::TimeZone;
use responder::{Language, Program};
use storage::{ActiveResponder, Address, Redirection, Rules, Withdrawn};

use crate::zone::zone_of;

/// LIMIT: mistakes of a script that its owner is told of at once.
const MISTAKES_TOLD: usize = 5;

/// A compiled script, or what is wrong with it.
pub(crate) type Compiled = Result<Arc<Program>, String>;

/// The rules of an account, compiled and ready to run.
pub(crate) struct Ready {
    pub(crate) version: u64,
    /// The primary address, as the account writes it.
    pub(crate) address: String,
    pub(crate) name: String,
    pub(crate) zone: TimeZone,
    own: HashSet<String>,
    pub(crate) script: Option<(String, Compiled)>,
    pub(crate) responder: Option<ActiveResponder>,
    pub(crate) redirections: Vec<Redirection>,
    /// What the script does not, as the account may not (R-ADDR-7).
    pub(crate) withdrawn: Withdrawn,
    /// About what it takes in memory, the script aside.
    pub(crate) bytes: u64,
}

impl Ready {
    pub(crate) fn new(rules: Rules, script: Option<(String, Compiled)>) -> Self {
        let text = rules.responder.as_ref().map_or(0, |responder| {
            let body = &responder.body;
            let excluded: usize = body.excluded.iter().map(|entry| entry.len() + 32).sum();
            body.text.len() + body.html.len() + excluded
        });
        let addresses: usize = rules.addresses.iter().map(|address| address.len() + 48).sum();
        Self {
            version: rules.version,
            address: rules.address,
            name: rules.name,
            zone: zone_of(&rules.time_zone),
            own: rules.addresses.into_iter().collect(),
            script,
            responder: rules.responder,
            redirections: rules.redirections,
            withdrawn: rules.withdrawn,
            bytes: (text + addresses + 1024) as u64,
        }
    }

    /// Whether an address is one of the account's, with or without a detail.
    pub(crate) fn is_own(&self, address: &str) -> bool {
        let Ok(address) = Address::parse(address) else { return false };
        let (local, domain) = (address.local(), address.domain());
        self.own.contains(&format!("{local}@{domain}"))
            || local
                .split_once('+')
                .is_some_and(|(base, _)| self.own.contains(&format!("{base}@{domain}")))
    }
}

/// Compiles a script; what is wrong with it is told in a few lines.
pub(crate) fn compile(text: &[u8], language: &Language) -> Compiled {
    Program::compile(text, language).map(Arc::new).map_err(|mistakes| {
        let told = mistakes.iter().take(MISTAKES_TOLD).map(ToString::to_string);
        told.collect::<Vec<_>>().join("; ")
    })
}
