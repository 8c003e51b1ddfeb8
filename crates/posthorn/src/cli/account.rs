//! `posthorn account …`

use std::path::Path;

use clap::{ArgGroup, Subcommand, ValueEnum};

use super::output::{size, yes};
use super::{Failure, Listing, Output, password, perform, request};
use crate::admin::{
    AccountChange, AccountRow, Limit, LimitsChange, NewAccount, Password, Request, Response, Role,
};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Make an account. Its password is asked for.
    Add {
        /// The primary address, on a domain of this server.
        address: String,
        #[command(flatten)]
        password: password::Source,
        /// The person's name.
        #[arg(long, default_value = "")]
        name: String,
        /// How much the account may keep, such as 5GiB. Without it, as much as there is room.
        #[arg(long, value_parser = parse_quota, value_name = "SIZE")]
        quota: Option<u64>,
        /// What the account may do in the organisation.
        #[arg(long, value_enum, default_value_t = Role::Collaborator)]
        role: Role,
        /// Mail only: no calendars, no address books.
        #[arg(long)]
        mail_only: bool,
        /// An account of nobody, such as info@, without a password: with whom it is shared sees
        /// its mailboxes below `Shared Folders/`.
        #[arg(long, conflicts_with = "password_stdin")]
        shared: bool,
    },
    /// List the accounts.
    List {
        /// Only those of one domain.
        #[arg(long)]
        domain: Option<String>,
        #[command(flatten)]
        listing: Listing,
    },
    /// Show one account.
    Show {
        /// The primary address or an alias.
        address: String,
        #[command(flatten)]
        listing: Listing,
    },
    /// Change an account; what is not said stays.
    #[command(group = ArgGroup::new("change").required(true).multiple(true))]
    Edit {
        /// The primary address.
        address: String,
        /// The person's name.
        #[arg(long, group = "change")]
        name: Option<String>,
        /// How much the account may keep, such as 5GiB, or `none`. What it keeps already stays.
        #[arg(long, value_parser = parse_quota_or_none, value_name = "SIZE", group = "change")]
        quota: Option<u64>,
        /// What the account may do in the organisation.
        #[arg(long, value_enum, group = "change")]
        role: Option<Role>,
        /// Whether mail to `local+detail@` goes to the mailbox `detail` where that exists.
        #[arg(long, value_enum, value_name = "STATE", group = "change")]
        plus_to_mailbox: Option<Switch>,
    },
    /// Remove an account and everything in it.
    Remove {
        /// The primary address.
        address: String,
    },
    /// Set another password, asked for; sessions of the old one end.
    Passwd {
        /// The primary address.
        address: String,
        #[command(flatten)]
        password: password::Source,
    },
    /// Make a link by which the owner of the account sets its password, once, and print it, or send
    /// it to another address of theirs. An older link of the account is good for nothing then.
    ResetLink {
        /// The primary address.
        address: String,
        /// Send the link there by mail, and do not print it.
        #[arg(long, value_name = "ADDRESS")]
        send_to: Option<String>,
        /// For how many hours it is good.
        #[arg(
            long,
            value_name = "HOURS",
            default_value_t = 24,
            value_parser = clap::value_parser!(u32).range(1..=storage::PASSWORD_LINK_HOURS_MAX.into())
        )]
        valid: u32,
        #[command(flatten)]
        listing: Listing,
    },
    /// Keep an account from signing in anywhere.
    Block {
        /// The primary address.
        address: String,
    },
    /// Let a blocked account sign in again.
    Unblock {
        /// The primary address.
        address: String,
    },
    /// Receive and keep mail, but refuse reading and sending.
    Maintenance {
        /// The primary address.
        address: String,
        /// Whether maintenance begins or ends.
        #[arg(value_enum, default_value_t = Switch::On)]
        state: Switch,
    },
    /// Show what an account may send and has sent today, or give it limits of its own.
    Limits {
        /// The primary address.
        address: String,
        /// Messages a day: a number, `none`, or `default` for what the configuration says.
        #[arg(long, value_parser = parse_limit, value_name = "LIMIT")]
        messages_per_day: Option<Limit>,
        /// Recipients of one message, likewise.
        #[arg(long, value_parser = parse_limit, value_name = "LIMIT")]
        recipients_per_message: Option<Limit>,
        /// Addresses to which it sends copies of its mail on, likewise; those there are stay.
        #[arg(long, value_parser = parse_limit, value_name = "LIMIT")]
        redirections: Option<Limit>,
        #[command(flatten)]
        listing: Listing,
    },
    /// Show what lately happened to an account: sign-ins, wrong passwords, what was sent, changes
    /// of passwords. Equal events of a day are one line.
    Activity {
        /// The primary address.
        address: String,
        #[command(flatten)]
        listing: Listing,
    },
    /// Set the time zone of an account, on whose clock its responders answer.
    TimeZone {
        /// The primary address.
        address: String,
        /// Its name in the IANA database, such as Europe/Zurich; empty is UTC.
        zone: String,
    },
    /// Withdraw from an account the right to change some of what is its own; all others it has.
    Withdraw {
        /// The primary address.
        address: String,
        /// With commas between: aliases, responder, redirections, filters, password; without any,
        /// all rights are given back.
        rights: Option<String>,
    },
    /// Switch IMAP capabilities off for an account whose program misbehaves, or on again. What is
    /// off stands in `account show`; sessions learn of it when they sign in.
    Capability {
        /// The primary address.
        address: String,
        /// Off or on.
        #[arg(value_enum)]
        state: Switch,
        /// Capabilities such as QRESYNC or COMPRESS=DEFLATE; with `on`, none means all.
        #[arg(required_if_eq("state", "off"))]
        names: Vec<String>,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Switch {
    On,
    Off,
}

pub(super) fn run(config: &Path, command: Command, output: &mut Output) -> Result<(), Failure> {
    match command {
        Command::Add { address, password, name, quota, role, mail_only, shared } => {
            let password = if shared { Password::new("") } else { password.read()? };
            let quota_bytes = quota;
            let account =
                NewAccount { address, password, name, quota_bytes, role, mail_only, shared };
            perform(config, Request::AccountAdd(account))
        }
        Command::List { domain, listing } => list(config, domain, listing, output),
        Command::Show { address, listing } => show(config, address, listing, output),
        Command::Edit { address, name, quota, role, plus_to_mailbox } => {
            let plus_to_mailbox = plus_to_mailbox.map(|state| state == Switch::On);
            let change = AccountChange { name, quota_bytes: quota, role, plus_to_mailbox };
            perform(config, Request::AccountEdit { address, change })
        }
        Command::Remove { address } => perform(config, Request::AccountRemove { address }),
        Command::Passwd { address, password } => {
            let password = password.read()?;
            perform(config, Request::AccountPassword { address, password })
        }
        Command::ResetLink { address, send_to, valid, listing } => {
            let verb = Request::AccountResetLink { address, send_to, valid_hours: valid };
            reset_link(config, verb, listing, output)
        }
        Command::Block { address } => {
            perform(config, Request::AccountBlock { address, blocked: true })
        }
        Command::Unblock { address } => {
            perform(config, Request::AccountBlock { address, blocked: false })
        }
        Command::Maintenance { address, state } => {
            let maintenance = state == Switch::On;
            perform(config, Request::AccountMaintenance { address, maintenance })
        }
        Command::Limits {
            address,
            messages_per_day,
            recipients_per_message,
            redirections,
            listing,
        } => {
            let asked = [messages_per_day, recipients_per_message, redirections]
                .iter()
                .any(Option::is_some);
            let change = LimitsChange { messages_per_day, recipients_per_message, redirections };
            limits(config, address, asked.then_some(change), listing, output)
        }
        Command::Activity { address, listing } => activity(config, address, listing, output),
        Command::TimeZone { address, zone } => {
            perform(config, Request::AccountTimeZone { address, zone })
        }
        Command::Withdraw { address, rights } => {
            perform(config, Request::AccountWithdraw { address, rights })
        }
        Command::Capability { address, state, names } => {
            let off = state == Switch::Off;
            perform(config, Request::AccountCapabilities { address, names, off })
        }
    }
}

fn list(
    config: &Path,
    domain: Option<String>,
    listing: Listing,
    output: &mut Output,
) -> Result<(), Failure> {
    let Response::Accounts(accounts) = request(config, Request::AccountList { domain })? else {
        return Err(Failure::unexpected());
    };
    if listing.json {
        return output.json(&accounts);
    }
    let rows = accounts.into_iter().map(|row| {
        let quota = row.quota_bytes.map(size).unwrap_or_default();
        let state = row.state().to_owned();
        [row.address, row.name, row.role.to_string(), size(row.used_bytes), quota, state]
    });
    output.table(["address", "name", "role", "used", "quota", "state"], rows)
}

fn show(
    config: &Path,
    address: String,
    listing: Listing,
    output: &mut Output,
) -> Result<(), Failure> {
    let Response::Account(account) = request(config, Request::AccountShow { address })? else {
        return Err(Failure::unexpected());
    };
    if listing.json {
        return output.json(&account);
    }
    let state = account.state();
    let AccountRow { address, name, role, mail_only, quota_bytes, used_bytes, aliases, .. } =
        &account;
    let quota = quota_bytes.map_or("none".to_owned(), size);
    let aliases = aliases.as_deref().unwrap_or_default().join(" ");
    let zone = account.time_zone.clone().filter(|zone| !zone.is_empty());
    let zone = zone.unwrap_or_else(|| "UTC".to_owned());
    for (label, value) in [
        ("address", address.clone()),
        ("name", name.clone()),
        ("role", role.to_string()),
        ("mail only", yes(*mail_only)),
        ("shared", yes(account.shared)),
        ("used", size(*used_bytes)),
        ("quota", quota),
        ("state", state.to_owned()),
        ("aliases", aliases),
        ("imap off", account.capabilities_off.join(" ")),
        ("withdrawn", account.withdrawn.join(" ")),
        ("plus", if account.plus_to_mailbox { "mailbox".to_owned() } else { String::new() }),
        ("zone", zone),
    ] {
        output.line(format!("{label:10}{value}").trim_end())?;
    }
    Ok(())
}

fn reset_link(
    config: &Path,
    verb: Request,
    listing: Listing,
    output: &mut Output,
) -> Result<(), Failure> {
    let Response::PasswordLink(made) = request(config, verb)? else {
        return Err(Failure::unexpected());
    };
    if listing.json {
        return output.json(&made);
    }
    match (made.link, made.sent_to) {
        (Some(link), _) => output.line(link.expose()),
        (None, Some(to)) => {
            output.line(&format!("{to} is sent a link that is good until {}", made.expires))
        }
        (None, None) => Err(Failure::unexpected()),
    }
}

fn activity(
    config: &Path,
    address: String,
    listing: Listing,
    output: &mut Output,
) -> Result<(), Failure> {
    let Response::Activity(rows) = request(config, Request::AccountActivity { address })? else {
        return Err(Failure::unexpected());
    };
    if listing.json {
        return output.json(&rows);
    }
    let headings = ["last", "what", "times", "protocol", "from", "program", "with or why"];
    let rows = rows.into_iter().map(|row| {
        let count = row.count.to_string();
        [row.last, row.what, count, row.protocol, row.address, row.program, row.detail]
    });
    output.table(headings, rows)
}

fn limits(
    config: &Path,
    address: String,
    change: Option<LimitsChange>,
    listing: Listing,
    output: &mut Output,
) -> Result<(), Failure> {
    let Response::Limits(row) = request(config, Request::AccountLimits { address, change })? else {
        return Err(Failure::unexpected());
    };
    if listing.json {
        return output.json(&row);
    }
    let shown = |limit: Option<u64>| match limit {
        None => "default".to_owned(),
        Some(0) => "none".to_owned(),
        Some(limit) => limit.to_string(),
    };
    for (label, value) in [
        ("sent today", row.sent_today.to_string()),
        ("messages per day", shown(row.messages_per_day)),
        ("recipients per message", shown(row.recipients_per_message)),
        ("redirections", shown(row.redirections)),
    ] {
        output.line(&format!("{label:24}{value}"))?;
    }
    Ok(())
}

fn parse_limit(text: &str) -> Result<Limit, String> {
    match text {
        "default" => Ok(Limit::Default),
        "none" => Ok(Limit::Own(0)),
        number => {
            let number = number.parse().ok().filter(|number| *number > 0);
            number.map(Limit::Own).ok_or_else(|| "write a number, none, or default".to_owned())
        }
    }
}

/// Storage spells "no limit" as zero.
fn parse_quota_or_none(text: &str) -> Result<u64, String> {
    if text == "none" { Ok(0) } else { parse_quota(text) }
}

fn parse_quota(text: &str) -> Result<u64, String> {
    config::parse_size(text)
        .ok_or_else(|| "write a number and a unit, such as 500MiB or 5GiB".to_owned())
}
