//! What can be wrong with a command before anything was done about it.

use crate::types::Tag;

/// Why a command was not understood or not taken. One meaning each; the reply is made in
/// [`crate::render::render_rejection`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Not the grammar of the command; the text says what was missed.
    #[error("{0}")]
    Syntax(&'static str),
    /// No command of this name.
    #[error("unknown command")]
    UnknownCommand,
    /// More of something than [`super::Limits`] allows; the text says of what.
    #[error("{0}")]
    TooMany(&'static str),
    /// The command line with its arguments is longer than allowed.
    #[error("command line too long")]
    LineTooLong,
    /// A literal that is an argument is larger than allowed.
    #[error("literal too big")]
    LiteralTooBig,
    /// A literal that is the value of an annotation of a mailbox, of which at most so many octets
    /// are taken.
    #[error("metadata too big")]
    MetadataTooBig(u64),
    /// A literal that is the value of an annotation of a message is larger than allowed.
    #[error("annotation too big")]
    AnnotationTooBig,
    /// A message to append is larger than allowed.
    #[error("message too big")]
    MessageTooBig,
    /// A mailbox name in a spelling that names nothing.
    #[error("{0}")]
    BadName(&'static str),
    /// CREATE with a special use that no mailbox can have here.
    #[error("unknown special use")]
    UnknownUse,
    /// The messages being appended on all connections take all the memory there is for them.
    #[error("no memory for the message now")]
    NoMemory,
    /// SEARCH in a charset nobody here reads.
    #[error("unsupported charset")]
    BadCharset,
    /// The client sent more than a bounded amount that nobody wants; the connection ends.
    #[error("too much data refused")]
    Flood,
}

/// A command refused before it ran, with the tag to answer to if one could be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// The command's tag; None answers untagged.
    pub tag: Option<Tag>,
    /// Why the command was refused.
    pub error: ParseError,
}
