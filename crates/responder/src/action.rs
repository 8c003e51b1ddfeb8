//! What a run found is to be done. Nothing here is done yet.

use message::date::DateTime;

use crate::env::DuplicateKey;

/// Which version of the message an action is about: 0 is the message as it came, the others
/// stand in [`Outcome::versions`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Version(pub usize);

/// The result of a run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outcome {
    /// What to do, in order. No action at all: the message is discarded.
    pub actions: Vec<Action>,
    /// The versions of the message that the script made, the first being version 1.
    pub versions: Vec<Vec<u8>>,
    /// What to remember of the message once the actions are done (RFC 7352 §3), each for some
    /// seconds.
    pub seen: Vec<(DuplicateKey, u64)>,
    /// Whether the script had a say in what the message does to calendars (RFC 9671).
    pub processes_calendar: bool,
    /// What it took: a step is a command, a test, or some 64 bytes looked at. Expressions keep what
    /// they have made of their states, so that the same run may take fewer steps the next time.
    pub steps: u64,
}

impl Outcome {
    /// A version of the message that came as `message`.
    pub fn version<'o>(&'o self, version: Version, message: &'o [u8]) -> &'o [u8] {
        match version.0.checked_sub(1) {
            None => message,
            Some(index) => self.versions.get(index).map_or(message, Vec::as_slice),
        }
    }
}

/// An action that a run results in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Into the inbox (RFC 5228 §4.3).
    Keep(Keep),
    /// Into another mailbox (RFC 5228 §4.1).
    FileInto(FileInto),
    /// To another address (RFC 5228 §4.2).
    Redirect(Redirect),
    /// Back to the sender (RFC 5429).
    Reject(Reject),
    /// An answer to the sender, if it is due (RFC 5230).
    Vacation(Box<Vacation>),
    /// A notice to somebody (RFC 5435).
    Notify(Box<Notify>),
    /// Into the owner's calendar (RFC 9671).
    ProcessCalendar(Box<ProcessCalendar>),
}

/// See [`Action::Keep`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Keep {
    /// Whether no command asked for it (RFC 5228 §2.10.2).
    pub is_implicit: bool,
    /// The flags to set (RFC 5232 §5).
    pub flags: Vec<String>,
    /// The version of the message to store.
    pub version: Version,
}

/// See [`Action::FileInto`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FileInto {
    /// The mailbox to file into.
    pub mailbox: Place,
    /// The flags to set (RFC 5232 §5).
    pub flags: Vec<String>,
    /// The version of the message to store.
    pub version: Version,
}

/// A mailbox to store something in: by its id, else by its special use, else by its name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// The name of the mailbox.
    pub name: String,
    /// Whether to create it where it is missing (RFC 5490 §3.2).
    pub create: bool,
    /// A special use that counts before the name (RFC 8579 §4).
    pub special_use: Option<String>,
    /// An id that counts before the name (RFC 9042 §4).
    pub mailbox_id: Option<String>,
}

/// See [`Action::Redirect`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Redirect {
    /// The address to redirect to.
    pub address: String,
    /// The version of the message to send.
    pub version: Version,
    /// NOTIFY for the new message (RFC 6009 §6), as it is written in SMTP.
    pub notify: Option<String>,
    /// RET for the new message (RFC 6009 §6).
    pub ret: Option<String>,
    /// When it is to be delivered (RFC 6009 §7).
    pub deliver_by: Option<DeliverBy>,
}

/// A time limit for a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliverBy {
    /// Seconds from now.
    pub seconds: i64,
    /// Whether to notify the sender (N) or return the message (R) when it is late.
    pub mode: char,
    /// Whether to tell of every hop.
    pub trace: bool,
}

/// See [`Action::Reject`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// The reason given to the sender.
    pub reason: String,
    /// Whether the refusal is to be given in SMTP, rather than sent as a message
    /// (`ereject`, RFC 5429 §2.1).
    pub in_protocol: bool,
}

/// Where to file a copy of what is sent (RFC 8580 §3).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fcc {
    /// The mailbox of the copy.
    pub mailbox: Place,
    /// The flags to set.
    pub flags: Vec<String>,
}

/// See [`Action::Vacation`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vacation {
    /// What tells this answer from others: senders are remembered for each (RFC 5230 §4.2).
    pub handle: String,
    /// For how many seconds the sender gets no other answer.
    pub seconds: u64,
    /// Whom to answer.
    pub recipient: String,
    /// The author of the answer.
    pub from: String,
    /// The subject of the answer.
    pub subject: String,
    /// The text of the answer, or with `is_mime` a MIME entity.
    pub reason: String,
    /// Whether the text is a MIME entity (RFC 5230 §4.4).
    pub is_mime: bool,
    /// The id of the message that is answered, with its brackets.
    pub in_reply_to: Option<String>,
    /// References for the answer (RFC 5322 §3.6.4).
    pub references: Option<String>,
    /// Where to file a copy.
    pub fcc: Option<Fcc>,
}

/// See [`Action::Notify`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notify {
    /// To whom, by mail (RFC 5436): addresses from the URI.
    pub to: Vec<String>,
    /// Further addresses, in Cc.
    pub cc: Vec<String>,
    /// Further addresses, in Bcc.
    pub bcc: Vec<String>,
    /// Header fields that the URI asks for.
    pub fields: Vec<(String, String)>,
    /// The address that the notification comes from.
    pub from: String,
    /// The subject of the notification.
    pub subject: String,
    /// The text of the notification.
    pub body: String,
    /// 1 (high) to 3 (low).
    pub importance: u8,
    /// The reverse-path of the notice: null where the message had none (RFC 5436 §2.7).
    pub reverse_path: String,
    /// Where to file a copy.
    pub fcc: Option<Fcc>,
}

/// See [`Action::ProcessCalendar`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProcessCalendar {
    /// Whether what invites nobody is taken, too.
    pub allow_public: bool,
    /// Further addresses of the owner's.
    pub addresses: Vec<String>,
    /// Whether nothing new is taken.
    pub updates_only: bool,
    /// The calendar for what is new.
    pub calendar: Option<String>,
    /// Whether what is cancelled is removed.
    pub delete_cancelled: bool,
    /// An external list of the organizers from whom it is taken.
    pub organizers: Option<String>,
}

/// What comes of such an action, as a script hears it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CalendarReport {
    /// What processing came to.
    pub outcome: CalendarOutcome,
    /// Why; may be empty.
    pub reason: &'static str,
}

/// See [`CalendarReport::outcome`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CalendarOutcome {
    /// Nothing was to be done.
    NoAction,
    /// Something new is in a calendar.
    Added,
    /// Something there was changed, cancelled or removed.
    Updated,
    /// Processing failed.
    Error,
}

impl CalendarOutcome {
    /// The word that scripts know.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoAction => "no_action",
            Self::Added => "added",
            Self::Updated => "updated",
            Self::Error => "error",
        }
    }

    pub(crate) const fn is_change(self) -> bool {
        matches!(self, Self::Added | Self::Updated)
    }
}

/// When something that a run made is sent, and under which name.
#[derive(Debug, Clone, Copy)]
pub struct Stamp<'a> {
    /// The instant for Date.
    pub date: DateTime,
    /// The id for Message-ID, without brackets.
    pub message_id: &'a str,
}
