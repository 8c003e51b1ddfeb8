//! iTIP messages (RFC 5546 §1.4, §3): read from what came, and made to be sent.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::changes::is_of_reminders;
use super::users::{Scene, without_numbers};
use crate::component::Component;
use crate::limits::Limits;
use crate::line::Line;
use crate::object::{CalendarObject, Invalid};
use crate::time::Value;

/// What a message wants, of those that are sent and understood here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// REQUEST: an invitation, or a change of the meeting.
    Request,
    /// An answer to it.
    Reply,
    /// CANCEL: the end of the meeting, or of instances.
    Cancel,
}

impl Method {
    /// METHOD, and the parameter of the media type.
    pub fn name(self) -> &'static str {
        match self {
            Self::Request => "REQUEST",
            Self::Reply => "REPLY",
            Self::Cancel => "CANCEL",
        }
    }

    /// The method of this name, in any case.
    pub fn find(name: &str) -> Option<Self> {
        let all = [Self::Request, Self::Reply, Self::Cancel];
        all.into_iter().find(|method| method.name().eq_ignore_ascii_case(name.trim()))
    }
}

/// A message that came in.
#[derive(Debug, Clone)]
pub struct Message {
    /// The METHOD of the message.
    pub method: Method,
    /// What it is about, without METHOD.
    pub object: CalendarObject,
}

impl Message {
    /// Reads one. `Ok(None)` where the method is none of those that are understood.
    pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Option<Self>, Invalid> {
        let mut calendar = Component::parse(bytes, limits)?;
        let method = calendar.line("METHOD").map(|line| line.value().to_owned());
        let Some(method) = method.as_deref().and_then(Method::find) else { return Ok(None) };
        calendar.lines.retain(|line| line.name() != "METHOD");
        Ok(Some(Self { method, object: CalendarObject::of_message(calendar)? }))
    }

    /// Reads one that came by mail, whose media type may say what it wants. RFC 5546 §3.2.7: who
    /// proposes another time has answered; QUIRK(Exchange): with PARTSTAT=TENTATIVE. The proposal
    /// is the organizer's to read.
    pub fn of_mail(bytes: &[u8], method: Option<&str>, limits: &Limits) -> Option<Self> {
        let mut calendar = Component::parse(bytes, limits).ok()?;
        let own = calendar.line("METHOD").map(|line| line.value().trim().to_owned());
        let named = own.as_deref().or(method)?;
        let method = match named.eq_ignore_ascii_case("COUNTER") {
            true => Method::Reply,
            false => Method::find(named)?,
        };
        calendar.lines.retain(|line| line.name() != "METHOD");
        calendar.unmanage();
        let object = CalendarObject::of_message(calendar).ok()?;
        Some(Self { method, object })
    }
}

impl Message {
    /// Reads what came by mail and invites nobody: PUBLISH, or without a method. It counts as
    /// REQUEST.
    pub fn of_public(bytes: &[u8], method: Option<&str>, limits: &Limits) -> Option<Self> {
        let mut calendar = Component::parse(bytes, limits).ok()?;
        let own = calendar.line("METHOD").map(|line| line.value().trim().to_owned());
        let is_public = |method: &str| method.eq_ignore_ascii_case("PUBLISH");
        if !own.as_deref().or(method).is_none_or(is_public) {
            return None;
        }
        calendar.lines.retain(|line| line.name() != "METHOD");
        calendar.unmanage();
        let object = CalendarObject::of(calendar).ok()?;
        Some(Self { method: Method::Request, object })
    }
}

/// A message to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// The calendar user address of the recipient, as the object has it.
    pub to: String,
    /// The METHOD of the message.
    pub method: Method,
    /// The VCALENDAR, with METHOD.
    pub calendar: Component,
}

impl Outgoing {
    /// The message as its recipient reads it. `None` where it is too large to be read.
    pub fn arrived(&self) -> Option<Message> {
        let mut calendar = self.calendar.clone();
        calendar.lines.retain(|line| line.name() != "METHOD");
        let object = CalendarObject::of_message(calendar).ok()?;
        Some(Message { method: self.method, object })
    }

    /// A message of some components of an object, with the zones they may name.
    pub(super) fn new(
        to: &str,
        method: Method,
        of: &Component,
        parts: Vec<Component>,
        scene: &Scene<'_>,
    ) -> Self {
        let mut calendar = Component::new("VCALENDAR");
        calendar.lines.push(Line::new("PRODID", scene.product));
        calendar.lines.push(Line::new("VERSION", "2.0"));
        calendar.lines.push(Line::new("METHOD", method.name()));
        calendar.components.extend(of.components_named("VTIMEZONE").cloned());
        let parts = parts.into_iter().map(|part| as_sent(part, scene.now));
        calendar.components.extend(parts);
        // RFC 7809 §3: who is written to by mail knows nothing of zones by reference.
        crate::zone::describe_zones(&mut calendar);
        Self { to: to.to_owned(), method, calendar }
    }
}

/// A component as others may see it: without alarms and what is remembered of them, and without
/// what is between a client and its server (RFC 6638 §7: these parameters are not sent).
fn as_sent(mut part: Component, now: Timestamp) -> Component {
    part.components.retain(|inner| !inner.is("VALARM"));
    part.lines.retain(|line| !is_of_reminders(line));
    for line in &mut part.lines {
        without_schedule_parameters(line);
    }
    // RFC 6638 §3.2.5: when the message was made.
    part.put(Line::new("DTSTAMP", utc(now)));
    part
}

pub(super) fn without_schedule_parameters(line: &mut Line) {
    for name in ["SCHEDULE-AGENT", "SCHEDULE-STATUS", "SCHEDULE-FORCE-SEND"] {
        line.remove_parameter(name);
    }
    without_numbers(line);
}

pub(super) fn utc(instant: Timestamp) -> String {
    Value::Utc(TimeZone::UTC.to_datetime(instant)).to_string()
}
