//! Which zones an object describes itself: programs may leave out what everybody knows (RFC 7809),
//! and others take no time without a VTIMEZONE (RFC 5545 §3.2.19).

use std::collections::BTreeSet;

use jiff::tz::TimeZone;

use super::ZONES_MAX;
use super::known::vtimezone;
use crate::component::Component;

/// Puts a VTIMEZONE into a VCALENDAR for each zone of the IANA database that is named in it and not
/// described there. Whether there was any.
pub fn describe_zones(calendar: &mut Component) -> bool {
    let mut named = BTreeSet::new();
    collect(calendar, &mut named);
    let zones = calendar.components_named("VTIMEZONE");
    for id in zones.filter_map(|zone| zone.line("TZID")) {
        named.remove(id.text().trim());
    }
    let missing: Vec<Component> =
        named.iter().filter(|id| !is_utc(id)).filter_map(|id| vtimezone(id)).collect();
    let is_any = !missing.is_empty();
    calendar.components.splice(0..0, missing);
    is_any
}

/// Takes each VTIMEZONE out of a VCALENDAR that is of the IANA database by its very name. Whether
/// there was any.
pub fn leave_out_known_zones(calendar: &mut Component) -> bool {
    let before = calendar.components.len();
    calendar.components.retain(|inner| !inner.is("VTIMEZONE") || !is_told(inner));
    calendar.components.len() < before
}

fn is_told(zone: &Component) -> bool {
    let Some(id) = zone.line("TZID").map(|line| line.text().trim().to_owned()) else {
        return false;
    };
    let found = id.contains('/').then(|| TimeZone::get(&id).ok()).flatten();
    found.is_some_and(|found| found.iana_name() == Some(id.as_str()))
}

/// What is only another name for times in UTC needs no description to be understood.
fn is_utc(id: &str) -> bool {
    matches!(id, "UTC" | "Etc/UTC" | "GMT" | "Z")
}

/// As deep as [`Limits::depth_max`](crate::Limits::depth_max).
fn collect(component: &Component, named: &mut BTreeSet<String>) {
    for id in component.lines.iter().filter_map(|line| line.parameter("TZID")) {
        if named.len() < ZONES_MAX {
            named.insert(id.trim().to_owned());
        }
    }
    component.components.iter().for_each(|inner| collect(inner, named));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limits;

    fn calendar(zones: &str) -> Component {
        let text = format!(
            "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\n{zones}BEGIN:VEVENT\nUID:1\n\
             DTSTAMP:20260101T000000Z\nDTSTART;TZID=Europe/Zurich:20260105T090000\n\
             DTEND;TZID=Ours:20260105T100000\nEXDATE;TZID=UTC:20260105T100000\nEND:VEVENT\n\
             END:VCALENDAR\n"
        );
        Component::parse(text.as_bytes(), &Limits::default()).unwrap()
    }

    fn ids(calendar: &Component) -> Vec<String> {
        let zones = calendar.components_named("VTIMEZONE");
        zones.map(|zone| zone.line("TZID").unwrap().value().to_owned()).collect()
    }

    #[test]
    fn zones_come_and_go() {
        const OURS: &str = "BEGIN:VTIMEZONE\nTZID:Ours\nEND:VTIMEZONE\n";
        let bare = calendar("");
        let mut whole = bare.clone();
        assert!(describe_zones(&mut whole));
        // Nobody knows what the other one is.
        assert_eq!(ids(&whole), ["Europe/Zurich"]);
        let text = String::from_utf8(whole.render()).unwrap();
        assert!(text.contains("TZNAME:CEST"), "{text}");
        assert!(!describe_zones(&mut whole));
        assert!(leave_out_known_zones(&mut whole));
        assert_eq!(whole, bare);
        assert!(!leave_out_known_zones(&mut whole));
        let mut own = calendar(OURS);
        assert!(describe_zones(&mut own) && leave_out_known_zones(&mut own));
        assert_eq!(ids(&own), ["Ours"]);
    }
}
