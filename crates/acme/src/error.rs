//! Why there is no certificate.

use storage::StorageError;

use crate::protocol::Problem;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum AcmeError {
    /// Those who issue could not be asked, or gave no answer that means anything.
    #[error("{0}")]
    Server(String),
    /// They refused.
    #[error("{0}")]
    Refused(Box<Problem>),
    /// A name could not be proved.
    #[error("{name}: {reason}")]
    Unproved {
        /// The name.
        name: String,
        /// What those who looked say of it.
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
    /// The database.
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
