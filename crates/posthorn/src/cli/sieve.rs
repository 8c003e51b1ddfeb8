//! `posthorn sieve …`

mod rules;
mod values;

use std::path::Path;

use clap::Subcommand;

use super::input::read_text;
use super::output::{size, yes};
use super::{Failure, Listing, Output, perform, request};
use crate::admin::{Request, Response, SieveVerb};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Check a script and keep it, in place of the one of its name.
    Put {
        /// The account's primary address.
        account: String,
        /// The script's name.
        name: String,
        /// The file; `-` or nothing is standard input.
        file: Option<String>,
    },
    /// Print a script.
    Get {
        #[command(flatten)]
        which: Which,
    },
    /// List the scripts of an account.
    List {
        /// The account's primary address.
        account: String,
        #[command(flatten)]
        listing: Listing,
    },
    /// Make a script the one that runs on each message that arrives.
    Activate {
        #[command(flatten)]
        which: Which,
    },
    /// Run no script any more.
    Deactivate {
        /// The account's primary address.
        account: String,
    },
    /// Remove a script that is not active.
    Remove {
        #[command(flatten)]
        which: Which,
    },
    /// Say what is wrong with a script: with the one that is kept, or with a file.
    Check {
        /// The account's primary address.
        account: String,
        /// The script's name; without a file, the one that is kept.
        name: Option<String>,
        /// The file; without a name either, standard input.
        file: Option<String>,
    },
    /// Lists of values that scripts ask about (`:list "urn:…"`, RFC 6134).
    #[command(subcommand)]
    Values(values::Command),
    /// Filter by a list of simple rules, which is kept as a script.
    #[command(subcommand)]
    Rules(rules::Command),
}

/// The script that is meant.
#[derive(clap::Args)]
pub(super) struct Which {
    /// The account's primary address.
    account: String,
    /// The script's name.
    name: String,
}

pub(super) fn run(config: &Path, command: Command, output: &mut Output) -> Result<(), Failure> {
    let done = |account: String, verb| perform(config, Request::Sieve { account, verb });
    match command {
        Command::Put { account, name, file } => {
            let text = read_text(file.as_deref())?;
            done(account, SieveVerb::Put { name, text })
        }
        Command::Get { which: Which { account, name } } => {
            output.text(&script(config, account, name)?)
        }
        Command::List { account, listing } => {
            let listed = request(config, Request::Sieve { account, verb: SieveVerb::List })?;
            let Response::Scripts(scripts) = listed else {
                return Err(Failure::unexpected());
            };
            if listing.json {
                return output.json(&scripts);
            }
            let rows = scripts.into_iter().map(|row| {
                let size = size(row.size_bytes);
                [row.name, yes(row.active), size, yes(row.of_rules)]
            });
            output.table(["script", "active", "size", "rules"], rows)
        }
        Command::Activate { which: Which { account, name } } => {
            done(account, SieveVerb::Activate { name: Some(name) })
        }
        Command::Deactivate { account } => done(account, SieveVerb::Activate { name: None }),
        Command::Remove { which: Which { account, name } } => {
            done(account, SieveVerb::Remove { name })
        }
        Command::Check { account, name, file } => {
            let text = match (name, file) {
                (Some(name), None) => script(config, account.clone(), name)?,
                (_, file) => read_text(file.as_deref())?,
            };
            done(account, SieveVerb::Check { text })?;
            output.line("ok")
        }
        Command::Values(command) => values::run(config, command, output),
        Command::Rules(command) => rules::run(config, command, output),
    }
}

/// The text of a script that is kept.
fn script(config: &Path, account: String, name: String) -> Result<String, Failure> {
    let verb = SieveVerb::Get { name };
    match request(config, Request::Sieve { account, verb })? {
        Response::Text(text) => Ok(text),
        _ => Err(Failure::unexpected()),
    }
}
