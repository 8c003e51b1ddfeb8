//! `posthorn version`

use serde::Serialize;

use super::{Failure, Listing, Output};

#[derive(Serialize)]
struct Version {
    version: &'static str,
    /// Empty where the binary was not built in a repository.
    commit: &'static str,
    engines: &'static [&'static str],
    protocols: &'static [&'static str],
}

const VERSION: Version = Version {
    version: env!("CARGO_PKG_VERSION"),
    commit: env!("POSTHORN_COMMIT"),
    engines: &["sqlite", "postgresql"],
    protocols: &[
        "smtp",
        "lmtp",
        "submission",
        "submissions",
        "imap",
        "imaps",
        "pop3",
        "pop3s",
        "managesieve",
        "http",
    ],
};

pub(super) fn run(listing: Listing, output: &mut Output) -> Result<(), Failure> {
    let Version { version, commit, engines, protocols } = VERSION;
    if listing.json {
        return output.json(&VERSION);
    }
    let commit = if commit.is_empty() { "unknown" } else { commit };
    output.line(&format!("posthorn {version}"))?;
    output.line(&format!("commit {commit}"))?;
    output.line(&format!("engines {}", engines.join(" ")))?;
    output.line(&format!("protocols {}", protocols.join(" ")))
}
