//! Calendar object resources: what one may be, and what is known of it (RFC 4791 §4.1).

mod facts;
mod invalid;
mod kind;
mod parse;
mod span;
#[cfg(test)]
mod tests;

pub use facts::ObjectFacts;
pub use invalid::Invalid;
pub use kind::ComponentKind;
pub use parse::CalendarObject;
