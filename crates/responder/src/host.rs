//! Commands and tests of the program that runs scripts, beyond the language: what a test suite
//! steers itself with.

use message::date::DateTime;

use crate::action::Outcome;
use crate::error::Position;

/// A word that is no part of Sieve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostWord {
    /// The name, in lower case.
    pub name: &'static str,
    /// Whether it is a command, a block or a test.
    pub kind: HostWordKind,
}

/// The kinds of such words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostWordKind {
    /// A command without a block.
    Command,
    /// A command with a block; [`crate::Env::host`] is asked before it and after it.
    Block,
    /// The word is a test.
    Test,
}

/// A call of such a word.
#[derive(Debug, Clone, Copy)]
pub struct HostCall<'a> {
    /// The name of the word.
    pub name: &'static str,
    /// Where it stands.
    pub at: Position,
    /// The arguments, in order.
    pub arguments: &'a [HostArgument],
    /// For a block: `None` before it; after it, how it ended.
    pub ended: Option<Result<(), &'a str>>,
    /// The message as it is now.
    pub message: &'a [u8],
    /// What would be the result if the script ended here.
    pub pending: &'a Outcome,
}

/// An argument of a call, variables replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostArgument {
    /// A tag, without its colon.
    Tag(String),
    /// A number.
    Number(u64),
    /// A string, or a list.
    Texts(Vec<String>),
}

/// The answer of the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostReply {
    /// The script goes on.
    Next,
    /// The test holds, or not.
    Holds(bool),
    /// Go on with another message, which has these flags, from and to these addresses.
    Message {
        /// The message, as bytes.
        message: Vec<u8>,
        /// The flags of the message.
        flags: Vec<String>,
        /// The reverse-path.
        from: String,
        /// The forward-path.
        to: String,
    },
    /// Go on without the actions there are.
    Forget,
    /// Go on with this part of the envelope: `from`, `to`, `auth`.
    Envelope(&'static str, String),
    /// Go on at this instant.
    Now(DateTime),
    /// The block around ends, as if a command had failed.
    Fail(String),
}
