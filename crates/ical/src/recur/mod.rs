//! Recurrence: rules (RFC 5545 §3.3.10, RFC 7529), the times they make, and sets of occurrences.

mod calendar;
mod dates;
mod master;
mod parse;
mod period;
mod rule;
mod scale;
mod scaled;
mod set;
mod single;
#[cfg(test)]
mod tests;
mod times;

pub(crate) use master::RULES_MAX;
pub use rule::{ByDay, Frequency, Month, Rule, Skip, Until};
pub use scale::Scale;
pub use set::{Occurrence, Occurrences};
pub use times::Times;
