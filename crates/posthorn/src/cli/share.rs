//! `posthorn share …`

use std::path::Path;

use clap::{Args, Subcommand};

use super::{Failure, Listing, Output, load_config, perform, request};
use crate::admin::{Request, Response, ShareOf};

/// What is shared: the whole account where nothing is said.
#[derive(Args)]
pub(super) struct Of {
    /// Only this mailbox; those made below it later inherit what it has then.
    #[arg(long)]
    mailbox: Option<String>,
    /// Only this calendar, by the last part of its path.
    #[arg(long, conflicts_with = "mailbox")]
    calendar: Option<String>,
    /// Only this address book, by the last part of its path.
    #[arg(long, conflicts_with_all = ["mailbox", "calendar"])]
    address_book: Option<String>,
}

impl From<Of> for ShareOf {
    fn from(of: Of) -> Self {
        match (of.mailbox, of.calendar, of.address_book) {
            (Some(name), ..) => Self::Mailbox(name),
            (_, Some(name), _) => Self::Calendar(name),
            (.., Some(name)) => Self::AddressBook(name),
            (None, None, None) => Self::Account,
        }
    }
}

#[derive(Subcommand)]
pub(super) enum Command {
    /// Give somebody rights on an account, or on one mailbox, calendar or address book of it, in
    /// place of those there were.
    Grant {
        /// The account that is shared.
        account: String,
        /// The account that gets the rights, or a team as `team:NAME`; except for a whole account
        /// also `anyone` of the organisation. For a calendar also an address elsewhere, which is
        /// sent an invitation with the secret address of it. For one mailbox also (after `--`) any
        /// of them behind `-`, from which rights are taken away.
        grantee: String,
        /// With commas between: read, write, admin; for the whole account also send-as,
        /// send-on-behalf, aliases, responder, filters; for one mailbox also the letters of
        /// RFC 4314, such as `lrs`. For a calendar one of view, edit, share (edit, and share with
        /// others), free-busy; for an address book read, write or admin.
        rights: String,
        #[command(flatten)]
        of: Of,
    },
    /// Take from somebody the rights on an account, or on one mailbox, calendar or address book of
    /// it.
    Revoke {
        /// The account that is shared.
        account: String,
        /// Who has the rights: an account, `team:NAME`, `anyone`, or an address elsewhere.
        grantee: String,
        #[command(flatten)]
        of: Of,
    },
    /// Send the invitation to a calendar to an address elsewhere again, with another secret
    /// address; the one before leads nowhere from then on.
    Resend {
        /// The account that is shared.
        account: String,
        /// Who is invited.
        grantee: String,
        #[command(flatten)]
        of: Of,
    },
    /// List what an account was invited to, and what became of it.
    Invitations {
        /// The account's address.
        account: String,
        #[command(flatten)]
        listing: Listing,
    },
    /// Accept, for an account, the invitation to a calendar or an address book.
    Accept {
        /// The account that was invited.
        account: String,
        /// Whose calendar or address book it is.
        owner: String,
        #[command(flatten)]
        of: Of,
    },
    /// Decline such an invitation, or leave what was accepted.
    Decline {
        /// The account that was invited.
        account: String,
        /// Whose calendar or address book it is.
        owner: String,
        #[command(flatten)]
        of: Of,
    },
    /// Let anybody read a calendar who knows where, and print that.
    Publish {
        /// The account's address.
        account: String,
        /// The calendar, by the last part of its path.
        calendar: String,
    },
    /// Take that back: the address leads nowhere from then on, and never again.
    Unpublish {
        /// The account's address.
        account: String,
        /// The calendar, by the last part of its path.
        calendar: String,
    },
    /// List with whom an account, its mailboxes, calendars and address books are shared.
    List {
        /// The account's address.
        account: String,
        #[command(flatten)]
        listing: Listing,
    },
}

pub(super) fn run(config: &Path, command: Command, output: &mut Output) -> Result<(), Failure> {
    match command {
        Command::Grant { account, grantee, rights, of } => {
            perform(config, Request::ShareGrant { account, grantee, of: of.into(), rights })
        }
        Command::Revoke { account, grantee, of } => {
            perform(config, Request::ShareRevoke { account, grantee, of: of.into() })
        }
        Command::Resend { account, grantee, of } => {
            perform(config, Request::ShareResend { account, grantee, of: of.into() })
        }
        Command::Accept { account, owner, of } => {
            let of = of.into();
            perform(config, Request::ShareAnswer { account, owner, of, accepts: true })
        }
        Command::Decline { account, owner, of } => {
            let of = of.into();
            perform(config, Request::ShareAnswer { account, owner, of, accepts: false })
        }
        Command::Invitations { account, listing } => {
            let Response::Invitations(found) =
                request(config, Request::ShareInvitations { account })?
            else {
                return Err(Failure::unexpected());
            };
            if listing.json {
                return output.json(&found);
            }
            let rows = found.into_iter().map(|row| {
                let of = named(None, row.calendar, row.address_book);
                [row.owner, of, row.rights, row.state]
            });
            output.table(["owner", "what", "rights", "state"], rows)
        }
        Command::Publish { account, calendar } => {
            let verb = Request::SharePublish { account, calendar, public: true };
            let Response::Text(path) = request(config, verb)? else {
                return Err(Failure::unexpected());
            };
            let base = crate::daemon::public_url(&load_config(config)?);
            output.line(&format!("{base}{path}"))
        }
        Command::Unpublish { account, calendar } => {
            perform(config, Request::SharePublish { account, calendar, public: false })
        }
        Command::List { account, listing } => {
            let Response::Shares(shares) = request(config, Request::ShareList { account })? else {
                return Err(Failure::unexpected());
            };
            if listing.json {
                return output.json(&shares);
            }
            let rows = shares.into_iter().map(|row| {
                let of = named(row.mailbox, row.calendar, row.address_book);
                let rights = match row.state {
                    Some(state) => format!("{} ({state})", row.rights),
                    None => row.rights,
                };
                [row.grantee, of, rights]
            });
            output.table(["grantee", "mailbox", "rights"], rows)
        }
    }
}

/// What is shared, in a word.
fn named(mailbox: Option<String>, calendar: Option<String>, book: Option<String>) -> String {
    match (mailbox, calendar, book) {
        (Some(name), ..) => name,
        (_, Some(name), _) => format!("calendar {name}"),
        (.., Some(name)) => format!("address book {name}"),
        (None, None, None) => "(all)".to_owned(),
    }
}
