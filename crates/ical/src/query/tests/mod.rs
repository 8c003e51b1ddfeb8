//! The collection of RFC 4791, Appendix B, and what is asked of it there.

mod alarms;
mod availability;
mod extracts;
mod filters;
mod free_busy;
mod ranges;

use jiff::tz::TimeZone;

use super::*;
use crate::{CalendarObject, Component, Limits, Schedule, Zones};

/// Its eight objects, `abcd1.ics` to `abcd8.ics`.
const COLLECTION: &str = include_str!("rfc4791_appendix_b.ics");

struct Scene {
    object: CalendarObject,
    zones: Zones,
    schedule: Schedule,
}

impl Scene {
    fn of(object: CalendarObject, zone: &str) -> Self {
        let limits = Limits::default();
        let zones = object.zones(TimeZone::get(zone).unwrap(), &limits);
        let schedule = Schedule::of(&object, &zones, &limits).unwrap();
        Self { object, zones, schedule }
    }

    /// An object of these components, looked at from Vienna.
    fn new(components: &str) -> Self {
        let text = format!("BEGIN:VCALENDAR\nVERSION:2.0\n{components}END:VCALENDAR\n");
        let object = CalendarObject::parse(text.as_bytes(), &Limits::default());
        Self::of(object.unwrap_or_else(|error| panic!("{text}{error}")), "Europe/Vienna")
    }

    fn matches(&self, filter: &ComponentFilter) -> bool {
        let found = filter.matches(&self.object, &self.schedule, &self.zones, &|| true);
        // What a store sees beforehand never says otherwise.
        let facts = self.object.facts(&Limits::default());
        let before = filter.preselection();
        let touches = before.range.is_none_or(|range| {
            facts.span.is_some_and(|span| span.start <= range.end && span.end >= range.start)
        });
        let may = before.kind.is_none_or(|kind| kind == facts.kind) && touches;
        assert!(may || !found, "{filter:?}");
        if before.is_all {
            let overlaps = before.range.is_none_or(|range| self.schedule.overlaps(&range).unwrap());
            assert_eq!(may && overlaps, found, "{filter:?}");
        }
        found
    }

    fn apply(&self, selection: &CalendarSelection) -> String {
        let limits = Limits::default();
        let Self { object, schedule, zones } = self;
        let found = selection.apply(object, schedule, zones, &limits, &|| true).unwrap();
        String::from_utf8(found.render()).unwrap().replace("\r\n", "\n")
    }
}

fn collection() -> Vec<Scene> {
    let objects = Component::parse_all(COLLECTION.as_bytes(), &Limits::default()).unwrap();
    let objects = objects.into_iter().map(|object| CalendarObject::of(object).unwrap());
    objects.map(|object| Scene::of(object, "UTC")).collect()
}

/// Numbers of the objects that match.
fn found(filter: &ComponentFilter) -> Vec<usize> {
    let numbered = (1..).zip(collection());
    numbered.filter(|(_, scene)| scene.matches(filter)).map(|(number, _)| number).collect()
}

fn range(start: &str, end: &str) -> TimeRange {
    TimeRange::parse(Some(start), Some(end)).unwrap()
}

fn component(name: &str, test: ComponentTest) -> ComponentFilter {
    ComponentFilter { name: name.to_owned(), test: Presence::Present(test) }
}

fn absent(name: &str) -> ComponentFilter {
    ComponentFilter { name: name.to_owned(), test: Presence::Absent }
}

fn calendar(components: Vec<ComponentFilter>) -> ComponentFilter {
    component("VCALENDAR", ComponentTest { components, ..ComponentTest::default() })
}

fn timed(name: &str, range: TimeRange) -> ComponentFilter {
    let test = ComponentTest { time_range: Some(range), ..ComponentTest::default() };
    calendar(vec![component(name, test)])
}

fn with_property(name: &str, filter: PropertyFilter) -> ComponentFilter {
    let test = ComponentTest { properties: vec![filter], ..ComponentTest::default() };
    calendar(vec![component(name, test)])
}

fn property(name: &str, value: ValueTest, parameters: Vec<ParameterFilter>) -> PropertyFilter {
    let test = Presence::Present(PropertyTest { value, parameters });
    PropertyFilter { name: name.to_owned(), test }
}

fn text(text: &str) -> TextMatch {
    TextMatch::new(text, Collation::AsciiCasemap, MatchKind::Contains, false)
}

fn not(text: &str) -> TextMatch {
    TextMatch::new(text, Collation::AsciiCasemap, MatchKind::Contains, true)
}
