//! Why a scanner gave no usable answer. What becomes of the message then is a setting of the check.

use std::io;

/// What went wrong between us and a scanner. The message has not been judged.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// Nobody listens, or the connection broke.
    #[error("connection: {0}")]
    Connection(#[from] io::Error),
    /// No answer came in time.
    #[error("no answer within its time")]
    TimedOut,
    /// The answer makes no sense.
    #[error("not understood: {0}")]
    Protocol(&'static str),
    /// The scanner says that it failed.
    #[error("the scanner says: {0}")]
    Failed(String),
}

impl From<hyper::Error> for ScanError {
    fn from(error: hyper::Error) -> Self {
        Self::Connection(io::Error::other(error))
    }
}
