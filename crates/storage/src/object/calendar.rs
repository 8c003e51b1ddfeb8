//! What a calendar object resource has to be (RFC 4791 §4.1), and when it is.

use ical::scheduling::Message;
use ical::{CalendarObject, ComponentKind, Invalid, Time};
use jiff::tz::TimeZone;

use super::card::UID_BYTES_MAX;
use super::prepare::{Facts, ObjectFault, ObjectLimits, Times};
use super::spans;
use crate::collection::Components;

/// A calendar object resource.
pub(super) fn read(bytes: &[u8], limits: &ObjectLimits) -> Result<Facts, ObjectFault> {
    let object = CalendarObject::parse(bytes, &limits.ical).map_err(fault)?;
    let facts = object.facts(&limits.ical);
    if facts.uid.len() > UID_BYTES_MAX {
        return Err(ObjectFault::Invalid("a UID has at most 1,024 bytes"));
    }
    // R-CAL-5.
    let limit_bytes = limits.attachment_bytes_max;
    if facts.attachment_bytes_max as u64 > limit_bytes {
        return Err(ObjectFault::AttachmentTooBig { limit_bytes });
    }
    let mut times = Times::NEVER;
    if let Some(span) = &facts.span {
        times = Times {
            first: span.start.as_second(),
            last: span.end.as_second().saturating_add(1),
            spans: None,
        };
    }
    if facts.recurs {
        let packed = spans::pack(&object, limits)?;
        let is_event = facts.kind == ComponentKind::Event;
        times.spans = packed.filter(|_| is_event);
    }
    // RFC 7953 §8
    let max = usize::try_from(limits.instances_max).unwrap_or(usize::MAX);
    let is_too_often = object.is_available_more_than(max, &limits.ical);
    if is_too_often.map_err(|error| ObjectFault::Malformed(Invalid::Data(error)))? {
        return Err(ObjectFault::TooManyInstances { max: limits.instances_max });
    }
    let meeting = facts.organizer.is_some().then_some(object);
    Ok(Facts {
        uid: facts.uid,
        component: components(facts.kind),
        times,
        addresses: Vec::new(),
        meeting,
        managed: facts.managed_ids,
    })
}

/// A scheduling message: the same with a METHOD. Messages about one event lie side by side, so
/// its UID is not one that stands once.
pub(super) fn read_message(bytes: &[u8], limits: &ObjectLimits) -> Result<Facts, ObjectFault> {
    let message = Message::parse(bytes, &limits.ical).map_err(fault)?;
    let message = message.ok_or(ObjectFault::Invalid("a scheduling message has a METHOD"))?;
    let component = components(message.object.kind());
    Ok(Facts {
        uid: String::new(),
        component,
        times: Times::ALWAYS,
        addresses: Vec::new(),
        meeting: None,
        managed: Vec::new(),
    })
}

fn fault(invalid: Invalid) -> ObjectFault {
    match invalid {
        Invalid::Data(_) | Invalid::Lacks(_) => ObjectFault::Malformed(invalid),
        Invalid::Object(why) => ObjectFault::Invalid(why),
        Invalid::Scale => ObjectFault::Unsupported("only the Gregorian calendar is known here"),
        Invalid::RuleScale => ObjectFault::UnsupportedScale,
    }
}

fn components(kind: ComponentKind) -> Components {
    Components::of(kind.name()).unwrap_or_default()
}

/// Whether it hangs on who looks when it is: for dates, and times without a zone that is known.
pub(super) fn is_floating(object: &CalendarObject, limits: &ObjectLimits) -> bool {
    let here = object.zones(TimeZone::UTC, &limits.ical);
    let there = object.zones(TimeZone::fixed(jiff::tz::offset(14)), &limits.ical);
    object.parts().any(|part| {
        ["DTSTART", "DTEND", "RDATE", "RECURRENCE-ID"].into_iter().any(|name| {
            part.lines_named(name).any(|line| {
                let time = Time::of(line);
                time.map_or(true, |time| here.instant(&time) != there.instant(&time))
            })
        })
    })
}
