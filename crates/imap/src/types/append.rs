//! Arguments of APPEND (RFC 9051 §6.3.12), with MULTIAPPEND and CATENATE, and of REPLACE
//! (RFC 8508).

use std::fmt;

use message::date::DateTime;
use message::flag::Flags;

use super::{Addressing, AnnotationValue, MailboxName, SequenceSet};

/// What a message is made of.
#[derive(Clone, PartialEq)]
pub enum AppendData {
    /// The message as it is.
    Whole {
        /// The literal's own buffer, never copied; free of NUL unless `binary`.
        bytes: Vec<u8>,
        /// Sent as a literal8, which may hold NUL (RFC 3516 §4.4).
        binary: bool,
        /// Sent as `UTF8 (…)` (RFC 6855 §4): headers may hold UTF-8.
        utf8: bool,
    },
    /// `CATENATE (…)` (RFC 4469 §3): parts put one behind the other.
    Catenate(Vec<CatenatePart>),
}

/// One part of a message to be put together.
#[derive(Clone, PartialEq, Eq)]
pub enum CatenatePart {
    /// `TEXT`: these bytes.
    Text {
        /// The literal's own buffer.
        bytes: Vec<u8>,
        /// Sent as a literal8, which may hold NUL.
        binary: bool,
        /// Sent as `UTF8 (…)` (RFC 6855 §4).
        utf8: bool,
    },
    /// `URL`: what an IMAP URL names.
    Url(String),
}

/// One message of an APPEND.
#[derive(Debug, Clone, PartialEq)]
pub struct AppendMessage {
    /// Flags to set; `\Recent` is never among them.
    pub flags: Flags,
    /// Internal date, now if None.
    pub internal_date: Option<DateTime>,
    /// Annotations to set (RFC 5257 §4.7).
    pub annotations: Vec<AnnotationValue>,
    /// Where the octets of the message come from.
    pub data: AppendData,
}

impl fmt::Debug for AppendData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole { bytes, binary, utf8 } => f
                .debug_struct("Whole")
                .field("size_bytes", &bytes.len())
                .field("binary", binary)
                .field("utf8", utf8)
                .finish(),
            Self::Catenate(parts) => f.debug_tuple("Catenate").field(parts).finish(),
        }
    }
}

impl fmt::Debug for CatenatePart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text { bytes, .. } => write!(f, "Text({} bytes)", bytes.len()),
            // A URL may hold an authorization.
            Self::Url(url) => write!(f, "Url({} bytes)", url.len()),
        }
    }
}

/// `APPEND mailbox message…` (RFC 9051 §6.3.12; several messages: RFC 3502 §6.3.11).
#[derive(Debug, Clone, PartialEq)]
pub struct AppendArgs {
    /// The mailbox that the messages are appended to.
    pub mailbox: MailboxName,
    /// At least one message; all or none are appended.
    pub messages: Vec<AppendMessage>,
}

/// `REPLACE number mailbox message` and `UID REPLACE` (RFC 8508 §3).
#[derive(Debug, Clone, PartialEq)]
pub struct ReplaceArgs {
    /// The message to replace: one number.
    pub set: SequenceSet,
    /// Whether that number is a sequence number or a UID.
    pub by: Addressing,
    /// Where the new message goes.
    pub mailbox: MailboxName,
    /// The message that takes the place of the old one.
    pub message: AppendMessage,
}
