//! Scheduling (RFC 6638): what follows for others where somebody puts or deletes a meeting. The
//! rules are `ical::scheduling`; here is who is concerned, and the writing, all in the transaction
//! of the PUT or DELETE. docs/decisions/006-scheduling.md says why it is as it is.
//!
//! | file | what |
//! |---|---|
//! | `put`, `delete` | the two verbs |
//! | `transfer` | COPY and MOVE over a meeting |
//! | `between` | COPY and MOVE between two accounts |
//! | `lock` | everybody concerned, locked in order, before them |
//! | `people` | whom an address means |
//! | `invite` | a message comes to an attendee |
//! | `answer` | an answer comes to the organizer, and is noted by others |
//! | `letter`, `mail`, `mail_parts` | messages to and from people elsewhere, by mail |
//! | `bounce` | such messages that came back |
//! | `scripted` | messages by mail that a script has a say in |
//! | `rooms`, `bookings` | answers of rooms, and what stands in their calendars |
//! | `copy` | finding and writing the copies that the server keeps |
//!
//! **Invariants:** what the server writes for others has no consequences itself; a message about
//! one instance leaves the others as they are; one attendee's full calendar fails nobody else.
//! **Absent:** the rules of iTIP, the text of mail, whether its sender is authentic.

mod answer;
mod between;
mod bookings;
mod bounce;
mod copy;
mod delete;
mod invite;
mod letter;
mod lock;
mod mail;
mod mail_parts;
mod people;
mod put;
mod rooms;
mod scripted;
#[cfg(test)]
mod tests;
mod transfer;

pub(crate) use bookings::BookingWork;
pub use delete::Answering;
pub use letter::{CalendarLetter, Letters};
pub use mail::{CalendarMail, MailedInvitations};
pub use mail_parts::Unreadable;
pub use scripted::{CalendarFate, CalendarWishes};
pub use transfer::{Transfer, TransferKind};

use ical::scheduling::{Scene, Users};

use crate::object::ObjectLimits;
use crate::{ObjectFault, StorageError, WriteTx};

/// LIMIT: bytes of a meeting, as often as there are people in it: each of them gets a message, and
/// a copy if they are here, in one transaction for which all others wait.
const MESSAGES_BYTES_MAX: u64 = 128 * 1024 * 1024;

/// PRODID of what the server writes.
const PRODUCT: &str = "-//Posthorn//EN";

/// The bounds on scheduling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SchedulingSettings {
    /// What an object that the server writes may cost.
    pub objects: ObjectLimits,
    /// Attendees of one component (RFC 4791 §5.2.9), also of invitations that come by mail. Default
    /// 500.
    pub attendees_max: usize,
    /// What mail with calendar messages may change.
    pub mailed: MailedInvitations,
}

impl Default for SchedulingSettings {
    fn default() -> Self {
        // LIMIT: each gets a copy, in one transaction.
        Self {
            objects: ObjectLimits::default(),
            attendees_max: 500,
            mailed: MailedInvitations::All,
        }
    }
}

/// How a message fared (RFC 6638 §3.2.9).
mod status {
    /// The message was sent; whether it arrived is not known.
    pub(super) const SENT: &str = "1.1";
    /// The message was delivered.
    pub(super) const DELIVERED: &str = "1.2";
    /// It was done, and a parameter of an unknown value passed over (RFC 5546 §3.6).
    pub(super) const IGNORED_PARAMETER: &str = "2.3";
    /// There is no such calendar user.
    pub(super) const UNKNOWN_USER: &str = "3.7";
    /// The sender has no authority to say this of the meeting.
    pub(super) const NO_AUTHORITY: &str = "3.8";
    /// The message could not be delivered.
    pub(super) const FAILED: &str = "5.1";
}

impl<'a> WriteTx<'a> {
    /// What the rules are asked in.
    fn scene<'s>(&self, users: &'s Users) -> Scene<'s>
    where
        'a: 's,
    {
        let limits = &self.settings.scheduling.objects.ical;
        let now = jiff::Timestamp::from_second(self.now.as_secs());
        Scene { users, now: now.unwrap_or(jiff::Timestamp::UNIX_EPOCH), product: PRODUCT, limits }
    }
}

/// Whether an error is about the calendar of one person, which fails nobody else.
fn is_of_one_calendar(error: &StorageError) -> bool {
    matches!(
        error,
        StorageError::OverQuota { .. }
            | StorageError::Limit { .. }
            | StorageError::TooBig { .. }
            | StorageError::Invalid(_)
            | StorageError::NotFound("calendar")
    )
}

/// The error for an object made by the server from one that it had accepted.
fn of_fault(fault: &ObjectFault) -> StorageError {
    match *fault {
        ObjectFault::TooBig { limit_bytes } => {
            StorageError::TooBig { size_bytes: limit_bytes + 1, limit_bytes }
        }
        _ => StorageError::Invalid("the meeting cannot be written with its answers"),
    }
}
