//! Match types (RFC 5228 §2.7.1) with a comparator: values against keys.

mod glob;
mod pattern;
mod relation;

use std::borrow::Cow;
use std::ops::Range;

use memchr::memmem;

use crate::capability::Capability;
use crate::comparator::Comparator;
use crate::compile::{Arguments, Compiler, Literals};
use crate::error::{Mistake, ScriptError, Trouble};
use crate::run::State;
use crate::text::{MATCH_VALUES_MAX, Text};
use glob::Glob;
use pattern::Pattern;
use relation::Relation;

/// A match type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MatchType {
    Is,
    Contains,
    Matches,
    Regex,
    /// RFC 5231 §4
    Value(Relation),
    /// RFC 5231 §4
    Count(Relation),
    /// RFC 6134 §2.2
    List,
}

/// The tags that say how to match.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MatchTags {
    pub(crate) kind: MatchType,
    comparator: Comparator,
    // Whether anybody can ask what a pattern found.
    captures: bool,
}

/// Everything a test compares with.
#[derive(Debug)]
pub(crate) struct Matcher {
    pub(crate) kind: MatchType,
    comparator: Comparator,
    keys: Vec<Key>,
    has_variables: bool,
    captures: bool,
}

/// A key, made ready as far as it is known.
#[derive(Debug)]
enum Key {
    // In the form of the comparator.
    Text(Box<str>),
    // The same, to be looked for in texts.
    Part(Box<memmem::Finder<'static>>),
    Glob(Glob),
    Regex(Box<Pattern>),
    Later(Text),
}

/// A value to compare, with what may be known of it already.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Value<'v> {
    pub(crate) text: &'v str,
    /// The form of the value under i;ascii-casemap.
    pub(crate) upper: Option<&'v str>,
}

impl<'v> From<&'v str> for Value<'v> {
    fn from(text: &'v str) -> Self {
        Self { text, upper: None }
    }
}

impl MatchTags {
    /// Takes `COMPARATOR` and `MATCH-TYPE` from the arguments.
    pub(crate) fn take(
        arguments: &mut Arguments<'_>,
        compiler: &Compiler<'_>,
    ) -> Result<Self, ScriptError> {
        let chosen = take_comparator(arguments, compiler)?;
        let comparator = chosen.unwrap_or_default();
        let mut kinds = Vec::new();
        for (name, kind) in [
            ("is", MatchType::Is),
            ("contains", MatchType::Contains),
            ("matches", MatchType::Matches),
        ] {
            kinds.extend(arguments.tag(name).map(|_| kind));
        }
        if arguments.tag_of(compiler, "regex", Capability::Regex)?.is_some() {
            kinds.push(MatchType::Regex);
        }
        if arguments.tag_of(compiler, "list", Capability::ExtLists)?.is_some() {
            kinds.push(MatchType::List);
        }
        for (name, kind) in
            [("value", MatchType::Value as fn(Relation) -> _), ("count", MatchType::Count)]
        {
            let Some(literal) = arguments.tagged_literal(name)? else { continue };
            compiler.needs(literal.at, format!(":{name}"), &[Capability::Relational])?;
            let relation = Relation::find(&literal.text).ok_or_else(|| {
                Mistake::Value(format!("\"{}\" is no relation: gt ge lt le eq ne", literal.text))
                    .at(literal.at)
            })?;
            kinds.push(kind(relation));
        }
        // RFC 5228 §2.7.1: it is an error to give more than one match type.
        if kinds.len() > 1 {
            return Err(arguments.wrong("more than one match type"));
        }
        let kind = kinds.first().copied().unwrap_or(MatchType::Is);
        let parts = matches!(kind, MatchType::Contains | MatchType::Matches | MatchType::Regex);
        if parts && !comparator.has_substrings() {
            return Err(arguments.wrong("i;ascii-numeric compares whole numbers only"));
        }
        // RFC 6134 §2.2
        if kind == MatchType::List && chosen.is_some() {
            return Err(arguments.wrong(":list takes no comparator"));
        }
        Ok(Self { kind, comparator, captures: compiler.has(Capability::Variables) })
    }

    /// Adds the keys to compare with, as the script has them.
    pub(crate) fn with_keys(
        self,
        keys: Literals<'_>,
        compiler: &Compiler<'_>,
    ) -> Result<Matcher, ScriptError> {
        let mut ready = Vec::with_capacity(keys.len());
        for literal in keys {
            ready.push(match compiler.text(literal)? {
                Text::Fixed(text) => {
                    let key = self
                        .key(&text, compiler.limits())
                        .map_err(|what| Mistake::Value(what).at(literal.at))?;
                    if let Key::Regex(pattern) = &key {
                        compiler.charge_regex(literal.at, pattern.bytes())?;
                    }
                    key
                }
                text => Key::Later(text),
            });
        }
        Ok(Matcher {
            kind: self.kind,
            comparator: self.comparator,
            has_variables: ready.iter().any(|key| matches!(key, Key::Later(_))),
            keys: ready,
            captures: self.captures,
        })
    }

    /// Adds keys that a run put together.
    pub(crate) fn with_texts(
        self,
        texts: &[String],
        state: &mut State<'_>,
    ) -> Result<Matcher, Trouble> {
        let mut keys = Vec::with_capacity(texts.len());
        for text in texts {
            keys.push(self.key_paid(text, state)?);
        }
        let Self { kind, comparator, .. } = self;
        Ok(Matcher { kind, comparator, keys, has_variables: false, captures: self.captures })
    }

    /// A key that a run put together, which pays for it.
    fn key_paid(self, text: &str, state: &mut State<'_>) -> Result<Key, Trouble> {
        state.charge(match self.kind {
            MatchType::Regex => Pattern::compiling_cost(text),
            _ => 1 + self.comparator.cost(text),
        })?;
        let key = self.key(text, state.limits).map_err(Trouble::Value)?;
        if let Key::Regex(pattern) = &key {
            state.charge(pattern.compiled_cost())?;
        }
        Ok(key)
    }

    /// Makes the match set no match variables.
    pub(crate) fn without_captures(self) -> Self {
        Self { captures: false, ..self }
    }

    /// RFC 6134 §2.2: a test that knows no lists says so.
    pub(crate) fn refuse_lists(self, arguments: &Arguments<'_>) -> Result<(), ScriptError> {
        match self.kind {
            MatchType::List => Err(arguments.wrong(":list cannot be used here")),
            _ => Ok(()),
        }
    }

    fn key(self, text: &str, limits: &crate::Limits) -> Result<Key, String> {
        Ok(match self.kind {
            MatchType::Matches => {
                Key::Glob(Glob::parse(text, |text| self.comparator.form(text).into_owned()))
            }
            MatchType::Regex => {
                Key::Regex(Box::new(Pattern::compile(text, self.comparator, limits)?))
            }
            MatchType::Contains => {
                let form = self.comparator.form(text);
                Key::Part(Box::new(memmem::Finder::new(form.as_bytes()).into_owned()))
            }
            MatchType::List => Key::Text(text.into()),
            _ => Key::Text(self.comparator.form(text).into()),
        })
    }
}

// COMPARATOR = ":comparator" <comparator-name: string>
fn take_comparator(
    arguments: &mut Arguments<'_>,
    compiler: &Compiler<'_>,
) -> Result<Option<Comparator>, ScriptError> {
    let Some(literal) = arguments.tagged_literal("comparator")? else { return Ok(None) };
    let Some((comparator, capability)) = Comparator::find(&literal.text) else {
        let name = literal.text.to_string();
        return Err(Mistake::Unknown { kind: "comparator", name }.at(literal.at));
    };
    // RFC 5228 §2.7.3: these two need no require.
    if !matches!(comparator, Comparator::Octet | Comparator::AsciiCasemap) {
        compiler.needs(literal.at, literal.text.to_string(), &[capability])?;
    }
    Ok(Some(comparator))
}

impl Matcher {
    /// Whether values are only counted.
    pub(crate) fn counts(&self) -> bool {
        matches!(self.kind, MatchType::Count(_))
    }

    /// Begins to compare: keys with variables are put together.
    pub(crate) fn begin(&self, state: &mut State<'_>) -> Result<Matching<'_>, Trouble> {
        let mut made = None;
        if self.has_variables {
            let tags =
                MatchTags { kind: self.kind, comparator: self.comparator, captures: self.captures };
            let mut keys = Vec::with_capacity(self.keys.len());
            for key in &self.keys {
                keys.push(match key {
                    Key::Later(text) => {
                        let text = state.text(text)?;
                        Some(tags.key_paid(&text, state)?)
                    }
                    _ => None,
                });
            }
            made = Some(keys);
        }
        Ok(Matching { matcher: self, made, count: 0 })
    }

    /// Compares the values of a list with the keys.
    pub(crate) fn any<'v>(
        &self,
        state: &mut State<'_>,
        values: impl IntoIterator<Item = &'v str>,
    ) -> Result<bool, Trouble> {
        let mut matching = self.begin(state)?;
        for value in values {
            if matching.value(state, value.into())? {
                return Ok(true);
            }
        }
        matching.finish(state)
    }
}

/// Values compared one after the other.
pub(crate) struct Matching<'m> {
    matcher: &'m Matcher,
    // What was put together, beside the keys of the matcher.
    made: Option<Vec<Option<Key>>>,
    count: u64,
}

impl Matching<'_> {
    fn keys(&self) -> impl Iterator<Item = &Key> {
        let made = self.made.as_deref().unwrap_or_default();
        let keys = self.matcher.keys.iter().enumerate();
        keys.map(|(index, key)| made.get(index).and_then(Option::as_ref).unwrap_or(key))
    }

    /// Whether this value matches one of the keys.
    pub(crate) fn value(
        &mut self,
        state: &mut State<'_>,
        value: Value<'_>,
    ) -> Result<bool, Trouble> {
        let Matcher { kind, comparator, captures, .. } = *self.matcher;
        if let MatchType::Count(_) = kind {
            self.count += 1;
            return Ok(false);
        }
        state.charge(1 + comparator.cost(value.text))?;
        let folded = match (value.upper, comparator) {
            _ if matches!(kind, MatchType::Regex | MatchType::List) => Cow::Borrowed(""),
            (Some(upper), Comparator::AsciiCasemap) => Cow::Borrowed(upper),
            _ => comparator.form(value.text),
        };
        for key in self.keys() {
            let found = match (kind, key) {
                (MatchType::Is, Key::Text(key)) => *folded == **key,
                (_, Key::Part(finder)) => {
                    state.charge(folded.len() as u64 / 64)?;
                    finder.find(folded.as_bytes()).is_some()
                }
                (MatchType::Value(relation), Key::Text(key)) => {
                    relation.holds(comparator.order(&folded, key))
                }
                (MatchType::List, Key::Text(list)) => {
                    let found = state.list_find(list, value.text)?;
                    if let (Some(found), true) = (&found, captures) {
                        // RFC 6134 §2.2: ${0} is the value in the list.
                        state.put_match_values(found, Vec::new());
                    }
                    found.is_some()
                }
                (_, Key::Glob(glob)) => {
                    state.charge(1 + glob.cost(folded.len()) / 64)?;
                    match glob.find(&folded) {
                        Some(found) if captures => {
                            state.charge(comparator.cost(value.text))?;
                            let found = unfolded(comparator, value.text, &folded, found);
                            state.put_match_values(value.text, found);
                            true
                        }
                        found => found.is_some(),
                    }
                }
                (_, Key::Regex(pattern)) => find_pattern(pattern, value.text, captures, state)?,
                _ => false,
            };
            if found {
                return Ok(true);
            }
            state.charge(1)?;
        }
        Ok(false)
    }

    /// What is left to say when there are no more values.
    pub(crate) fn finish(self, state: &mut State<'_>) -> Result<bool, Trouble> {
        let MatchType::Count(relation) = self.matcher.kind else { return Ok(false) };
        let comparator = self.matcher.comparator;
        let count = self.count.to_string();
        let count = comparator.form(&count);
        state.charge(self.matcher.keys.len() as u64)?;
        Ok(self.keys().any(|key| match key {
            Key::Text(key) => relation.holds(comparator.order(&count, key)),
            _ => false,
        }))
    }
}

fn find_pattern(
    pattern: &Pattern,
    text: &str,
    captures: bool,
    state: &mut State<'_>,
) -> Result<bool, Trouble> {
    if !pattern.is_in(text, &mut |steps| state.charge(steps))? {
        return Ok(false);
    }
    if captures {
        let charge = &mut |steps| state.charge(steps);
        let (found, groups) = pattern.groups(text, MATCH_VALUES_MAX, charge)?;
        let whole = text.get(found).unwrap_or_default().to_owned();
        state.put_match_values(text, groups);
        state.put_match_value(0, whole);
    }
    Ok(true)
}

/// Ranges of a folded text as ranges of the text itself.
fn unfolded(
    comparator: Comparator,
    text: &str,
    folded: &str,
    ranges: Vec<Range<usize>>,
) -> Vec<Range<usize>> {
    if comparator != Comparator::UnicodeCasemap || text.is_ascii() && folded.len() == text.len() {
        return ranges;
    }
    // The fold of a text is as long as those of its characters, in whatever order it puts their
    // marks. What was found is in order, so that one walk finds it all.
    let (mut chars, mut at) = (text.char_indices().peekable(), 0);
    let mut place = |folded: usize| {
        while let Some(&(start, char)) = chars.peek() {
            let end = at + comparator.form(char.encode_utf8(&mut [0; 4])).len();
            if end > folded {
                return start;
            }
            at = end;
            chars.next();
        }
        text.len()
    };
    ranges.into_iter().map(|range| place(range.start)..place(range.end)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captures_are_of_the_text_itself() {
        let text = "Größe ﬁ É!";
        let comparator = Comparator::UnicodeCasemap;
        let folded = comparator.form(text);
        let glob = Glob::parse("* * *", |text| comparator.form(text).into_owned());
        let ranges = unfolded(comparator, text, &folded, glob.find(&folded).unwrap());
        let shown: Vec<&str> = ranges.into_iter().map(|range| &text[range]).collect();
        assert_eq!(shown, ["Größe", "ﬁ", "É!"]);
    }
}
