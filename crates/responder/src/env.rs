//! What a run is given, and what it may ask.

use std::borrow::Cow;
use std::sync::Arc;

use message::date::DateTime;

use crate::action::{CalendarOutcome, CalendarReport, ProcessCalendar};
use crate::host::{HostCall, HostReply};
use crate::{Language, Program};

/// A message and what is known of how it came.
#[derive(Debug, Clone)]
pub struct Delivery<'a> {
    /// The message, byte for byte.
    pub message: &'a [u8],
    /// How it was sent here; none where no envelope is at hand, as with IMAP events
    /// (RFC 6785 §4.6).
    pub envelope: Option<Envelope<'a>>,
    /// When the run takes place, in the owner's time zone.
    pub now: DateTime,
    /// What separates user and detail of a local part (RFC 5233 §4).
    pub detail_separator: char,
    /// The event that started the script.
    pub event: Event<'a>,
}

/// The events that start a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    /// A message arrives.
    Delivery,
    /// Something happened in a mailbox (RFC 6785 §2.2).
    Imap(ImapEvent<'a>),
}

/// What happened in a mailbox (RFC 6785 §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImapEvent<'a> {
    /// The kind of change.
    pub cause: ImapCause,
    /// The address under which the account that did it signs in.
    pub user: &'a str,
    /// The name of the mailbox.
    pub mailbox: &'a str,
    /// Flags that changed, blanks between them.
    pub changed_flags: &'a str,
    /// The flags that the message has now.
    pub flags: &'a [String],
}

/// See [`ImapEvent::cause`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImapCause {
    /// A message was appended.
    Append,
    /// A message was copied here.
    Copy,
    /// Flags of a message were changed.
    Flag,
}

impl Event<'_> {
    /// Whether something happened in a mailbox.
    pub(crate) fn is_imap(&self) -> bool {
        matches!(self, Self::Imap(_))
    }
}

/// How a message was sent here.
#[derive(Debug, Clone, Default)]
pub struct Envelope<'a> {
    /// The reverse-path; empty for the null one.
    pub from: Cow<'a, str>,
    /// The forward-path of the recipient whose script this is.
    pub to: Cow<'a, str>,
    /// The name that the sender signed in as, if that is known.
    pub auth: Option<Cow<'a, str>>,
    /// NOTIFY of RFC 3461 §4.1, as sent.
    pub dsn_notify: Option<Cow<'a, str>>,
    /// RET of RFC 3461 §4.3.
    pub dsn_ret: Option<Cow<'a, str>>,
    /// ENVID of RFC 3461 §4.4, decoded.
    pub dsn_envid: Option<Cow<'a, str>>,
    /// ORCPT of RFC 3461 §4.2, decoded.
    pub dsn_orcpt: Option<Cow<'a, str>>,
    /// BY of RFC 2852 §4: the instant by which to deliver, its mode (`N` or `R`), trace.
    pub deliver_by: Option<(DateTime, char, bool)>,
}

/// Where an included script is looked for (RFC 6609 §3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Location {
    /// Among the scripts of the account.
    Personal,
    /// Among those of the site.
    Global,
}

/// What a duplicate is recognised by (RFC 7352 §3).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DuplicateKey {
    /// The name that keeps tests apart.
    pub handle: String,
    /// What tells messages apart: a message id, a header field, what the script says.
    pub id: String,
}

/// The world as a script may ask about it. Whoever implements this answers from one snapshot
/// that does not change while the script runs, and promises nothing by answering.
///
/// What has no answer has the one given here.
pub trait Env {
    /// Whether a mailbox of this name exists and takes messages (RFC 5490 §3.1).
    fn mailbox_exists(&mut self, _name: &str) -> bool {
        false
    }

    /// Whether a mailbox of this id exists and takes messages (RFC 9042 §6).
    fn mailbox_id_exists(&mut self, _id: &str) -> bool {
        false
    }

    /// Whether a mailbox, or any, has a special use (RFC 8579 §3).
    fn special_use_exists(&mut self, _mailbox: Option<&str>, _attribute: &str) -> bool {
        false
    }

    /// An annotation of a mailbox, or of the server (RFC 5490 §3.3, RFC 5490 §4).
    fn metadata(&mut self, _mailbox: Option<&str>, _entry: &str) -> Option<String> {
        None
    }

    /// An item of the environment (RFC 5183 §4.1), beyond those the run knows itself.
    fn environment(&mut self, _item: &str) -> Option<String> {
        None
    }

    /// Whether such a message was seen before (RFC 7352 §3). What the run finds to remember is
    /// in [`crate::Outcome::seen`].
    fn is_duplicate(&mut self, _key: &DuplicateKey) -> bool {
        false
    }

    /// The text of a script to include (RFC 6609 §3.2).
    fn script(&mut self, _location: Location, _name: &str) -> Option<Vec<u8>> {
        None
    }

    /// Like `script`, compiled, or what is wrong with it. An environment that keeps compiled
    /// scripts has it ready.
    fn program(
        &mut self,
        location: Location,
        name: &str,
        language: &Language,
    ) -> Option<Result<Arc<Program>, String>> {
        let text = self.script(location, name)?;
        Some(
            Program::compile(&text, language)
                .map(Arc::new)
                .map_err(|mistakes| mistakes.first().map(ToString::to_string).unwrap_or_default()),
        )
    }

    /// Whether there is an external list of this name (RFC 6134 §2.7).
    fn list_exists(&mut self, _list: &str) -> bool {
        false
    }

    /// The value of an external list that a value matches (RFC 6134 §2.2).
    fn list_find(&mut self, _list: &str, _value: &str) -> Option<String> {
        None
    }

    /// The values of an external list (RFC 6134 §2.3), if it can be expanded; of many, `count_max`
    /// are enough.
    fn list_members(&mut self, _list: &str, _count_max: usize) -> Option<Vec<String>> {
        None
    }

    /// The verdict on spam: 0 not tested, 1 surely none, to 10 surely spam (RFC 5235 §3.2.1).
    fn spam_value(&mut self) -> u8 {
        0
    }

    /// The verdict on spam in percent (RFC 5235 §3.2.2); none if not tested.
    fn spam_percent(&mut self) -> Option<u8> {
        match self.spam_value() {
            0 => None,
            value => Some(((u16::from(value.min(10)) - 1) * 100 / 9) as u8),
        }
    }

    /// The verdict on viruses: 0 not tested, 1 none, 5 surely (RFC 5235 §3.3).
    fn virus_value(&mut self) -> u8 {
        0
    }

    /// Whether an address is one of the account's own (RFC 5230 §4.5).
    fn is_own_address(&mut self, _address: &str) -> bool {
        false
    }

    /// What will come of the calendar message in the message, if the action is done (RFC 9671).
    fn calendar_outcome(&mut self, _action: &ProcessCalendar) -> CalendarReport {
        let reason = "there are no calendars";
        CalendarReport { outcome: CalendarOutcome::NoAction, reason }
    }

    /// The zone of the owner at another instant, in minutes east of UTC.
    fn zone_at(&mut self, _unix_secs: i64) -> Option<i16> {
        None
    }

    /// A command or test of [`crate::Language::host_words`].
    fn host(&mut self, _call: &HostCall<'_>) -> HostReply {
        HostReply::Next
    }
}

/// A world in which nothing is.
#[derive(Debug, Default)]
pub struct EmptyEnv;

impl Env for EmptyEnv {}
