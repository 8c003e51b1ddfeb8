//! Sieve (RFC 5228) and its extensions: a script and a message in, a list of actions out.
//!
//! A script is compiled once ([`Program::compile`]); each mistake is told with its line and
//! column. A program runs ([`Program::run`]) on one message after the other and says what to do
//! ([`Outcome`]); what it has to know of the world, it asks an [`Env`].
//!
//! **Invariants:** running has no effect but its result; every loop, string and pattern is paid
//! for in steps or bounded by [`Limits`]; no pattern backtracks; a program that fails says so, so
//! that the message can be kept (R-FILT-2).
//! **Absent:** I/O, the clock, the execution of actions, the storage of scripts.

mod action;
mod answer;
mod base;
mod capability;
mod comparator;
mod compile;
mod env;
mod error;
mod ext;
mod host;
mod limits;
mod mail;
mod matching;
mod program;
pub mod rules;
mod run;
pub mod syntax;
mod text;

pub mod compose;

pub use action::{
    Action, CalendarOutcome, CalendarReport, DeliverBy, Fcc, FileInto, Keep, Notify, Outcome,
    Place, ProcessCalendar, Redirect, Reject, Stamp, Vacation, Version,
};
pub use answer::AnswerHead;
pub use capability::{Capability, CapabilitySet};
pub use env::{
    Delivery, DuplicateKey, EmptyEnv, Env, Envelope, Event, ImapCause, ImapEvent, Location,
};
pub use error::{Failure, Mistake, Position, ScriptError, Trouble, Warning};
pub use host::{HostArgument, HostCall, HostReply, HostWord, HostWordKind};
pub use limits::Limits;
pub use program::{Language, Program};
