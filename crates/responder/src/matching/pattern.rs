//! `:regex` (draft-ietf-sieve-regex): extended regular expressions in linear time.
//!
//! DEVIATION(draft-ietf-sieve-regex): of several ways to match, the first alternative counts, not
//! the longest match; back references, which no linear matcher has, are a mistake.

use std::ops::Range;

use regex::{Regex, RegexBuilder};

use crate::Limits;
use crate::comparator::Comparator;

/// A compiled expression, and how much there is of it: what a byte of text costs grows with that.
#[derive(Debug)]
pub(crate) struct Pattern {
    regex: Regex,
    size_kib: u64,
}

/// The sizes that are told apart, in KiB.
const SIZES_KIB: [usize; 4] = [8, 32, 128, 512];

impl Pattern {
    /// Compiles an expression, or says what is wrong with it.
    pub(crate) fn compile(
        expression: &str,
        comparator: Comparator,
        limits: &Limits,
    ) -> Result<Self, String> {
        let mut result = Err("the regular expression is too large".to_owned());
        for size_kib in SIZES_KIB {
            let bytes = (size_kib << 10).min(limits.regex_bytes_max);
            result = match build(expression, comparator, bytes) {
                Ok(regex) => return Ok(Self { regex, size_kib: size_kib as u64 }),
                Err(regex::Error::CompiledTooBig(_)) if bytes < limits.regex_bytes_max => continue,
                Err(error) => Err(told(&error)),
            };
            break;
        }
        result
    }

    /// How much memory it takes at most, apart from what matching it takes for a moment.
    pub(crate) fn bytes(&self) -> usize {
        (self.size_kib as usize) << 10
    }

    /// What compiling an expression costs, in steps.
    pub(crate) fn compiling_cost(expression: &str) -> u64 {
        500 + 40 * expression.len() as u64
    }

    /// What looking for it in a text costs, in steps: it is a table that is made while the text is
    /// read, and may have to be made again.
    pub(crate) fn cost(&self, text: &str) -> u64 {
        1 + text.len() as u64 / 16 + text.len() as u64 * self.size_kib / 64
    }

    /// Where it is found.
    pub(crate) fn find(&self, text: &str) -> Option<Range<usize>> {
        self.regex.find(text).map(|found| found.range())
    }

    /// What its groups cost where it is found: every state may be alive at every byte.
    pub(crate) fn groups_cost(&self, found: &Range<usize>) -> u64 {
        1 + found.len() as u64 * self.size_kib / 2
    }

    /// What its groups stand for where it is found; a group that took no part is empty.
    pub(crate) fn groups(&self, text: &str, found: &Range<usize>, max: usize) -> Vec<Range<usize>> {
        let Some(groups) = self.regex.captures_at(text, found.start) else { return Vec::new() };
        let groups = groups.iter().skip(1).take(max);
        groups.map(|group| group.map_or(0..0, |group| group.range())).collect()
    }
}

fn build(expression: &str, comparator: Comparator, bytes: usize) -> Result<Regex, regex::Error> {
    RegexBuilder::new(expression)
        .case_insensitive(comparator != Comparator::Octet)
        // POSIX knows no lines in a text: "." is any character.
        .dot_matches_new_line(true)
        .size_limit(bytes)
        .dfa_size_limit(bytes.max(1 << 16))
        // LIMIT: groups inside each other, which are read by recursion.
        .nest_limit(32)
        .build()
}

fn told(error: &regex::Error) -> String {
    if let regex::Error::CompiledTooBig(_) = error {
        return "the regular expression is too large".to_owned();
    }
    // The last line of the message says what; those before show where.
    let text = error.to_string();
    let what = text.lines().last().unwrap_or_default();
    format!("the regular expression is wrong: {}", what.trim_start_matches("error: "))
}
