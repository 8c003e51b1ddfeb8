//! `docs/ARCHITECTURE.md` names paths; they must exist.

use crate::tree::{self, Finding};

const DOCUMENT: &str = "docs/ARCHITECTURE.md";

/// Checks every `crates/…`, `tests/…`, `docs/…`, `etc/…` and `fuzz/…` that the document names,
/// and that it names every crate.
pub(super) fn check() -> Result<Vec<Finding>, String> {
    let root = tree::root();
    let Ok(text) = std::fs::read_to_string(root.join(DOCUMENT)) else {
        return Ok(vec![Finding::new(DOCUMENT, "is missing")]);
    };
    let mut findings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for path in named_paths(line) {
            if !root.join(path).exists() {
                let place = format!("{DOCUMENT}:{}", index + 1);
                findings.push(Finding::new(place, format!("{path} does not exist")));
            }
        }
    }
    for name in tree::crate_names()? {
        if !text.contains(&format!("`{name}`")) && !text.contains(&format!("crates/{name}")) {
            findings.push(Finding::new(DOCUMENT, format!("does not mention the crate {name}")));
        }
    }
    Ok(findings)
}

/// Paths in a line. One with a placeholder (`<name>`, `*`, `…`, `NN_`) names no single file.
fn named_paths(line: &str) -> impl Iterator<Item = &str> {
    let separator = |c: char| c.is_whitespace() || "`()[],;\"'|".contains(c);
    line.split(separator)
        .map(|word| word.trim_end_matches(['.', ':', '/']))
        .filter(|word| {
            ["crates/", "tests/", "docs/", "etc/", "fuzz/"].iter().any(|top| word.starts_with(top))
        })
        .filter(|word| !word.contains(['<', '*', '…', '{']) && !word.contains("NN"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_paths_in_prose() {
        let line = "See `crates/imap/src/parse/` and (docs/benchmarks.md), not crates/<name>.";
        let found: Vec<&str> = named_paths(line).collect();
        assert_eq!(found, ["crates/imap/src/parse", "docs/benchmarks.md"]);
    }
}
