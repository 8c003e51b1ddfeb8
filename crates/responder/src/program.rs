//! Compiled scripts, and the language that they are compiled by: which capabilities there are, and
//! the bounds on scripts and runs.

use std::collections::BTreeSet;

use crate::action::Outcome;
use crate::capability::{Capability, CapabilitySet};
use crate::env::{Delivery, Env};
use crate::error::{Failure, Position, ScriptError, Trouble, Warning};
use crate::host::HostWord;
use crate::limits::Limits;
use crate::run::Block;
use crate::{compile, run, syntax};

/// The language of scripts: which capabilities they may use, and the bounds on them and their runs.
#[derive(Debug, Clone)]
pub struct Language {
    /// The bounds on scripts and runs.
    pub limits: Limits,
    /// What `require` may name.
    pub capabilities: CapabilitySet,
    /// What `require` names for the words of the program that runs scripts.
    pub host_capability: Option<&'static str>,
    /// Commands and tests that the embedding program adds.
    pub host_words: &'static [HostWord],
}

impl Default for Language {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            capabilities: CapabilitySet::ALL,
            host_capability: None,
            host_words: &[],
        }
    }
}

/// A script without mistakes, ready to run on any number of messages, on several at once.
pub struct Program {
    block: Block,
    required: CapabilitySet,
    warnings: Vec<Warning>,
    regex_bytes: usize,
    text_bytes: usize,
    commands: BTreeSet<&'static str>,
}

impl std::fmt::Debug for Program {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Program").field("required", &self.required).finish_non_exhaustive()
    }
}

impl Program {
    /// Compiles a script, or tells its mistakes; there is at least one then.
    pub fn compile(script: &[u8], language: &Language) -> Result<Self, Vec<ScriptError>> {
        let nodes = syntax::parse(script, &language.limits).map_err(|error| vec![error])?;
        let compile::Compiled { block, required, warnings, regex_bytes, commands } =
            compile::compile(&nodes, language)?;
        let text_bytes = script.len();
        Ok(Self { block, required, warnings, regex_bytes, text_bytes, commands })
    }

    /// What its author may want to know.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// How much memory its regular expressions take at most.
    pub fn regex_bytes(&self) -> usize {
        self.regex_bytes
    }

    /// What compiling it cost about, in steps, as if it were done for every run.
    pub(crate) fn compiling_cost(&self) -> u64 {
        (self.text_bytes / 4 + self.regex_bytes / 16) as u64
    }

    /// The capabilities that the script required.
    pub fn required(&self) -> CapabilitySet {
        self.required
    }

    /// Whether a command of this name stands in it, `redirect` for one, whether or not a run comes
    /// to it. What it includes has commands of its own.
    pub fn uses(&self, command: &str) -> bool {
        self.commands.contains(command)
    }

    /// Runs it on a message. On failure no action counts, and the message is to be kept.
    pub fn run(
        &self,
        language: &Language,
        delivery: &Delivery<'_>,
        env: &mut dyn Env,
    ) -> Result<Outcome, Failure> {
        // RFC 6785 §3.11: naming them is an error already.
        let is_for_arrivals = |capability| self.required.has(capability);
        let arrivals = [Capability::Reject, Capability::Ereject, Capability::Vacation];
        if delivery.event.is_imap() && arrivals.into_iter().any(is_for_arrivals) {
            let trouble = Trouble::NotHere("reject and vacation are for messages that arrive");
            return Err(Failure { at: Position::default(), script: None, trouble });
        }
        run::run(&self.block, language, delivery, env)
    }

    pub(crate) fn block(&self) -> &Block {
        &self.block
    }
}
