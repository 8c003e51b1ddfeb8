//! The source files of the workspace, read once for all checks.

use std::path::{Path, PathBuf};

/// Something a check found, and where.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// `path` or `path:line`, from the root of the workspace.
    pub(crate) place: String,
    /// What is wrong, and what would be right.
    pub(crate) what: String,
}

impl Finding {
    pub(crate) fn new(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self { place: place.into(), what: what.into() }
    }
}

/// Prints the findings and fails if there are any.
pub(crate) fn report(check: &str, findings: &[Finding]) -> Result<(), String> {
    for finding in findings {
        println!("{}: {}", finding.place, finding.what);
    }
    match findings.len() {
        0 => {
            println!("{check}: ok");
            Ok(())
        }
        count => Err(format!("{check}: {count} finding(s)")),
    }
}

/// A text file: its path from the root, and its text.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Source {
    /// Numbered lines, from 1.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(index, line)| (index + 1, line))
    }

    /// Numbered lines up to the tests at the end of the file, which may do what code may not.
    pub(crate) fn code_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let end = if self.is_test() { 0 } else { usize::MAX };
        self.lines().take(end).take_while(|(_, line)| line.trim() != "#[cfg(test)]")
    }

    /// Whether the whole file is a test.
    pub(crate) fn is_test(&self) -> bool {
        self.path.contains("/tests/") || self.path.ends_with("tests.rs")
    }

    /// The crate the file belongs to, if it lies in one.
    pub(crate) fn crate_name(&self) -> Option<&str> {
        self.path.strip_prefix("crates/")?.split('/').next()
    }
}

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}

/// Every file under `folder` (from the root) whose name ends in one of `endings`, sorted.
pub(crate) fn sources(folder: &str, endings: &[&str]) -> Result<Vec<Source>, String> {
    let root = root();
    let mut paths = Vec::new();
    walk(&root.join(folder), endings, &mut paths)?;
    paths.sort();
    paths
        .into_iter()
        .map(|path| {
            let text =
                std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            let relative = path.strip_prefix(&root).unwrap_or(&path).display().to_string();
            Ok(Source { path: relative, text: String::from_utf8_lossy(&text).into_owned() })
        })
        .collect()
}

/// The Rust sources of all our crates.
pub(crate) fn rust_sources() -> Result<Vec<Source>, String> {
    sources("crates", &[".rs"])
}

/// The names of our crates, sorted.
pub(crate) fn crate_names() -> Result<Vec<String>, String> {
    let folder = root().join("crates");
    let entries = std::fs::read_dir(&folder).map_err(|error| format!("crates: {error}"))?;
    let mut names: Vec<String> = entries
        .flatten()
        .filter(|entry| entry.path().join("Cargo.toml").is_file())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    Ok(names)
}

fn walk(folder: &Path, endings: &[&str], found: &mut Vec<PathBuf>) -> Result<(), String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(()) };
    for entry in entries.flatten() {
        let path = entry.path();
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let kind = entry.file_type().map_err(|error| format!("{}: {error}", path.display()))?;
        if kind.is_dir() {
            if name != "target" && !name.starts_with('.') {
                walk(&path, endings, found)?;
            }
        } else if kind.is_file() && endings.iter().any(|ending| name.ends_with(ending)) {
            found.push(path);
        }
    }
    Ok(())
}
