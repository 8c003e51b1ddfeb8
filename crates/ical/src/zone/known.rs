//! The zones of the IANA database as others are told of them (RFC 7808): their names, when their
//! clocks change, and each as a VTIMEZONE.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::{DateTime, Weekday};
use jiff::tz::{Offset, TimeZone};

use crate::component::Component;
use crate::line::Line;

/// LIMIT: changes of one zone that are looked at; the most any has up to 2100 is some 400.
const CHANGES_MAX: usize = 2_000;
/// Before this nobody has appointments.
const FIRST_YEAR: i16 = 1970;
/// Rules that hold up to here are taken to hold for ever.
const LAST_YEAR: i16 = 2099;
/// How many years in a row have to follow a pattern for it to become a rule.
const YEARS_OF_RULE: usize = 12;

/// A change of a clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZoneChange {
    /// What it is called from then on: `CET`.
    pub name: String,
    /// The instant of the change.
    pub onset: Timestamp,
    /// Seconds east of Greenwich before,
    pub from: i32,
    /// and after it.
    pub to: i32,
    /// Whether it is summer time from then on.
    pub is_daylight: bool,
}

/// The names of all zones, sorted.
pub fn zone_names() -> Vec<String> {
    let names = jiff::tz::db().available().map(|name| name.as_str().to_owned());
    // What has no area is there for old programs, apart from this one.
    let mut names: Vec<String> = names.filter(|name| name.contains('/') || name == "UTC").collect();
    names.sort();
    names.dedup();
    names
}

/// When the clocks of a zone change from an instant on and before another, with what holds at the
/// first. `None`: there is no such zone.
pub fn zone_changes(id: &str, from: Timestamp, to: Timestamp) -> Option<Vec<ZoneChange>> {
    let zone = zone(id)?;
    let first = zone.to_offset_info(from);
    let mut offset = first.offset().seconds();
    let mut changes = vec![ZoneChange {
        name: first.abbreviation().to_owned(),
        onset: from,
        from: offset,
        to: offset,
        is_daylight: first.dst().is_dst(),
    }];
    for change in zone.following(from).take(CHANGES_MAX) {
        if change.timestamp() >= to {
            break;
        }
        let next = change.offset().seconds();
        changes.push(ZoneChange {
            name: change.abbreviation().to_owned(),
            onset: change.timestamp(),
            from: offset,
            to: next,
            is_daylight: change.dst().is_dst(),
        });
        offset = next;
    }
    Some(changes)
}

fn zone(id: &str) -> Option<TimeZone> {
    match id {
        "UTC" => Some(TimeZone::UTC),
        id if id.contains('/') => TimeZone::get(id).ok(),
        _ => None,
    }
}

/// A zone as RFC 5545 §3.6.5 has it, since 1970. `None`: there is none of this name.
pub fn vtimezone(id: &str) -> Option<Component> {
    let from = instant(FIRST_YEAR)?;
    let changes = zone_changes(id, from, instant(LAST_YEAR + 1)?)?;
    let mut zone = Component::new("VTIMEZONE");
    zone.lines.push(Line::new("TZID", crate::text::escape_text(id)));
    let mut kinds: BTreeMap<(bool, i32, i32, String), Vec<DateTime>> = BTreeMap::new();
    for change in &changes {
        // RFC 5545 §3.6.5: DTSTART is local time as it was before.
        let Ok(before) = Offset::from_seconds(change.from) else { continue };
        let key = (change.is_daylight, change.from, change.to, change.name.clone());
        kinds.entry(key).or_default().push(before.to_datetime(change.onset));
    }
    for ((is_daylight, from, to, name), onsets) in kinds {
        let (ruled, single) = match rule_of(&onsets) {
            Some((at, rule)) => {
                (Some((onsets.get(at).copied()?, rule)), onsets.get(..at)?.to_vec())
            }
            None => (None, onsets),
        };
        let mut add = |start: DateTime, more: Vec<Line>| {
            zone.components.push(observance(is_daylight, from, to, &name, start, more));
        };
        if let Some((first, rest)) = single.split_first() {
            let dates: Vec<String> = rest.iter().map(|at| local(*at)).collect();
            let dates = (!dates.is_empty()).then(|| Line::new("RDATE", dates.join(",")));
            add(*first, dates.into_iter().collect());
        }
        if let Some((start, rule)) = ruled {
            add(start, vec![Line::new("RRULE", rule)]);
        }
    }
    Some(zone)
}

fn instant(year: i16) -> Option<Timestamp> {
    TimeZone::UTC.to_timestamp(jiff::civil::date(year, 1, 1).at(0, 0, 0, 0)).ok()
}

fn observance(
    is_daylight: bool,
    from: i32,
    to: i32,
    name: &str,
    start: DateTime,
    more: Vec<Line>,
) -> Component {
    let mut part = Component::new(if is_daylight { "DAYLIGHT" } else { "STANDARD" });
    part.lines.push(Line::new("DTSTART", local(start)));
    part.lines.push(Line::new("TZOFFSETFROM", utc_offset(from)));
    part.lines.push(Line::new("TZOFFSETTO", utc_offset(to)));
    part.lines.push(Line::new("TZNAME", crate::text::escape_text(name)));
    part.lines.extend(more);
    part
}

fn local(at: DateTime) -> String {
    at.strftime("%Y%m%dT%H%M%S").to_string()
}

/// RFC 5545 §3.3.14
fn utc_offset(seconds: i32) -> String {
    let (sign, rest) = if seconds < 0 { ('-', -seconds) } else { ('+', seconds) };
    let (hours, minutes, seconds) = (rest / 3600, rest / 60 % 60, rest % 60);
    match seconds {
        0 => format!("{sign}{hours:02}{minutes:02}"),
        _ => format!("{sign}{hours:02}{minutes:02}{seconds:02}"),
    }
}

/// From which onset on all of them follow one yearly rule up to the last year that is looked at,
/// and that rule.
fn rule_of(onsets: &[DateTime]) -> Option<(usize, String)> {
    let last = onsets.last()?;
    if last.year() != LAST_YEAR || onsets.len() < YEARS_OF_RULE {
        return None;
    }
    let candidates = [Week::Last, Week::Nth(nth(last))];
    candidates.into_iter().filter_map(|week| run_of(onsets, week)).min_by_key(|(at, _)| *at)
}

/// Which weekday of a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Week {
    Last,
    Nth(i8),
}

fn nth(at: &DateTime) -> i8 {
    (at.day() - 1) / 7 + 1
}

/// The longest run up to the end in which each is on the same weekday of the same month at the same
/// time, one a year.
fn run_of(onsets: &[DateTime], week: Week) -> Option<(usize, String)> {
    let last = onsets.last()?;
    let fits = |at: &DateTime| {
        let in_week = match week {
            Week::Last => at.day() + 7 > at.days_in_month(),
            Week::Nth(number) => nth(at) == number,
        };
        in_week
            && at.month() == last.month()
            && at.weekday() == last.weekday()
            && at.time() == last.time()
    };
    let mut begin = onsets.len();
    let mut year = LAST_YEAR + 1;
    for (at, onset) in onsets.iter().enumerate().rev() {
        if !fits(onset) || onset.year() != year - 1 {
            break;
        }
        (begin, year) = (at, onset.year());
    }
    if onsets.len() - begin < YEARS_OF_RULE {
        return None;
    }
    let number = match week {
        Week::Last => -1,
        Week::Nth(number) => number,
    };
    let day = day_name(last.weekday());
    Some((begin, format!("FREQ=YEARLY;BYMONTH={};BYDAY={number}{day}", last.month())))
}

fn day_name(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "MO",
        Weekday::Tuesday => "TU",
        Weekday::Wednesday => "WE",
        Weekday::Thursday => "TH",
        Weekday::Friday => "FR",
        Weekday::Saturday => "SA",
        Weekday::Sunday => "SU",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Limits, Zone, Zones};

    #[test]
    fn vienna_is_as_everybody_writes_it() {
        let text = String::from_utf8(vtimezone("Europe/Vienna").unwrap().render()).unwrap();
        let rules: Vec<&str> = text.lines().filter(|line| line.starts_with("RRULE")).collect();
        assert_eq!(
            rules,
            ["RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU", "RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU"]
        );
        for line in ["TZID:Europe/Vienna", "TZNAME:CEST", "TZOFFSETFROM:+0100", "TZNAME:CET"] {
            assert!(text.contains(&format!("{line}\r\n")), "{line}\n{text}");
        }
        let utc = String::from_utf8(vtimezone("UTC").unwrap().render()).unwrap();
        assert_eq!(
            utc,
            "BEGIN:VTIMEZONE\r\nTZID:UTC\r\nBEGIN:STANDARD\r\nDTSTART:19700101T000000\r\n\
             TZOFFSETFROM:+0000\r\nTZOFFSETTO:+0000\r\nTZNAME:UTC\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n"
        );
        for none in ["", "Mars/Olympus", "../etc/passwd", "Europe/Vienna/", "CET"] {
            assert_eq!(vtimezone(none), None, "{none}");
        }
        assert_eq!(utc_offset(-(3600 + 61)), "-010101");
    }

    /// Each zone, read from its VTIMEZONE, is what the database says at random instants.
    #[test]
    fn every_zone_means_what_it_did() {
        let mut random = fastrand::Rng::with_seed(11);
        let names = zone_names();
        assert!(names.len() > 300, "{}", names.len());
        for name in &names {
            let mut zone = vtimezone(name).unwrap();
            zone.put(Line::new("TZID", "own"));
            let mut calendar = Component::new("VCALENDAR");
            calendar.components.push(zone);
            let zones = Zones::of(&calendar, TimeZone::UTC, &Limits::default());
            let own = zones.find(Some("own"));
            assert!(matches!(own, Zone::Own(_)), "{name}");
            let known = super::zone(name).unwrap();
            for _ in 0..20 {
                // 1971 to 2090
                let second = random.i64(31_536_000..3_786_912_000);
                let at = Timestamp::from_second(second).unwrap();
                assert_eq!(own.local(at), known.to_datetime(at), "{name} {at}");
            }
        }
    }

    #[test]
    fn changes_of_a_year() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let (from, to) = (at("2026-01-01T00:00:00Z"), at("2027-01-01T00:00:00Z"));
        let changes = zone_changes("Europe/Vienna", from, to).unwrap();
        let told: Vec<String> = changes
            .iter()
            .map(|one| format!("{} {} {} {}", one.onset, one.name, one.from, one.to))
            .collect();
        assert_eq!(
            told,
            [
                "2026-01-01T00:00:00Z CET 3600 3600",
                "2026-03-29T01:00:00Z CEST 3600 7200",
                "2026-10-25T01:00:00Z CET 7200 3600",
            ]
        );
    }
}
