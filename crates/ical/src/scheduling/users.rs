//! Calendar users: who is meant by an address (RFC 5545 §3.3.3), and who handles their messages
//! (RFC 6638 §7.1).

use jiff::Timestamp;

use crate::component::Component;
use crate::limits::Limits;
use crate::line::Line;
use crate::object::{CalendarObject, calendar_user};

/// All addresses of one person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Users {
    addresses: Vec<String>,
}

impl Users {
    /// `mailto:` addresses and others, as they are written.
    pub fn new<S: AsRef<str>>(addresses: &[S]) -> Self {
        let addresses = addresses.iter().map(|address| calendar_user(address.as_ref()));
        Self { addresses: addresses.collect() }
    }

    /// Whether a value of ORGANIZER or ATTENDEE is one of them.
    pub fn is(&self, address: &str) -> bool {
        self.addresses.contains(&calendar_user(address))
    }

    /// Whether an address of the one is one of the other.
    pub fn meets(&self, other: &Self) -> bool {
        self.addresses.iter().any(|address| other.addresses.contains(address))
    }

    /// What the person is in an object.
    pub fn role(&self, object: &CalendarObject) -> Role {
        let has_attendees = object.parts().any(|part| part.line("ATTENDEE").is_some());
        if has_attendees && object.parts().all(|part| self.organize(part)) {
            return Role::Organizer;
        }
        // RFC 6638 §7.1: where it is not the server's business, nobody is told of anything.
        let mut organizers = object.parts().filter_map(|part| part.line("ORGANIZER"));
        let by_server = organizers.next().is_some_and(|line| Agent::of(line) == Agent::Server);
        let is_invited = object.parts().any(|part| self.attendee(part).is_some());
        match by_server && is_invited && !object.parts().any(|part| self.organize(part)) {
            true => Role::Attendee,
            false => Role::Neither,
        }
    }

    /// The ATTENDEE of a component that is this person.
    pub(super) fn attendee<'c>(&self, part: &'c Component) -> Option<&'c Line> {
        part.lines_named("ATTENDEE").find(|line| self.is(line.value()))
    }

    pub(super) fn attendee_mut<'c>(&self, part: &'c mut Component) -> Option<&'c mut Line> {
        let mut lines = part.lines.iter_mut();
        lines.find(|line| line.name() == "ATTENDEE" && self.is(line.value()))
    }

    /// Whether the person is the ORGANIZER of a component.
    pub(super) fn organize(&self, part: &Component) -> bool {
        part.line("ORGANIZER").is_some_and(|line| self.is(line.value()))
    }
}

/// What somebody is in an object (RFC 6638 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The owner is the organizer.
    Organizer,
    /// The owner is an attendee, who answers by way of the server.
    Attendee,
    /// It is no scheduling object of the owner's.
    Neither,
}

/// In whose name, when and within what something happens.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'s> {
    /// The addresses of the calendar's owner.
    pub users: &'s Users,
    /// The time: DTSTAMP of messages.
    pub now: Timestamp,
    /// PRODID of messages.
    pub product: &'s str,
    /// Bounds of objects.
    pub limits: &'s Limits,
}

/// SCHEDULE-AGENT (RFC 6638 §7.1): who sends messages to somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Agent {
    /// The server; what is said where nothing is said.
    Server,
    /// The program that put the object.
    Client,
    /// No one.
    Nobody,
}

impl Agent {
    /// The SCHEDULE-AGENT of an ORGANIZER or ATTENDEE. RFC 6638 §7.1: an unknown one counts as
    /// NONE.
    pub fn of(line: &Line) -> Self {
        match line.parameter("SCHEDULE-AGENT").map(str::to_ascii_uppercase).as_deref() {
            None | Some("SERVER") => Self::Server,
            Some("CLIENT") => Self::Client,
            Some(_) => Self::Nobody,
        }
    }
}

/// For whom a change wants a message to be forced that is none that is sent (RFC 6638 §7.2), each
/// once: what they are told is up to the rules, and the change is told that it was not understood.
/// `property` is ATTENDEE where the organizer put it, and ORGANIZER where an attendee did.
pub fn unknown_forces(put: &CalendarObject, property: &str) -> Vec<String> {
    let is_known = |method: &str| {
        let method = method.trim();
        method.eq_ignore_ascii_case("REQUEST") || method.eq_ignore_ascii_case("REPLY")
    };
    let mut users = Vec::new();
    let lines = put.parts().flat_map(|part| part.lines.iter());
    for line in lines.filter(|line| line.name() == property) {
        let forced = line.parameter("SCHEDULE-FORCE-SEND");
        let is_unknown = forced.is_some_and(|method| !is_known(method));
        let user = calendar_user(line.value());
        if is_unknown && Agent::of(line) == Agent::Server && !users.contains(&user) {
            users.push(user);
        }
    }
    users
}

/// A parameter of ATTENDEE, between the server and itself: the SEQUENCE with which somebody was
/// asked for another time. It stands in the organizer's copy, and is not sent.
pub(super) const ASKED_SEQUENCE: &str = "X-POSTHORN-ASKED";

/// Such a parameter for the last SEQUENCE that they answered with, where that is above 0.
pub(super) const ANSWERED_SEQUENCE: &str = "X-POSTHORN-ANSWERED";

/// Takes both away.
pub(super) fn without_numbers(line: &mut Line) {
    [ASKED_SEQUENCE, ANSWERED_SEQUENCE].iter().for_each(|name| line.remove_parameter(name));
}

/// What one of the two says; 0 where it is not there.
pub(super) fn sequence_said(line: &Line, name: &str) -> u64 {
    line.parameter(name).and_then(|said| said.trim().parse().ok()).unwrap_or(0)
}

/// PARTSTAT (RFC 5545 §3.2.12), in capitals.
pub(super) fn partstat(line: &Line) -> String {
    line.parameter("PARTSTAT").unwrap_or("NEEDS-ACTION").to_ascii_uppercase()
}

/// Says on every ORGANIZER or ATTENDEE of that address how its message fared (RFC 6638 §7.3).
pub fn set_schedule_status(calendar: &mut Component, address: &str, code: &str) {
    let address = calendar_user(address);
    let parts = calendar.components.iter_mut();
    for line in parts.flat_map(|part| part.lines.iter_mut()) {
        let is_user = matches!(line.name(), "ORGANIZER" | "ATTENDEE");
        if is_user && calendar_user(line.value()) == address {
            line.set_parameter("SCHEDULE-STATUS", code);
        }
    }
}
