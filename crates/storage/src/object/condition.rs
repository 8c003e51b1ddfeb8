//! Conditional requests (RFC 9110 §13.1).

use super::Object;
use crate::{Result, StorageError};

/// What If-Match and If-None-Match name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EtagCondition {
    /// `*`: whatever is there.
    Any,
    /// One of these etags, without quotes.
    OneOf(Vec<String>),
}

impl EtagCondition {
    /// Whether what is there is what is named.
    pub fn names(&self, there: Option<&Object>) -> bool {
        match (self, there) {
            (_, None) => false,
            (Self::Any, Some(_)) => true,
            (Self::OneOf(etags), Some(there)) => etags.contains(&there.etag()),
        }
    }
}

/// On what condition something is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Condition<'r> {
    /// What must be there.
    pub if_match: Option<&'r EtagCondition>,
    /// What must not be there.
    pub if_none_match: Option<&'r EtagCondition>,
    /// Tokens of locks the client holds (RFC 4918 §6.4).
    pub tokens: &'r [String],
}

impl Condition<'_> {
    pub(super) fn check(&self, there: Option<&Object>) -> Result<()> {
        // RFC 9110 §13.2.2: If-Match first.
        if self.if_match.is_some_and(|named| !named.names(there)) {
            return Err(StorageError::Conflict("the object is not the one that was expected"));
        }
        if self.if_none_match.is_some_and(|named| named.names(there)) {
            return Err(StorageError::Conflict("the object is there already"));
        }
        Ok(())
    }
}
