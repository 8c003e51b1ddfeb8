//! The conditions that a change of an object depends on: If-Match, If-None-Match (RFC 9110 §13.1),
//! lock tokens and schedule-tags. They are checked in the transaction that changes.

use super::Object;
use crate::{Result, StorageError};

/// The value of If-Match or If-None-Match: `*`, or etags.
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
    /// The etags of which the object must have one (If-Match).
    pub if_match: Option<&'r EtagCondition>,
    /// The etags of which the object must have none (If-None-Match).
    pub if_none_match: Option<&'r EtagCondition>,
    /// The schedule-tag that it must have (RFC 6638 §8.3).
    pub if_schedule_tag: Option<&'r str>,
    /// Tokens of locks the client holds (RFC 4918 §6.4).
    pub tokens: &'r [String],
}

impl Condition<'_> {
    pub(crate) fn check(&self, there: Option<&Object>) -> Result<()> {
        // RFC 9110 §13.2.2: If-Match first.
        if self.if_match.is_some_and(|named| !named.names(there)) {
            return Err(StorageError::Conflict("the object is not the one that was expected"));
        }
        // RFC 6638 §3.2.10.1
        if let Some(tag) = self.if_schedule_tag
            && there.and_then(Object::schedule_tag).is_none_or(|known| known != tag)
        {
            return Err(StorageError::Conflict("the meeting is not the one that was expected"));
        }
        if self.if_none_match.is_some_and(|named| named.names(there)) {
            return Err(StorageError::Conflict("the object is there already"));
        }
        Ok(())
    }
}
