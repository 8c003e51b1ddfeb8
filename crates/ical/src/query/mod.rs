//! What CalDAV and CardDAV ask of objects: which of them (filters), and how much of one
//! (selections). The words are those of RFC 4791 §9.6 to §9.10 and RFC 6352 §10.3 to §10.6.

mod availability;
mod calendar;
mod cards;
mod compared;
mod extract;
mod filter;
mod free_busy;
mod range;
mod selection;
#[cfg(test)]
mod tests;
mod text_match;

pub use availability::Availability;
pub use calendar::Preselection;
pub use filter::{
    CardFilter, CardPropertyFilter, CardPropertyTest, ComponentFilter, ComponentTest,
    ParameterFilter, Presence, PropertyFilter, PropertyTest, Quantifier, ValueTest,
};
pub use free_busy::{Busy, BusyTimes};
pub use range::TimeRange;
pub use selection::{
    CalendarSelection, ComponentSelection, PropertySelection, RecurrenceSelection, Which,
};
pub use text_match::{Collation, MatchKind, TextMatch};
