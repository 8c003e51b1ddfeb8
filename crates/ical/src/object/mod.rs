//! Calendar object resources: what one may be, and what is known of it (RFC 4791 §4.1).

mod alarm;
mod availability;
mod facts;
mod invalid;
mod kind;
mod parse;
mod schedule;
mod span;
#[cfg(test)]
mod tests;

pub(crate) use alarm::Alarm;
pub(crate) use availability::availability_ends;
pub use facts::ObjectFacts;
pub(crate) use facts::calendar_user;
pub use invalid::Invalid;
pub use kind::ComponentKind;
pub(crate) use parse::is_text;
pub use parse::{CalendarObject, SeveralOrganizers};
pub use schedule::Schedule;
