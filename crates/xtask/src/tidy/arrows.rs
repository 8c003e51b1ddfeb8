//! Which crate may depend on which. The table is the architecture; `docs/ARCHITECTURE.md` tells
//! it in words.

use crate::tree::{self, Finding};

/// Where a crate stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layer {
    /// Values and rules: no I/O, no clock, no runtime, no log.
    Pure,
    /// Sockets, TLS, and the store.
    Base,
    /// What protocols share.
    Service,
    /// Wire and session of one protocol.
    Protocol,
    /// Takes mail from the store to a protocol.
    Queue,
    /// The daemon.
    Binary,
    /// Tests and chores; nothing that ships depends on it.
    Development,
}

struct Row {
    name: &'static str,
    layer: Layer,
    may_depend_on: &'static [&'static str],
}

const fn row(name: &'static str, layer: Layer, may_depend_on: &'static [&'static str]) -> Row {
    Row { name, layer, may_depend_on }
}

/// What every protocol crate may use: layers 0 to 2 without `config`, `certificate`, `delivery`,
/// `scan` and `acme`.
const BELOW_PROTOCOLS: &[&str] = &[
    "ids",
    "message",
    "textindex",
    "ical",
    "sasl",
    "mailauth",
    "responder",
    "net",
    "storage",
    "auth",
];

/// A crate that is not in this table does not belong to the workspace yet.
const TABLE: &[Row] = &[
    row("ids", Layer::Pure, &[]),
    row("message", Layer::Pure, &[]),
    row("textindex", Layer::Pure, &[]),
    row("ical", Layer::Pure, &[]),
    row("sasl", Layer::Pure, &[]),
    row("mailauth", Layer::Pure, &["message"]),
    row("responder", Layer::Pure, &["message"]),
    row("config", Layer::Pure, &[]),
    row("certificate", Layer::Base, &[]),
    row("net", Layer::Base, &["ids", "certificate"]),
    row("storage", Layer::Base, &["ids", "message", "textindex", "ical", "certificate"]),
    row("auth", Layer::Service, &["ids", "sasl", "net", "storage"]),
    row("delivery", Layer::Service, &["ids", "storage", "message", "mailauth", "responder"]),
    row("scan", Layer::Service, &["message"]),
    row("acme", Layer::Service, &["ids", "net", "storage"]),
    row("imap", Layer::Protocol, BELOW_PROTOCOLS),
    row("pop3", Layer::Protocol, BELOW_PROTOCOLS),
    row("smtp", Layer::Protocol, BELOW_PROTOCOLS),
    row("dav", Layer::Protocol, BELOW_PROTOCOLS),
    // The REST API and the console, which are not there yet: what they will be allowed.
    row("api", Layer::Protocol, BELOW_PROTOCOLS),
    row("managesieve", Layer::Protocol, BELOW_PROTOCOLS),
    row("queue", Layer::Queue, &["ids", "message", "mailauth", "net", "storage", "smtp"]),
    row("posthorn", Layer::Binary, &["*"]),
    row("testkit", Layer::Development, &["ids", "certificate"]),
    row("testhouse", Layer::Development, &["ids", "net", "storage", "auth", "testkit"]),
    row("xtask", Layer::Development, &[]),
];

/// Outside packages that a pure crate may not use.
const NOT_PURE: &[&str] = &[
    "tokio",
    "tokio-util",
    "tokio-rustls",
    "rustls",
    "hyper",
    "socket2",
    "tracing",
    "log",
    "rusqlite",
    "postgres",
    "getrandom",
    "rand",
    "fastrand",
];

/// Checks every crate's manifest against the table.
pub(super) fn check(crates: &[String]) -> Result<Vec<Finding>, String> {
    let mut findings = Vec::new();
    for name in crates {
        let place = format!("crates/{name}/Cargo.toml");
        let manifest = std::fs::read_to_string(tree::root().join(&place))
            .map_err(|error| format!("{place}: {error}"))?;
        findings.extend(check_manifest(name, &place, &manifest, crates));
    }
    Ok(findings)
}

fn check_manifest(name: &str, place: &str, manifest: &str, crates: &[String]) -> Vec<Finding> {
    let Some(row) = TABLE.iter().find(|row| row.name == name) else {
        return vec![Finding::new(
            place,
            "this crate is not in the table of xtask's tidy/arrows.rs",
        )];
    };
    let mut findings = Vec::new();
    for dependency in dependencies(manifest) {
        let at = format!("{place}:{}", dependency.line);
        if !dependency.from_workspace {
            findings.push(Finding::new(
                &at,
                format!("{}: its version stands in [workspace.dependencies]", dependency.name),
            ));
        }
        if dependency.section == "dev-dependencies" {
            continue;
        }
        let ours = crates.iter().any(|known| known == dependency.name);
        if ours && !allowed(row, dependency.name) {
            findings.push(Finding::new(
                &at,
                format!("{name} may not depend on {}: {}", dependency.name, reason(row)),
            ));
        }
        if row.layer == Layer::Pure && NOT_PURE.contains(&dependency.name) {
            findings.push(Finding::new(
                &at,
                format!("{name} is pure and may not depend on {}", dependency.name),
            ));
        }
    }
    findings
}

fn allowed(row: &Row, dependency: &str) -> bool {
    let development =
        TABLE.iter().any(|other| other.name == dependency && other.layer == Layer::Development);
    (!development || row.layer == Layer::Development)
        && row.may_depend_on.iter().any(|&name| name == "*" || name == dependency)
}

fn reason(row: &Row) -> String {
    match row.layer {
        Layer::Protocol => "a protocol never uses another protocol, config or delivery".to_owned(),
        _ => format!("only on {:?}", row.may_depend_on),
    }
}

struct Dependency<'a> {
    line: usize,
    section: &'a str,
    name: &'a str,
    from_workspace: bool,
}

/// The dependency lines of a manifest. Our manifests keep to one line per dependency, so this
/// needs no TOML parser.
fn dependencies(manifest: &str) -> Vec<Dependency<'_>> {
    let mut section = "";
    let mut found = Vec::new();
    for (index, line) in manifest.lines().enumerate() {
        let line = line.trim();
        if let Some(header) = line.strip_prefix('[') {
            section = header.trim_end_matches(']');
        } else if section.ends_with("dependencies") && !line.starts_with('#') {
            let Some((key, value)) = line.split_once('=') else { continue };
            let key = key.trim();
            let (name, attribute) = key.split_once('.').unwrap_or((key, ""));
            let inherited = attribute == "workspace" || value.contains("workspace = true");
            found.push(Dependency { line: index + 1, section, name, from_workspace: inherited });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whats(name: &str, manifest: &str) -> Vec<String> {
        let crates = ["ids", "imap", "smtp", "storage", "testkit", "config", "strange"];
        let crates = crates.map(str::to_owned);
        check_manifest(name, "C", manifest, &crates)
            .into_iter()
            .map(|finding| format!("{} {}", finding.place, finding.what))
            .collect()
    }

    #[test]
    fn arrows_point_down() {
        assert_eq!(whats("imap", "[dependencies]\nstorage.workspace = true\n"), [""; 0]);
        assert_eq!(
            whats("imap", "[dependencies]\nsmtp.workspace = true\n"),
            [
                "C:2 imap may not depend on smtp: a protocol never uses another protocol, config or delivery"
            ]
        );
        assert_eq!(whats("imap", "[dependencies]\nconfig.workspace = true\n").len(), 1);
        assert_eq!(whats("storage", "[dependencies]\nimap.workspace = true\n").len(), 1);
        assert_eq!(whats("posthorn", "[dependencies]\nimap.workspace = true\n").len(), 0);
    }

    #[test]
    fn testkit_is_for_tests_alone() {
        assert_eq!(whats("posthorn", "[dependencies]\ntestkit.workspace = true\n").len(), 1);
        assert_eq!(whats("posthorn", "[dev-dependencies]\ntestkit.workspace = true\n").len(), 0);
    }

    #[test]
    fn pure_crates_stay_pure() {
        assert_eq!(
            whats("ids", "[dependencies]\ntokio.workspace = true\n"),
            ["C:2 ids is pure and may not depend on tokio"]
        );
    }

    #[test]
    fn versions_stand_in_one_place() {
        assert_eq!(
            whats("ids", "[dependencies]\nthiserror = \"2\"\n"),
            ["C:2 thiserror: its version stands in [workspace.dependencies]"]
        );
        assert_eq!(
            whats("imap", "[dependencies]\ntokio = { workspace = true, features = [\"fs\"] }\n")
                .len(),
            0
        );
    }

    #[test]
    fn an_unknown_crate_is_told() {
        assert_eq!(whats("strange", "").len(), 1);
    }
}
