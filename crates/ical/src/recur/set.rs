//! The occurrences of an event, task or journal entry (RFC 5545 §3.8.5, §3.8.4.4).

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::{ControlFlow, Range};

use jiff::{SignedDuration, Timestamp};

use super::master::Master;
use super::rule::Rule;
use super::single::{Length, Single};
use crate::component::Component;
use crate::error::Error;
use crate::limits::Limits;
use crate::time::{Time, Value};
use crate::zone::{CLOCKS_APART, Zones};

/// LIMIT: instances with RANGE=THISANDFUTURE of one object. For each, the series is followed anew.
const FROM_THERE_MAX: usize = 200;

/// An occurrence: when it begins and ends, and which component describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occurrence {
    /// When it would be by the rule: what RECURRENCE-ID names it by. In the zone of the start of
    /// its series.
    pub id: Time,
    /// When it begins.
    pub start: Timestamp,
    /// When it ends; the same instant where it has no length.
    pub end: Timestamp,
    /// When it is due, if it is a task: where it ends, but at the begin of a day on which it is due
    /// and all of which it takes.
    pub due: Timestamp,
    /// Which of the components it was made of describes it.
    pub component: usize,
    /// How far its start is from that of the component that describes it, as the clock counts.
    pub shift: SignedDuration,
}

impl Occurrence {
    /// Whether it takes place in the window; one without length does where it is in it.
    pub fn overlaps(&self, window: &Range<Timestamp>) -> bool {
        match self.start == self.end {
            true => window.contains(&self.start),
            false => self.start < window.end && self.end > window.start,
        }
    }
}

/// All occurrences that one UID has in an object.
#[derive(Debug, Clone)]
pub struct Occurrences {
    limits: Limits,
    master: Option<Master>,
    /// Overridden instances, by the instant of RECURRENCE-ID.
    overridden: BTreeMap<Timestamp, Single>,
    /// RANGE=THISANDFUTURE, by instant, ascending.
    from_there: Vec<(Timestamp, Single)>,
    /// The instants of both by component: an object may have thousands, and each is asked for.
    ids: HashMap<usize, Timestamp>,
    /// How far an occurrence may be from its id.
    reach: SignedDuration,
}

/// An occurrence that is looked at: its id, when that is, and its own length.
struct Candidate<'c> {
    id: Value,
    /// The name of the zone of the id.
    zone: Option<&'c str>,
    instant: Timestamp,
    length: Option<Length>,
}

/// The function that an expansion calls for each occurrence; it may end the expansion.
type Visit<'v> = &'v mut dyn FnMut(Occurrence) -> ControlFlow<()>;

impl Occurrences {
    /// Of components with one UID: one without RECURRENCE-ID, if there is any, and those that
    /// override instances of it. A component without any time has no occurrence.
    pub fn of(components: &[&Component], zones: &Zones, limits: &Limits) -> Result<Self, Error> {
        let mut all = Self {
            limits: *limits,
            master: None,
            overridden: BTreeMap::new(),
            from_there: Vec::new(),
            ids: HashMap::new(),
            reach: SignedDuration::ZERO,
        };
        for (at, component) in components.iter().enumerate() {
            if component.line("RECURRENCE-ID").is_none()
                && all.master.is_none()
                && let Some(single) = Single::of(component, at, zones)?
            {
                all.master = Some(Master::of(component, single, zones)?);
            }
        }
        for (at, component) in components.iter().enumerate() {
            all.add_override(component, at, zones)?;
        }
        // Of several that begin at one instant, the last counts.
        let from_there: BTreeMap<_, _> = std::mem::take(&mut all.from_there).into_iter().collect();
        all.from_there = from_there.into_iter().collect();
        all.reach = all.find_reach(zones);
        Ok(all)
    }

    fn add_override(
        &mut self,
        component: &Component,
        at: usize,
        zones: &Zones,
    ) -> Result<(), Error> {
        let Some(line) = component.line("RECURRENCE-ID") else { return Ok(()) };
        let Some(mut single) = Single::of(component, at, zones)? else { return Ok(()) };
        single.id = self.as_series(Time::of(line)?);
        let instant = zones.instant(&single.id);
        self.ids.insert(at, instant);
        let range = line.parameter("RANGE");
        if range.is_some_and(|range| range.eq_ignore_ascii_case("THISANDFUTURE")) {
            if self.from_there.len() >= FROM_THERE_MAX {
                return Err(Error::TooLarge("instances that change all that follow"));
            }
            self.from_there.push((instant, single));
        } else {
            self.overridden.insert(instant, single);
        }
        Ok(())
    }

    /// RFC 5545 §3.8.4.4: a RECURRENCE-ID is of the type of the start. QUIRK(Exchange, some
    /// importers): it is not; the occurrence of that day is meant.
    fn as_series(&self, id: Time) -> Time {
        let Some(start) = self.master.as_ref().map(|master| &master.single.start) else {
            return id;
        };
        match (id.value, start.value) {
            (Value::Date(day), Value::Local(time) | Value::Utc(time)) => {
                let value = start.value.at(day.to_datetime(time.time()));
                Time { value, zone: start.zone.clone() }
            }
            (Value::Local(time) | Value::Utc(time), Value::Date(_)) => {
                Time { value: Value::Date(time.date()), zone: None }
            }
            _ => id,
        }
    }

    /// Whether there is no last one.
    pub fn is_endless(&self) -> bool {
        self.master.as_ref().is_some_and(|master| master.rules.iter().any(Rule::is_endless))
    }

    /// Whether there is more than one component or time: whether anything recurs.
    pub fn recurs(&self) -> bool {
        !self.overridden.is_empty()
            || !self.from_there.is_empty()
            || self.master.as_ref().is_some_and(|m| !m.rules.is_empty() || !m.more.is_empty())
    }

    /// From the first instant of any of them to the last of any, or further; to the last instant
    /// there is where they do not end. `None` where there is none at all.
    pub fn span(&self) -> Option<(Timestamp, Timestamp)> {
        let overridden = self.overridden.values().map(|single| {
            let begin = single.begin();
            (begin, single.end(single.start.value, begin, None))
        });
        let master = self.master.as_ref().map(|master| {
            let listed = master.more.iter().map(|(_, instant, _)| *instant);
            let first = listed.fold(master.single.begin(), Timestamp::min);
            let last = master.last_start(&self.limits);
            match self.recurs() {
                true => (earlier(first, self.reach), later(last, self.reach)),
                false => (first, master.single.end(master.single.start.value, first, None)),
            }
        });
        // Instances of a series that is not here, and all that follow.
        let loose = self.from_there.iter().filter(|_| self.master.is_none());
        let loose = loose.map(|(_, single)| (single.begin(), Timestamp::MAX));
        let all = overridden.chain(master).chain(loose);
        all.reduce(|(first, last), (begin, end)| (first.min(begin), last.max(end)))
    }

    /// The occurrences that overlap the window, in order of their start.
    ///
    /// [`Error::Endless`] where finding them would cost more than the limits allow.
    pub fn within(&self, window: &Range<Timestamp>) -> Result<Vec<Occurrence>, Error> {
        self.such(window, |one| one.overlaps(window))
    }

    /// The same in so many steps at most, from which those it took are taken away: times that are
    /// looked at, and days and times that rules are tried with. A rule with COUNT is followed from
    /// its start, wherever the window is.
    ///
    /// [`Error::Endless`] where that is not enough, or costs more than the limits allow.
    pub fn within_steps(
        &self,
        window: &Range<Timestamp>,
        left: &mut usize,
    ) -> Result<Vec<Occurrence>, Error> {
        let mut found = Vec::new();
        self.each_in_steps(None, window, left, &mut |occurrence| {
            if occurrence.overlaps(window) {
                found.push(occurrence);
            }
            ControlFlow::Continue(())
        })?;
        found.sort_by_key(|one| (one.start, one.end, one.component));
        Ok(found)
    }

    /// The occurrences that touch the window and pass the test, in order of their start.
    ///
    /// [`Error::Endless`] as above.
    pub(crate) fn such(
        &self,
        window: &Range<Timestamp>,
        is_such: impl Fn(&Occurrence) -> bool,
    ) -> Result<Vec<Occurrence>, Error> {
        let mut found = Vec::new();
        self.each(None, window, &mut |occurrence| {
            if is_such(&occurrence) {
                found.push(occurrence);
            }
            ControlFlow::Continue(())
        })?;
        found.sort_by_key(|one| (one.start, one.end, one.component));
        Ok(found)
    }

    /// Whether one that touches the window is such; if a component is named, one of its own.
    pub fn any(
        &self,
        component: Option<usize>,
        window: &Range<Timestamp>,
        mut is_such: impl FnMut(&Occurrence) -> bool,
    ) -> Result<bool, Error> {
        let mut found = false;
        self.each(component, window, &mut |occurrence| {
            found = is_such(&occurrence);
            if found { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        Ok(found)
    }

    /// Shows those that touch the window, in any order: ends that meet are enough, so that the
    /// caller may draw the line.
    fn each(
        &self,
        component: Option<usize>,
        window: &Range<Timestamp>,
        visit: Visit<'_>,
    ) -> Result<(), Error> {
        self.each_in_steps(component, window, &mut { usize::MAX }, visit)
    }

    /// Like `each`, within a number of steps.
    fn each_in_steps(
        &self,
        component: Option<usize>,
        window: &Range<Timestamp>,
        left: &mut usize,
        visit: Visit<'_>,
    ) -> Result<(), Error> {
        let is_meant = |single: &Single| component.is_none_or(|at| at == single.component);
        let ids = match component {
            None => Some(Timestamp::MIN..=Timestamp::MAX),
            Some(at) => self.ids.get(&at).map(|id| *id..=*id),
        };
        let overridden = ids.into_iter().flat_map(|ids| self.overridden.range(ids));
        for single in overridden.map(|(_, single)| single).filter(|single| is_meant(single)) {
            *left = left.checked_sub(1).ok_or(Error::Endless)?;
            let zone = single.id.zone.as_deref();
            let candidate =
                Candidate { id: single.id.value, zone, instant: Timestamp::MIN, length: None };
            if self.show(single, &candidate, single.start.value, window, visit).is_break() {
                return Ok(());
            }
        }
        match (&self.master, self.ids_of(component)) {
            (Some(master), Some(ids)) => {
                let spent = Cell::new(0);
                let limits = Limits {
                    candidates_max: self.limits.candidates_max.min(*left),
                    occurrences_max: self.limits.occurrences_max.min(*left),
                    ..self.limits
                };
                let done = self.expand(master, &ids, window, (&limits, &spent), visit);
                let rest = left.checked_sub(spent.get());
                *left = rest.unwrap_or(0);
                done.and(rest.map(drop).ok_or(Error::Endless))
            }
            (None, Some(_)) => self.show_loose(window, visit),
            (_, None) => Ok(()),
        }
    }

    /// The range that the ids of a component's occurrences are in; `None` where a rule makes none
    /// of them. So an endless series is not gone through for an instance that is elsewhere.
    fn ids_of(&self, component: Option<usize>) -> Option<Range<Timestamp>> {
        let Some(component) = component else { return Some(Timestamp::MIN..Timestamp::MAX) };
        let is_master = self.master.as_ref().is_some_and(|m| m.single.component == component);
        let id = self.ids.get(&component);
        let at = id.map(|id| self.from_there.partition_point(|(from, _)| from < id));
        let is_it = |at: &usize| {
            self.from_there.get(*at).is_some_and(|(_, single)| single.component == component)
        };
        let at = at.filter(is_it);
        let next = match at {
            Some(at) => at + 1,
            None if is_master => 0,
            None => return None,
        };
        let from = at.and_then(|at| self.from_there.get(at)).map_or(Timestamp::MIN, |(id, _)| *id);
        let to = self.from_there.get(next).map_or(Timestamp::MAX, |(id, _)| *id);
        Some(from..to)
    }

    /// What is changed from some instance on, of a series that is not here: that instance is.
    fn show_loose(&self, window: &Range<Timestamp>, visit: Visit<'_>) -> Result<(), Error> {
        for (instant, single) in &self.from_there {
            let zone = single.id.zone.as_deref();
            let candidate =
                Candidate { id: single.id.value, zone, instant: *instant, length: None };
            if self.show(single, &candidate, single.start.value, window, visit).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn expand(
        &self,
        master: &Master,
        ids: &Range<Timestamp>,
        window: &Range<Timestamp>,
        (limits, spent): (&Limits, &Cell<usize>),
        visit: Visit<'_>,
    ) -> Result<(), Error> {
        let first = earlier(window.start, self.reach).max(ids.start);
        let last = later(window.end, self.reach).min(ids.end);
        // All are elsewhere: a rule with COUNT is not gone through to say so.
        if first > last {
            return Ok(());
        }
        let mut tried = 0;
        let except = master.except.listed(master, first, last, limits, &mut tried);
        spent.set(tried);
        let except = except?;
        // Several rules and additions may make the same.
        let mut seen: HashSet<Timestamp> = HashSet::new();
        let mut looked_at = 0;
        let start = &master.single.start;
        let zone = &master.single.zone;
        let mut look = |candidate: Candidate<'_>| -> Result<ControlFlow<()>, Error> {
            looked_at += 1;
            spent.update(|spent| spent + 1);
            if looked_at > limits.occurrences_max {
                return Err(Error::Endless);
            }
            let instant = candidate.instant;
            if instant < first
                || instant > last
                || self.overridden.contains_key(&instant)
                || master.except.has(instant, candidate.id, &except)
                || !seen.insert(instant)
            {
                return Ok(ControlFlow::Continue(()));
            }
            Ok(self.show_ruled(master, &candidate, window, visit))
        };
        let by_start = |id: Value, instant: Timestamp| Candidate {
            id,
            zone: start.zone.as_deref(),
            instant,
            length: None,
        };
        if look(by_start(start.value, master.single.begin()))?.is_break() {
            return Ok(());
        }
        for rule in &master.rules {
            let mut times = master.times(rule, first, limits);
            times.end_by(zone.local(last));
            let mut flow = Ok(ControlFlow::Continue(()));
            for local in times.by_ref() {
                let id = start.value.at(local);
                // A date comes once, however often in a day the rule has it.
                let instant = zone.instant(if id.is_date() { id.civil() } else { local });
                if instant > last {
                    break;
                }
                flow = look(by_start(id, instant));
                if !matches!(flow, Ok(ControlFlow::Continue(()))) {
                    break;
                }
            }
            spent.update(|spent| spent + times.tried());
            if flow?.is_break() {
                return Ok(());
            }
            if times.gave_up() {
                return Err(Error::Endless);
            }
        }
        for (time, instant, length) in &master.more {
            let zone = time.zone.as_deref();
            let candidate = Candidate { id: time.value, zone, instant: *instant, length: *length };
            if look(candidate)?.is_break() {
                return Ok(());
            }
        }
        Ok(())
    }

    fn find_reach(&self, zones: &Zones) -> SignedDuration {
        let Some(master) = &self.master else { return SignedDuration::ZERO };
        let of = |single: &Single| {
            let moved = single.begin().duration_since(zones.instant(&single.id));
            moved.abs().saturating_add(single.length.longest())
        };
        let periods = master.more.iter().filter_map(|(_, _, length)| length.map(Length::longest));
        let ranges = self.from_there.iter().map(|(_, single)| of(single));
        let longest = periods.chain(ranges).fold(of(&master.single), SignedDuration::max);
        // What is moved by days in one zone is not in another.
        longest.saturating_add(CLOCKS_APART)
    }

    /// An instance that the rule made: moved where one before it says so of all that follow.
    fn show_ruled(
        &self,
        master: &Master,
        candidate: &Candidate<'_>,
        window: &Range<Timestamp>,
        visit: Visit<'_>,
    ) -> ControlFlow<()> {
        let ahead = self.from_there.partition_point(|(from, _)| *from <= candidate.instant);
        let single = ahead.checked_sub(1).and_then(|at| self.from_there.get(at));
        let Some((_, single)) = single else {
            // An addition in a zone of its own is when it is, and begins as the series does.
            let start = match candidate.zone == master.single.start.zone.as_deref() {
                true => candidate.id,
                false => {
                    let local = master.single.zone.local(candidate.instant);
                    master.single.start.value.at(local)
                }
            };
            return self.show(&master.single, candidate, start, window, visit);
        };
        // RFC 5545 §3.2.13: by as much as that one was moved.
        let by = single.id.value.civil().duration_until(single.start.value.civil());
        let moved = candidate.id.civil().checked_add(by).unwrap_or(candidate.id.civil());
        self.show(single, candidate, single.start.value.at(moved), window, visit)
    }

    fn show(
        &self,
        single: &Single,
        candidate: &Candidate<'_>,
        start: Value,
        window: &Range<Timestamp>,
        visit: Visit<'_>,
    ) -> ControlFlow<()> {
        let begin = single.zone.instant(start.civil());
        let end = single.end(start, begin, candidate.length);
        if begin > window.end || end < window.start {
            return ControlFlow::Continue(());
        }
        visit(Occurrence {
            id: Time { value: candidate.id, zone: candidate.zone.map(str::to_owned) },
            start: begin,
            end,
            due: if single.is_due_at_begin && candidate.length.is_none() { begin } else { end },
            component: single.component,
            shift: single.start.value.civil().duration_until(start.civil()),
        })
    }
}

fn earlier(instant: Timestamp, by: SignedDuration) -> Timestamp {
    instant.checked_sub(by).unwrap_or(Timestamp::MIN)
}

fn later(instant: Timestamp, by: SignedDuration) -> Timestamp {
    instant.checked_add(by).unwrap_or(Timestamp::MAX)
}
