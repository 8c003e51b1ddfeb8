//! How much of an object is asked for (RFC 4791 §9.6, RFC 6352 §10.4).

use super::range::TimeRange;

/// What `calendar-data` asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CalendarSelection {
    /// Which components and properties; all without it.
    pub component: Option<ComponentSelection>,
    /// Whether recurrence is expanded or limited.
    pub recurrence: RecurrenceSelection,
    /// `limit-freebusy-set`: which FREEBUSY values.
    pub free_busy: Option<TimeRange>,
}

impl CalendarSelection {
    /// Whether the object is asked for as it is.
    pub fn is_whole(&self) -> bool {
        *self == Self::default()
    }
}

/// Whether recurrence is expanded or limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RecurrenceSelection {
    /// Recurrence is neither expanded nor limited.
    #[default]
    AsStored,
    /// `expand`: each occurrence of the range is a component of its own, in UTC.
    Expand(TimeRange),
    /// `limit-recurrence-set`: only those overridden instances that matter to the range.
    Limit(TimeRange),
}

/// Everything, or some.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which<T> {
    /// All of them (`allprop`, `allcomp`).
    All,
    /// Only these.
    Some(Vec<T>),
}

/// `comp` (RFC 4791 §9.6.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComponentSelection {
    /// The name of the component, in capitals.
    pub name: String,
    /// The properties of it that are wanted.
    pub properties: Which<PropertySelection>,
    /// The components within it that are wanted.
    pub components: Which<ComponentSelection>,
}

/// `prop` (RFC 4791 §9.6.4, RFC 6352 §10.4.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PropertySelection {
    /// The name of the property, in capitals.
    pub name: String,
    /// Whether its value is wanted, too.
    pub with_value: bool,
}
