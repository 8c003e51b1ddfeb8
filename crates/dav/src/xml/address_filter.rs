//! CARDDAV:filter and CARDDAV:address-data (RFC 6352 §10.4, §10.5) as types: which cards match, and
//! what is sent of them.

use ical::{
    CardFilter, CardPropertyFilter, CardPropertyTest, Collation, Presence, PropertySelection,
    Quantifier, Which,
};

use super::calendar_filter::{TextDialect, name_of, parameter, property_selection, text_match};
use super::element::Element;
use super::error::XmlError;
use super::limits::Limits;
use super::name::{CARDDAV, Name};

/// RFC 6352 §8.3: without any word, letters of every script without their case.
const CARDS: TextDialect = TextDialect { namespace: CARDDAV, collation: Collation::UnicodeCasemap };

/// `address-data` in a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressDataRequest {
    /// The media type, if one is asked for.
    pub content_type: Option<String>,
    /// The `version` attribute: which version of vCard is wanted.
    pub version: Option<String>,
    /// The properties of the card that are wanted.
    pub properties: Which<PropertySelection>,
}

impl AddressDataRequest {
    pub(super) fn read(data: &Element) -> Result<Self, XmlError> {
        let some = data.elements_named(CARDDAV, "prop").map(property_selection);
        let some: Vec<_> = some.collect::<Result<_, _>>()?;
        let all = some.is_empty() || data.element(CARDDAV, "allprop").is_some();
        Ok(Self {
            content_type: data.attribute("content-type").map(str::to_owned),
            version: data.attribute("version").map(str::to_owned),
            properties: if all { Which::All } else { Which::Some(some) },
        })
    }
}

/// `filter` (RFC 6352 §10.5).
pub(super) fn filter(element: &Element, limits: &Limits) -> Result<CardFilter, XmlError> {
    let mut tests_left = limits.tests_max;
    let mut properties = Vec::new();
    for part in element.elements_named(CARDDAV, "prop-filter") {
        properties.push(property(part, &mut tests_left)?);
    }
    Ok(CardFilter { quantifier: quantifier(element)?, properties })
}

fn property(element: &Element, tests_left: &mut usize) -> Result<CardPropertyFilter, XmlError> {
    spend(tests_left)?;
    let full = name_of(element).map_err(|_| CARDS.invalid())?;
    // RFC 6352 §10.5.1: the group counts where it is named.
    let (group, name) = match full.split_once('.') {
        Some((group, name)) => (Some(group.to_owned()), name.to_owned()),
        None => (None, full),
    };
    let mut test = CardPropertyTest {
        quantifier: quantifier(element)?,
        texts: Vec::new(),
        parameters: Vec::new(),
    };
    for part in element.elements_named(CARDDAV, "text-match") {
        spend(tests_left)?;
        test.texts.push(text_match(part, &CARDS)?);
    }
    for part in element.elements_named(CARDDAV, "param-filter") {
        spend(tests_left)?;
        test.parameters.push(parameter(part, &CARDS)?);
    }
    let is_empty = test.texts.is_empty() && test.parameters.is_empty();
    let test = match element.element(CARDDAV, "is-not-defined") {
        Some(_) if is_empty => Presence::Absent,
        Some(_) => return Err(CARDS.invalid()),
        None => Presence::Present(test),
    };
    Ok(CardPropertyFilter { group, name, test })
}

/// RFC 6352 §10.5, §10.5.1: `anyof` without any word.
fn quantifier(element: &Element) -> Result<Quantifier, XmlError> {
    match element.attribute("test") {
        None | Some("anyof") => Ok(Quantifier::Any),
        Some("allof") => Ok(Quantifier::All),
        Some(_) => Err(CARDS.invalid()),
    }
}

fn spend(tests_left: &mut usize) -> Result<(), XmlError> {
    // RFC 6352 §8.6: what a server does not evaluate fails CARDDAV:supported-filter.
    let too_many = || XmlError::Precondition(Name::carddav("supported-filter"));
    *tests_left = tests_left.checked_sub(1).ok_or_else(too_many)?;
    Ok(())
}
