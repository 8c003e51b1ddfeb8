//! A component that recurs: RRULE, RDATE, EXDATE (RFC 5545 §3.8.5).

use jiff::Timestamp;
use jiff::civil::DateTime;

use super::rule::{Rule, Until};
use super::single::{Length, Single};
use super::times::Times;
use crate::component::Component;
use crate::error::Error;
use crate::limits::Limits;
use crate::line::Line;
use crate::text::split_list;
use crate::time::{End, Period, Time, Value};
use crate::zone::{Zone, Zones};

#[derive(Debug, Clone)]
pub(super) struct Master {
    pub(super) single: Single,
    pub(super) rules: Vec<Rule>,
    /// RDATE; those that are periods, with their own length.
    pub(super) more: Vec<(Time, Timestamp, Option<Length>)>,
    pub(super) except: Exceptions,
}

/// The EXDATE values of a series.
#[derive(Debug, Clone, Default)]
pub(super) struct Exceptions {
    instants: Vec<Timestamp>,
    /// Dates for a series of times: QUIRK(Exchange, some importers), the whole day is meant.
    days: Vec<jiff::civil::Date>,
    /// EXRULE (RFC 2445 §4.8.5.2), which old data has.
    rules: Vec<Rule>,
}

impl Master {
    pub(super) fn of(component: &Component, single: Single, zones: &Zones) -> Result<Self, Error> {
        let is_date = single.start.value.is_date();
        let rules = |name| {
            let rules = component.lines_named(name).map(|line| Rule::parse(line.value()));
            // RFC 5545 §3.3.10: these parts are ignored where the start is a date.
            rules.map(move |rule| rule.map(|rule| if is_date { rule.of_days() } else { rule }))
        };
        if rules("RRULE").chain(rules("EXRULE")).count() > RULES_MAX {
            return Err(Error::TooLarge("rules"));
        }
        let mut more = Vec::new();
        for line in component.lines_named("RDATE") {
            additions(line, zones, &mut more)?;
        }
        let mut except = Exceptions {
            rules: rules("EXRULE").collect::<Result<_, _>>()?,
            ..Exceptions::default()
        };
        for time in component.lines_named("EXDATE").flat_map(Time::list) {
            except.push(&time?, &single, zones);
        }
        except.instants.sort_unstable();
        except.days.sort_unstable();
        Ok(Self { rules: rules("RRULE").collect::<Result<_, _>>()?, more, except, single })
    }

    /// The times of a rule, as the clock of the start shows them.
    pub(super) fn times(&self, rule: &Rule, from: Timestamp, limits: &Limits) -> Times {
        let start = self.single.start.value.civil();
        // All rules of the component share what may be tried.
        let rules = (self.rules.len() + self.except.rules.len()).max(1);
        let limits = Limits { candidates_max: limits.candidates_max / rules, ..*limits };
        let mut times = Times::new(rule, start, self.until(rule), &limits);
        times.skip_to(self.single.zone.local(from));
        times
    }

    /// UNTIL as the clock of the start shows it.
    fn until(&self, rule: &Rule) -> Option<DateTime> {
        let Until(until) = rule.until?;
        Some(match (until, self.single.start.value) {
            // RFC 5545 §3.3.10: in UTC where the start has a zone.
            (Value::Utc(utc), Value::Local(_)) => {
                let utc = Zone::Known(jiff::tz::TimeZone::UTC).instant(utc);
                self.single.zone.local(utc)
            }
            // QUIRK(many programs): a date for a series of times; its day is still in.
            (Value::Date(day), Value::Local(_) | Value::Utc(_)) => day.at(23, 59, 59, 0),
            (other, Value::Date(_)) => other.civil().date().at(23, 59, 59, 0),
            (other, _) => other.civil(),
        })
    }

    /// A start after which no rule makes any time; the last instant there is where one goes on for
    /// ever, or for more times than are worth counting or trying.
    pub(super) fn last_start(&self, limits: &Limits) -> Timestamp {
        let zone = &self.single.zone;
        let of_rule = |rule: &Rule| {
            if let Some(until) = self.until(rule) {
                return zone.instant(until).max(self.single.begin());
            }
            let counted = rule.count.is_some_and(|count| count <= COUNTED_MAX);
            if !counted {
                return Timestamp::MAX;
            }
            let mut times = self.times(rule, Timestamp::MIN, limits);
            let last = times.by_ref().last().filter(|_| !times.gave_up());
            last.map_or(Timestamp::MAX, |last| zone.instant(last))
        };
        let ruled = self.rules.iter().map(of_rule);
        let listed = self.more.iter().map(|(_, instant, _)| *instant);
        ruled.chain(listed).fold(self.single.begin(), Timestamp::max)
    }
}

/// LIMIT: the last of so many times is found by counting; a rule with more of them has none that
/// is known beforehand.
const COUNTED_MAX: u32 = 1_000;

/// LIMIT: rules of one component, each of which is followed by itself. RFC 5545 §3.8.5.3 wants one.
pub(crate) const RULES_MAX: usize = 16;

/// RDATE: dates, times, or periods.
fn additions(
    line: &Line,
    zones: &Zones,
    more: &mut Vec<(Time, Timestamp, Option<Length>)>,
) -> Result<(), Error> {
    for text in split_list(line.value()).filter(|text| !text.trim().is_empty()) {
        if !text.contains('/') {
            let time = Time::with_zone(line, text)?;
            let instant = zones.instant(&time);
            more.push((time, instant, None));
            continue;
        }
        let period = Period::of(line, text)?;
        let instant = zones.instant(&period.start);
        let length = match period.end {
            End::After(duration) => Length::Nominal(duration),
            End::At(value) => {
                let end = Time { value, zone: period.start.zone.clone() };
                Length::Exact(zones.instant(&end).duration_since(instant))
            }
        };
        more.push((period.start, instant, Some(length)));
    }
    Ok(())
}

impl Exceptions {
    fn push(&mut self, time: &Time, single: &Single, zones: &Zones) {
        match (time.value, single.start.value) {
            (Value::Date(day), Value::Local(_) | Value::Utc(_)) => self.days.push(day),
            // The other way round, the day is meant that the time is on.
            (Value::Local(at) | Value::Utc(at), Value::Date(_)) => {
                let day = Time { value: Value::Date(at.date()), zone: None };
                self.instants.push(zones.instant(&day));
            }
            _ => self.instants.push(zones.instant(time)),
        }
    }

    /// What the rules except within a window, sorted. [`Error::Endless`] where that cannot be
    /// found out. What was tried for it is added to `tried`.
    pub(super) fn listed(
        &self,
        master: &Master,
        first: Timestamp,
        last: Timestamp,
        limits: &Limits,
        tried: &mut usize,
    ) -> Result<Vec<Timestamp>, Error> {
        let mut listed = Vec::new();
        for rule in &self.rules {
            let mut times = master.times(rule, first, limits);
            times.end_by(master.single.zone.local(last));
            let instants = times.by_ref().map(|local| master.single.zone.instant(local));
            listed.extend(instants.take_while(|at| *at < last).take(limits.occurrences_max));
            *tried = tried.saturating_add(times.tried());
            if times.gave_up() {
                return Err(Error::Endless);
            }
        }
        listed.sort_unstable();
        Ok(listed)
    }

    pub(super) fn has(&self, instant: Timestamp, value: Value, listed: &[Timestamp]) -> bool {
        self.instants.binary_search(&instant).is_ok()
            || listed.binary_search(&instant).is_ok()
            || self.days.binary_search(&value.civil().date()).is_ok()
    }
}
