//! `posthorn version`

use config::Protocol;
use serde::Serialize;

use super::{Failure, Listing, Output};

#[derive(Serialize)]
struct Version {
    version: &'static str,
    /// Empty where the binary was not built in a repository.
    commit: &'static str,
    engines: &'static [&'static str],
    /// What a listener can speak.
    protocols: Vec<&'static str>,
}

pub(super) fn run(listing: Listing, output: &mut Output) -> Result<(), Failure> {
    let built = Version {
        version: env!("CARGO_PKG_VERSION"),
        commit: env!("POSTHORN_COMMIT"),
        engines: &["sqlite", "postgresql"],
        protocols: Protocol::WORDS.iter().map(|(word, _)| *word).collect(),
    };
    if listing.json {
        return output.json(&built);
    }
    let Version { version, commit, engines, protocols } = built;
    let commit = if commit.is_empty() { "unknown" } else { commit };
    output.line(&format!("posthorn {version}"))?;
    output.line(&format!("commit {commit}"))?;
    output.line(&format!("engines {}", engines.join(" ")))?;
    output.line(&format!("protocols {}", protocols.join(" ")))
}
