//! Why the XML body of a request was refused, by what the answer has to be.

use super::name::Name;

/// What is wrong with it; always the peer's fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum XmlError {
    /// No well-formed XML, or none in an encoding that is read (400).
    #[error("the body is not well-formed XML in UTF-8 or UTF-16")]
    Malformed,
    /// More of something than [`Limits`](super::Limits) allow (413).
    #[error("the body has too many or too large {0}")]
    TooLarge(&'static str),
    /// Well-formed, but nothing that the method takes (400 or 422); what was expected.
    #[error("the body lacks {0}, or has it twice")]
    Unexpected(&'static str),
    /// A precondition that has a name failed (403, with the name in DAV:error).
    #[error("the body fails {0}")]
    Precondition(Name),
}
