//! Which of two objects of one UID is the newer one.

use std::collections::HashMap;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::FileObject;
use crate::card::Card;
use crate::component::Component;
use crate::limits::Limits;
use crate::time::{Time, Value};
use crate::zone::Zone;

/// How new a component is (RFC 5546 §2.1.5): the larger SEQUENCE, else the later DTSTAMP. Programs
/// that write the same DTSTAMP always say in LAST-MODIFIED when it changed (RFC 5545 §3.8.7.2, 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Revision {
    sequence: u64,
    stamp: Option<DateTime>,
    modified: Option<DateTime>,
}

impl Revision {
    pub(super) fn of(component: &Component) -> Self {
        let sequence = component.line("SEQUENCE").map(|line| line.text().trim().to_owned());
        // RFC 5545 §3.8.7.2, 3: they are in UTC.
        let time = |name| {
            let line = component.line(name)?;
            Value::parse(line.value().trim()).ok().map(Value::civil)
        };
        Self {
            sequence: sequence.and_then(|text| text.parse().ok()).unwrap_or(0),
            stamp: time("DTSTAMP"),
            modified: time("LAST-MODIFIED"),
        }
    }
}

/// Which instance of its series a component is, empty for all of it: one instant is one instance,
/// in whatever zone its RECURRENCE-ID is written.
pub(super) fn instance_of(component: &Component) -> String {
    let Some(line) = component.line("RECURRENCE-ID") else { return String::new() };
    let instant = Time::of(line).ok().and_then(|time| {
        let zone = match time.value {
            Value::Utc(_) => Zone::from(TimeZone::UTC),
            Value::Date(_) => return None,
            Value::Local(_) => Zone::named(time.zone.as_deref()?)?,
        };
        Some(zone.instant(time.value.civil()))
    });
    instant.map_or_else(|| line.text().trim().to_owned(), |instant| format!("@{instant}"))
}

/// The cards of one import, each UID once, and how many were left out: of several the one with the
/// later REV (RFC 6350 §6.7.4), else the one that comes last; of equal ones the first.
pub fn newest_cards(cards: Vec<FileObject>) -> (Vec<FileObject>, usize) {
    let mut newest: Vec<(Option<Timestamp>, FileObject)> = Vec::with_capacity(cards.len());
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut duplicates = 0;
    for object in cards {
        let card = Card::parse(&object.bytes, &Limits::DEFAULT).ok();
        let revised = card.as_ref().and_then(revised);
        let next = newest.len();
        let place = match card.and_then(|card| card.uid()) {
            Some(uid) => *places.entry(uid).or_insert(next),
            None => next,
        };
        match newest.get_mut(place) {
            Some((other_revised, other)) => {
                duplicates += 1;
                let is_older = revised.is_some() && revised < *other_revised;
                if other.bytes != object.bytes && !is_older {
                    (*other_revised, *other) = (revised, object);
                }
            }
            None => newest.push((revised, object)),
        }
    }
    (newest.into_iter().map(|(_, object)| object).collect(), duplicates)
}

/// REV, in the forms of RFC 2426 §3.6.4 and of RFC 6350 §4.3.5; without a zone it is in UTC.
fn revised(card: &Card) -> Option<Timestamp> {
    let text = card.component().line("REV")?.text().trim().to_ascii_uppercase();
    let (date, time) = text.split_once('T').unwrap_or((&text, ""));
    let (clock, zone) = time.split_at(time.find(['Z', '+', '-']).unwrap_or(time.len()));
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let clock = clock.split(['.', ',']).next().unwrap_or_default();
    let value = format!("{}T{:0<6}", digits(date), digits(clock));
    let local = Value::parse(&value).ok()?.civil();
    let offset = digits(zone);
    let seconds = |from, weight: i64| {
        offset.get(from..from + 2).and_then(|part| part.parse::<i64>().ok()).unwrap_or(0) * weight
    };
    let offset = seconds(0, 3_600) + seconds(2, 60);
    let east = if zone.starts_with('-') { -offset } else { offset };
    let instant = TimeZone::UTC.to_timestamp(local).ok()?;
    Timestamp::from_second(instant.as_second().checked_sub(east)?).ok()
}
