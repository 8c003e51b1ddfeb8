//! Domains in text that is none.

use std::collections::BTreeSet;

use message::address::is_domain;

/// LIMIT: domains that one message may be thought to name. Each is looked up; what people write by
/// mistake has one or two.
const DOMAINS_MAX: usize = 100;

/// Adds the domains that a reader may see in `host`, which is no domain: some stop at the first
/// character that is not of one, or begin behind it, and some leave such characters out. Whether
/// there was room for all.
pub(super) fn add(found: &mut BTreeSet<String>, host: &str) -> bool {
    let joined: String = host.chars().filter(|c| is_plain(*c)).collect();
    let runs = host.split(|c| !is_plain(c)).chain(host.split(|c| !is_lenient(c)));
    for run in runs.chain([joined.as_str()]) {
        let name = run.trim_matches(['.', '-', '_']);
        if !is_domain(name) || found.contains(name) {
            continue;
        }
        if found.len() == DOMAINS_MAX {
            return false;
        }
        found.insert(name.to_owned());
    }
    true
}

/// A character that everybody takes for one of a domain.
fn is_plain(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '.' | '-' | '_')
}

/// One of those, or one that normal forms of domains may leave out or take for another.
fn is_lenient(c: char) -> bool {
    let is_odd = c.is_control() || c.is_whitespace() || c == char::REPLACEMENT_CHARACTER;
    is_plain(c) || !c.is_ascii() && !is_odd
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_are_found_in_what_is_none() {
        for (host, expect) in [
            ("", &[][..]),
            (";,", &[]),
            ("here.test", &["here.test"]),
            ("here.test.", &["here.test"]),
            ("..here.test-", &["here.test"]),
            ("here.test;", &["here.test"]),
            ("\u{1}here.test", &["here.test"]),
            ("here.test\u{fffd}", &["here.test"]),
            ("a;here.test", &["a", "ahere.test", "here.test"]),
            ("here\u{1}.test", &["here", "here.test", "test"]),
            ("he\u{200b}re.test", &["he", "here.test", "he\u{200b}re.test", "re.test"]),
            ("\u{e9}t\u{e9}.test>", &["\u{e9}t\u{e9}.test"]),
        ] {
            let mut found = BTreeSet::new();
            assert!(add(&mut found, host), "{host}");
            assert_eq!(found.into_iter().collect::<Vec<_>>(), expect, "{host}");
        }
        let mut found = BTreeSet::new();
        assert!(!add(&mut found, &(0..200).map(|n| format!("{n};")).collect::<String>()));
        assert_eq!(found.len(), DOMAINS_MAX);
    }
}
