//! `posthorn sieve values …`

use std::path::Path;

use clap::Subcommand;

use crate::admin::{Request, Response, ValueListVerb};
use crate::cli::input::read_text;
use crate::cli::{Failure, Listing, Output, perform, request};

#[derive(Subcommand)]
pub(in crate::cli) enum Command {
    /// Keep a list, in place of the one of its name.
    Put {
        /// The account's primary address; `*`: for the scripts of everybody.
        account: String,
        /// The list's name: `tag:…` or `urn:…`.
        name: String,
        /// The file, one value a line; `-` or nothing is standard input.
        file: Option<String>,
    },
    /// Print the values of a list.
    Get {
        #[command(flatten)]
        which: Which,
    },
    /// List the lists.
    List {
        /// The account's primary address, or `*`.
        account: String,
        #[command(flatten)]
        listing: Listing,
    },
    /// Remove a list.
    Remove {
        #[command(flatten)]
        which: Which,
    },
}

/// The list that is meant.
#[derive(clap::Args)]
pub(in crate::cli) struct Which {
    /// The account's primary address, or `*`.
    account: String,
    /// The list's name.
    name: String,
}

pub(super) fn run(config: &Path, command: Command, output: &mut Output) -> Result<(), Failure> {
    let ask = |account: String, verb| request(config, Request::ValueList { account, verb });
    let done = |account: String, verb| perform(config, Request::ValueList { account, verb });
    match command {
        Command::Put { account, name, file } => {
            let text = read_text(file.as_deref())?;
            let values = text.lines().map(str::to_owned).collect();
            done(account, ValueListVerb::Put { name, values })
        }
        Command::Get { which: Which { account, name } } => {
            match ask(account, ValueListVerb::Get { name })? {
                Response::Text(text) => output.text(&text),
                _ => Err(Failure::unexpected()),
            }
        }
        Command::List { account, listing } => {
            let Response::ValueLists(lists) = ask(account, ValueListVerb::List)? else {
                return Err(Failure::unexpected());
            };
            if listing.json {
                return output.json(&lists);
            }
            let rows = lists.into_iter().map(|row| [row.name, row.values.to_string()]);
            output.table(["list", "values"], rows)
        }
        Command::Remove { which: Which { account, name } } => {
            done(account, ValueListVerb::Remove { name })
        }
    }
}
