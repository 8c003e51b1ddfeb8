//! The local times that a recurrence rule makes, ascending. How many days and times are tried is
//! bounded.

use std::collections::VecDeque;

use jiff::Span;
use jiff::civil::{Date, DateTime, Time};

use super::calendar::Years;
use super::dates::dates;
use super::period::Period;
use super::rule::{Frequency, Rule};
use super::scaled::scaled_dates;
use crate::limits::Limits;
use crate::time::DAY_SECS;

/// Days of the 53 weeks that the longest year of BYWEEKNO has (RFC 5545 §3.3.10).
const WEEKS_DAYS_MAX: usize = 53 * 7;

/// How many entries of BYDAY a day is held against for what finding it costs: to compare is cheap,
/// and a list of hundreds is not.
const BY_DAY_A_STEP: usize = 16;

/// An iterator over local times, the first of which is the start whatever the rule says of it
/// (RFC 5545 §3.8.5.3: DTSTART always counts as the first instance).
#[derive(Debug, Clone)]
pub struct Times {
    rule: Rule,
    start: DateTime,
    until: Option<DateTime>,
    /// Where the rule is not of RFC 5545 alone.
    years: Option<Years>,
    /// Nobody asks for anything later.
    horizon: Option<DateTime>,
    period: Option<Period>,
    ready: VecDeque<DateTime>,
    last: Option<DateTime>,
    left: Option<u32>,
    idle_periods_max: usize,
    /// Days and times that may still be tried, of so many.
    candidates_left: usize,
    candidates_max: usize,
    gave_up: bool,
}

impl Times {
    /// The times of `rule` from `start`. `until` stands for the UNTIL of the rule, which may be
    /// in UTC, as a local time.
    pub fn new(rule: &Rule, start: DateTime, until: Option<DateTime>, limits: &Limits) -> Self {
        let rule = rule.completed(start);
        Self {
            period: Some(Period::of(&rule, start)),
            start,
            until,
            years: (!rule.is_plain()).then(|| Years::of(rule.scale)),
            horizon: None,
            ready: VecDeque::new(),
            last: None,
            left: rule.count,
            idle_periods_max: limits.idle_periods_max,
            candidates_left: limits.candidates_max,
            candidates_max: limits.candidates_max,
            gave_up: false,
            rule,
        }
    }

    /// Passes over periods that end before `time`. Only where nothing has been taken yet, and
    /// nothing is counted.
    pub fn skip_to(&mut self, time: DateTime) {
        let Some(period) = self.period.filter(|_| self.left.is_none() && self.last.is_none())
        else {
            return;
        };
        if time <= self.start {
            return;
        }
        // One too few: a week or a period with a skipped day reaches into the next.
        let steps = whole_intervals(&self.rule, period.start, time) - 2;
        if steps > 0 {
            self.period = period.later(&self.rule, steps);
            self.last = Some(self.start);
        }
    }

    /// Has the iterator end behind `time`, or a little later. A rule that names a day which never
    /// comes is then no dearer than one that makes times.
    pub fn end_by(&mut self, time: DateTime) {
        self.horizon = Some(time);
    }

    /// Whether it ended because there was too much to try, not because the rule ends.
    pub fn gave_up(&self) -> bool {
        self.gave_up
    }

    /// How many days and times were tried.
    pub(super) fn tried(&self) -> usize {
        self.candidates_max - self.candidates_left
    }

    /// Pays for what a period costs before it is done; the end where it cannot be paid.
    fn pay(&mut self, candidates: usize) -> Option<()> {
        let left = self.candidates_left.checked_sub(candidates);
        self.candidates_left = left.unwrap_or(0);
        self.gave_up = left.is_none();
        left.map(drop)
    }

    /// Goes on to the next period that has any time in it.
    fn fill(&mut self) {
        for _ in 0..self.idle_periods_max {
            let Some(period) = self.period else { return };
            let ends = [self.until, self.horizon];
            if ends.into_iter().flatten().any(|end| period_is_after(period, end)) {
                break;
            }
            if self.pay(days_cost(&self.rule)).is_none() {
                break;
            }
            let first = period.start.date();
            let days = match &mut self.years {
                None => dates(&self.rule, first),
                Some(years) => scaled_dates(&self.rule, years, first),
            };
            self.period = self.next_period(period, days.is_empty());
            let clock = Clock::of(&self.rule, period.start);
            if self.pay(clock.count(days.len())).is_none() {
                break;
            }
            self.ready.extend(positions(&self.rule, clock.times(&days)));
            if !self.ready.is_empty() {
                return;
            }
        }
        // The end is reached, or the days that the rule names never come.
        self.period = None;
    }

    /// The period behind this one. Short ones that cannot have any time are passed over together.
    fn next_period(&self, period: Period, no_day: bool) -> Option<Period> {
        let rule = &self.rule;
        let (hour, minute) = (period.start.hour(), period.start.minute());
        let is_short = rule.frequency < Frequency::Daily;
        let no_hour = !rule.by_hour.is_empty() && !rule.by_hour.contains(&hour);
        let no_minute = !rule.by_minute.is_empty() && !rule.by_minute.contains(&minute);
        let day = period.start.date().to_datetime(Time::midnight());
        let after = match rule.frequency {
            _ if is_short && no_day => Some((day, Span::new().days(1))),
            Frequency::Minutely | Frequency::Secondly if no_hour => {
                Some((day, Span::new().hours(i64::from(hour) + 1)))
            }
            Frequency::Secondly if no_minute => {
                let minutes = i64::from(hour) * 60 + i64::from(minute) + 1;
                Some((day, Span::new().minutes(minutes)))
            }
            _ => None,
        };
        let steps = match after {
            Some((day, span)) => period.steps_to(rule, day.checked_add(span).ok()?),
            None => 1,
        };
        period.later(rule, steps)
    }

    /// The next time behind the start, whatever UNTIL and COUNT say.
    fn take(&mut self) -> Option<DateTime> {
        loop {
            while let Some(time) = self.ready.pop_front() {
                if time > self.start && Some(time) > self.last {
                    return Some(time);
                }
            }
            self.fill();
            if self.ready.is_empty() {
                return None;
            }
        }
    }
}

impl Iterator for Times {
    type Item = DateTime;

    fn next(&mut self) -> Option<DateTime> {
        if self.left == Some(0) {
            return None;
        }
        let time = match self.last {
            None => self.start,
            Some(_) => self.take().filter(|time| self.until.is_none_or(|until| *time <= until))?,
        };
        self.left = self.left.map(|left| left - 1);
        self.last = Some(time);
        Some(time)
    }
}

fn period_is_after(period: Period, until: DateTime) -> bool {
    // A week of BYWEEKNO may begin in the year before; the last of that year, where it stands for
    // one that is missing, does so ten days before this one at most.
    let slack = Span::new().days(10);
    until.checked_add(slack).is_ok_and(|until| period.start > until)
}

/// How many intervals of the rule fit between two times, or a few less.
fn whole_intervals(rule: &Rule, from: DateTime, to: DateTime) -> i64 {
    let secs = from.duration_until(to).as_secs();
    let unit_secs: i64 = match rule.frequency {
        Frequency::Yearly => (rule.scale.year_millidays() / 1_000 + 1) * DAY_SECS,
        Frequency::Monthly => (rule.scale.month_millidays() / 1_000 + 1) * DAY_SECS,
        Frequency::Weekly => 7 * DAY_SECS,
        Frequency::Daily => DAY_SECS,
        Frequency::Hourly => 3600,
        Frequency::Minutely => 60,
        Frequency::Secondly => 1,
    };
    secs / unit_secs / i64::from(rule.interval)
}

/// The work of finding the days of one period, in days to be tested.
fn days_cost(rule: &Rule) -> usize {
    let days = match rule.frequency {
        Frequency::Yearly if !rule.by_week_no.is_empty() => WEEKS_DAYS_MAX,
        Frequency::Yearly if rule.by_month.is_empty() => {
            usize::from(rule.scale.year_days_max().unsigned_abs())
        }
        Frequency::Yearly => rule.by_month.len() * 31,
        Frequency::Monthly => 31,
        Frequency::Weekly => 7,
        _ => 1,
    };
    // Each of them is held against the whole list.
    days * (1 + rule.by_day.len() / BY_DAY_A_STEP)
}

/// When on each of its days a period has times.
struct Clock {
    hours: Vec<i8>,
    minutes: Vec<i8>,
    seconds: Vec<i8>,
}

impl Clock {
    fn of(rule: &Rule, start: DateTime) -> Self {
        let own = |from: Frequency, value: i8, list: &[i8]| match rule.frequency < from {
            // The period is this very hour, minute or second: the list only says whether it
            // counts.
            true if list.is_empty() || list.contains(&value) => vec![value],
            true => Vec::new(),
            false => list.to_vec(),
        };
        Self {
            hours: own(Frequency::Daily, start.hour(), &rule.by_hour),
            minutes: own(Frequency::Hourly, start.minute(), &rule.by_minute),
            seconds: own(Frequency::Minutely, start.second(), &rule.by_second),
        }
    }

    /// How many times there are on so many days.
    fn count(&self, days: usize) -> usize {
        days * self.hours.len() * self.minutes.len() * self.seconds.len()
    }

    /// The times on those days, ascending.
    fn times(&self, days: &[Date]) -> Vec<DateTime> {
        let mut times = Vec::with_capacity(self.count(days.len()));
        for day in days {
            for hour in &self.hours {
                for minute in &self.minutes {
                    let of_minute = |second: &i8| day.at(*hour, *minute, *second, 0);
                    times.extend(self.seconds.iter().map(of_minute));
                }
            }
        }
        times
    }
}

/// Applies BYSETPOS: the times of a period at these positions.
fn positions(rule: &Rule, times: Vec<DateTime>) -> Vec<DateTime> {
    if rule.by_set_pos.is_empty() {
        return times;
    }
    let mut chosen: Vec<DateTime> = Vec::new();
    for position in &rule.by_set_pos {
        let at = usize::from(position.unsigned_abs());
        let found = match *position > 0 {
            true => times.get(at - 1),
            false => times.len().checked_sub(at).and_then(|at| times.get(at)),
        };
        chosen.extend(found);
    }
    chosen.sort_unstable();
    chosen.dedup();
    chosen
}
