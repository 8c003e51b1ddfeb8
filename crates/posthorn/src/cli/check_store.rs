//! `posthorn check-store`

use std::path::Path;

use super::{Failure, Output, request};
use crate::admin::{Request, Response};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Repair what can be repaired without losing anything.
    #[arg(long)]
    repair: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(
    config: &Path,
    Arguments { repair, json }: Arguments,
    output: &mut Output,
) -> Result<(), Failure> {
    let Response::Findings(findings) = request(config, Request::CheckStore { repair })? else {
        return Err(Failure::unexpected());
    };
    if json {
        output.json(&findings)?;
    } else {
        for finding in &findings {
            let repaired = if finding.repaired { " (repaired)" } else { "" };
            output.line(&format!("{}: {}{repaired}", finding.invariant, finding.detail))?;
        }
    }
    let left = findings.iter().filter(|finding| !finding.repaired).count();
    match (left, json) {
        (0, false) => output.line("ok"),
        (0, true) => Ok(()),
        (1, _) => Err(Failure::new("1 invariant is broken")),
        (_, _) => Err(Failure::new(format!("{left} invariants are broken"))),
    }
}
