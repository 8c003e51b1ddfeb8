//! Why bytes are no vCard that can be stored, by the precondition of RFC 6352 §6.3.2.1 that fails.

use std::fmt;

use crate::error::Error;

/// What is wrong; each fails a precondition of RFC 6352 §6.3.2.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidCard {
    /// No vCard: CARDDAV:valid-address-data.
    Data(Error),
    /// A property that every card needs is missing: CARDDAV:valid-address-data.
    Lacks(&'static str),
    /// A version that is not served: CARDDAV:supported-address-data.
    Version,
}

impl fmt::Display for InvalidCard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Data(error) => fmt::Display::fmt(error, f),
            Self::Lacks(what) => write!(f, "without {what}"),
            Self::Version => f.write_str("neither vCard 3.0 nor 4.0"),
        }
    }
}

impl std::error::Error for InvalidCard {}

impl From<Error> for InvalidCard {
    fn from(error: Error) -> Self {
        Self::Data(error)
    }
}
