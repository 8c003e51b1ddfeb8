//! `posthorn domain dkim …`

use std::path::Path;

use clap::Subcommand;

use super::{Failure, Listing, Output, dns_check, load_config, perform, request};
use crate::admin::{DkimAlgorithm, DkimRow, Request, Response, dns};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Make keys and print the records to publish. They sign nothing before they are activated.
    Make {
        /// The domain, or a domain alias.
        domain: String,
        /// Of which algorithm. Without it, one key of each.
        #[arg(long, value_enum)]
        algorithm: Option<DkimAlgorithm>,
        /// Its name in DNS. Without it, the day.
        #[arg(long, requires = "algorithm")]
        selector: Option<String>,
        #[command(flatten)]
        listing: Listing,
    },
    /// List the keys.
    List {
        /// The domain.
        domain: String,
        #[command(flatten)]
        listing: Listing,
    },
    /// Have the keys that wait sign, in place of those before, once their records can be seen.
    Activate {
        /// The domain.
        domain: String,
        /// Do not look whether the records are published.
        #[arg(long)]
        unchecked: bool,
    },
    /// Have a key sign no longer, with none in its place.
    Retire {
        /// The domain.
        domain: String,
        /// The key's selector.
        selector: String,
    },
    /// Remove a key that signs no longer. Keep it, and its record, a week after it signed last.
    Remove {
        /// The domain.
        domain: String,
        /// The key's selector.
        selector: String,
    },
}

pub(super) fn run(config: &Path, command: Command, output: &mut Output) -> Result<(), Failure> {
    match command {
        Command::Make { domain, algorithm, selector, listing } => {
            let verb = Request::DkimMake { domain, algorithm, selector };
            let mut keys = keys(config, verb)?;
            keys.retain(|key| key.state == "waiting");
            if listing.json {
                return output.json(&keys);
            }
            keys.iter().try_for_each(|key| output.line(&dns::key_record(key).to_string()))
        }
        Command::List { domain, listing } => {
            let keys = keys(config, Request::DkimList { domain })?;
            if listing.json {
                return output.json(&keys);
            }
            let rows =
                keys.into_iter().map(|key| [key.selector, key.algorithm, key.state, key.since]);
            output.table(["selector", "algorithm", "state", "since"], rows)
        }
        Command::Activate { domain, unchecked } => {
            if !unchecked {
                require_published(config, &domain)?;
            }
            perform(config, Request::DkimActivate { domain })
        }
        Command::Retire { domain, selector } => {
            perform(config, Request::DkimRetire { domain, selector })
        }
        Command::Remove { domain, selector } => {
            perform(config, Request::DkimRemove { domain, selector })
        }
    }
}

/// What a verb says of keys.
fn keys(config: &Path, verb: Request) -> Result<Vec<DkimRow>, Failure> {
    match request(config, verb)? {
        Response::DkimKeys(keys) => Ok(keys),
        _ => Err(Failure::unexpected()),
    }
}

/// A key that signs before its record is there makes signatures that nobody can verify.
fn require_published(config: &Path, domain: &str) -> Result<(), Failure> {
    let mut keys = keys(config, Request::DkimList { domain: domain.to_owned() })?;
    keys.retain(|key| key.state == "waiting");
    let records: Vec<_> = keys.iter().map(dns::key_record).collect();
    let checked = dns_check::check(&load_config(config)?, records)?;
    match checked.iter().find(|checked| checked.state != dns_check::State::Published) {
        None => Ok(()),
        Some(checked) => {
            let record = &checked.record;
            let text = format!("{domain}: not published as it should be yet: {record}");
            Err(Failure::new(text))
        }
    }
}
