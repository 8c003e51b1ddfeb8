//! Filters as values. Names of components, properties and parameters are in capitals.

use super::range::TimeRange;
use super::text_match::TextMatch;

/// Whether something is to be there, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presence<T> {
    /// It must not be there (`is-not-defined`).
    Absent,
    /// It must be there and pass this test.
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
    /// The name of the component.
    pub name: String,
    /// The test of the component.
    pub test: Presence<ComponentTest>,
}

/// What a component has to be like; all of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ComponentTest {
    /// The range in which it has to take place.
    pub time_range: Option<TimeRange>,
    /// Tests of the properties.
    pub properties: Vec<PropertyFilter>,
    /// Tests of the components within it.
    pub components: Vec<ComponentFilter>,
}

/// `prop-filter` (RFC 4791 §9.7.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PropertyFilter {
    /// The name of the property.
    pub name: String,
    /// The test of the property.
    pub test: Presence<PropertyTest>,
}

/// What one property of the name has to be like; all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PropertyTest {
    /// The test of the value.
    pub value: ValueTest,
    /// Tests of the parameters.
    pub parameters: Vec<ParameterFilter>,
}

/// What a value has to be like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValueTest {
    /// Any value.
    Any,
    /// A time within a range.
    Time(TimeRange),
    /// A value that matches this text.
    Text(TextMatch),
}

/// `param-filter` (RFC 4791 §9.7.3, RFC 6352 §10.5.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterFilter {
    /// The name of the parameter.
    pub name: String,
    /// Whether it has to be there, and with which text.
    pub test: Presence<Option<TextMatch>>,
}

/// `filter` of an address book (RFC 6352 §10.5). Without any property filter, every card is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CardFilter {
    /// Whether all filters have to hold, or one.
    pub quantifier: Quantifier,
    /// Tests of the properties.
    pub properties: Vec<CardPropertyFilter>,
}

/// `prop-filter` of an address book (RFC 6352 §10.5.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CardPropertyFilter {
    /// The group before the name, if one is asked for; in capitals.
    pub group: Option<String>,
    /// The name of the property.
    pub name: String,
    /// The test of the property.
    pub test: Presence<CardPropertyTest>,
}

/// What one property of the name has to be like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CardPropertyTest {
    /// Whether all tests have to hold, or one.
    pub quantifier: Quantifier,
    /// Tests of the value.
    pub texts: Vec<TextMatch>,
    /// Tests of the parameters.
    pub parameters: Vec<ParameterFilter>,
}
