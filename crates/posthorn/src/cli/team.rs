//! `posthorn team …`

use std::path::Path;

use clap::Subcommand;

use super::{Failure, Listing, Output, perform, request};
use crate::admin::{Request, Response, TeamRow, TeamVerb};

/// Which organisation is meant.
#[derive(clap::Args)]
pub(super) struct Of {
    /// A domain of the organisation; needed where there are several.
    #[arg(long)]
    domain: Option<String>,
}

#[derive(Subcommand)]
pub(super) enum Command {
    /// Make a team, without members at first.
    Add {
        /// Its name. Access control lists write it behind `team:`.
        name: String,
        #[command(flatten)]
        of: Of,
    },
    /// Give a team another name; what it may do stays.
    Rename {
        /// The team.
        name: String,
        /// Its new name.
        to: String,
        #[command(flatten)]
        of: Of,
    },
    /// Remove a team, and with it what its members have through it.
    Remove {
        /// The team.
        name: String,
        #[command(flatten)]
        of: Of,
    },
    /// List the teams.
    List {
        #[command(flatten)]
        of: Of,
        #[command(flatten)]
        listing: Listing,
    },
    /// Show a team and who is in it.
    Show {
        /// The team.
        name: String,
        #[command(flatten)]
        of: Of,
        #[command(flatten)]
        listing: Listing,
    },
    /// Who is in a team.
    #[command(subcommand)]
    Member(MemberCommand),
}

#[derive(Subcommand)]
pub(super) enum MemberCommand {
    /// Put accounts into a team: they have its rights at once.
    Add {
        /// The team.
        name: String,
        /// The accounts.
        #[arg(required = true)]
        accounts: Vec<String>,
        #[command(flatten)]
        of: Of,
    },
    /// Take accounts out of a team.
    Remove {
        /// The team.
        name: String,
        /// The accounts.
        #[arg(required = true)]
        accounts: Vec<String>,
        #[command(flatten)]
        of: Of,
    },
    /// List the accounts in a team.
    List {
        /// The team.
        name: String,
        #[command(flatten)]
        of: Of,
        #[command(flatten)]
        listing: Listing,
    },
}

pub(super) fn run(config: &Path, command: Command, output: &mut Output) -> Result<(), Failure> {
    let change = |of: Of, verb| perform(config, Request::Team { domain: of.domain, verb });
    match command {
        Command::Add { name, of } => change(of, TeamVerb::Add { name }),
        Command::Rename { name, to, of } => change(of, TeamVerb::Rename { name, to }),
        Command::Remove { name, of } => change(of, TeamVerb::Remove { name }),
        Command::Member(MemberCommand::Add { name, accounts, of }) => {
            change(of, TeamVerb::Join { name, accounts })
        }
        Command::Member(MemberCommand::Remove { name, accounts, of }) => {
            change(of, TeamVerb::Leave { name, accounts })
        }
        Command::Member(MemberCommand::List { name, of, listing }) => {
            let members = show(config, of, name)?.accounts.unwrap_or_default();
            if listing.json {
                return output.json(&members);
            }
            members.iter().try_for_each(|member| output.line(member))
        }
        Command::List { of, listing } => {
            let teams = ask(config, of, TeamVerb::List)?;
            if listing.json {
                return output.json(&teams);
            }
            let rows =
                teams.into_iter().map(|row| [row.name, row.members.to_string(), row.organisation]);
            output.table(["team", "members", "organisation"], rows)
        }
        Command::Show { name, of, listing } => {
            let team = show(config, of, name)?;
            if listing.json {
                return output.json(&team);
            }
            let members = team.accounts.unwrap_or_default().join(" ");
            for (label, value) in
                [("team", team.name), ("organisation", team.organisation), ("members", members)]
            {
                output.line(format!("{label:14}{value}").trim_end())?;
            }
            Ok(())
        }
    }
}

fn ask(config: &Path, of: Of, verb: TeamVerb) -> Result<Vec<TeamRow>, Failure> {
    match request(config, Request::Team { domain: of.domain, verb })? {
        Response::Teams(teams) => Ok(teams),
        _ => Err(Failure::unexpected()),
    }
}

fn show(config: &Path, of: Of, name: String) -> Result<TeamRow, Failure> {
    ask(config, of, TeamVerb::Show { name })?.pop().ok_or_else(Failure::unexpected)
}
