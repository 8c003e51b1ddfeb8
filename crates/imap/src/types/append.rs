//! Arguments of APPEND.

use std::fmt;

use message::date::DateTime;
use message::flag::Flags;

use super::MailboxName;

/// One message of an APPEND. Its bytes are the literal's own buffer, never copied.
#[derive(Clone, PartialEq)]
pub struct AppendMessage {
    /// Flags to set; `\Recent` is never among them.
    pub flags: Flags,
    /// Internal date, now if None.
    pub internal_date: Option<DateTime>,
    /// The message; free of NUL unless `binary`.
    pub bytes: Vec<u8>,
    /// Sent as a literal8, which may hold NUL (RFC 3516 §4.4).
    pub binary: bool,
    /// Sent as `UTF8 (…)` (RFC 6855 §4): headers may hold UTF-8.
    pub utf8: bool,
}

impl fmt::Debug for AppendMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppendMessage")
            .field("flags", &self.flags)
            .field("internal_date", &self.internal_date)
            .field("size_bytes", &self.bytes.len())
            .field("binary", &self.binary)
            .field("utf8", &self.utf8)
            .finish()
    }
}

/// `APPEND mailbox message…` (RFC 9051 §6.3.12; several messages: RFC 3502 §6.3.11).
#[derive(Debug, Clone, PartialEq)]
pub struct AppendArgs {
    /// Where to.
    pub mailbox: MailboxName,
    /// At least one message; all or none are appended.
    pub messages: Vec<AppendMessage>,
}
