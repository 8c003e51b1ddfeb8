//! `:regex` (draft-ietf-sieve-regex): extended regular expressions in linear time.
//!
//! Whether an expression is in a text, an automaton says whose states are made when they are first
//! come to; making one costs as much as the whole expression, and is paid for then. What groups
//! stand for is found by following all states at once, which is dearer, and only where there is
//! something to find.
//!
//! DEVIATION(draft-ietf-sieve-regex): of several ways to match, the first alternative counts, not
//! the longest match; back references, which no linear matcher has, are a mistake.

use std::error::Error as _;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use regex_automata::Input;
use regex_automata::hybrid::dfa::{self, Cache, DFA};
use regex_automata::nfa::thompson::pikevm::PikeVM;
use regex_automata::nfa::thompson::{self, BuildError};
use regex_automata::util::syntax;

use crate::Limits;
use crate::comparator::Comparator;
use crate::error::Trouble;

/// LIMIT: bytes of the states that one expression keeps from one text to the next.
const CACHE_BYTES: usize = 64 << 10;
/// What each state of an expression costs where all of them are followed, in parts of a step.
const STATES_PER_STEP: u64 = 4;

/// Takes so many steps from a run.
pub(crate) type Charge<'c> = dyn FnMut(u64) -> Result<(), Trouble> + 'c;

/// A compiled expression.
#[derive(Debug)]
pub(crate) struct Pattern {
    // None where only the other one can tell: word boundaries in some texts.
    automaton: Option<DFA>,
    machine: PikeVM,
    spare: Mutex<Option<Box<Cache>>>,
}

impl Pattern {
    /// Compiles an expression, or says what is wrong with it.
    pub(crate) fn compile(
        expression: &str,
        comparator: Comparator,
        limits: &Limits,
    ) -> Result<Self, String> {
        let config = thompson::Config::new().nfa_size_limit(Some(limits.regex_bytes_max));
        let syntax = syntax::Config::new()
            .case_insensitive(comparator != Comparator::Octet)
            // POSIX knows no lines in a text: "." is any character.
            .dot_matches_new_line(true)
            // LIMIT: groups inside each other, which are read by recursion.
            .nest_limit(32);
        let nfa = thompson::Compiler::new().configure(config).syntax(syntax).build(expression);
        let nfa = nfa.map_err(|error| told(&error))?;
        let config = dfa::Config::new()
            .cache_capacity(CACHE_BYTES)
            .skip_cache_capacity_check(true)
            .unicode_word_boundary(true);
        let automaton = DFA::builder().configure(config).build_from_nfa(nfa.clone()).ok();
        let machine = PikeVM::new_from_nfa(nfa).map_err(|error| told(&error))?;
        Ok(Self { automaton, machine, spare: Mutex::new(None) })
    }

    /// How much memory it takes, apart from what matching it takes for a moment.
    pub(crate) fn bytes(&self) -> usize {
        self.machine.get_nfa().memory_usage() + 4096
    }

    /// What compiling an expression costs at least, in steps.
    pub(crate) fn compiling_cost(expression: &str) -> u64 {
        500 + 40 * expression.len() as u64
    }

    /// What it costs besides where it has become large.
    pub(crate) fn compiled_cost(&self) -> u64 {
        16 * self.states()
    }

    fn states(&self) -> u64 {
        self.machine.get_nfa().states().len() as u64
    }

    /// Whether it is in a text.
    pub(crate) fn is_in(&self, text: &str, charge: &mut Charge<'_>) -> Result<bool, Trouble> {
        charge(1 + text.len() as u64 / 16)?;
        if let Some(automaton) = &self.automaton {
            let spare = || self.spare.lock().unwrap_or_else(PoisonError::into_inner);
            let kept = spare().take();
            let mut cache = kept.unwrap_or_else(|| Box::new(automaton.create_cache()));
            let found = self.walk(automaton, &mut cache, text, charge)?;
            *spare() = Some(cache);
            if let Some(found) = found {
                return Ok(found);
            }
        }
        charge(text.len() as u64 * self.states() / STATES_PER_STEP)?;
        Ok(self.machine.is_match(&mut self.machine.create_cache(), text))
    }

    /// The automaton's way through a text; `None`: it cannot tell.
    fn walk(
        &self,
        automaton: &DFA,
        cache: &mut Cache,
        text: &str,
        charge: &mut Charge<'_>,
    ) -> Result<Option<bool>, Trouble> {
        let making = 1 + self.states() / STATES_PER_STEP;
        charge(making)?;
        let Ok(mut at) = automaton.start_state_forward(cache, &Input::new(text)) else {
            return Ok(None);
        };
        for byte in text.bytes() {
            if at.is_tagged() {
                break;
            }
            let mut next = automaton.next_state_untagged(cache, at, byte);
            if next.is_unknown() {
                charge(making)?;
                match automaton.next_state(cache, at, byte) {
                    Ok(made) => next = made,
                    Err(_) => return Ok(None),
                }
            }
            at = next;
        }
        // A match shows one byte later than it ends.
        if !at.is_tagged() {
            match automaton.next_eoi_state(cache, at) {
                Ok(end) => at = end,
                Err(_) => return Ok(None),
            }
        }
        Ok((!at.is_quit()).then_some(at.is_match()))
    }

    /// Where the pattern matches in a text, and what its groups stand for there; a group that took
    /// no part is empty.
    pub(crate) fn groups(
        &self,
        text: &str,
        groups_max: usize,
        charge: &mut Charge<'_>,
    ) -> Result<(Range<usize>, Vec<Range<usize>>), Trouble> {
        let mut found = self.machine.create_captures();
        let followed = (1 + text.len() as u64) * self.states() / STATES_PER_STEP;
        charge(followed.saturating_mul(1 + found.group_len() as u64 / 4))?;
        self.machine.captures(&mut self.machine.create_cache(), text, &mut found);
        let range = |index| found.get_group(index).map_or(0..0, |span| span.range());
        let groups = (1..found.group_len()).take(groups_max).map(range).collect();
        Ok((range(0), groups))
    }
}

fn told(error: &BuildError) -> String {
    if error.size_limit().is_some() {
        return "the regular expression is too large".to_owned();
    }
    // The last line of the message says what; those before show where.
    let text = error.source().map_or_else(|| error.to_string(), ToString::to_string);
    let what = text.lines().last().unwrap_or_default();
    format!("the regular expression is wrong: {}", what.trim_start_matches("error: "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Result<Pattern, String> {
        Pattern::compile(text, Comparator::Octet, &Limits::default())
    }

    #[test]
    fn texts_are_searched() {
        for (expression, text, expect) in [
            ("b", "abc", Some("b")),
            ("^b", "abc", None),
            ("c$", "abc", Some("c")),
            ("", "", Some("")),
            ("x*$", "abc", Some("")),
            ("^$", "a", None),
            ("a.c", "a\nc", Some("a\nc")),
            ("\\bb\\b", "a b c", Some("b")),
            ("\\b\u{fc}\\b", "\u{e4} \u{fc} \u{f6}", Some("\u{fc}")),
            ("(a|ab)(c|bcd)", "abcd", Some("abcd")),
            ("\u{fc}+", "x\u{fc}\u{fc}y", Some("\u{fc}\u{fc}")),
        ] {
            let pattern = pattern(expression).unwrap();
            // A second time from what was kept.
            for _ in 0..2 {
                let is_in = pattern.is_in(text, &mut |_| Ok(())).unwrap();
                assert_eq!(is_in, expect.is_some(), "{expression} {text}");
            }
            if let Some(expect) = expect {
                let (found, _) = pattern.groups(text, 9, &mut |_| Ok(())).unwrap();
                assert_eq!(&text[found], expect, "{expression}");
            }
        }
    }

    #[test]
    fn expressions_are_bounded() {
        assert!(pattern("^(a+)+$").is_ok());
        assert!(pattern(&"(".repeat(1000)).is_err());
        for large in ["(x{1000}){1000}", "\\w{500}"] {
            let told = pattern(large).unwrap_err();
            assert_eq!(told, "the regular expression is too large", "{large}");
        }
        assert!(pattern("a)").unwrap_err().contains("unopened group"));
        let told = pattern("(a)\\1").unwrap_err();
        assert!(told.starts_with("the regular expression is wrong: backreferences"), "{told}");
        // Exponential where a matcher backtracks.
        let evil = pattern("^(a|a)*$").unwrap();
        let mut steps = 0;
        let mut count = |more| {
            steps += more;
            Ok(())
        };
        assert_eq!(evil.is_in(&("a".repeat(100_000) + "b"), &mut count), Ok(false));
        assert!(steps < 10_000, "{steps}");
    }

    /// Where every byte leads to a new set of states, each of them is paid for.
    #[test]
    fn what_has_to_be_made_is_paid_for() {
        let mut number = 1u32;
        let text: String = (0..10_000)
            .map(|_| {
                number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                if number >> 31 == 1 { 'a' } else { 'b' }
            })
            .collect();
        let dear = pattern("^[ab]*a[ab]{300}c$").unwrap();
        let mut left: u64 = 500_000;
        let mut charge = |steps| match left.checked_sub(steps) {
            Some(rest) => {
                left = rest;
                Ok(())
            }
            None => Err(Trouble::TooMuch("spent")),
        };
        assert_eq!(dear.is_in(&text, &mut charge), Err(Trouble::TooMuch("spent")));
    }
}
