//! Whether an object is what a filter asks for (RFC 4791 §9.7, §9.9).

use std::cell::RefCell;
use std::collections::HashMap;

use jiff::Timestamp;

use super::compared::{Compared, Pace};
use super::filter::{
    ComponentFilter, ComponentTest, ParameterFilter, Presence, PropertyFilter, PropertyTest,
    ValueTest,
};
use super::range::TimeRange;
use super::text_match::TextMatch;
use crate::component::Component;
use crate::error::Error;
use crate::line::{Line, Parameter};
use crate::object::{Alarm, CalendarObject, ComponentKind, Schedule};
use crate::time::Time;
use crate::zone::Zones;

/// LIMIT: alarms of a component that are looked at, of those that go off at different times: for
/// each, the series is followed anew. Of more, one may go off.
const ALARMS_MAX: usize = 100;

/// What the collations make of the value of a longer line is kept, for all that is asked of it.
const UNKEPT_BYTES: usize = 1024;

/// What every object that matches a filter is like, as far as a store knows it without looking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preselection {
    /// Components of this kind only.
    pub kind: Option<ComponentKind>,
    /// Components that overlap this range only.
    pub range: Option<TimeRange>,
    /// Nothing else is asked: an object of the kind whose [`Schedule`] overlaps the range matches.
    pub is_all: bool,
}

impl ComponentFilter {
    /// What can be said of objects beforehand.
    pub fn preselection(&self) -> Preselection {
        let nothing = Preselection { kind: None, range: None, is_all: false };
        let Presence::Present(calendar) = &self.test else { return nothing };
        let known = |filter: &&ComponentFilter| {
            matches!(filter.test, Presence::Present(_))
                && ComponentKind::find(&filter.name).is_some()
        };
        let Some(filter) = calendar.components.iter().find(known) else {
            let asks_nothing = calendar.components.is_empty() && calendar.properties.is_empty();
            return Preselection { is_all: asks_nothing, ..nothing };
        };
        let Presence::Present(test) = &filter.test else { return nothing };
        Preselection {
            kind: ComponentKind::find(&filter.name),
            range: test.time_range,
            is_all: calendar.components.len() == 1
                && calendar.properties.is_empty()
                && test.components.is_empty()
                && test.properties.is_empty(),
        }
    }

    /// Whether the object matches. One whose recurrence takes too long to follow does: who asked
    /// will see it then, and can look closer. Before a series is followed, and now and then while
    /// texts are compared, `may_go_on` is asked whether there is time for that: a filter may ask
    /// for it many times. What there is no time for counts as found.
    pub fn matches(
        &self,
        object: &CalendarObject,
        schedule: &Schedule,
        zones: &Zones,
        may_go_on: &dyn Fn() -> bool,
    ) -> bool {
        let Presence::Present(test) = &self.test else { return false };
        let (pace, kept) = (Pace::new(may_go_on), RefCell::default());
        let evaluation = Evaluation { object, schedule, zones, pace, kept };
        let calendar = object.calendar();
        calendar.is(&self.name)
            && test.properties.iter().all(|filter| evaluation.has_property(calendar, None, filter))
            && test.components.iter().all(|filter| evaluation.has_component(filter))
    }
}

struct Evaluation<'e> {
    object: &'e CalendarObject,
    schedule: &'e Schedule,
    zones: &'e Zones,
    pace: Pace<'e>,
    /// Long lines in the form that is compared, by their addresses.
    kept: RefCell<HashMap<*const Line, Compared<'e>>>,
}

impl<'e> Evaluation<'e> {
    /// What is said of the times of a series; yes where that takes too long.
    fn follow(&self, question: impl FnOnce() -> Result<bool, Error>) -> bool {
        !self.pace.may_go_on() || question().unwrap_or(true)
    }

    /// A component of the VCALENDAR.
    fn has_component(&self, filter: &'e ComponentFilter) -> bool {
        let Presence::Present(test) = &filter.test else {
            return self.object.calendar().components_named(&filter.name).next().is_none();
        };
        if filter.name == self.object.kind().name() {
            return self.object.parts().enumerate().any(|(at, part)| self.is_part(part, at, test));
        }
        // VTIMEZONE and what nobody knows: times of them are not defined.
        let mut others = self.object.calendar().components_named(&filter.name);
        test.time_range.is_none()
            && others.any(|other| {
                test.properties.iter().all(|filter| self.has_property(other, None, filter))
                    && test.components.iter().all(|filter| self.has_inner(other, None, filter))
            })
    }

    /// RFC 4791 §9.7.1: one component is all that is asked for; overridden instances are components
    /// of their own.
    fn is_part(&self, part: &'e Component, at: usize, test: &'e ComponentTest) -> bool {
        test.properties.iter().all(|filter| self.has_property(part, Some(at), filter))
            && test.components.iter().all(|filter| self.has_inner(part, Some(at), filter))
            && test
                .time_range
                .is_none_or(|range| self.follow(|| self.schedule.part_overlaps(at, &range)))
    }

    /// A component within a component: an alarm, mostly. As deep as the filter is.
    fn has_inner(
        &self,
        outer: &'e Component,
        at: Option<usize>,
        filter: &'e ComponentFilter,
    ) -> bool {
        let mut inner = outer.components_named(&filter.name);
        let Presence::Present(test) = &filter.test else { return inner.next().is_none() };
        let mut known = HashMap::new();
        inner.any(|component| {
            test.properties.iter().all(|filter| self.has_property(component, None, filter))
                && test.components.iter().all(|filter| self.has_inner(component, None, filter))
                && test.time_range.is_none_or(|range| match at {
                    Some(at) if component.is("VALARM") => Alarm::of(component, self.zones)
                        .is_some_and(|alarm| self.goes_off(alarm, at, &range, &mut known)),
                    _ => false,
                })
        })
    }

    /// Whether an alarm of the component of that number goes off in the range. Alarms that go off
    /// alike are one question.
    fn goes_off(
        &self,
        alarm: Alarm,
        at: usize,
        range: &TimeRange,
        known: &mut HashMap<Alarm, bool>,
    ) -> bool {
        if let Some(answer) = known.get(&alarm) {
            return *answer;
        }
        if known.len() >= ALARMS_MAX {
            return true;
        }
        let answer = self.follow(|| alarm.overlaps(self.schedule, at, range));
        known.insert(alarm, answer);
        answer
    }

    fn has_property(
        &self,
        component: &'e Component,
        at: Option<usize>,
        filter: &'e PropertyFilter,
    ) -> bool {
        let mut lines = component.lines_named(&filter.name);
        match &filter.test {
            Presence::Absent => lines.next().is_none(),
            Presence::Present(test) => match (&test.value, at) {
                (ValueTest::Time(range), Some(at)) if is_of_occurrence(component, &filter.name) => {
                    let mut lines = lines.peekable();
                    let fits = lines.peek().is_none()
                        || lines.any(|line| self.has_parameters(line, &test.parameters));
                    fits && self.follow(|| self.occurrence_is_in(at, &filter.name, range))
                }
                _ => lines.any(|line| self.is_property(line, test)),
            },
        }
    }

    /// RFC 4791 §9.9: each occurrence has a start and an end of its own.
    fn occurrence_is_in(&self, at: usize, name: &str, range: &TimeRange) -> Result<bool, Error> {
        let window = range.window();
        self.schedule.any_of_part(at, &window, |one| {
            window.contains(match name {
                "DTSTART" => &one.start,
                "DUE" => &one.due,
                _ => &one.end,
            })
        })
    }

    fn is_property(&self, line: &'e Line, test: &PropertyTest) -> bool {
        let value = match &test.value {
            ValueTest::Any => true,
            _ if !self.pace.has_time_for(line.value().len()) => true,
            ValueTest::Text(text) => self.has_text(line, text),
            ValueTest::Time(range) => {
                Time::list(line).any(|time| time.is_ok_and(|time| self.is_in(&time, range)))
            }
        };
        value && self.has_parameters(line, &test.parameters)
    }

    /// What a text of many megabytes is compared as takes long to make, and hundreds of tests may
    /// be about it.
    fn has_text(&self, line: &'e Line, test: &TextMatch) -> bool {
        if line.value().len() <= UNKEPT_BYTES {
            return test.holds_for(&Compared::new(line.text()));
        }
        let mut kept = self.kept.borrow_mut();
        let text =
            kept.entry(std::ptr::from_ref(line)).or_insert_with(|| Compared::new(line.text()));
        test.holds_for(text)
    }

    /// Whether all filters of parameters hold.
    fn has_parameters(&self, line: &Line, filters: &[ParameterFilter]) -> bool {
        filters.iter().all(|filter| has_parameter(line.parameters(), filter, &self.pace))
    }

    fn is_in(&self, time: &Time, range: &TimeRange) -> bool {
        let instant: Timestamp = self.zones.instant(time);
        range.window().contains(&instant)
    }
}

/// Whether a property is another one at each occurrence; RFC 4791 §9.9: also where it has to be
/// worked out from DURATION.
fn is_of_occurrence(component: &Component, name: &str) -> bool {
    let has = |name| component.line(name).is_some();
    match name {
        "DTSTART" => has("DTSTART"),
        "DTEND" => component.is("VEVENT") && (has("DTEND") || has("DURATION")),
        "DUE" => component.is("VTODO") && (has("DUE") || has("DURATION")),
        _ => false,
    }
}

/// A text that must not be there is in none of the values.
pub(super) fn has_parameter(
    parameters: &[Parameter],
    filter: &ParameterFilter,
    pace: &Pace<'_>,
) -> bool {
    let mut named = parameters.iter().filter(|other| other.name == filter.name).peekable();
    let is_there = named.peek().is_some();
    match &filter.test {
        Presence::Absent => !is_there,
        Presence::Present(None) => is_there,
        Presence::Present(Some(text)) => {
            let mut values = named.flat_map(|parameter| &parameter.values);
            let mut is_late = false;
            let found = values.any(|value| {
                is_late = !pace.has_time_for(value.len());
                is_late || text.finds(&Compared::new(value.as_str()))
            });
            is_there && (is_late || found != text.is_negated())
        }
    }
}
