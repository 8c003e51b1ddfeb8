//! What an answer about many resources may cost while it is made.

use std::time::Instant;

use crate::error::{DavError, Result};
use crate::settings::Settings;
use crate::xml::Name;

/// An answer that is being made. One resource may cost hundreds of comparisons of a large text, or
/// expansions of a long series: between those the time is asked for too. What is not asked about,
/// such as reading a resource, is bounded by its size.
#[derive(Debug)]
pub(crate) struct Work {
    bytes_max: usize,
    /// `None` where the clock does not reach so far.
    until: Option<Instant>,
}

impl Work {
    /// The budget of an answer whose time begins now.
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            bytes_max: settings.answer_bytes_max,
            until: Instant::now().checked_add(settings.answer_time),
        }
    }

    /// Asked after each resource, with the bytes that wait to be sent: whether there may be more.
    pub(crate) fn go_on(&self, written: usize) -> Result<()> {
        if self.has_room(written) { self.go_on_in_time() } else { Err(too_much()) }
    }

    /// Whether `written` bytes are within the bound.
    pub(crate) fn has_room(&self, written: usize) -> bool {
        written <= self.bytes_max
    }

    /// Fails if the time for the answer is over.
    pub(crate) fn go_on_in_time(&self) -> Result<()> {
        let is_late = self.until.is_some_and(|until| Instant::now() >= until);
        if is_late { Err(too_much()) } else { Ok(()) }
    }

    /// What came to nothing counts as if it were sent.
    pub(crate) fn waste(&mut self, bytes: usize) {
        self.bytes_max = self.bytes_max.saturating_sub(bytes);
    }
}

/// RFC 4791 §7.8, RFC 4791 §7.10, RFC 6578 §3.2: an answer that takes too long, or is too large.
pub(crate) fn too_much() -> DavError {
    DavError::forbidden(Name::dav("number-of-matches-within-limits"))
}
