//! Things that may not stand in the tree: work left for later, silenced checks, tests that do not
//! run, paths of one machine.

use crate::tree::{Finding, Source};

/// What may not stand in a source file, and what to do instead. The marks are written in two
/// halves so that this file does not find itself.
const BANNED: &[(&str, &str)] = &[
    (concat!("TO", "DO"), "finish it, or open an issue"),
    (concat!("FIX", "ME"), "mend it, or open an issue"),
    (concat!("#[al", "low("), "use #[expect(lint, reason = \"…\")]"),
    (concat!("#![al", "low("), "use #![expect(lint, reason = \"…\")]"),
    (concat!("#[ig", "nore"), "assert what is true today, and say so"),
    (concat!("/wo", "rk/"), "a path of one machine"),
    (concat!("/ro", "ot/"), "a path of one machine"),
];

/// Checks all sources.
pub(super) fn check(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources {
        for (line, text) in source.lines() {
            for (mark, instead) in BANNED.iter().filter(|(mark, _)| stands_in(mark, text)) {
                let place = format!("{}:{line}", source.path);
                findings.push(Finding::new(place, format!("{mark}: {instead}")));
            }
        }
        if is_crate_root(&source.path) && !source.text.starts_with("//!") {
            findings.push(Finding::new(&source.path, "a crate begins with what it is (`//!`)"));
        }
    }
    findings
}

/// Whether a mark stands there, and is not the end of a longer word, as of a component of
/// iCalendar.
fn stands_in(mark: &str, text: &str) -> bool {
    text.match_indices(mark)
        .any(|(at, _)| !text[..at].ends_with(|before: char| before.is_ascii_uppercase()))
}

fn is_crate_root(path: &str) -> bool {
    path.ends_with("/src/lib.rs") || path.ends_with("/src/main.rs")
}
