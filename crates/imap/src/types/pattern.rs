//! LIST patterns and their matcher.

/// A mailbox name with the wildcards `*` (anything) and `%` (anything but the delimiter),
/// RFC 9051 §6.3.9.
///
/// Matching walks the name once and keeps the set of pattern positions reached, so a hostile
/// pattern costs name length times pattern length and never more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailboxPattern {
    text: String,
    steps: Vec<Step>,
    nothing: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Char(char),
    Any,
    AnyInLevel,
}

impl MailboxPattern {
    /// Reads a pattern, already decoded to Unicode.
    pub fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        let mut steps = Vec::with_capacity(text.len());
        for c in text.chars() {
            let step = match c {
                '*' => Step::Any,
                '%' => Step::AnyInLevel,
                c => Step::Char(c),
            };
            // Neighbouring wildcards say no more than the stronger of the two.
            match (steps.last_mut(), step) {
                (Some(Step::Any), Step::Any | Step::AnyInLevel) => {}
                (Some(last @ Step::AnyInLevel), Step::Any | Step::AnyInLevel) => *last = step,
                _ => steps.push(step),
            }
        }
        Self { text, steps, nothing: false }
    }

    /// A pattern that no name matches: what a client sent is the spelling of no name.
    pub fn nothing() -> Self {
        Self { text: String::new(), steps: Vec::new(), nothing: true }
    }

    /// Whether no name matches.
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
        let plain = !self.nothing && self.steps.iter().all(|step| matches!(step, Step::Char(_)));
        plain.then_some(self.text.as_str())
    }

    /// Whether it names everything.
    pub fn is_everything(&self) -> bool {
        self.steps == [Step::Any]
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
        if self.nothing || self.is_everything() {
            return !self.nothing;
        }
        // RFC 9051 §5.1: INBOX is matched in any case, also as the root of a subtree.
        let inbox =
            name == "INBOX" || name.strip_prefix("INBOX").is_some_and(|r| r.starts_with(delimiter));
        let mut reached = Positions::new(self.steps.len() + 1);
        reached.set(0);
        self.close(&mut reached);
        let mut next = Positions::new(self.steps.len() + 1);
        for (at, c) in name.chars().enumerate() {
            next.clear();
            let fold = inbox && at < 5;
            for (position, step) in self.steps.iter().enumerate() {
                if !reached.has(position) {
                    continue;
                }
                match *step {
                    Step::Any => next.set(position),
                    Step::AnyInLevel if c != delimiter => next.set(position),
                    Step::Char(p) if p == c || (fold && p.eq_ignore_ascii_case(&c)) => {
                        next.set(position + 1);
                    }
                    _ => {}
                }
            }
            self.close(&mut next);
            if next.is_empty() {
                return false;
            }
            std::mem::swap(&mut reached, &mut next);
        }
        reached.has(self.steps.len())
    }

    /// A wildcard may match nothing: whoever stands before it also stands behind it.
    fn close(&self, positions: &mut Positions) {
        for (position, step) in self.steps.iter().enumerate() {
            if matches!(step, Step::Any | Step::AnyInLevel) && positions.has(position) {
                positions.set(position + 1);
            }
        }
    }
}

/// A bit per position of a pattern. Patterns of up to 63 steps, all in practice, stay in one word.
struct Positions {
    first: u64,
    more: Vec<u64>,
}

impl Positions {
    fn new(count: usize) -> Self {
        Self { first: 0, more: vec![0; count.saturating_sub(1) / 64] }
    }

    fn set(&mut self, position: usize) {
        let bit = 1 << (position % 64);
        match (position / 64).checked_sub(1) {
            None => self.first |= bit,
            Some(word) => {
                if let Some(word) = self.more.get_mut(word) {
                    *word |= bit;
                }
            }
        }
    }

    fn has(&self, position: usize) -> bool {
        let word = match (position / 64).checked_sub(1) {
            None => self.first,
            Some(word) => self.more.get(word).copied().unwrap_or(0),
        };
        word & (1 << (position % 64)) != 0
    }

    fn clear(&mut self) {
        self.first = 0;
        self.more.fill(0);
    }

    fn is_empty(&self) -> bool {
        self.first == 0 && self.more.iter().all(|&word| word == 0)
    }
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
        for n in [62, 63, 64, 65, 127, 128, 129] {
            let name = "x".repeat(n);
            assert!(MailboxPattern::new(name.clone()).matches(&name, '/'), "{n}");
        }
    }
}
