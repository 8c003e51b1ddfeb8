//! Whether a card is what a filter asks for (RFC 6352 §10.5).

use super::calendar::has_parameter;
use super::extract::select_properties;
use super::filter::{CardFilter, CardPropertyFilter, CardPropertyTest, Presence, Quantifier};
use super::selection::{PropertySelection, Which};
use crate::card::Card;
use crate::component::Component;
use crate::fold::logical_lines;
use crate::limits::Limits;
use crate::line::Line;

impl CardFilter {
    /// Whether a card matches. The bytes are those of one that was stored: only the lines that the
    /// filter is about are read, most cost no more than finding their end.
    pub fn matches(&self, card: &[u8]) -> bool {
        if self.properties.is_empty() {
            return true;
        }
        let limits = Limits::default();
        let mut found = vec![Found::default(); self.properties.len()];
        for raw in logical_lines(card) {
            let (group, name) = name_of(raw);
            let mut line = None;
            for (filter, found) in self.properties.iter().zip(&mut found) {
                if found.matches || !filter.is_about(group, name) {
                    continue;
                }
                found.is_there = true;
                let Presence::Present(test) = &filter.test else { continue };
                // Read once, however many filters are about it.
                let line = line.get_or_insert_with(|| Line::parse(raw, 0, &limits).ok());
                found.matches = line.as_ref().is_some_and(|line| test.holds(line));
            }
        }
        let mut each =
            self.properties.iter().zip(&found).map(|(filter, found)| match filter.test {
                Presence::Absent => !found.is_there,
                Presence::Present(_) => found.matches,
            });
        match self.quantifier {
            Quantifier::All => each.all(|holds| holds),
            Quantifier::Any => each.any(|holds| holds),
        }
    }
}

/// What one filter has seen so far.
#[derive(Debug, Clone, Copy, Default)]
struct Found {
    is_there: bool,
    matches: bool,
}

/// The group and the name of a line, of which names are rarely folded.
fn name_of(raw: &[u8]) -> (Option<&[u8]>, &[u8]) {
    let end = raw.iter().position(|byte| matches!(byte, b':' | b';')).unwrap_or(raw.len());
    let full = raw.get(..end).unwrap_or_default();
    match full.iter().position(|byte| *byte == b'.') {
        Some(at) => (full.get(..at), full.get(at + 1..).unwrap_or_default()),
        None => (None, full),
    }
}

impl CardPropertyFilter {
    fn is_about(&self, group: Option<&[u8]>, name: &[u8]) -> bool {
        let of_group = match (&self.group, group) {
            (None, _) => true,
            (Some(wanted), Some(group)) => group.eq_ignore_ascii_case(wanted.as_bytes()),
            (Some(_), None) => false,
        };
        of_group && name.eq_ignore_ascii_case(self.name.as_bytes())
    }
}

impl CardPropertyTest {
    /// Without any test, being there is enough.
    fn holds(&self, line: &Line) -> bool {
        if self.texts.is_empty() && self.parameters.is_empty() {
            return true;
        }
        let text = line.text();
        let texts = self.texts.iter().map(|test| test.holds(&text));
        let parameters = self.parameters.iter().map(|filter| has_parameter(line, filter));
        let mut each = texts.chain(parameters);
        match self.quantifier {
            Quantifier::All => each.all(|holds| holds),
            Quantifier::Any => each.any(|holds| holds),
        }
    }
}

impl Card {
    /// What is asked for of a card (RFC 6352 §10.4).
    pub fn select(&self, properties: &Which<PropertySelection>) -> Component {
        let mut component = self.component().clone();
        select_properties(&mut component.lines, properties);
        component
    }
}
