//! Names that say nothing about what they hold.

use crate::tree::{Finding, Source};

/// A crate with such a name ends up holding everything.
const CRATES: &[&str] = &["common", "core", "util", "utils", "helper", "helpers", "shared", "misc"];

/// A file or module with such a name does, too.
const FILES: &[&str] =
    &["common", "util", "utils", "helper", "helpers", "manager", "misc", "stuff"];

/// Beginnings of function names that only say that something happens.
const FUNCTIONS: &[&str] = &["get_", "do_", "handle_", "process_"];

/// Checks the names of crates, files and functions.
pub(super) fn check(crates: &[String], sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for name in crates.iter().filter(|name| CRATES.contains(&name.as_str())) {
        findings.push(Finding::new(format!("crates/{name}"), "a crate is named by what it holds"));
    }
    for source in sources {
        let stem = source.path.trim_end_matches(".rs").trim_end_matches("/mod");
        if stem.rsplit('/').next().is_some_and(|name| FILES.contains(&name)) {
            findings.push(Finding::new(&source.path, "a file is named by what it holds"));
        }
        for (line, text) in source.lines() {
            if let Some(name) = declared_function(text)
                && FUNCTIONS.iter().any(|banned| name.starts_with(banned))
            {
                let what = format!("fn {name}: a function is named by what it does");
                findings.push(Finding::new(format!("{}:{line}", source.path), what));
            }
        }
    }
    findings
}

/// The name in a line that declares a function.
fn declared_function(text: &str) -> Option<&str> {
    let text = text.trim_start();
    let at = text.find("fn ")?;
    let before = &text[..at];
    let words = ["pub", "pub(crate)", "pub(super)", "const", "async", "unsafe"];
    if !before.split_whitespace().all(|word| words.contains(&word)) {
        return None;
    }
    let name = &text[at + 3..];
    let end = name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len());
    Some(&name[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_is_there() {
        let source = |path: &str, text: &str| Source { path: path.into(), text: text.into() };
        let count = |source: Source| check(&[], &[source]).len();
        assert_eq!(count(source("crates/imap/src/util.rs", "")), 1);
        assert_eq!(count(source("crates/imap/src/util/mod.rs", "")), 1);
        assert_eq!(count(source("crates/imap/src/fetch.rs", "")), 0);
        assert_eq!(count(source("a.rs", "    pub async fn handle_line(&self) {")), 1);
        assert_eq!(count(source("a.rs", "pub const fn get(self) -> u32 {")), 0);
        assert_eq!(count(source("a.rs", "// the fn get_x is gone")), 0);
        assert_eq!(check(&["utils".to_owned(), "ids".to_owned()], &[]).len(), 1);
    }
}
