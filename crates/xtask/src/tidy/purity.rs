//! What `types/`, `parse/`, `render/` and `session/` of a protocol crate may not name, and what
//! a pure crate may not do.

use crate::tree::{Finding, Source};

/// Crates whose code neither waits, looks at a clock, nor draws random numbers.
const PURE: &[&str] =
    &["ids", "message", "textindex", "ical", "sasl", "mailauth", "responder", "config"];

/// What reads a clock or opens a socket.
const IMPURE: &[&str] =
    &["SystemTime::now", "Instant::now", "TcpStream", "TcpListener", "UdpSocket", "tracing::"];

/// What the inner folders of a protocol crate may not name.
const OUTER: &[&str] = &["net::", "tokio::", "SystemTime", "Instant::now", "tracing::"];

/// Checks all sources.
pub(super) fn check(sources: &[Source]) -> Vec<Finding> {
    sources.iter().flat_map(check_source).collect()
}

fn check_source(source: &Source) -> Vec<Finding> {
    let Some(name) = source.crate_name() else { return Vec::new() };
    let mut findings = Vec::new();
    if PURE.contains(&name) {
        findings.extend(mentions(source, IMPURE, "a pure crate does no I/O, reads no clock"));
    }
    let Some(folder) = inner_folder(source) else { return findings };
    findings.extend(mentions(source, OUTER, "the inner folders of a protocol crate are pure"));
    for (line, text) in code(source) {
        for rest in after_word(text, "storage::") {
            if folder == "session" && rest.trim_start_matches('{').starts_with("Change") {
                continue;
            }
            let place = format!("{}:{line}", source.path);
            let what =
                format!("{folder}/ may not name storage (session/ may name storage::Change)");
            findings.push(Finding::new(place, what));
        }
    }
    findings
}

/// `types`, `parse`, `render` or `session` of a protocol crate, as folder or as single file.
fn inner_folder(source: &Source) -> Option<&'static str> {
    let name = source.crate_name()?;
    if !["imap", "smtp", "pop3", "dav", "managesieve"].contains(&name) {
        return None;
    }
    let inside = source.path.split_once("/src/")?.1;
    ["types", "parse", "render", "session"]
        .into_iter()
        .find(|folder| inside.strip_prefix(folder).is_some_and(|rest| rest.starts_with(['/', '.'])))
}

fn mentions(source: &Source, words: &[&str], why: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (line, text) in code(source) {
        for word in words {
            if after_word(text, word).next().is_some() {
                let place = format!("{}:{line}", source.path);
                findings.push(Finding::new(place, format!("names {word}: {why}")));
            }
        }
    }
    findings
}

/// Lines of code without their comments.
fn code(source: &Source) -> impl Iterator<Item = (usize, &str)> {
    source.code_lines().map(|(line, text)| (line, text.split("//").next().unwrap_or(text)))
}

/// What follows each occurrence of `word` that is not the tail of a longer path or name.
fn after_word<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = &'a str> {
    text.match_indices(word).filter_map(move |(at, _)| {
        let before = text[..at].chars().next_back();
        let inside = before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':');
        (!inside).then(|| &text[at + word.len()..])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(path: &str, text: &str) -> usize {
        check(&[Source { path: path.to_owned(), text: text.to_owned() }]).len()
    }

    #[test]
    fn inner_folders_name_nothing_outside() {
        assert_eq!(count("crates/imap/src/parse/fetch.rs", "use storage::Flag;"), 1);
        assert_eq!(count("crates/imap/src/session/view.rs", "use storage::Change;"), 0);
        assert_eq!(count("crates/imap/src/session/view.rs", "use storage::{Change, Kind};"), 0);
        assert_eq!(count("crates/imap/src/session/view.rs", "use storage::Account;"), 1);
        assert_eq!(count("crates/imap/src/session.rs", "use tokio::sync::Mutex;"), 1);
        assert_eq!(count("crates/imap/src/render/fetch.rs", "// tokio::spawn is not here"), 0);
        assert_eq!(count("crates/imap/src/commands/fetch.rs", "use storage::Flag;"), 0);
        assert_eq!(count("crates/imap/src/types.rs", "std::net::IpAddr"), 0);
    }

    #[test]
    fn tests_may_do_what_code_may_not() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests { use tokio::sync::Mutex; }";
        assert_eq!(count("crates/imap/src/parse/a.rs", text), 0);
    }

    #[test]
    fn pure_crates_read_no_clock() {
        assert_eq!(count("crates/message/src/date.rs", "let now = SystemTime::now();"), 1);
        assert_eq!(count("crates/net/src/date.rs", "let now = SystemTime::now();"), 0);
    }
}
