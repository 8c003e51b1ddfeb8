//! `posthorn domain …`

use std::path::Path;

use clap::Subcommand;

use super::account::Switch;
use super::{
    Failure, Listing, Output, dkim, dns_check, load_config, output::yes, perform, request,
};
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
    /// Mark mail from outside that comes to the organisation of a domain, from the next message
    /// on: with the field X-Posthorn-External and the keyword $External.
    ExternalMark {
        /// A domain of the organisation.
        name: String,
        /// Whether it is marked.
        #[arg(value_enum)]
        state: Switch,
    },
    /// Receive and keep mail for a domain, but refuse its accounts reading and sending.
    Maintenance {
        /// The domain.
        name: String,
        /// Whether maintenance begins or ends.
        #[arg(value_enum, default_value_t = Switch::On)]
        state: Switch,
    },
    /// Have an account get mail to unknown addresses of a domain; without one, it is refused.
    CatchAll {
        /// The domain.
        name: String,
        /// The account.
        account: Option<String>,
    },
    /// Make a domain part of the organisation of another one, for good: `anyone` in access
    /// control lists is everybody of an organisation, and teams and aliases stay within it.
    Join {
        /// The domain, alone in its organisation so far.
        name: String,
        /// A domain of the organisation.
        of: String,
    },
    /// Further domains under which every address of a domain exists too.
    #[command(subcommand)]
    Alias(AliasCommand),
    /// Keys that sign mail of a domain.
    #[command(subcommand)]
    Dkim(dkim::Command),
    /// Show what others report of mail of the domains here (DMARC, TLS).
    Reports {
        /// The domain; without it, all.
        name: Option<String>,
        /// Of how many days.
        #[arg(long, default_value_t = 30, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=36_500))]
        days: u32,
        #[command(flatten)]
        listing: Listing,
    },
    /// Print the DNS records a domain needs.
    Dns {
        /// The domain.
        name: String,
        /// Look which of them are published; status 1 if not all are.
        #[arg(long)]
        check: bool,
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
        Command::ExternalMark { name, state } => {
            let on = state == Switch::On;
            perform(config, Request::DomainExternalMark { name, on })
        }
        Command::Maintenance { name, state } => {
            let maintenance = state == Switch::On;
            perform(config, Request::DomainMaintenance { name, maintenance })
        }
        Command::CatchAll { name, account } => {
            perform(config, Request::DomainCatchAll { name, account })
        }
        Command::Join { name, of } => perform(config, Request::DomainJoin { name, of }),
        Command::Alias(AliasCommand::Add { domain, alias }) => {
            perform(config, Request::DomainAliasAdd { domain, alias })
        }
        Command::Alias(AliasCommand::Remove { names }) => {
            perform(config, Request::DomainAliasRemove { names })
        }
        Command::Alias(AliasCommand::List { domain, listing }) => {
            list_aliases(config, domain, listing, output)
        }
        Command::Reports { name, days, listing } => {
            list_reports(config, name, days, listing, output)
        }
        Command::Dkim(command) => dkim::run(config, command, output),
        Command::Dns { name, check, listing } => print_dns(config, name, check, listing, output),
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
        let (accounts, aliases) = (row.accounts.to_string(), row.aliases.join(" "));
        [row.name, accounts, aliases, yes(row.maintenance), row.organisation]
    });
    output.table(["domain", "accounts", "aliases", "maintenance", "organisation"], rows)
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
    check: bool,
    listing: Listing,
    output: &mut Output,
) -> Result<(), Failure> {
    let config = load_config(path)?;
    let verb = Request::DomainShow { name };
    let Response::Domains(domains) = crate::control::request(&config, verb)? else {
        return Err(Failure::unexpected());
    };
    let names = domains.iter().flat_map(|row| std::iter::once(&row.name).chain(&row.aliases));
    let (mut records, mut advice) = (Vec::new(), Vec::new());
    for name in names {
        let verb = Request::DkimList { domain: name.clone() };
        let Response::DkimKeys(keys) = crate::control::request(&config, verb)? else {
            return Err(Failure::unexpected());
        };
        records.extend(dns::records(name, &config, &keys));
        advice.extend(dns::advice(name, &config, &keys));
    }
    records.extend(dns::host_records(&config));
    if check {
        return print_checked(&dns_check::check(&config, records)?, &advice, listing, output);
    }
    if listing.json {
        return output.json(&records);
    }
    let mut lines = records.iter().map(ToString::to_string).chain(advice);
    lines.try_for_each(|line| output.line(&line))
}

fn list_reports(
    config: &Path,
    domain: Option<String>,
    days: u32,
    listing: Listing,
    output: &mut Output,
) -> Result<(), Failure> {
    let Response::Reports(reports) = request(config, Request::ReportList { domain, days })? else {
        return Err(Failure::unexpected());
    };
    if listing.json {
        return output.json(&reports);
    }
    let rows = reports.into_iter().map(|row| {
        let (passed, failed) = (row.passed.to_string(), row.failed.to_string());
        [row.kind, row.domain, row.reporter, row.begins, row.ends, passed, failed]
    });
    output.table(["kind", "domain", "reporter", "from", "until", "passed", "failed"], rows)
}

fn print_checked(
    checked: &[dns_check::Checked],
    advice: &[String],
    listing: Listing,
    output: &mut Output,
) -> Result<(), Failure> {
    if listing.json {
        output.json(&checked)?;
    } else {
        for one in checked {
            output.line(&format!("{:<10} {}", one.state.as_str(), one.record))?;
            one.found
                .iter()
                .try_for_each(|found| output.line(&format!("{:<10} {found}", "found")))?;
        }
        advice.iter().try_for_each(|line| output.line(line))?;
    }
    let wrong = checked.iter().filter(|one| one.is_wrong()).count();
    match (wrong, advice) {
        (0, []) => Ok(()),
        (0, _) => Err(Failure::new("there is no DKIM key")),
        _ => Err(Failure::new(format!("{wrong} of {} records are not published", checked.len()))),
    }
}
