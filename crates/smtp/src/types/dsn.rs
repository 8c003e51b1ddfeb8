//! What the sender asks to be told about delivery (RFC 3461), kept for the queue.

/// How much of the message a failure notice returns: RFC 3461 §4.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ret {
    /// The whole message.
    Full,
    /// The header section alone.
    Hdrs,
}

/// When a recipient's fate is reported: RFC 3461 §4.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Notify {
    /// No parameter was given: failures, and delays as the server sees fit.
    #[default]
    Unspecified,
    /// NEVER: in no case.
    Never,
    /// In these cases, at least one of which is set.
    On {
        /// When the message was delivered.
        success: bool,
        /// When it could not be.
        failure: bool,
        /// When it is late.
        delay: bool,
    },
}

/// The sender's own name of the transaction, in xtext as received (RFC 3461 §4.4). It is
/// passed on unchanged (RFC 3461 §5.2.1), so it is never decoded here.
///
/// **Invariant:** valid xtext of at most 100 characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvelopeId(pub(crate) Box<str>);

impl EnvelopeId {
    /// The identifier in its encoded form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The address the sender wrote first: `type;xtext` as received (RFC 3461 §4.2), passed on
/// unchanged (RFC 3461 §5.2.1).
///
/// **Invariant:** an address type, a semicolon, and text without spaces or controls, at most
/// 500 characters in all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginalRecipient(pub(crate) Box<str>);

impl OriginalRecipient {
    /// `type;address` in its encoded form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
