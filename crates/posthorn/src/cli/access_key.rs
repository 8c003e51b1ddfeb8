//! `posthorn app-password …` and `posthorn token …`

use std::path::Path;

use clap::Subcommand;

use super::{Failure, Listing, Output, perform, request};
use crate::admin::{AccessKeyKind, NewAccessKey, Request, Response};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Make one and print its secret, which is shown this once.
    Add {
        /// The account's primary address.
        account: String,
        /// What it is for, such as the name of a device. Without it, a free name is chosen.
        name: Option<String>,
        /// What it is good for: all, or some of imap, pop3, submission, managesieve, http.
        #[arg(long, default_value = "all", value_name = "LIST")]
        protocols: String,
        /// For how many days. Without it, until it is revoked.
        #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=36_500))]
        valid_days: Option<u32>,
        #[command(flatten)]
        listing: Listing,
    },
    /// List them, with their last use.
    List {
        /// The account's primary address.
        account: String,
        #[command(flatten)]
        listing: Listing,
    },
    /// Revoke one; the sessions signed in with it end.
    Revoke {
        /// The account's primary address.
        account: String,
        /// Its name.
        name: String,
    },
}

pub(super) fn run(
    config: &Path,
    kind: AccessKeyKind,
    command: Command,
    output: &mut Output,
) -> Result<(), Failure> {
    match command {
        Command::Add { account, name, protocols, valid_days, listing } => {
            let new = NewAccessKey { kind, account, name, protocols, valid_days };
            let Response::Secret(made) = request(config, Request::AccessKeyAdd(new))? else {
                return Err(Failure::unexpected());
            };
            match listing.json {
                true => output.json(&made),
                false => output.line(made.secret.expose()),
            }
        }
        Command::List { account, listing } => list(config, kind, account, listing, output),
        Command::Revoke { account, name } => {
            perform(config, Request::AccessKeyRevoke { kind, account, name })
        }
    }
}

fn list(
    config: &Path,
    kind: AccessKeyKind,
    account: String,
    listing: Listing,
    output: &mut Output,
) -> Result<(), Failure> {
    let Response::AccessKeys(keys) = request(config, Request::AccessKeyList { kind, account })?
    else {
        return Err(Failure::unexpected());
    };
    if listing.json {
        return output.json(&keys);
    }
    let never = || "never".to_owned();
    let rows = keys.into_iter().map(|key| {
        let (expires, last_used) = (key.expires, key.last_used);
        let (expires, last_used) = (expires.unwrap_or_else(never), last_used.unwrap_or_else(never));
        [key.name, key.protocols, key.created, expires, last_used]
    });
    output.table(["name", "protocols", "created", "expires", "last used"], rows)
}
