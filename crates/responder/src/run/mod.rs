//! The run of a program: blocks, statements, tests, and the state they share.
//!
//! **Invariant:** a run has no effect but its outcome; whatever it does is paid for in steps.

mod budget;
mod filing;
mod state;
mod variables;

pub(crate) use budget::QUESTION_STEPS;
pub(crate) use filing::Whence;
pub(crate) use state::{Loop, State};

use crate::Language;
use crate::action::Outcome;
use crate::env::{Delivery, Env};
use crate::error::{Failure, Position, Trouble};
use crate::mail::Mail;

/// Where a run goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Flow {
    /// The run goes on with the next command.
    Next,
    /// Nowhere (RFC 5228 §3.3).
    Stop,
    /// After the inclusion of this script (RFC 6609 §3.3).
    Return,
    /// After a loop: the innermost, or the innermost of a name (RFC 5703 §3).
    Break(Option<Box<str>>),
}

/// A command, ready to run.
pub(crate) trait Statement: Send + Sync {
    fn run(&self, machine: &mut Machine<'_>) -> Result<Flow, Trouble>;
}

/// A test, ready to run.
pub(crate) trait Test: Send + Sync {
    fn holds(&self, machine: &mut Machine<'_>) -> Result<bool, Trouble>;
}

/// Commands in order, with their places.
#[derive(Default)]
pub(crate) struct Block {
    statements: Vec<(Position, Box<dyn Statement>)>,
}

impl Block {
    pub(crate) fn push(&mut self, at: Position, statement: Box<dyn Statement>) {
        self.statements.push((at, statement));
    }

    /// Runs the commands until one of them leads elsewhere.
    pub(crate) fn run(&self, machine: &mut Machine<'_>) -> Result<Flow, Trouble> {
        for (at, statement) in &self.statements {
            machine.state.at = *at;
            machine.state.charge(1)?;
            let flow = statement.run(machine)?;
            if flow != Flow::Next {
                return Ok(flow);
            }
        }
        Ok(Flow::Next)
    }
}

/// The message and the state of a run, apart so that tests can read one and change the other.
pub(crate) struct Machine<'r> {
    pub(crate) mail: Mail<'r>,
    pub(crate) state: State<'r>,
}

/// Runs a block on a message.
pub(crate) fn run(
    block: &Block,
    language: &Language,
    delivery: &Delivery<'_>,
    env: &mut dyn Env,
) -> Result<Outcome, Failure> {
    let mut machine = Machine {
        mail: Mail::new(delivery.message, &language.limits),
        state: State::new(language, delivery, env),
    };
    let result = block.run(&mut machine).and_then(|_| machine.finish());
    let Machine { mail, state } = machine;
    match result {
        Ok(()) => Ok(state.into_outcome(mail)),
        Err(trouble) => Err(Failure {
            at: state.at,
            script: state.script.map(|name| name.to_string()),
            trouble,
        }),
    }
}
