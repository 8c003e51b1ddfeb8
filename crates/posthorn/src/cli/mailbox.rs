//! `posthorn mailbox …`

use std::path::Path;

use clap::Subcommand;

use super::output::{size, yes};
use super::{Failure, Listing, Output, perform, request};
use crate::admin::{MailboxRow, Request, Response};

#[derive(Subcommand)]
pub(super) enum Command {
    /// List the mailboxes of an account.
    List {
        /// The account's address.
        account: String,
        #[command(flatten)]
        listing: Listing,
    },
    /// Create a mailbox.
    Create {
        /// The account's address.
        account: String,
        /// The mailbox, levels separated by `/`.
        mailbox: String,
    },
    /// Rename a mailbox and everything below it.
    Rename {
        /// The account's address.
        account: String,
        /// The mailbox.
        from: String,
        /// Its new name.
        to: String,
    },
    /// Delete a mailbox and the messages in it.
    Delete {
        /// The account's address.
        account: String,
        /// The mailbox.
        mailbox: String,
    },
    /// Count the messages of an account's mailboxes, or of one.
    Stats {
        /// The account's address.
        account: String,
        /// The mailbox.
        mailbox: Option<String>,
        #[command(flatten)]
        listing: Listing,
    },
}

pub(super) fn run(config: &Path, command: Command, output: &mut Output) -> Result<(), Failure> {
    match command {
        Command::Create { account, mailbox } => {
            perform(config, Request::MailboxCreate { account, mailbox })
        }
        Command::Rename { account, from, to } => {
            perform(config, Request::MailboxRename { account, from, to })
        }
        Command::Delete { account, mailbox } => {
            perform(config, Request::MailboxDelete { account, mailbox })
        }
        Command::List { account, listing } => {
            let mailboxes = load(config, account, None)?;
            if listing.json {
                return output.json(&mailboxes);
            }
            let rows = mailboxes.into_iter().map(|row| {
                let special_use = row.special_use.unwrap_or_default();
                [row.mailbox, special_use, yes(row.subscribed), yes(row.ghost)]
            });
            output.table(["mailbox", "special use", "subscribed", "ghost"], rows)
        }
        Command::Stats { account, mailbox, listing } => {
            let mailboxes = load(config, account, mailbox)?;
            if listing.json {
                return output.json(&mailboxes);
            }
            let rows = mailboxes.into_iter().filter(|row| !row.ghost).map(|row| {
                let counts = [row.messages, row.unseen].map(|count| count.to_string());
                let [messages, unseen] = counts;
                [row.mailbox, messages, unseen, size(row.size_bytes)]
            });
            output.table(["mailbox", "messages", "unseen", "size"], rows)
        }
    }
}

fn load(
    config: &Path,
    account: String,
    mailbox: Option<String>,
) -> Result<Vec<MailboxRow>, Failure> {
    match request(config, Request::MailboxList { account, mailbox })? {
        Response::Mailboxes(mailboxes) => Ok(mailboxes),
        _ => Err(Failure::unexpected()),
    }
}
