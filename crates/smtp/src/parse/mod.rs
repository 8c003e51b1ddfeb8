//! Bytes to types: command lines (RFC 5321 §4.1.1) and their arguments.
//!
//! **Invariant:** parsing has no effects; a line is wholly understood before anything happens.
//! **Absent:** finding the end of a line, which the server does, and the content of messages,
//! which `content.rs` reads.

mod command;
mod parameters;
mod path;
mod terms;

pub use command::{Command, Greeting, VERBS, parse_command, verb_of};

pub(crate) use parameters::parse_rcpt_parameters;
