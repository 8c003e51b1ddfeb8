//! A zone as a VTIMEZONE describes it (RFC 5545 §3.6.5).

use std::sync::OnceLock;

use jiff::civil::{DateTime, date};
use jiff::tz::TimeZone;

use crate::component::Component;
use crate::limits::Limits;
use crate::recur::{Rule, Times, Until};
use crate::time::{Time, Value};

/// LIMIT: the year up to which changes are followed. Afterwards the last one stays.
const YEAR_MAX: i16 = 2150;
/// LIMIT: the year from which they are. QUIRK(Exchange): rules that begin in 1601.
const YEAR_MIN: i16 = 1900;
/// LIMIT: changes of one zone; the most restless of the world has some three hundred.
const CHANGES_MAX: usize = 4_096;
/// LIMIT: STANDARD and DAYLIGHT of one zone.
const OBSERVANCES_MAX: usize = 200;
/// LIMIT: rules of one of them. RFC 5545 §3.6.5 wants one.
const RULES_MAX: usize = 2;
/// LIMIT: years in which a rule changes nothing.
const IDLE_PERIODS_MAX: usize = 400;
/// LIMIT: days and times that the rules of one zone are tried with. Two of them, of which every
/// day of a year is looked at, are followed through all years.
const CANDIDATES_MAX: usize = 200_000;
/// LIMIT: no clock is further from UTC (RFC 5545 §3.3.14 sets no bound).
const OFFSET_SECS_MAX: i64 = 26 * 3600;

/// The rules of a zone, and the changes of its clock that come of them.
#[derive(Debug)]
pub struct Observances {
    rules: Vec<Observance>,
    limits: Limits,
    changes: OnceLock<Vec<Change>>,
}

/// STANDARD or DAYLIGHT.
#[derive(Debug)]
struct Observance {
    start: DateTime,
    rules: Vec<Rule>,
    more: Vec<DateTime>,
    from_secs: i64,
    to_secs: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Change {
    /// The instant of the change, in seconds from 1970, UTC.
    at_secs: i64,
    /// The local time that clocks showed at that instant.
    local: DateTime,
    from_secs: i64,
    to_secs: i64,
}

impl Observances {
    /// Reads the observances of a VTIMEZONE; `None` where no time can be told from them.
    pub(super) fn of(component: &Component, limits: &Limits) -> Option<Self> {
        let named = |part: &&Component| part.is("STANDARD") || part.is("DAYLIGHT");
        let parts = component.components.iter().filter(named).take(OBSERVANCES_MAX);
        let rules: Vec<Observance> = parts.filter_map(Observance::of).collect();
        let changes = OnceLock::new();
        let recurring = rules.iter().map(|rule| rule.rules.len()).sum::<usize>().max(1);
        let limits = Limits {
            idle_periods_max: IDLE_PERIODS_MAX,
            candidates_max: limits.candidates_max.min(CANDIDATES_MAX) / recurring,
            ..*limits
        };
        (!rules.is_empty()).then(|| Self { rules, limits, changes })
    }

    fn changes(&self) -> &[Change] {
        self.changes.get_or_init(|| {
            let all = self.rules.iter().flat_map(|rule| rule.changes(&self.limits));
            let mut all: Vec<Change> = all.take(CHANGES_MAX).collect();
            all.sort_unstable();
            all.dedup();
            all
        })
    }

    /// Seconds ahead of UTC where the clock shows `local`.
    pub(super) fn offset_at_local(&self, local: DateTime) -> i64 {
        let changes = self.changes();
        let behind = changes.partition_point(|change| change.local <= local);
        let Some(change) = behind.checked_sub(1).and_then(|at| changes.get(at)) else {
            return changes.first().map_or(0, |change| change.from_secs);
        };
        // RFC 5545 §3.3.5: in a gap the offset before it holds.
        let gap_secs = change.to_secs - change.from_secs;
        let into_secs = change.local.duration_until(local).as_secs();
        if into_secs < gap_secs { change.from_secs } else { change.to_secs }
    }

    /// Seconds ahead of UTC at an instant.
    pub(super) fn offset_at_instant(&self, at_secs: i64) -> i64 {
        let changes = self.changes();
        let behind = changes.partition_point(|change| change.at_secs <= at_secs);
        match behind.checked_sub(1).and_then(|at| changes.get(at)) {
            Some(change) => change.to_secs,
            None => changes.first().map_or(0, |change| change.from_secs),
        }
    }
}

impl Observance {
    fn of(component: &Component) -> Option<Self> {
        let start = Time::of(component.line("DTSTART")?).ok()?.value.civil();
        let rules =
            component.lines_named("RRULE").filter_map(|line| Rule::parse(line.value()).ok());
        let rules = rules.take(RULES_MAX);
        let more = component.lines_named("RDATE").flat_map(Time::list).filter_map(Result::ok);
        Some(Self {
            start,
            rules: rules.collect(),
            more: more.map(|time| time.value.civil()).collect(),
            from_secs: offset(component.line("TZOFFSETFROM")?.value())?,
            to_secs: offset(component.line("TZOFFSETTO")?.value())?,
        })
    }

    fn changes(&self, limits: &Limits) -> Vec<Change> {
        let end = date(YEAR_MAX, 1, 1).at(0, 0, 0, 0);
        let mut onsets = vec![self.start];
        onsets.extend(&self.more);
        for rule in &self.rules {
            let mut times = Times::new(rule, self.start, self.until(rule), limits);
            times.skip_to(date(YEAR_MIN, 1, 1).at(0, 0, 0, 0));
            onsets.extend(times.take_while(|time| *time < end).take(CHANGES_MAX));
        }
        onsets.truncate(CHANGES_MAX);
        let change = |local: DateTime| {
            let utc = TimeZone::UTC.to_timestamp(local).ok()?;
            let at_secs = utc.as_second() - self.from_secs;
            Some(Change { at_secs, local, from_secs: self.from_secs, to_secs: self.to_secs })
        };
        onsets.into_iter().filter_map(change).collect()
    }

    /// RFC 5545 §3.6.5: UNTIL is in UTC, all else of an observance in the time before it.
    fn until(&self, rule: &Rule) -> Option<DateTime> {
        let Until(until) = rule.until?;
        match until {
            Value::Utc(utc) => {
                utc.checked_add(jiff::SignedDuration::from_secs(self.from_secs)).ok()
            }
            other => Some(other.civil()),
        }
    }
}

/// `utc-offset = time-numzone` (RFC 5545 §3.3.14), in seconds.
fn offset(text: &str) -> Option<i64> {
    let text = text.trim();
    let (sign, digits) = match text.as_bytes().first()? {
        b'-' => (-1, text.get(1..)?),
        b'+' => (1, text.get(1..)?),
        _ => (1, text),
    };
    if !matches!(digits.len(), 4 | 6) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let two = |at: usize| digits.get(at..at + 2).map_or(Some(0), |part| part.parse::<i64>().ok());
    let secs = two(0)? * 3600 + two(2)? * 60 + two(4)?;
    (secs <= OFFSET_SECS_MAX).then_some(sign * secs)
}

#[cfg(test)]
mod tests {
    use super::super::Zones;
    use super::*;

    // RFC 5545 §3.6.5, the last example but one, under a name nobody knows.
    const FICTITIOUS: &str = "BEGIN:VCALENDAR\r\nBEGIN:VTIMEZONE\r\nTZID:Fictitious\r\n\
        BEGIN:STANDARD\r\nDTSTART:19671029T020000\r\nRRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10\r\n\
        TZOFFSETFROM:-0400\r\nTZOFFSETTO:-0500\r\nTZNAME:EST\r\nEND:STANDARD\r\n\
        BEGIN:DAYLIGHT\r\nDTSTART:19870405T020000\r\n\
        RRULE:FREQ=YEARLY;BYDAY=1SU;BYMONTH=4;UNTIL=19980404T070000Z\r\nTZOFFSETFROM:-0500\r\n\
        TZOFFSETTO:-0400\r\nTZNAME:EDT\r\nEND:DAYLIGHT\r\nBEGIN:DAYLIGHT\r\n\
        DTSTART:19990424T020000\r\nRRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=4\r\nTZOFFSETFROM:-0500\r\n\
        TZOFFSETTO:-0400\r\nTZNAME:EDT\r\nEND:DAYLIGHT\r\nEND:VTIMEZONE\r\nEND:VCALENDAR\r\n";

    fn zones() -> Zones {
        let calendar = Component::parse(FICTITIOUS.as_bytes(), &Limits::default()).unwrap();
        Zones::of(&calendar, TimeZone::UTC, &Limits::default())
    }

    #[test]
    fn own_rules_hold() {
        let zone = zones().find(Some("Fictitious "));
        for (local, utc) in [
            ("1990-01-01T12:00", "1990-01-01T17:00:00Z"),
            ("1990-07-01T12:00", "1990-07-01T16:00:00Z"),
            // 1998 has no daylight time: the first rule ended, the second has not begun.
            ("1998-07-01T12:00", "1998-07-01T17:00:00Z"),
            ("2090-07-01T12:00", "2090-07-01T16:00:00Z"),
            // In the gap, with the offset before it; in the overlap, the first.
            ("1990-04-01T02:30", "1990-04-01T07:30:00Z"),
            ("1990-10-28T01:30", "1990-10-28T05:30:00Z"),
            ("1990-10-28T02:00", "1990-10-28T07:00:00Z"),
        ] {
            let local: DateTime = local.parse().unwrap();
            assert_eq!(zone.instant(local).to_string(), utc, "{local}");
        }
        let utc = "1990-10-28T06:30:00Z".parse().unwrap();
        assert_eq!(zone.local(utc).to_string(), "1990-10-28T01:30:00");
    }

    #[test]
    fn names_of_others_are_known() {
        let zones = zones();
        let local: DateTime = "2026-07-01T12:00".parse().unwrap();
        for name in [
            "Europe/Vienna",
            "W. Europe Standard Time",
            "/freeassociation.sourceforge.net/Tzfile/Europe/Vienna",
            "/Europe/Vienna",
        ] {
            let instant = zones.find(Some(name)).instant(local);
            assert_eq!(instant.to_string(), "2026-07-01T10:00:00Z", "{name}");
        }
        assert_eq!(zones.find(Some("Nowhere")).instant(local).to_string(), "2026-07-01T12:00:00Z");
        assert_eq!(zones.find(None).instant(local).to_string(), "2026-07-01T12:00:00Z");
    }

    #[test]
    fn offsets_are_read() {
        for (text, secs) in [
            ("-0500", Some(-18_000)),
            ("+1345", Some(49_500)),
            ("+001000", Some(600)),
            ("5", None),
            ("+9900", None),
            ("", None),
            ("-05:00", None),
        ] {
            assert_eq!(offset(text), secs, "{text}");
        }
    }
}
