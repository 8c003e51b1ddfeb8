//! How much of an object is asked for (RFC 4791 §9.6, RFC 6352 §10.4).

use super::range::TimeRange;

/// What `calendar-data` asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CalendarSelection {
    /// Which components and properties; all without it.
    pub component: Option<ComponentSelection>,
    /// What becomes of recurrence.
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

/// What becomes of recurrence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RecurrenceSelection {
    /// Nothing.
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
    /// `allprop`, `allcomp`
    All,
    /// Those.
    Some(Vec<T>),
}

/// `comp` (RFC 4791 §9.6.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComponentSelection {
    /// Of the component, in capitals.
    pub name: String,
    /// Which of its properties.
    pub properties: Which<PropertySelection>,
    /// Which of the components within it.
    pub components: Which<ComponentSelection>,
}

/// `prop` (RFC 4791 §9.6.4, RFC 6352 §10.4.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PropertySelection {
    /// Of the property, in capitals.
    pub name: String,
    /// Whether its value is wanted, too.
    pub with_value: bool,
}
