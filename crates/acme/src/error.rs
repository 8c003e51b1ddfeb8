//! Why no certificate was obtained.

use storage::StorageError;

use crate::protocol::Problem;

/// The errors of ordering a certificate.
#[derive(Debug, thiserror::Error)]
pub enum AcmeError {
    /// The ACME server could not be asked, or gave no meaningful answer.
    #[error("{0}")]
    Server(String),
    /// The ACME server refused, with this problem document (RFC 8555 §6.7).
    #[error("{0}")]
    Refused(Box<Problem>),
    /// A name could not be proved.
    #[error("{name}: {reason}")]
    Unproved {
        /// The host name that could not be proved.
        name: String,
        /// The reason that the ACME server gives.
        reason: String,
    },
    /// The program that publishes records failed.
    #[error("the hook: {0}")]
    Hook(String),
    /// What was issued cannot be used.
    #[error("what was issued cannot be used: {0}")]
    Unusable(String),
    /// A secret is not sealed with the key of this server.
    #[error("seal.key does not open what is kept of {0}")]
    Sealed(&'static str),
    /// Storage failed.
    #[error("{0}")]
    Storage(#[from] StorageError),
    /// A key could not be made.
    #[error("no key could be made: {0}")]
    Key(String),
    /// It took too long; it is gone on with later.
    #[error("it took too long")]
    TimedOut,
}

impl AcmeError {
    /// Whether the order that failed is of no use any more. What was refused was meant; what was
    /// not answered may be asked again.
    pub(crate) fn ends_order(&self) -> bool {
        match self {
            Self::Refused(_) | Self::Unproved { .. } | Self::Unusable(_) | Self::Sealed(_) => true,
            Self::Server(_) | Self::Hook(_) | Self::Storage(_) | Self::Key(_) | Self::TimedOut => {
                false
            }
        }
    }
}
