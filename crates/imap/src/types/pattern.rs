//! LIST patterns (RFC 9051 §6.3.9) and their matcher, which is linear in the name whatever the
//! pattern.

use std::collections::BTreeMap;

/// A mailbox name with the wildcards `*` (anything) and `%` (anything but the delimiter),
/// RFC 9051 §6.3.9.
///
/// Matching walks the name once and keeps the set of places reached in the pattern, a bit each:
/// a hostile pattern costs a word operation for 64 of its places times the length of the name,
/// and never more.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MailboxPattern {
    text: String,
    /// How many steps it has; wildcards next to each other are one.
    steps: usize,
    /// Where the steps `*` stand.
    any: Places,
    /// Where the steps `%` stand.
    in_level: Places,
    /// Where each character stands.
    chars: BTreeMap<char, Places>,
    nothing: bool,
}

/// A bit for each place in a pattern; those behind its end are not set.
type Places = Vec<u64>;

impl MailboxPattern {
    /// Reads a pattern, already decoded to Unicode.
    pub fn new(text: impl Into<String>) -> Self {
        let mut pattern = Self { text: text.into(), ..Self::default() };
        let (text, mut wildcard) = (std::mem::take(&mut pattern.text), None);
        for c in text.chars() {
            if !matches!(c, '*' | '%') {
                pattern.push(wildcard.take());
                pattern.push(Some(c));
            } else if wildcard != Some('*') {
                // Neighbouring wildcards say no more than the stronger of the two.
                wildcard = Some(c);
            }
        }
        pattern.push(wildcard);
        Self { text, ..pattern }
    }

    fn push(&mut self, step: Option<char>) {
        let places = match step {
            None => return,
            Some('*') => &mut self.any,
            Some('%') => &mut self.in_level,
            Some(c) => self.chars.entry(c).or_default(),
        };
        places.resize(self.steps / 64 + 1, 0);
        places[self.steps / 64] |= 1 << (self.steps % 64);
        self.steps += 1;
    }

    /// A pattern that no name matches: what a client sent is the spelling of no name.
    pub fn nothing() -> Self {
        Self { nothing: true, ..Self::default() }
    }

    /// Whether it is a pattern that no name matches.
    pub fn is_nothing(&self) -> bool {
        self.nothing
    }

    /// The pattern as it was given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is empty: with LIST the question for the delimiter (RFC 9051 §6.3.9).
    pub fn is_empty(&self) -> bool {
        self.text.is_empty() && !self.nothing
    }

    /// The name this pattern stands for if it has no wildcard.
    pub fn as_plain_name(&self) -> Option<&str> {
        let plain = !self.nothing && self.any.is_empty() && self.in_level.is_empty();
        plain.then_some(self.text.as_str())
    }

    /// Whether it is `*` alone, which every name matches.
    pub fn is_everything(&self) -> bool {
        self.steps == 1 && !self.any.is_empty()
    }

    /// The pattern below `reference` (RFC 9051 §6.3.9): the two are joined as they stand.
    #[must_use]
    pub fn under(&self, reference: &str) -> Self {
        if reference.is_empty() || self.nothing {
            return self.clone();
        }
        Self::new(format!("{reference}{}", self.text))
    }

    /// Whether `name` matches in a hierarchy delimited by `delimiter`.
    pub fn matches(&self, name: &str, delimiter: char) -> bool {
        self.is_everything() || self.walk(name, delimiter, |_| {})
    }

    /// The names above `name` that match, the highest first.
    pub fn matching_parents<'n>(&self, name: &'n str, delimiter: char) -> Vec<&'n str> {
        let mut found = Vec::new();
        self.walk(name, delimiter, |at| found.extend(name.get(..at)));
        found
    }

    /// Whether `name` matches; `above` is told where a name ends that matches above it.
    fn walk(&self, name: &str, delimiter: char, mut above: impl FnMut(usize)) -> bool {
        if self.nothing {
            return false;
        }
        // RFC 9051 §5.1: INBOX is matched in any case, also as the root of a subtree.
        let inbox =
            name == "INBOX" || name.strip_prefix("INBOX").is_some_and(|r| r.starts_with(delimiter));
        let mut reached = vec![0; self.steps / 64 + 1];
        self.enter(&mut reached);
        for (at, c) in name.char_indices() {
            if c == delimiter && self.is_end(&reached) {
                above(at);
            }
            if !self.step(&mut reached, c, c != delimiter, inbox && at < 5) {
                return false;
            }
        }
        self.is_end(&reached)
    }

    /// Stands before the first step, and behind it if it may match nothing.
    fn enter(&self, reached: &mut [u64]) {
        let wild = word(&self.any, 0) | word(&self.in_level, 0);
        reached[0] = 1 | (wild & 1) << 1;
    }

    /// Goes on by one character; whether any place is left.
    fn step(&self, reached: &mut [u64], c: char, is_in_level: bool, fold: bool) -> bool {
        let chars = self.chars.get(&c);
        let folded = self.chars.get(&c.to_ascii_lowercase()).filter(|_| fold);
        let (mut left, mut carried, mut opened) = (false, 0, 0);
        for (at, places) in reached.iter_mut().enumerate() {
            let of_char = chars.map_or(0, |p| word(p, at)) | folded.map_or(0, |p| word(p, at));
            let (any, in_level) = (word(&self.any, at), word(&self.in_level, at));
            let stays = any | if is_in_level { in_level } else { 0 };
            let hit = *places & of_char;
            let next = *places & stays | hit << 1 | carried;
            // A wildcard may match nothing: who stands before it also stands behind it, where no
            // other wildcard is.
            let wild = next & (any | in_level);
            *places = next | wild << 1 | opened;
            (carried, opened) = (hit >> 63, wild >> 63);
            left |= *places != 0;
        }
        left
    }

    fn is_end(&self, reached: &[u64]) -> bool {
        word(reached, self.steps / 64) & 1 << (self.steps % 64) != 0
    }
}

/// One word of places, of which those behind the last one set may be left out.
fn word(places: &[u64], at: usize) -> u64 {
    places.get(at).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_as_rfc_9051_says() {
        for (pattern, name, expect) in [
            ("*", "a/b/c", true),
            ("%", "a", true),
            ("%", "a/b", false),
            ("a/%", "a/b", true),
            ("a/%", "a/b/c", false),
            ("a/*", "a/b/c", true),
            ("a/*", "a", false),
            ("a*", "a", true),
            ("%/%", "a/b", true),
            ("%%", "a/b", false),
            ("%*", "a/b", true),
            ("*%", "a/b", true),
            ("foo", "foo", true),
            ("foo", "fool", false),
            ("fool", "foo", false),
            ("", "", true),
            ("", "a", false),
            ("inbox", "INBOX", true),
            ("inb%", "INBOX", true),
            ("Inbox/%", "INBOX/x", true),
            ("inbox/X", "INBOX/x", false),
            ("foo", "FOO", false),
            ("*é*", "caférie", true),
            ("%a%b", "xxaxxb", true),
            ("%a%b", "xxaxxbc", false),
        ] {
            assert_eq!(MailboxPattern::new(pattern).matches(name, '/'), expect, "{pattern} {name}");
        }
    }

    #[test]
    fn nothing_matches_nothing() {
        let nothing = MailboxPattern::nothing().under("a/");
        assert!(nothing.is_nothing() && !nothing.is_empty() && nothing.as_plain_name().is_none());
        assert!(!nothing.matches("", '/') && !nothing.matches("a/", '/'));
    }

    /// The same question answered by trying everything.
    fn slow(pattern: &[char], name: &[char]) -> bool {
        match (pattern.split_first(), name.split_first()) {
            (None, n) => n.is_none(),
            (Some((&w @ ('*' | '%'), rest)), n) => {
                slow(rest, name)
                    || n.is_some_and(|(&c, tail)| (w == '*' || c != '/') && slow(pattern, tail))
            }
            (Some((p, rest)), Some((c, tail))) => p == c && slow(rest, tail),
            (Some(_), None) => false,
        }
    }

    #[test]
    fn agrees_with_exhaustive_search() {
        let mut rng = fastrand::Rng::with_seed(11);
        for _ in 0..20_000 {
            let word = |rng: &mut fastrand::Rng, from: &[char], max| -> Vec<char> {
                (0..rng.usize(0..max)).map(|_| from[rng.usize(0..from.len())]).collect()
            };
            let pattern = word(&mut rng, &['a', 'b', '/', '*', '%'], 8);
            let name = word(&mut rng, &['a', 'b', '/'], 8);
            let text: String = pattern.iter().collect();
            let found = MailboxPattern::new(text.clone()).matches(&String::from_iter(&name), '/');
            assert_eq!(found, slow(&pattern, &name), "{text} {name:?}");
        }
    }

    #[test]
    fn long_and_hostile_patterns_end() {
        let pattern = MailboxPattern::new("%a*".repeat(300));
        assert!(!pattern.matches(&"a".repeat(299), '/'));
        assert!(pattern.matches(&"a".repeat(1000), '/'));
        // The longest of all: each name costs some thousand steps, and not some million.
        let (pattern, name) = (MailboxPattern::new("*a".repeat(2048)), "a".repeat(1024));
        assert!((0..500).all(|_| !pattern.matches(&name, '/')));
        for n in [62, 63, 64, 65, 127, 128, 129] {
            let name = "x".repeat(n);
            assert!(MailboxPattern::new(name.clone()).matches(&name, '/'), "{n}");
        }
    }

    #[test]
    fn parents_match_as_names_of_their_own_do() {
        let mut rng = fastrand::Rng::with_seed(12);
        for _ in 0..20_000 {
            let word = |rng: &mut fastrand::Rng, from: &[char], max| -> String {
                (0..rng.usize(0..max)).map(|_| from[rng.usize(0..from.len())]).collect()
            };
            let pattern = MailboxPattern::new(word(&mut rng, &['a', 'é', '/', '*', '%'], 8));
            let name = word(&mut rng, &['a', 'é', '/'], 12);
            let parents = name.match_indices('/').map(|(at, _)| &name[..at]);
            let expect: Vec<_> = parents.filter(|parent| pattern.matches(parent, '/')).collect();
            assert_eq!(pattern.matching_parents(&name, '/'), expect, "{pattern:?} {name}");
        }
    }
}
