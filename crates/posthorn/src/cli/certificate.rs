//! `posthorn certificate …`

use std::path::Path;

use clap::Subcommand;

use super::{Failure, Listing, Output, request};
use crate::admin::{Request, Response};

#[derive(Subcommand)]
pub(super) enum Command {
    /// List the certificates by ACME, and those that are wanted.
    List {
        #[command(flatten)]
        listing: Listing,
    },
    /// Have certificates ordered anew, within seconds where a daemon runs.
    Renew {
        /// A name in it; without one, all.
        name: Option<String>,
    },
}

pub(super) fn run(config: &Path, command: Command, output: &mut Output) -> Result<(), Failure> {
    match command {
        Command::List { listing } => list(config, listing, output),
        Command::Renew { name } => {
            let verb = Request::CertificateRenew { name };
            let Response::CertificatesDue(count) = request(config, verb)? else {
                return Err(Failure::unexpected());
            };
            let noun = if count == 1 { "certificate" } else { "certificates" };
            output.line(&format!("{count} {noun}"))
        }
    }
}

fn list(config: &Path, listing: Listing, output: &mut Output) -> Result<(), Failure> {
    let Response::Certificates(rows) = request(config, Request::CertificateList)? else {
        return Err(Failure::unexpected());
    };
    if listing.json {
        return output.json(&rows);
    }
    let rows = rows.into_iter().map(|row| {
        let names = row.names.join(" ");
        let ends = if row.ends.is_empty() { "-".to_owned() } else { row.ends };
        [names, ends, row.due, row.failures.to_string(), row.problem]
    });
    output.table(["names", "valid until", "due", "failures", "problem"], rows)
}
