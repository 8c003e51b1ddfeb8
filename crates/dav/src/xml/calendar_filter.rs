//! CALDAV:filter and CALDAV:calendar-data (RFC 4791 §9.6, §9.7) as types: which objects match, and
//! what is sent of them.

use ical::{
    CalendarSelection, Collation, ComponentFilter, ComponentSelection, ComponentTest, MatchKind,
    ParameterFilter, Presence, PropertyFilter, PropertySelection, PropertyTest,
    RecurrenceSelection, TextMatch, TimeRange, ValueTest, Which,
};

use super::element::Element;
use super::error::XmlError;
use super::limits::Limits;
use super::name::{CALDAV, Name};

/// `calendar-data` in a report.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CalendarDataRequest {
    /// The media type, if one is asked for.
    pub content_type: Option<String>,
    /// The `version` attribute: which version of iCalendar is wanted.
    pub version: Option<String>,
    /// The parts of the object that are wanted.
    pub selection: CalendarSelection,
    /// The time zones that come along; a header asks for them (RFC 7809).
    pub zones: ZonesSent,
}

/// Which VTIMEZONE components calendar data has (RFC 7809 §3.1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ZonesSent {
    /// The time zones as they are stored.
    #[default]
    AsStored,
    /// With the definition of every zone that is named.
    All,
    /// With the definitions of zones alone that clients cannot know.
    Unknown,
}

impl CalendarDataRequest {
    pub(super) fn read(data: &Element) -> Result<Self, XmlError> {
        let component = data.only(CALDAV, "comp")?.map(component).transpose()?;
        let range = |local| data.only(CALDAV, local)?.map(closed_range).transpose();
        let recurrence = match (range("expand")?, range("limit-recurrence-set")?) {
            (None, None) => RecurrenceSelection::AsStored,
            (Some(range), None) => RecurrenceSelection::Expand(range),
            (None, Some(range)) => RecurrenceSelection::Limit(range),
            // RFC 4791 §9.6: one of them.
            (Some(_), Some(_)) => return Err(XmlError::Unexpected("CALDAV:expand")),
        };
        let free_busy = range("limit-freebusy-set")?;
        Ok(Self {
            content_type: data.attribute("content-type").map(str::to_owned),
            version: data.attribute("version").map(str::to_owned),
            selection: CalendarSelection { component, recurrence, free_busy },
            zones: ZonesSent::AsStored,
        })
    }
}

/// `comp` (RFC 4791 §9.6.1). As deep as the tree of elements may be.
fn component(comp: &Element) -> Result<ComponentSelection, XmlError> {
    let mut properties = Vec::new();
    for prop in comp.elements_named(CALDAV, "prop") {
        properties.push(property_selection(prop)?);
    }
    let components = comp.elements_named(CALDAV, "comp").map(component);
    let components: Vec<_> = components.collect::<Result<_, _>>()?;
    let has = |local| comp.element(CALDAV, local).is_some();
    Ok(ComponentSelection {
        name: name_of(comp)?,
        properties: if has("allprop") { Which::All } else { Which::Some(properties) },
        components: if has("allcomp") { Which::All } else { Which::Some(components) },
    })
}

/// `prop` of CalDAV and of CardDAV.
pub(super) fn property_selection(prop: &Element) -> Result<PropertySelection, XmlError> {
    Ok(PropertySelection {
        name: name_of(prop)?,
        with_value: prop.attribute("novalue") != Some("yes"),
    })
}

/// The attribute `name`, in capitals.
pub(super) fn name_of(element: &Element) -> Result<String, XmlError> {
    let name = element.attribute("name").map(|name| name.trim().to_ascii_uppercase());
    name.filter(|name| !name.is_empty()).ok_or(XmlError::Unexpected("a name"))
}

/// `filter` (RFC 4791 §9.7). Whatever it is not allowed to be fails CALDAV:valid-filter.
pub(super) fn filter(element: &Element, limits: &Limits) -> Result<ComponentFilter, XmlError> {
    let mut reader = FilterReader { tests_left: limits.tests_max };
    let root = only(element, "comp-filter")?.ok_or_else(invalid)?;
    let filter = reader.component(root)?;
    // RFC 4791 §9.7: the one filter of it is that of VCALENDAR, which takes no time.
    let is_timed = matches!(&filter.test, Presence::Present(test) if test.time_range.is_some());
    if filter.name != "VCALENDAR" || is_timed {
        return Err(invalid());
    }
    Ok(filter)
}

/// `time-range` (RFC 4791 §9.9).
pub(super) fn time_range(element: &Element) -> Result<TimeRange, XmlError> {
    let range = TimeRange::parse(element.attribute("start"), element.attribute("end"));
    range.map_err(|_| invalid())
}

/// RFC 4791 §9.6.5 to §9.6.7: both ends are there.
fn closed_range(element: &Element) -> Result<TimeRange, XmlError> {
    let ends = (element.attribute("start"), element.attribute("end"));
    match (ends, TimeRange::parse(ends.0, ends.1)) {
        ((Some(_), Some(_)), Ok(range)) => Ok(range),
        _ => Err(XmlError::Unexpected("CALDAV:expand")),
    }
}

fn invalid() -> XmlError {
    XmlError::Precondition(Name::caldav("valid-filter"))
}

fn only<'e>(parent: &'e Element, local: &'static str) -> Result<Option<&'e Element>, XmlError> {
    parent.only(CALDAV, local).map_err(|_| invalid())
}

struct FilterReader {
    tests_left: usize,
}

impl FilterReader {
    fn spend(&mut self) -> Result<(), XmlError> {
        // RFC 4791 §7.8: what a server does not evaluate fails CALDAV:supported-filter.
        let too_many = || XmlError::Precondition(Name::caldav("supported-filter"));
        self.tests_left = self.tests_left.checked_sub(1).ok_or_else(too_many)?;
        Ok(())
    }

    /// As deep as the tree of elements may be.
    fn component(&mut self, element: &Element) -> Result<ComponentFilter, XmlError> {
        self.spend()?;
        let name = name_of(element).map_err(|_| invalid())?;
        if is_absent(element, &["time-range", "prop-filter", "comp-filter"])? {
            return Ok(ComponentFilter { name, test: Presence::Absent });
        }
        let mut test = ComponentTest::default();
        if let Some(range) = only(element, "time-range")? {
            test.time_range = Some(time_range(range)?);
        }
        for part in element.elements_named(CALDAV, "prop-filter") {
            test.properties.push(self.property(part)?);
        }
        for part in element.elements_named(CALDAV, "comp-filter") {
            let inner = self.component(part)?;
            if !may_hold(&name, &inner.name) {
                return Err(invalid());
            }
            test.components.push(inner);
        }
        Ok(ComponentFilter { name, test: Presence::Present(test) })
    }

    fn property(&mut self, element: &Element) -> Result<PropertyFilter, XmlError> {
        self.spend()?;
        let name = name_of(element).map_err(|_| invalid())?;
        if is_absent(element, &["time-range", "text-match", "param-filter"])? {
            return Ok(PropertyFilter { name, test: Presence::Absent });
        }
        let within = ["comp-filter", "prop-filter"];
        if within.iter().any(|local| element.element(CALDAV, local).is_some()) {
            return Err(invalid());
        }
        let value = match (only(element, "time-range")?, only(element, "text-match")?) {
            (None, None) => ValueTest::Any,
            (Some(_), None) if is_timeless(&name) => return Err(invalid()),
            (Some(range), None) => ValueTest::Time(time_range(range)?),
            (None, Some(text)) => ValueTest::Text(text_match(text, &CALENDAR)?),
            (Some(_), Some(_)) => return Err(invalid()),
        };
        let mut parameters = Vec::new();
        for part in element.elements_named(CALDAV, "param-filter") {
            self.spend()?;
            parameters.push(parameter(part, &CALENDAR)?);
        }
        Ok(PropertyFilter { name, test: Presence::Present(PropertyTest { value, parameters }) })
    }
}

/// RFC 4791 §7.8: a VEVENT in a VTODO is no valid filter. What is not known may be anywhere.
fn may_hold(outer: &str, inner: &str) -> bool {
    const IN_A_CALENDAR: [&str; 6] =
        ["VCALENDAR", "VEVENT", "VTODO", "VJOURNAL", "VFREEBUSY", "VTIMEZONE"];
    let is = |name: &str, known: &str| name.eq_ignore_ascii_case(known);
    let is_of_a_calendar = |name| IN_A_CALENDAR.iter().any(|known| is(name, known));
    match is(outer, "VCALENDAR") {
        true => !is(inner, "VCALENDAR") && !is(inner, "VALARM"),
        false if is_of_a_calendar(outer) || is(outer, "VALARM") => !is_of_a_calendar(inner),
        false => true,
    }
}

/// RFC 4791 §7.8: nor is a range of time of a SUMMARY. These never hold a time (RFC 5545 §3.8).
fn is_timeless(property: &str) -> bool {
    const TIMELESS: [&str; 22] = [
        "ATTACH",
        "ATTENDEE",
        "CATEGORIES",
        "CLASS",
        "COMMENT",
        "CONTACT",
        "DESCRIPTION",
        "DURATION",
        "GEO",
        "LOCATION",
        "ORGANIZER",
        "PERCENT-COMPLETE",
        "PRIORITY",
        "RELATED-TO",
        "RESOURCES",
        "RRULE",
        "SEQUENCE",
        "STATUS",
        "SUMMARY",
        "TRANSP",
        "UID",
        "URL",
    ];
    TIMELESS.iter().any(|known| property.eq_ignore_ascii_case(known))
}

/// Whether `is-not-defined` is there, which stands alone.
fn is_absent(element: &Element, others: &[&str]) -> Result<bool, XmlError> {
    if element.element(CALDAV, "is-not-defined").is_none() {
        return Ok(false);
    }
    let beside = others.iter().any(|local| element.element(CALDAV, local).is_some());
    if beside { Err(invalid()) } else { Ok(true) }
}

/// What differs between the text tests of calendars and of address books.
pub(super) struct TextDialect {
    pub(super) namespace: &'static str,
    pub(super) collation: Collation,
}

/// RFC 4791 §7.5: without any word, ASCII without case.
const CALENDAR: TextDialect = TextDialect { namespace: CALDAV, collation: Collation::AsciiCasemap };

impl TextDialect {
    pub(super) fn invalid(&self) -> XmlError {
        self.failed("valid-filter", "supported-filter")
    }

    /// RFC 6352 §8.6 has no CARDDAV:valid-filter.
    fn failed(&self, calendar: &'static str, cards: &'static str) -> XmlError {
        XmlError::Precondition(match self.namespace {
            CALDAV => Name::caldav(calendar),
            _ => Name::carddav(cards),
        })
    }
}

/// `param-filter`.
pub(super) fn parameter(
    element: &Element,
    dialect: &TextDialect,
) -> Result<ParameterFilter, XmlError> {
    let name = name_of(element).map_err(|_| dialect.invalid())?;
    let text = element.only(dialect.namespace, "text-match").map_err(|_| dialect.invalid())?;
    let absent = element.element(dialect.namespace, "is-not-defined").is_some();
    let test = match (absent, text) {
        (true, None) => Presence::Absent,
        (false, text) => Presence::Present(text.map(|text| text_match(text, dialect)).transpose()?),
        (true, Some(_)) => return Err(dialect.invalid()),
    };
    Ok(ParameterFilter { name, test })
}

/// `text-match` (RFC 4791 §9.7.5, RFC 6352 §10.5.4).
pub(super) fn text_match(element: &Element, dialect: &TextDialect) -> Result<TextMatch, XmlError> {
    let collation = match element.attribute("collation") {
        None | Some("default") => dialect.collation,
        Some(identifier) => Collation::find(identifier)
            .ok_or_else(|| dialect.failed("supported-collation", "supported-collation"))?,
    };
    // RFC 6352 §10.5.4. QUIRK(Evolution, DAVx5): sent to calendars as well.
    let kind = match element.attribute("match-type") {
        None | Some("contains") => MatchKind::Contains,
        Some("equals") => MatchKind::Equals,
        Some("starts-with") => MatchKind::StartsWith,
        Some("ends-with") => MatchKind::EndsWith,
        Some(_) => return Err(dialect.invalid()),
    };
    let negate = match element.attribute("negate-condition") {
        None | Some("no") => false,
        Some("yes") => true,
        Some(_) => return Err(dialect.invalid()),
    };
    Ok(TextMatch::new(&element.text(), collation, kind, negate))
}
