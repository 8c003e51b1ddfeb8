//! `posthorn list …`

use std::path::Path;

use clap::Subcommand;

use super::{Failure, Listing, Output, perform, request};
use crate::admin::{ListRow, ListVerb, Posting, Request, Response};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Make a list: an address that fans out to its members.
    Add {
        /// Where it is posted to, on a domain of this server.
        address: String,
        /// The account that gets what comes back, at the list's address with `+bounces` or
        /// `+owner`.
        #[arg(long)]
        owner: String,
        /// What people call it.
        #[arg(long, default_value = "")]
        description: String,
        /// Who may post.
        #[arg(long, value_enum, default_value_t = Posting::Members)]
        posting: Posting,
        /// Who is on it: whoever is in this team.
        #[arg(long, value_name = "NAME")]
        team: Option<String>,
    },
    /// Change a list; what is not said stays.
    Edit {
        /// Its address.
        address: String,
        /// The account that gets what comes back.
        #[arg(long)]
        owner: Option<String>,
        /// What people call it.
        #[arg(long)]
        description: Option<String>,
        /// Who may post.
        #[arg(long, value_enum)]
        posting: Option<Posting>,
    },
    /// Remove a list; its address is free at once.
    Remove {
        /// Its address.
        address: String,
    },
    /// List the lists.
    List {
        /// Only those of one domain.
        #[arg(long)]
        domain: Option<String>,
        #[command(flatten)]
        listing: Listing,
    },
    /// Show a list and who is on it.
    Show {
        /// Its address.
        address: String,
        #[command(flatten)]
        listing: Listing,
    },
    /// Who is on a list.
    #[command(subcommand)]
    Member(MemberCommand),
}

#[derive(Subcommand)]
pub(super) enum MemberCommand {
    /// Put addresses on a list: of accounts, of other lists, or elsewhere.
    Add {
        /// The list.
        address: String,
        /// Their addresses.
        #[arg(required = true)]
        members: Vec<String>,
    },
    /// Take addresses off a list.
    Remove {
        /// The list.
        address: String,
        /// Their addresses.
        #[arg(required = true)]
        members: Vec<String>,
    },
    /// List who is on a list.
    List {
        /// The list.
        address: String,
        #[command(flatten)]
        listing: Listing,
    },
}

pub(super) fn run(config: &Path, command: Command, output: &mut Output) -> Result<(), Failure> {
    let change = |verb| perform(config, Request::List(verb));
    match command {
        Command::Add { address, owner, description, posting, team } => {
            change(ListVerb::Add { address, owner, description, posting, team })
        }
        Command::Edit { address, owner, description, posting } => {
            change(ListVerb::Edit { address, owner, description, posting })
        }
        Command::Remove { address } => change(ListVerb::Remove { address }),
        Command::Member(MemberCommand::Add { address, members }) => {
            change(ListVerb::Join { address, members })
        }
        Command::Member(MemberCommand::Remove { address, members }) => {
            change(ListVerb::Leave { address, members })
        }
        Command::Member(MemberCommand::List { address, listing }) => {
            let members = show(config, address)?.addresses.unwrap_or_default();
            if listing.json {
                return output.json(&members);
            }
            members.iter().try_for_each(|member| output.line(member))
        }
        Command::List { domain, listing } => {
            let lists = ask(config, ListVerb::List { domain })?;
            if listing.json {
                return output.json(&lists);
            }
            let rows = lists.into_iter().map(|row| {
                let owner = row.owner.unwrap_or_default();
                [row.address, row.members.to_string(), row.posting, owner, row.description]
            });
            output.table(["list", "members", "posting", "owner", "description"], rows)
        }
        Command::Show { address, listing } => {
            let list = show(config, address)?;
            if listing.json {
                return output.json(&list);
            }
            for (label, value) in [
                ("list", list.address),
                ("description", list.description),
                ("owner", list.owner.unwrap_or_else(|| "(postmaster)".to_owned())),
                ("posting", list.posting),
                ("team", list.team.unwrap_or_default()),
                ("members", list.addresses.unwrap_or_default().join(" ")),
            ] {
                output.line(format!("{label:13}{value}").trim_end())?;
            }
            Ok(())
        }
    }
}

fn ask(config: &Path, verb: ListVerb) -> Result<Vec<ListRow>, Failure> {
    match request(config, Request::List(verb))? {
        Response::Lists(lists) => Ok(lists),
        _ => Err(Failure::unexpected()),
    }
}

fn show(config: &Path, address: String) -> Result<ListRow, Failure> {
    ask(config, ListVerb::Show { address })?.pop().ok_or_else(Failure::unexpected)
}
