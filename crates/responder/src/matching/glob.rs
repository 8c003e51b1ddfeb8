//! `:matches` (RFC 5228 §2.7.1): `*` stands for any number of characters, `?` for one.
//!
//! **Invariant:** no backtracking. Each `*` takes as little as it can (RFC 5229 §3.2), so the
//! stretches between them are looked for one after the other, each once.

use std::ops::Range;

use memchr::memmem;

/// A pattern, folded as its comparator folds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Glob {
    // What stands before, between and after the stars.
    stretches: Vec<Stretch>,
    wildcards: usize,
}

// A run of characters without a star.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Stretch {
    atoms: Vec<Atom>,
    chars: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Atom {
    Text(String),
    // "?"
    Any,
}

impl Glob {
    /// Reads a pattern; `fold` is what the comparator does to a text.
    pub(crate) fn parse(pattern: &str, fold: impl Fn(&str) -> String) -> Self {
        let mut stretches = vec![Stretch::default()];
        let mut text = String::new();
        let mut wildcards = 0;
        let mut chars = pattern.chars();
        let flush = |text: &mut String, stretches: &mut Vec<Stretch>| {
            if let (false, Some(stretch)) = (text.is_empty(), stretches.last_mut()) {
                stretch.push(Atom::Text(fold(text)));
                text.clear();
            }
        };
        while let Some(char) = chars.next() {
            match char {
                // RFC 5228 §2.7.1: a backslash takes the meaning from what follows it; one that
                // nothing follows means itself.
                '\\' => text.push(chars.next().unwrap_or('\\')),
                '*' | '?' => {
                    flush(&mut text, &mut stretches);
                    wildcards += 1;
                    match stretches.last_mut() {
                        Some(stretch) if char == '?' => stretch.push(Atom::Any),
                        _ => stretches.push(Stretch::default()),
                    }
                }
                _ => text.push(char),
            }
        }
        flush(&mut text, &mut stretches);
        Self { stretches, wildcards }
    }

    /// What looking for it in `len` bytes costs at most, in bytes compared.
    pub(crate) fn cost(&self, len: usize) -> u64 {
        let slow: usize = self.stretches.iter().map(|s| s.slow_chars()).sum();
        (len as u64).saturating_mul(1 + slow as u64)
    }

    /// What each wildcard stands for in a text in which the pattern is found.
    pub(crate) fn find(&self, text: &str) -> Option<Vec<Range<usize>>> {
        let mut captures = Vec::with_capacity(self.wildcards);
        let (first, rest) = self.stretches.split_first()?;
        let mut at = first.at(text, 0, &mut captures)?;
        let Some((last, middle)) = rest.split_last() else {
            return (at == text.len()).then_some(captures);
        };
        for stretch in middle {
            let star = captures.len();
            captures.push(at..at);
            let (start, end) = stretch.find(text, at, &mut captures)?;
            if let Some(capture) = captures.get_mut(star) {
                *capture = at..start;
            }
            at = end;
        }
        // The last stretch ends where the text ends.
        let start = start_of_last(text, last.chars)?;
        if start < at {
            return None;
        }
        captures.push(at..start);
        (last.at(text, start, &mut captures)? == text.len()).then_some(captures)
    }
}

impl Stretch {
    fn push(&mut self, atom: Atom) {
        self.chars += match &atom {
            Atom::Text(text) => text.chars().count(),
            Atom::Any => 1,
        };
        self.atoms.push(atom);
    }

    // Those that a search compares at every place, where it cannot go by one text alone.
    fn slow_chars(&self) -> usize {
        if self.atoms.len() > 1 { self.chars } else { 0 }
    }

    // Where it ends if it begins at `start`.
    fn at(&self, text: &str, start: usize, captures: &mut Vec<Range<usize>>) -> Option<usize> {
        let mut at = start;
        for atom in &self.atoms {
            let rest = text.get(at..)?;
            match atom {
                Atom::Text(expect) => {
                    if !rest.starts_with(expect.as_str()) {
                        return None;
                    }
                    at += expect.len();
                }
                Atom::Any => {
                    let len = rest.chars().next()?.len_utf8();
                    captures.push(at..at + len);
                    at += len;
                }
            }
        }
        Some(at)
    }

    // The first place at or after `from`.
    fn find(
        &self,
        text: &str,
        from: usize,
        captures: &mut Vec<Range<usize>>,
    ) -> Option<(usize, usize)> {
        match self.atoms.as_slice() {
            [] => Some((from, from)),
            [Atom::Text(expect)] => {
                let rest = text.as_bytes().get(from..)?;
                let start = from + memmem::find(rest, expect.as_bytes())?;
                Some((start, start + expect.len()))
            }
            _ => {
                let before = captures.len();
                for (offset, _) in text.get(from..)?.char_indices() {
                    if let Some(end) = self.at(text, from + offset, captures) {
                        return Some((from + offset, end));
                    }
                    captures.truncate(before);
                }
                None
            }
        }
    }
}

fn start_of_last(text: &str, chars: usize) -> Option<usize> {
    match chars {
        0 => Some(text.len()),
        _ => text.char_indices().rev().nth(chars - 1).map(|(at, _)| at),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(pattern: &str, text: &str) -> Option<Vec<String>> {
        let glob = Glob::parse(pattern, str::to_owned);
        let captures = glob.find(text)?;
        assert_eq!(captures.len(), glob.wildcards);
        Some(captures.into_iter().map(|range| text[range].to_owned()).collect())
    }

    #[test]
    fn wildcards_take_as_little_as_they_can() {
        for (pattern, text, expect) in [
            ("", "", Some(&[][..])),
            ("", "x", None),
            ("abc", "abc", Some(&[])),
            ("*", "", Some(&[""])),
            ("*", "abc", Some(&["abc"])),
            ("?", "é", Some(&["é"])),
            ("?", "", None),
            ("**", "ab", Some(&["", "ab"])),
            // RFC 5229 §3.2
            (
                "[*] *",
                "[acme-users] [fwd] version 1.0 is out",
                Some(&["acme-users", "[fwd] version 1.0 is out"]),
            ),
            ("*c*", "abcbc", Some(&["ab", "bc"])),
            ("*b?*", "abcbd", Some(&["a", "c", "bd"])),
            ("a*c", "abcabc", Some(&["bcab"])),
            ("a*a", "a", None),
            ("*ab", "aab", Some(&["a"])),
            ("??*??", "abc", None),
            ("??*??", "abcd", Some(&["a", "b", "", "c", "d"])),
            ("a\\*b\\?\\\\", "a*b?\\", Some(&[])),
            ("a\\", "a\\", Some(&[])),
            ("*é?z*", "xéyzéaz", Some(&["x", "y", "éaz"])),
        ] {
            let expect = expect.map(|list| list.iter().map(|s| (*s).to_owned()).collect());
            assert_eq!(found(pattern, text), expect, "{pattern} in {text}");
        }
    }

    #[test]
    fn no_pattern_is_catastrophic() {
        let pattern = "*a".repeat(500) + "b";
        let text = "a".repeat(1_000_000);
        assert_eq!(found(&pattern, &text), None);
        let glob = Glob::parse("*a?b*", str::to_owned);
        assert_eq!(glob.cost(10), 40);
    }
}
