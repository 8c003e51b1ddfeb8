//! `posthorn redirect …` and `posthorn confirm …`

use std::path::Path;

use clap::Subcommand;

use super::output::yes;
use super::{Failure, Listing, Output, perform, request};
use crate::admin::{RedirectVerb, Request, Response};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Send copies of what arrives on to another address. One elsewhere is asked first.
    Add {
        /// The account's primary address.
        account: String,
        /// The other address.
        target: String,
        /// Do not keep the message here; it is kept if another redirection keeps it.
        #[arg(long)]
        no_keep: bool,
        /// The address is known to agree.
        #[arg(long)]
        confirmed: bool,
    },
    /// List the redirections of an account.
    List {
        /// The account's primary address.
        account: String,
        #[command(flatten)]
        listing: Listing,
    },
    /// Send no more copies to an address.
    Remove {
        /// The account's primary address.
        account: String,
        /// The other address.
        target: String,
    },
}

/// An address agrees to be used: the code that was sent to it.
#[derive(clap::Args)]
pub(super) struct Confirm {
    /// The code.
    code: String,
}

pub(super) fn run(config: &Path, command: Command, output: &mut Output) -> Result<(), Failure> {
    match command {
        Command::Add { account, target, no_keep, confirmed } => {
            let verb = RedirectVerb::Add { target, keep: !no_keep, confirmed };
            tell(request(config, Request::Redirect { account, verb })?, output)
        }
        Command::Remove { account, target } => {
            perform(config, Request::Redirect { account, verb: RedirectVerb::Remove { target } })
        }
        Command::List { account, listing } => {
            let answer = request(config, Request::Redirect { account, verb: RedirectVerb::List })?;
            let Response::Redirects(found) = answer else { return Err(Failure::unexpected()) };
            if listing.json {
                return output.json(&found);
            }
            let rows = found.into_iter().map(|row| [row.target, yes(row.keep), yes(row.confirmed)]);
            output.table(["target", "keep", "confirmed"], rows)
        }
    }
}

pub(super) fn confirm(config: &Path, confirm: Confirm, output: &mut Output) -> Result<(), Failure> {
    tell(request(config, Request::Confirm { token: confirm.code })?, output)
}

fn tell(answer: Response, output: &mut Output) -> Result<(), Failure> {
    match answer {
        Response::Done => Ok(()),
        Response::Text(text) => output.text(&text),
        _ => Err(Failure::unexpected()),
    }
}
