//! `posthorn domain …`

use std::path::Path;

use clap::Subcommand;

use super::{Failure, Listing, Output, load_config, output::yes, perform, request};
use crate::admin::{Request, Response, dns};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Receive mail for a domain.
    Add {
        /// The domain.
        name: String,
    },
    /// List the domains.
    List {
        #[command(flatten)]
        listing: Listing,
    },
    /// Remove a domain that has no accounts left.
    Remove {
        /// The domain.
        name: String,
    },
    /// Further domains under which every address of a domain exists too.
    #[command(subcommand)]
    Alias(AliasCommand),
    /// Print the DNS records a domain needs.
    Dns {
        /// The domain.
        name: String,
        #[command(flatten)]
        listing: Listing,
    },
}

#[derive(Subcommand)]
pub(super) enum AliasCommand {
    /// Make a domain alias.
    Add {
        /// The domain.
        domain: String,
        /// The other name of it.
        alias: String,
    },
    /// List the domain aliases, of one domain or of all.
    List {
        /// The domain.
        domain: Option<String>,
        #[command(flatten)]
        listing: Listing,
    },
    /// Remove a domain alias.
    Remove {
        /// The domain alias; its domain may stand beside it.
        #[arg(required = true, num_args = 1..=2, value_name = "ALIAS")]
        names: Vec<String>,
    },
}

pub(super) fn run(config: &Path, command: Command, output: &mut Output) -> Result<(), Failure> {
    match command {
        Command::Add { name } => perform(config, Request::DomainAdd { name }),
        Command::Remove { name } => perform(config, Request::DomainRemove { name }),
        Command::List { listing } => list(config, listing, output),
        Command::Alias(AliasCommand::Add { domain, alias }) => {
            perform(config, Request::DomainAliasAdd { domain, alias })
        }
        Command::Alias(AliasCommand::Remove { names }) => {
            perform(config, Request::DomainAliasRemove { names })
        }
        Command::Alias(AliasCommand::List { domain, listing }) => {
            list_aliases(config, domain, listing, output)
        }
        Command::Dns { name, listing } => print_dns(config, name, listing, output),
    }
}

fn list(config: &Path, listing: Listing, output: &mut Output) -> Result<(), Failure> {
    let Response::Domains(domains) = request(config, Request::DomainList)? else {
        return Err(Failure::unexpected());
    };
    if listing.json {
        return output.json(&domains);
    }
    let rows = domains.into_iter().map(|row| {
        [row.name, row.accounts.to_string(), row.aliases.join(" "), yes(row.maintenance)]
    });
    output.table(["domain", "accounts", "aliases", "maintenance"], rows)
}

fn list_aliases(
    config: &Path,
    domain: Option<String>,
    listing: Listing,
    output: &mut Output,
) -> Result<(), Failure> {
    let Response::DomainAliases(aliases) = request(config, Request::DomainAliasList { domain })?
    else {
        return Err(Failure::unexpected());
    };
    if listing.json {
        return output.json(&aliases);
    }
    let rows = aliases.into_iter().map(|row| [row.alias, row.domain]);
    output.table(["alias", "domain"], rows)
}

fn print_dns(
    path: &Path,
    name: String,
    listing: Listing,
    output: &mut Output,
) -> Result<(), Failure> {
    let config = load_config(path)?;
    let verb = Request::DomainShow { name };
    let Response::Domains(domains) = crate::control::request(&config, verb)? else {
        return Err(Failure::unexpected());
    };
    let names = domains.iter().flat_map(|row| std::iter::once(&row.name).chain(&row.aliases));
    let records: Vec<_> = names.flat_map(|name| dns::records(name, &config)).collect();
    if listing.json {
        return output.json(&records);
    }
    records.iter().try_for_each(|record| output.line(&record.to_string()))
}
