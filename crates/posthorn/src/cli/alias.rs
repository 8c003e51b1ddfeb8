//! `posthorn alias …`

use std::path::Path;

use clap::Subcommand;

use super::{Failure, Listing, Output, perform, request};
use crate::admin::{Request, Response};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Give an account another address.
    Add {
        /// The account's primary address.
        account: String,
        /// The other address, on a domain of this server.
        alias: String,
    },
    /// List the aliases of an account.
    List {
        /// The account's primary address.
        account: String,
        #[command(flatten)]
        listing: Listing,
    },
    /// Take an alias away.
    Remove {
        /// The account's primary address.
        account: String,
        /// The alias.
        alias: String,
    },
}

pub(super) fn run(config: &Path, command: Command, output: &mut Output) -> Result<(), Failure> {
    match command {
        Command::Add { account, alias } => perform(config, Request::AliasAdd { account, alias }),
        Command::Remove { account, alias } => {
            perform(config, Request::AliasRemove { account, alias })
        }
        Command::List { account, listing } => {
            let Response::Names(aliases) = request(config, Request::AliasList { account })? else {
                return Err(Failure::unexpected());
            };
            if listing.json {
                return output.json(&aliases);
            }
            aliases.iter().try_for_each(|alias| output.line(alias))
        }
    }
}
