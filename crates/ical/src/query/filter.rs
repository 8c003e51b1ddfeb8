//! Filters as values. Names of components, properties and parameters are in capitals.

use super::range::TimeRange;
use super::text_match::TextMatch;

/// Whether something has to be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presence<T> {
    /// It may not (`is-not-defined`).
    Absent,
    /// It has to, and be like this.
    Present(T),
}

/// Whether all of some tests have to hold, or one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantifier {
    /// `allof`
    All,
    /// `anyof`
    Any,
}

/// `comp-filter` (RFC 4791 §9.7.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComponentFilter {
    /// Of the component.
    pub name: String,
    /// What is asked of it.
    pub test: Presence<ComponentTest>,
}

/// What a component has to be like; all of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ComponentTest {
    /// When it takes place.
    pub time_range: Option<TimeRange>,
    /// What its properties are like.
    pub properties: Vec<PropertyFilter>,
    /// What stands within it.
    pub components: Vec<ComponentFilter>,
}

/// `prop-filter` (RFC 4791 §9.7.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PropertyFilter {
    /// Of the property.
    pub name: String,
    /// What is asked of it.
    pub test: Presence<PropertyTest>,
}

/// What one property of the name has to be like; all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PropertyTest {
    /// Its value.
    pub value: ValueTest,
    /// Its parameters.
    pub parameters: Vec<ParameterFilter>,
}

/// What a value has to be like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValueTest {
    /// Anything.
    Any,
    /// A time within a range.
    Time(TimeRange),
    /// A text.
    Text(TextMatch),
}

/// `param-filter` (RFC 4791 §9.7.3, RFC 6352 §10.5.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterFilter {
    /// Of the parameter.
    pub name: String,
    /// Whether it is there, and its text.
    pub test: Presence<Option<TextMatch>>,
}

/// `filter` of an address book (RFC 6352 §10.5). Without any property filter, every card is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CardFilter {
    /// How many of the filters have to hold.
    pub quantifier: Quantifier,
    /// What the properties are like.
    pub properties: Vec<CardPropertyFilter>,
}

/// `prop-filter` of an address book (RFC 6352 §10.5.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CardPropertyFilter {
    /// The group before the name, if one is asked for; in capitals.
    pub group: Option<String>,
    /// Of the property.
    pub name: String,
    /// What is asked of it.
    pub test: Presence<CardPropertyTest>,
}

/// What one property of the name has to be like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CardPropertyTest {
    /// How many of the tests have to hold.
    pub quantifier: Quantifier,
    /// Of its value.
    pub texts: Vec<TextMatch>,
    /// Of its parameters.
    pub parameters: Vec<ParameterFilter>,
}
