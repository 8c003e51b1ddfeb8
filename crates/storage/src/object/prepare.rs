//! What is computed of an object before any transaction: whether it is one, its UID, its hash,
//! its times.

use std::sync::Arc;

use ical::CalendarObject;

use crate::blob::codec;
use crate::collection::Components;

/// Why bytes are not taken as an object; each is a precondition of RFC 4791 §5.3.2.1 or
/// RFC 6352 §6.3.2.1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ObjectFault {
    /// The bytes are no iCalendar or vCard that can be read.
    #[error("this is not well-formed data: {0}")]
    Malformed(ical::Invalid),
    /// They can be read, and break a rule of the format or of what an object may be.
    #[error("{0}")]
    Invalid(&'static str),
    /// More bytes than one object may have.
    #[error("an object has at most {limit_bytes} bytes")]
    TooBig {
        /// The largest size allowed.
        limit_bytes: u64,
    },
    /// R-CAL-5: an inline attachment is too large.
    #[error("an inline attachment has at most {limit_bytes} bytes")]
    AttachmentTooBig {
        /// The largest size allowed.
        limit_bytes: u64,
    },
    /// An event recurs too often.
    #[error("an event has at most {max} occurrences in a year")]
    TooManyInstances {
        /// The largest number allowed.
        max: u64,
    },
    /// A version of the format, or a component, that is not known here.
    #[error("{0}")]
    Unsupported(&'static str),
    /// A rule in a calendar that is not known (RFC 7529 §10).
    #[error("a rule is in a calendar that is not known here")]
    UnsupportedScale,
}

/// The bounds on one object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ObjectLimits {
    /// Bytes of one object.
    pub bytes_max: u64,
    /// R-CAL-5: bytes of an inline attachment, decoded.
    pub attachment_bytes_max: u64,
    /// Occurrences of an event in a year.
    pub instances_max: u64,
    /// The bounds on parsing it.
    pub ical: ical::Limits,
}

impl Default for ObjectLimits {
    fn default() -> Self {
        Self {
            bytes_max: 10 * 1024 * 1024,
            attachment_bytes_max: 64 * 1024,
            instances_max: 10_000,
            ical: ical::Limits::default(),
        }
    }
}

/// The span of time that an object covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Times {
    /// Seconds since 1970; nothing is before.
    pub(super) first: i64,
    /// No occurrence is after this second; `i64::MAX` where there is no end.
    pub(super) last: i64,
    /// Occurrences of a recurring event, packed.
    pub(super) spans: Option<Vec<u8>>,
}

impl Times {
    /// The span of an object that no query by time finds.
    pub(super) const NEVER: Self = Self { first: i64::MAX, last: i64::MIN, spans: None };
    /// The span of an object without times, or of which no query may be sure.
    pub(super) const ALWAYS: Self = Self { first: i64::MIN, last: i64::MAX, spans: None };
}

/// An object ready to be written.
#[derive(Debug, Clone)]
pub struct PreparedObject {
    pub(super) codec: i64,
    pub(super) stored: Vec<u8>,
    pub(crate) size_bytes: u64,
    pub(super) hash: [u8; 32],
    pub(super) uid: String,
    pub(super) component: Components,
    pub(super) media_type: String,
    pub(super) times: Times,
    /// The e-mail addresses of a card; see `contacts`.
    pub(super) addresses: Vec<String>,
    /// What was read, where it has an organizer.
    pub(super) meeting: Option<Arc<CalendarObject>>,
    /// The ids of its managed attachments.
    pub(super) managed: Vec<String>,
}

/// What a format says of an object.
pub(super) struct Facts {
    pub(super) uid: String,
    pub(super) component: Components,
    pub(super) times: Times,
    /// The e-mail addresses of a card; see `contacts`.
    pub(super) addresses: Vec<String>,
    pub(super) meeting: Option<CalendarObject>,
    /// The ids of its managed attachments.
    pub(super) managed: Vec<String>,
}

impl PreparedObject {
    /// A calendar object resource (RFC 4791 §4.1).
    ///
    /// # Errors
    /// Why it is none.
    pub fn calendar(bytes: Vec<u8>, limits: &ObjectLimits) -> Result<Self, ObjectFault> {
        check_size(&bytes, limits)?;
        let facts = super::calendar::read(&bytes, limits)?;
        let media_type = match facts.component.names().next() {
            Some(name) => format!("text/calendar; charset=utf-8; component={name}"),
            None => "text/calendar; charset=utf-8".to_owned(),
        };
        Ok(Self::new(bytes, facts, media_type))
    }

    /// The bytes of the object.
    pub(super) fn bytes(&self) -> crate::Result<Vec<u8>> {
        codec::expand(self.codec, &self.stored, self.size_bytes.cast_signed())
    }

    /// A calendar object as it was read, once more.
    pub(crate) fn read_again(&self, limits: &ical::Limits) -> Option<CalendarObject> {
        CalendarObject::parse(&self.bytes().ok()?, limits).ok()
    }

    /// A scheduling message (RFC 6638 §4.1): the same, with a METHOD.
    ///
    /// # Errors
    /// Why it is none.
    pub fn message(bytes: Vec<u8>, limits: &ObjectLimits) -> Result<Self, ObjectFault> {
        check_size(&bytes, limits)?;
        let facts = super::calendar::read_message(&bytes, limits)?;
        Ok(Self::new(bytes, facts, "text/calendar; charset=utf-8".to_owned()))
    }

    /// An address object resource (RFC 6352 §5.1).
    ///
    /// # Errors
    /// Why it is none.
    pub fn card(bytes: Vec<u8>, limits: &ObjectLimits) -> Result<Self, ObjectFault> {
        check_size(&bytes, limits)?;
        let facts = super::card::read(&bytes, limits)?;
        Ok(Self::new(bytes, facts, "text/vcard; charset=utf-8".to_owned()))
    }

    /// Any bytes.
    ///
    /// # Errors
    /// [`ObjectFault::TooBig`].
    pub fn file(
        bytes: Vec<u8>,
        media_type: String,
        limits: &ObjectLimits,
    ) -> Result<Self, ObjectFault> {
        check_size(&bytes, limits)?;
        let facts = Facts {
            uid: String::new(),
            component: Components::NONE,
            times: Times::ALWAYS,
            meeting: None,
            addresses: Vec::new(),
            managed: Vec::new(),
        };
        Ok(Self::new(bytes, facts, media_type))
    }

    fn new(bytes: Vec<u8>, facts: Facts, media_type: String) -> Self {
        let hash = *blake3::hash(&bytes).as_bytes();
        let size_bytes = bytes.len() as u64;
        let (codec, stored) = codec::compress(&bytes).unwrap_or((crate::blob::AS_IS, bytes));
        let Facts { uid, component, times, addresses, meeting, managed } = facts;
        let meeting = meeting.map(Arc::new);
        Self {
            codec,
            stored,
            size_bytes,
            hash,
            uid,
            component,
            media_type,
            times,
            addresses,
            meeting,
            managed,
        }
    }

    /// What it is, in a calendar.
    pub fn component(&self) -> Components {
        self.component
    }

    /// What was read of an object of a calendar that has an organizer.
    pub(crate) fn meeting(&self) -> Option<&Arc<CalendarObject>> {
        self.meeting.as_ref()
    }

    /// The ids of its managed attachments.
    pub(crate) fn managed(&self) -> &[String] {
        &self.managed
    }

    /// The UID of the calendar or address object; empty for a file.
    pub fn uid(&self) -> &str {
        &self.uid
    }

    /// The etag, without quotes.
    pub fn etag(&self) -> String {
        super::etag_of(&self.hash)
    }
}

fn check_size(bytes: &[u8], limits: &ObjectLimits) -> Result<(), ObjectFault> {
    match bytes.len() as u64 > limits.bytes_max {
        true => Err(ObjectFault::TooBig { limit_bytes: limits.bytes_max }),
        false => Ok(()),
    }
}
