//! What of an object anybody may read where a calendar is public (R-SHARE-4): private events are
//! left out, people and alarms removed.

use crate::attachment::is_managed;
use crate::component::Component;
use crate::limits::Limits;
use crate::line::Line;
use crate::object::ComponentKind;

/// The properties that name those who take part, and what became of asking them: strangers would
/// collect the addresses.
const PEOPLE: [&str; 3] = ["ORGANIZER", "ATTENDEE", "REQUEST-STATUS"];

/// An object without what is its owner's alone: alarms, people, attachments that the
/// server keeps, and whatever is not public. `None`:
/// all of it.
pub fn public_part(object: &[u8], limits: &Limits) -> Option<Component> {
    let mut calendar = Component::parse(object, limits).ok()?;
    let is_override = |part: &Component| part.line("RECURRENCE-ID").is_some();
    let is_hidden = |part: &Component| !part.is("VTIMEZONE") && !is_public(part);
    let masters = || calendar.components.iter().filter(|part| !is_override(part));
    // Of a series that is private, no occurrence is anybody's business.
    if masters().any(is_hidden) {
        return None;
    }
    let hidden: Vec<Line> = calendar
        .components
        .iter()
        .filter(|part| is_hidden(part))
        .filter_map(|part| part.line("RECURRENCE-ID").cloned())
        .collect();
    calendar.components.retain(|part| !is_hidden(part));
    let mut hidden = Some(hidden);
    for part in &mut calendar.components {
        // RFC 5545 §3.6.6: an alarm is for whom it was set.
        part.components.retain(|within| !within.is("VALARM"));
        // RFC 8607 §3.12.2: managed attachments are for those who take part.
        part.lines.retain(|line| !PEOPLE.contains(&line.name()) && !is_managed(line));
        let recurs = part.line("RRULE").is_some() || part.line("RDATE").is_some();
        // Left out, it would be seen where the series had it. There is one series (RFC 4791 §4.1):
        // were each that claims to be it given all of them, they would fill the memory.
        if recurs && part.line("RECURRENCE-ID").is_none() && is_of_calendars(part) {
            part.lines.extend(hidden.take().into_iter().flatten().map(exception));
        }
    }
    let has_part = calendar.components.iter().any(|part| !part.is("VTIMEZONE"));
    has_part.then_some(calendar)
}

/// Whether it is a component that calendars know. Of others there may be any number that say that
/// they recur.
fn is_of_calendars(part: &Component) -> bool {
    ComponentKind::find(&part.name()).is_some()
}

/// RFC 5545 §3.8.1.3: PUBLIC where nothing is said; what nobody knows is treated as PRIVATE.
fn is_public(part: &Component) -> bool {
    part.lines_named("CLASS").all(|line| line.value().trim().eq_ignore_ascii_case("PUBLIC"))
}

fn exception(mut recurrence: Line) -> Line {
    recurrence.set_name("EXDATE");
    recurrence.remove_parameter("RANGE");
    recurrence
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(parts: &[&str]) -> Option<String> {
        let text = format!("BEGIN:VCALENDAR\r\n{}END:VCALENDAR\r\n", parts.concat());
        let public = public_part(text.as_bytes(), &Limits::DEFAULT)?;
        let text = String::from_utf8(public.render()).unwrap();
        let body = text.strip_prefix("BEGIN:VCALENDAR\r\n").unwrap();
        Some(body.strip_suffix("END:VCALENDAR\r\n").unwrap().to_owned())
    }

    #[test]
    fn what_is_private_alarms_and_people_stay_behind() {
        let event = |more: &str| format!("BEGIN:VEVENT\r\nUID:1\r\n{more}END:VEVENT\r\n");
        let alarm = "BEGIN:VALARM\r\nACTION:DISPLAY\r\nEND:VALARM\r\n";
        let zone = "BEGIN:VTIMEZONE\r\nTZID:x\r\nEND:VTIMEZONE\r\n";
        assert_eq!(shown(&[zone, &event(alarm)]), Some(format!("{zone}{}", event(""))));
        assert_eq!(shown(&[&event("class:public\r\n")]), Some(event("class:public\r\n")));
        let meeting = "ORGANIZER:mailto:a@b.test\r\nATTENDEE;CN=C:mailto:c@b.test\r\nSUMMARY:x\r\n";
        assert_eq!(shown(&[&event(meeting)]), Some(event("SUMMARY:x\r\n")));
        for class in ["PRIVATE", "CONFIDENTIAL", "X-ODD", ""] {
            assert_eq!(shown(&[zone, &event(&format!("CLASS:{class}\r\n"))]), None, "{class}");
        }
        let moved = "RECURRENCE-ID;RANGE=THISANDFUTURE;TZID=x:20260106T090000\r\n";
        let master = event("RRULE:FREQ=DAILY\r\n");
        let hidden = event(&format!("{moved}CLASS:PRIVATE\r\n"));
        let left = event("RRULE:FREQ=DAILY\r\nEXDATE;TZID=x:20260106T090000\r\n");
        assert_eq!(shown(&[&master, &hidden]), Some(left));
        assert_eq!(shown(&[&master, &event(moved)]), Some(format!("{master}{}", event(moved))));
        let private = event("RRULE:FREQ=DAILY\r\nCLASS:PRIVATE\r\n");
        assert_eq!(shown(&[&private, &event(moved)]), None);
        assert_eq!(shown(&[&hidden]), None);
        // There is one series; what else says that it recurs gets no exceptions.
        let odd = "BEGIN:X-ODD\r\nRRULE:FREQ=DAILY\r\nEND:X-ODD\r\n";
        let also = event(&format!("{moved}RRULE:FREQ=DAILY\r\n"));
        let hidden = event("RECURRENCE-ID:20260107T090000Z\r\nCLASS:PRIVATE\r\n");
        let left = event("RRULE:FREQ=DAILY\r\nEXDATE:20260107T090000Z\r\n");
        assert_eq!(shown(&[odd, &master, &also, &hidden]), Some(format!("{odd}{left}{also}")));
        assert_eq!(public_part(b"x", &Limits::DEFAULT), None);
    }
}
