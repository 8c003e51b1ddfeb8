//! iCalendar (RFC 5545) and vCard (RFC 6350): content lines, the values a server looks at,
//! recurrence and time zones.
//!
//! A [`Component`] is read from bytes and written to bytes: every property, parameter and unknown
//! thing stays as its client wrote it, its folding included, unless it is changed here. Values
//! are looked at only where somebody asks ([`Line::text`], [`Time::of`], [`Rule::parse`]).
//!
//! [`Rule`] makes local times, without any zone (RFC 5545 §3.3.10, RFC 7529); [`Zones`] maps them
//! to instants by the VTIMEZONE of the object, the IANA database, or a Windows name;
//! [`Occurrences`] puts both together with RDATE, EXDATE and overridden instances.
//!
//! [`CalendarObject`] is what may be stored as one resource, [`ObjectFacts`] what a store keeps of
//! it beside its bytes.
//!
//! A [`Card`] is a vCard of version 3.0 or 4.0, and can be had as the other.
//!
//! Filters ([`ComponentFilter`], [`CardFilter`]) and selections ([`CalendarSelection`]) are what
//! clients of CalDAV ask; a [`Schedule`] is an object's times made ready for them, [`BusyTimes`]
//! what comes of many.
//!
//! A [`ManagedAttachment`] is written into an object and out of it without touching anything else.
//!
//! [`OwnAlarms`] are what of an object is one person's alone, taken out of it and put into it.
//!
//! A [`CalendarFile`] takes a whole calendar apart into objects, a [`JoinedCalendar`] puts objects
//! together.
//!
//! **Invariants:** nothing that is read panics; work and memory are bounded by [`Limits`], and an
//! expansion by the window and count it is asked for. **Absent:** the clock, I/O, what CalDAV
//! makes of an object.

mod attachment;
mod card;
mod charset;
mod component;
mod error;
mod file;
mod fold;
mod limits;
mod line;
mod object;
mod own_alarms;
mod query;
mod recur;
pub mod scheduling;
mod text;
mod time;
mod zone;

pub use attachment::{AttachmentFault, Instances, ManagedAttachment};
pub use card::{
    Card, CardFacts, CardKind, CardVersion, CsvContacts, CsvError, CsvLimits, InvalidCard,
    contacts_of_csv, csv_of_contacts,
};
pub use component::Component;
pub use error::Error;
pub use file::{
    CalendarFile, FileError, FileLimits, FileObject, FileObjects, JoinedCalendar, cards_of_file,
    public_part, text_of_file,
};
pub use fold::to_utf8;
pub use limits::Limits;
pub use line::{Line, Parameter};
pub use object::{
    CalendarObject, ComponentKind, Invalid, ObjectFacts, Schedule, SeveralOrganizers,
};
pub use own_alarms::{OwnAlarms, is_same_but_alarms};
pub use query::{
    Availability, Busy, BusyTimes, CalendarSelection, CardFilter, CardPropertyFilter,
    CardPropertyTest, Collation, ComponentFilter, ComponentSelection, ComponentTest, MatchKind,
    ParameterFilter, Preselection, Presence, PropertyFilter, PropertySelection, PropertyTest,
    Quantifier, RecurrenceSelection, TextMatch, TimeRange, ValueTest, Which,
};
pub use recur::{
    ByDay, Frequency, Month, Occurrence, Occurrences, Rule, Scale, Skip, Times, Until,
};
pub use text::{escape_text, split_list, split_structured, unescape_text};
pub use time::{Duration, End, Period, Time, Value};
pub use zone::{
    Zone, ZoneChange, Zones, describe_zones, leave_out_known_zones, vtimezone, zone_changes,
    zone_names,
};
