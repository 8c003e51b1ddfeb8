//! Takes options out of one TOML table and notes what is wrong with them.

use std::cell::RefCell;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::parse::Vocabulary;
use crate::problem::Problem;
use crate::value::OptionValue;

/// The text of the file, where its relative paths start, and the problems found so far.
pub(crate) struct Source<'a> {
    pub(crate) text: &'a str,
    pub(crate) directory: &'a Path,
    words: Vocabulary,
    problems: RefCell<Vec<Problem>>,
}

impl<'a> Source<'a> {
    pub(crate) fn new(text: &'a str, directory: &'a Path, words: Vocabulary) -> Self {
        Self { text, directory, words, problems: RefCell::default() }
    }

    /// Notes a problem at a byte offset of the text.
    pub(crate) fn report(&self, offset: usize, key: &str, text: impl Into<String>) {
        let before = self.text.as_bytes().get(..offset).unwrap_or(self.text.as_bytes());
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let problem = Problem { line, key: one_line(key), text: one_line(&text.into()) };
        self.problems.borrow_mut().push(problem);
    }

    /// Every problem, in the order of the lines.
    pub(crate) fn into_problems(self) -> Vec<Problem> {
        let mut list = self.problems.into_inner();
        list.sort_by_key(|problem| problem.line);
        list
    }
}

/// Keys and values quoted from the file may hold line ends; what is told about them may not.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// One table of the file while its options are taken out.
pub(crate) struct TableReader<'a> {
    source: &'a Source<'a>,
    table: Option<&'a DeTable<'a>>,
    /// Where the table starts; a missing option is reported here.
    offset: usize,
    /// The key of the table, empty for the top of the file.
    name: &'static str,
}

impl<'a> TableReader<'a> {
    pub(crate) fn new(
        source: &'a Source<'a>,
        name: &'static str,
        table: Option<&'a DeTable<'a>>,
        offset: usize,
    ) -> Self {
        Self { source, table, offset, name }
    }

    /// An option that has no default and must be there.
    pub(crate) fn required<T: OptionValue>(&mut self, key: &str, example: &str) -> Option<T> {
        match self.find(key) {
            Some(value) => self.value(key, value),
            None => {
                self.missing(key, &format!("is missing; for example: {key} = {example}"));
                None
            }
        }
    }

    /// An option that may be absent; `example` is only for the documents.
    pub(crate) fn optional<T: OptionValue>(
        &mut self,
        key: &str,
        _example: &str,
    ) -> Option<Option<T>> {
        match self.find(key) {
            Some(value) => self.value(key, value).map(Some),
            None => Some(None),
        }
    }

    /// An option with a default, which is written as it would be in the file.
    pub(crate) fn default<T: OptionValue>(&mut self, key: &str, default: &str) -> Option<T> {
        if let Some(value) = self.find(key) {
            return self.value(key, value);
        }
        let parsed = DeValue::parse(default).map_err(|error| error.message().to_owned());
        match parsed.and_then(|value| T::parse(value.get_ref(), self.source.directory)) {
            Ok(value) => Some(value),
            Err(text) => {
                self.missing(key, &format!("the built-in default {default} is wrong: {text}"));
                None
            }
        }
    }

    /// Reports every key of the table that is none of `known`.
    pub(crate) fn refuse_unknown(&self, known: &[&str]) {
        let Some(table) = self.table else { return };
        for key in table.keys() {
            let name: &str = key.get_ref();
            if known.contains(&name) {
                continue;
            }
            let text = match closest(name, known) {
                Some(meant) => format!("unknown key; was `{meant}` meant?"),
                None => "unknown key".to_owned(),
            };
            self.source.report(key.span().start, &self.path(name), text);
        }
    }

    /// Reports a problem with an option that was read, at its place in the file.
    pub(crate) fn refuse(&self, key: &str, text: impl Into<String>) {
        let offset = self.find(key).map_or(self.offset, |value| value.span().start);
        self.source.report(offset, &self.path(key), text);
    }

    /// Whether the file says something of an option.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.find(key).is_some()
    }

    /// Reports a problem with an option of another table, by its whole key.
    pub(crate) fn refuse_at(&self, offset: usize, path: &str, text: impl Into<String>) {
        self.source.report(offset, path, text);
    }

    /// What is known of the words of other crates.
    pub(crate) fn words(&self) -> Vocabulary {
        self.source.words
    }

    fn find(&self, key: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.table?.get(key)
    }

    fn value<T: OptionValue>(&self, key: &str, value: &Spanned<DeValue<'_>>) -> Option<T> {
        match T::parse(value.get_ref(), self.source.directory) {
            Ok(value) => Some(value),
            Err(text) => {
                self.source.report(value.span().start, &self.path(key), text);
                None
            }
        }
    }

    fn missing(&self, key: &str, text: &str) {
        self.source.report(self.offset, &self.path(key), text);
    }

    fn path(&self, key: &str) -> String {
        if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) }
    }
}

/// The known key that differs least from a mistyped one, if it is near enough to be meant.
fn closest<'k>(typed: &str, known: &[&'k str]) -> Option<&'k str> {
    // LIMIT: a longer key is no slip of the fingers, and the distance costs their product.
    if typed.len() > 64 {
        return None;
    }
    let near = |key: &&'k str| (distance(typed, key), *key);
    let (steps, key) = known.iter().map(near).min()?;
    (steps <= 2 && steps < key.len()).then_some(key)
}

/// How many letters must be changed, added or left out to make `a` of `b`.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (y, cell) in b.bytes().zip(row.iter_mut().skip(1)) {
            let here = (diagonal + usize::from(x != y)).min(left + 1).min(*cell + 1);
            diagonal = *cell;
            *cell = here;
            left = here;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_single_letters() {
        for (a, b, steps) in [
            ("", "", 0),
            ("bind", "bind", 0),
            ("bnid", "bind", 2),
            ("bin", "bind", 1),
            ("a", "", 1),
        ] {
            assert_eq!(distance(a, b), steps, "{a} {b}");
        }
    }

    #[test]
    fn only_a_near_key_is_suggested() {
        assert_eq!(closest("hostnam", &["hostname", "tls"]), Some("hostname"));
        assert_eq!(closest("certificates", &["hostname", "tls"]), None);
    }
}
