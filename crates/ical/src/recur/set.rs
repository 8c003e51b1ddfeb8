//! The occurrences of an event, task or journal entry (RFC 5545 §3.8.5, §3.8.4.4).

use std::collections::HashMap;
use std::ops::Range;

use jiff::civil::DateTime;
use jiff::{SignedDuration, Timestamp};

use super::rule::{Rule, Until};
use super::times::Times;
use crate::component::Component;
use crate::error::Error;
use crate::limits::Limits;
use crate::line::Line;
use crate::text::split_list;
use crate::time::{Duration, End, Period, Time, Value};
use crate::zone::{Zone, Zones};

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occurrence {
    /// When it would be by the rule: what RECURRENCE-ID names it by. In the zone of the start of
    /// its series.
    pub id: Time,
    /// When it begins.
    pub start: Timestamp,
    /// When it ends; the same instant where it has no length.
    pub end: Timestamp,
    /// Which of the components it was made of describes it.
    pub component: usize,
    /// How far its start is from that of the component that describes it, as the clock counts.
    pub shift: SignedDuration,
}

/// All occurrences that one UID has in an object.
#[derive(Debug)]
pub struct Occurrences<'c> {
    zones: &'c Zones,
    limits: Limits,
    master: Option<Master>,
    /// By instant of the RECURRENCE-ID.
    overridden: HashMap<Timestamp, Single>,
    /// RANGE=THISANDFUTURE, by instant, ascending.
    from_there: Vec<(Timestamp, Single)>,
}

/// What one component says of its own time.
#[derive(Debug, Clone)]
struct Single {
    component: usize,
    id: Time,
    start: Time,
    length: Length,
}

#[derive(Debug, Clone, Copy)]
enum Length {
    /// As the calendar and the clock count.
    Nominal(Duration),
    /// In seconds that pass.
    Exact(SignedDuration),
}

#[derive(Debug)]
struct Master {
    single: Single,
    zone: Zone,
    rules: Vec<Rule>,
    /// RDATE; those that are periods, with their own length.
    more: Vec<(Time, Option<Length>)>,
    except: Exceptions,
}

/// EXDATE.
#[derive(Debug, Default)]
struct Exceptions {
    instants: Vec<Timestamp>,
    /// Dates for a series of times: QUIRK(Exchange, some importers), the whole day is meant.
    days: Vec<jiff::civil::Date>,
    /// EXRULE (RFC 2445 §4.8.5.2), which old data has.
    rules: Vec<Rule>,
}

impl<'c> Occurrences<'c> {
    /// Of components with one UID: one without RECURRENCE-ID, if there is any, and those that
    /// override instances of it. A component without any time has no occurrence.
    pub fn of(components: &[&Component], zones: &'c Zones, limits: &Limits) -> Result<Self, Error> {
        let mut all = Self {
            zones,
            limits: *limits,
            master: None,
            overridden: HashMap::new(),
            from_there: Vec::new(),
        };
        for (at, component) in components.iter().enumerate() {
            let Some(mut single) = Single::of(component, at, zones)? else { continue };
            match component.line("RECURRENCE-ID") {
                None if all.master.is_none() => {
                    all.master = Some(Master::of(component, single, zones)?);
                }
                None => {}
                Some(line) => {
                    single.id = Time::of(line)?;
                    let instant = zones.instant(&single.id);
                    match line.parameter("RANGE") {
                        Some(range) if range.eq_ignore_ascii_case("THISANDFUTURE") => {
                            all.from_there.push((instant, single));
                        }
                        _ => {
                            all.overridden.insert(instant, single);
                        }
                    }
                }
            }
        }
        all.from_there.sort_by_key(|(instant, _)| *instant);
        Ok(all)
    }

    /// Whether there is no last one.
    pub fn is_endless(&self) -> bool {
        self.master.as_ref().is_some_and(|master| master.rules.iter().any(Rule::is_endless))
    }

    /// Those that overlap the window, in order of their start; at most `max` of them, the first.
    /// One without length overlaps where it is in the window.
    ///
    /// [`Error::Endless`] where finding them would cost more than the limits allow.
    pub fn within(&self, window: &Range<Timestamp>, max: usize) -> Result<Vec<Occurrence>, Error> {
        let mut found = Vec::new();
        for single in self.overridden.values() {
            self.add(single, single.id.clone(), single.start.value, None, window, &mut found);
        }
        if let Some(master) = &self.master {
            self.expand(master, window, max, &mut found)?;
        }
        found.sort_by_key(|one| (one.start, one.end));
        found.truncate(max);
        Ok(found)
    }

    fn expand(
        &self,
        master: &Master,
        window: &Range<Timestamp>,
        max: usize,
        found: &mut Vec<Occurrence>,
    ) -> Result<(), Error> {
        let reach = self.reach(master);
        let first = window.start.checked_sub(reach).unwrap_or(Timestamp::MIN);
        let last = window.end.checked_add(reach).unwrap_or(Timestamp::MAX);
        let except = master.except.listed(master, &first, &last, &self.limits);
        let mut seen: Vec<Timestamp> = Vec::new();
        let mut looked_at = 0;
        let single = &master.single;
        let base = single.start.value;
        let mut look = |id: Time, length: Option<Length>| -> Result<bool, Error> {
            looked_at += 1;
            if looked_at > self.limits.occurrences_max {
                return Err(Error::Endless);
            }
            let instant = self.zones.instant(&id);
            if instant >= last {
                return Ok(false);
            }
            if instant >= first
                && !self.overridden.contains_key(&instant)
                && !master.except.has(instant, id.value, &except)
                && !seen.contains_or_push(instant)
            {
                let start = id.value;
                self.add_moved(master, instant, id, start, length, window, found);
            }
            Ok(true)
        };
        look(single.start.clone(), None)?;
        for rule in &master.rules {
            let mut times = Times::new(rule, base.civil(), master.until(rule), &self.limits);
            times.skip_to(master.zone.local(first));
            let mut within = 0;
            for local in times {
                let id = Time { value: base.at(local), zone: single.start.zone.clone() };
                let is_there = self.zones.instant(&id) >= window.start;
                if !look(id, None)? {
                    break;
                }
                within += usize::from(is_there);
                // Some may be overridden or excepted; those that come later start later.
                if within > max.saturating_add(self.overridden.len() + except.len() + 1)
                    && self.from_there.is_empty()
                {
                    break;
                }
            }
        }
        for (time, length) in &master.more {
            look(time.clone(), *length)?;
        }
        Ok(())
    }

    /// How far an occurrence may be from its id.
    fn reach(&self, master: &Master) -> SignedDuration {
        let of = |single: &Single| {
            let moved =
                self.zones.instant(&single.start).duration_since(self.zones.instant(&single.id));
            moved.abs().saturating_add(single.length.longest())
        };
        let periods = master.more.iter().filter_map(|(_, length)| length.map(|l| l.longest()));
        let ranges = self.from_there.iter().map(|(_, single)| of(single));
        let longest = periods.chain(ranges).max().unwrap_or_default();
        longest.max(of(&master.single)).saturating_add(SignedDuration::from_hours(26))
    }

    /// An instance that the rule made: moved where one before it says so of all that follow.
    #[expect(clippy::too_many_arguments, reason = "one instance, said whole")]
    fn add_moved(
        &self,
        master: &Master,
        instant: Timestamp,
        id: Time,
        start: Value,
        length: Option<Length>,
        window: &Range<Timestamp>,
        found: &mut Vec<Occurrence>,
    ) {
        let ahead = self.from_there.partition_point(|(from, _)| *from <= instant);
        let single = ahead.checked_sub(1).and_then(|at| self.from_there.get(at));
        let Some((_, single)) = single else {
            return self.add(&master.single, id, start, length, window, found);
        };
        // RFC 5545 §3.2.13: by as much as that one was moved.
        let by = single.id.value.civil().duration_until(single.start.value.civil());
        let moved = start.civil().checked_add(by).unwrap_or(start.civil());
        self.add(single, id, single.start.value.at(moved), length, window, found);
    }

    fn add(
        &self,
        single: &Single,
        id: Time,
        start: Value,
        length: Option<Length>,
        window: &Range<Timestamp>,
        found: &mut Vec<Occurrence>,
    ) {
        let from = Time { value: start, zone: single.start.zone.clone() };
        let begin = self.zones.instant(&from);
        let end = length.unwrap_or(single.length).end(&from, begin, self.zones).max(begin);
        let overlaps = match begin == end {
            true => window.contains(&begin),
            false => begin < window.end && end > window.start,
        };
        if overlaps {
            let shift = single.start.value.civil().duration_until(start.civil());
            found.push(Occurrence { id, start: begin, end, component: single.component, shift });
        }
    }
}

trait Seen {
    fn contains_or_push(&mut self, instant: Timestamp) -> bool;
}

impl Seen for Vec<Timestamp> {
    /// Times come nearly in order, rule by rule.
    fn contains_or_push(&mut self, instant: Timestamp) -> bool {
        match self.binary_search(&instant) {
            Ok(_) => true,
            Err(at) => {
                self.insert(at, instant);
                false
            }
        }
    }
}

impl Single {
    fn of(component: &Component, at: usize, zones: &Zones) -> Result<Option<Self>, Error> {
        let named = |name| component.line(name).map(Time::of).transpose();
        let end = match named("DTEND")? {
            Some(end) => Some(end),
            None => named("DUE")?,
        };
        let Some(start) = named("DTSTART")?.or_else(|| end.clone()) else { return Ok(None) };
        let length = match (component.line("DURATION"), end) {
            (_, Some(end)) if end.value.is_date() && start.value.is_date() => {
                let days = start.value.civil().date().until(end.value.civil().date());
                let days = days.map_or(0, |span| i64::from(span.get_days()));
                Length::Nominal(Duration { days: days.max(1), seconds: 0 })
            }
            // RFC 5545 §3.8.5.3: with DTEND, all of them take as long as the first.
            (_, Some(end)) => {
                let exact = zones.instant(&end).duration_since(zones.instant(&start));
                Length::Exact(exact.max(SignedDuration::ZERO))
            }
            (Some(line), None) => Length::Nominal(Duration::parse(line.value())?),
            // RFC 5545 §3.6.1: a date alone is a day, a time alone has no length.
            (None, None) => {
                Length::Nominal(Duration { days: i64::from(start.value.is_date()), seconds: 0 })
            }
        };
        Ok(Some(Self { component: at, id: start.clone(), start, length }))
    }
}

impl Length {
    fn end(self, start: &Time, begin: Timestamp, zones: &Zones) -> Timestamp {
        match self {
            Self::Exact(exact) => begin.checked_add(exact).unwrap_or(Timestamp::MAX),
            Self::Nominal(duration) => {
                // RFC 5545 §3.3.6: days as the calendar counts, then the exact rest.
                let days = Duration { seconds: 0, ..duration };
                let day = days.after(start.value.civil()).unwrap_or(start.value.civil());
                let end = Time { value: start.value.at(day), zone: start.zone.clone() };
                let rest = SignedDuration::from_secs(duration.seconds);
                zones.instant(&end).checked_add(rest).unwrap_or(Timestamp::MAX)
            }
        }
    }

    fn longest(self) -> SignedDuration {
        match self {
            Self::Exact(exact) => exact,
            Self::Nominal(duration) => {
                SignedDuration::from_secs(duration.days.saturating_mul(90_000) + duration.seconds)
            }
        }
    }
}

impl Master {
    fn of(component: &Component, single: Single, zones: &Zones) -> Result<Self, Error> {
        let zone = match single.start.value {
            Value::Local(_) => zones.find(single.start.zone.as_deref()),
            Value::Date(_) => zones.find(None),
            Value::Utc(_) => zones.find(Some("UTC")),
        };
        let rules = |name| component.lines_named(name).map(|line| Rule::parse(line.value()));
        let mut more = Vec::new();
        for line in component.lines_named("RDATE") {
            additions(line, zones, &mut more)?;
        }
        let mut except = Exceptions {
            rules: rules("EXRULE").collect::<Result<_, _>>()?,
            ..Exceptions::default()
        };
        for time in component.lines_named("EXDATE").flat_map(Time::list) {
            let time = time?;
            match (time.value, single.start.value) {
                (Value::Date(day), Value::Local(_) | Value::Utc(_)) => except.days.push(day),
                // The other way round, the day is meant that the time is on.
                (Value::Local(at) | Value::Utc(at), Value::Date(_)) => {
                    let day = Time { value: Value::Date(at.date()), zone: None };
                    except.instants.push(zones.instant(&day));
                }
                _ => except.instants.push(zones.instant(&time)),
            }
        }
        except.instants.sort_unstable();
        Ok(Self { zone, rules: rules("RRULE").collect::<Result<_, _>>()?, more, except, single })
    }

    /// UNTIL as the clock of the start shows it.
    fn until(&self, rule: &Rule) -> Option<DateTime> {
        let Until(until) = rule.until?;
        Some(match (until, self.single.start.value) {
            // RFC 5545 §3.3.10: in UTC where the start has a zone.
            (Value::Utc(utc), Value::Local(_)) => {
                let utc = Zone::Known(jiff::tz::TimeZone::UTC).instant(utc);
                self.zone.local(utc)
            }
            // QUIRK(many programs): a date for a series of times; its day is still in.
            (Value::Date(day), Value::Local(_) | Value::Utc(_)) => day.at(23, 59, 59, 0),
            (other, Value::Date(_)) => other.civil().date().at(23, 59, 59, 0),
            (other, _) => other.civil(),
        })
    }
}

/// RDATE: dates, times, or periods.
fn additions(
    line: &Line,
    zones: &Zones,
    more: &mut Vec<(Time, Option<Length>)>,
) -> Result<(), Error> {
    for text in split_list(line.value()).filter(|text| !text.trim().is_empty()) {
        if !text.contains('/') {
            more.push((Time::with_zone(line, text)?, None));
            continue;
        }
        let period = Period::of(line, text)?;
        let length = match period.end {
            End::After(duration) => Length::Nominal(duration),
            End::At(value) => {
                let end = Time { value, zone: period.start.zone.clone() };
                Length::Exact(zones.instant(&end).duration_since(zones.instant(&period.start)))
            }
        };
        more.push((period.start, Some(length)));
    }
    Ok(())
}

impl Exceptions {
    /// What the rules except within a window, sorted.
    fn listed(
        &self,
        master: &Master,
        first: &Timestamp,
        last: &Timestamp,
        limits: &Limits,
    ) -> Vec<Timestamp> {
        let mut listed = Vec::new();
        let base = master.single.start.value.civil();
        for rule in &self.rules {
            let mut times = Times::new(rule, base, master.until(rule), limits);
            times.skip_to(master.zone.local(*first));
            let instants = times.map(|local| master.zone.instant(local));
            listed.extend(instants.take_while(|at| at < last).take(limits.occurrences_max));
        }
        listed.sort_unstable();
        listed
    }

    fn has(&self, instant: Timestamp, value: Value, listed: &[Timestamp]) -> bool {
        self.instants.binary_search(&instant).is_ok()
            || listed.binary_search(&instant).is_ok()
            || self.days.contains(&value.civil().date())
    }
}
