//! Whether a card is what a filter asks for (RFC 6352 §10.5).

use std::borrow::Cow;

use super::calendar::has_parameter;
use super::compared::{Compared, Pace};
use super::extract::select_properties;
use super::filter::{CardFilter, CardPropertyFilter, CardPropertyTest, Presence, Quantifier};
use super::selection::{PropertySelection, Which};
use super::text_match::TextMatch;
use crate::card::Card;
use crate::component::Component;
use crate::fold::{logical_lines, unfold};
use crate::limits::Limits;
use crate::line::{Line, Parameter};
use crate::text::unescape_text;

impl CardFilter {
    /// Whether a card matches. The bytes are those of one that was stored: only the lines that the
    /// filter is about are read, most cost no more than finding their end. Now and then `may_go_on`
    /// is asked whether there is time to compare more; what there is no time for counts as found.
    pub fn matches(&self, card: &[u8], may_go_on: &dyn Fn() -> bool) -> bool {
        if self.properties.is_empty() {
            return true;
        }
        let (limits, pace) = (Limits::default(), Pace::new(may_go_on));
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
                let line = line.get_or_insert_with(|| ReadLine::of(raw, &limits));
                found.matches = line.as_ref().is_some_and(|line| test.holds(line, &pace));
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

/// What one filter has found among the lines read so far.
#[derive(Debug, Clone, Copy, Default)]
struct Found {
    is_there: bool,
    matches: bool,
}

/// A content line as the tests compare it.
#[derive(Debug)]
struct ReadLine<'l> {
    text: Compared<'l>,
    /// The length of its value in bytes.
    bytes: usize,
    parameters: Vec<Parameter>,
}

impl<'l> ReadLine<'l> {
    /// `None` where it is no content line.
    fn of(raw: &'l [u8], limits: &Limits) -> Option<Self> {
        if let Some(value) = plain_value(raw, limits) {
            let (text, bytes) = (Compared::new(unescape_text(value)), value.len());
            return Some(Self { text, bytes, parameters: Vec::new() });
        }
        let line = Line::parse(raw, 0, limits).ok()?;
        let (value, parameters) = line.into_value_and_parameters();
        let bytes = value.len();
        let unescaped = match unescape_text(&value) {
            Cow::Owned(text) => Some(text),
            Cow::Borrowed(_) => None,
        };
        let text = Compared::new(unescaped.unwrap_or(value));
        Some(Self { text, bytes, parameters })
    }
}

/// The value of a line as most are: with a plain name, without folds and parameters. It is what
/// stands there, and nothing has to be copied.
fn plain_value<'l>(raw: &'l [u8], limits: &Limits) -> Option<&'l str> {
    let Cow::Borrowed(line) = unfold(raw) else { return None };
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    let end = line.iter().position(|byte| !is_plain(byte))?;
    let has_name = end > 0 && line.get(end - 1) != Some(&b'.');
    let (Some(b':'), true) = (line.get(end), has_name && line.len() <= limits.line_bytes_max)
    else {
        return None;
    };
    std::str::from_utf8(line.get(end + 1..)?).ok()
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
    fn holds(&self, line: &ReadLine<'_>, pace: &Pace<'_>) -> bool {
        if self.texts.is_empty() && self.parameters.is_empty() {
            return true;
        }
        let has_text =
            |test: &TextMatch| !pace.has_time_for(line.bytes) || test.holds_for(&line.text);
        let texts = self.texts.iter().map(has_text);
        let parameters = &line.parameters;
        let parameters =
            self.parameters.iter().map(|filter| has_parameter(parameters, filter, pace));
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What is read without a copy is read as any other line.
    #[test]
    fn plain_lines_are_lines() {
        let limits = Limits::default();
        let is_plain = |raw: &[u8]| plain_value(raw, &limits).is_some();
        for raw in [
            &b"FN:Doe\r\n"[..],
            b"FN:Doe\n",
            b"FN:Doe\r",
            b"FN:",
            b"fn:a:b;c\\, d\\n\\",
            b"a.b.FN:x",
            "item1.X-1:Grüße\r\n".as_bytes(),
        ] {
            assert!(is_plain(raw), "{raw:?}");
        }
        for raw in [
            &b"FN:Doe\r\n"[..],
            b"FN:Doe",
            b"FN:Doe\r",
            b"FN:",
            b"fn:a:b;c\\, d\\n\\",
            b"a.b.FN:x",
            "item1.X-1:Grüße\r\n".as_bytes(),
            b"",
            b":",
            b":x",
            b"a.:x",
            b".:x",
            b".FN:x",
            b"FN",
            b"F=N:x",
            b"F\"N:x",
            b"F,N:x",
            b"F N:x",
            b"F_N:x",
            b"FN;TYPE=a:x",
            b"FN:D\r\n oe\r\n",
            b"FN:\xff",
            b"F\xc3\xbc:x",
            b"FN\r\n :x",
        ] {
            let line = Line::parse(raw, 0, &limits).ok();
            let read = ReadLine::of(raw, &limits);
            assert_eq!(read.is_some(), line.is_some(), "{raw:?}");
            let (Some(read), Some(line)) = (read, line) else { continue };
            assert!(
                read.text.with_key(crate::Collation::Octet, |key| key == line.text().as_bytes())
            );
            assert_eq!((read.bytes, &read.parameters[..]), (line.value().len(), line.parameters()));
        }
        let long = Limits { line_bytes_max: 5, ..limits };
        assert!(
            ReadLine::of(b"FN:xx", &long).is_some() && ReadLine::of(b"FN:xxx", &long).is_none()
        );
    }
}
