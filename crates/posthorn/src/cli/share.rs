//! `posthorn share …`

use std::path::Path;

use clap::Subcommand;

use super::{Failure, Listing, Output, perform, request};
use crate::admin::{Request, Response};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Give somebody rights on an account, or on one mailbox of it, in place of those there were.
    Grant {
        /// The account that is shared.
        account: String,
        /// The account that gets the rights, or a team as `team:NAME`; for one mailbox also
        /// `anyone` of the organisation, or (after `--`) any of them behind `-`, from which rights
        /// are taken away.
        grantee: String,
        /// With commas between: read, write, admin; for the whole account also send-as,
        /// send-on-behalf, aliases, responder, filters; for one mailbox also the letters of
        /// RFC 4314, such as `lrs`.
        rights: String,
        /// Only this mailbox; those made below it later inherit what it has then.
        #[arg(long)]
        mailbox: Option<String>,
    },
    /// Take from somebody the rights on an account, or on one mailbox of it.
    Revoke {
        /// The account that is shared.
        account: String,
        /// Who has the rights: an account, `team:NAME`, or `anyone`.
        grantee: String,
        /// Only this mailbox.
        #[arg(long)]
        mailbox: Option<String>,
    },
    /// List with whom an account and its mailboxes are shared.
    List {
        /// The account's address.
        account: String,
        #[command(flatten)]
        listing: Listing,
    },
}

pub(super) fn run(config: &Path, command: Command, output: &mut Output) -> Result<(), Failure> {
    match command {
        Command::Grant { account, grantee, rights, mailbox } => {
            perform(config, Request::ShareGrant { account, grantee, mailbox, rights })
        }
        Command::Revoke { account, grantee, mailbox } => {
            perform(config, Request::ShareRevoke { account, grantee, mailbox })
        }
        Command::List { account, listing } => {
            let Response::Shares(shares) = request(config, Request::ShareList { account })? else {
                return Err(Failure::unexpected());
            };
            if listing.json {
                return output.json(&shares);
            }
            let rows = shares.into_iter().map(|row| {
                let mailbox = row.mailbox.unwrap_or_else(|| "(all)".to_owned());
                [row.grantee, mailbox, row.rights]
            });
            output.table(["grantee", "mailbox", "rights"], rows)
        }
    }
}
