//! The command line: one file per command, named as it is typed.

mod access_key;
mod account;
mod alias;
mod bar;
mod bench;
mod certificate;
mod check_config;
mod check_store;
mod dkim;
mod dns_check;
mod domain;
mod export;
mod failure;
mod import;
mod input;
mod list;
mod mailbox;
mod named_files;
mod output;
mod password;
mod queue;
mod quickstart;
mod redirect;
mod responder;
mod restore;
mod room;
mod serve;
mod share;
mod sieve;
mod team;
mod version;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use config::{Config, Vocabulary};

pub(crate) use failure::Failure;
pub(crate) use output::Output;

use crate::admin::{AccessKeyKind, Request, Response};

/// Groupware server: mail, calendars, contacts and files on one store.
#[derive(Parser)]
#[command(name = "posthorn", version, max_term_width = 100)]
struct Arguments {
    /// The configuration file.
    #[arg(
        long,
        global = true,
        env = "POSTHORN_CONFIG",
        default_value = "/etc/posthorn/posthorn.toml",
        value_name = "FILE"
    )]
    config: PathBuf,

    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the daemon in the foreground.
    Serve,
    /// Make a server with nothing else installed, and run it on loopback.
    Quickstart(quickstart::Arguments),
    /// Say what is wrong with the configuration.
    CheckConfig,
    /// Domains, domain aliases and their DNS records.
    #[command(subcommand)]
    Domain(domain::Command),
    /// Certificates by ACME.
    #[command(subcommand)]
    Certificate(certificate::Command),
    /// Accounts and their passwords.
    #[command(subcommand)]
    Account(account::Command),
    /// Further addresses of an account.
    #[command(subcommand)]
    Alias(alias::Command),
    /// Passwords for single devices and programs.
    #[command(subcommand)]
    AppPassword(access_key::Command),
    /// Bearer tokens, for programs that sign in by OAUTHBEARER or XOAUTH2.
    #[command(subcommand)]
    Token(access_key::Command),
    /// Mailboxes of an account.
    #[command(subcommand)]
    Mailbox(mailbox::Command),
    /// Sieve scripts of an account.
    #[command(subcommand)]
    Sieve(sieve::Command),
    /// Out-of-office messages of an account.
    #[command(subcommand)]
    Responder(responder::Command),
    /// Addresses that get copies of an account's mail.
    #[command(subcommand)]
    Redirect(redirect::Command),
    /// Say the code that was sent to an address which is asked whether it may be used.
    Confirm(redirect::Confirm),
    /// Mail on its way to other servers.
    #[command(subcommand)]
    Queue(queue::Command),
    /// Rooms that are booked by inviting them.
    #[command(subcommand)]
    Room(room::Command),
    /// Accounts and mailboxes shared with others.
    #[command(subcommand)]
    Share(share::Command),
    /// Addresses that fan out to several others.
    #[command(subcommand)]
    List(list::Command),
    /// Files into calendars and address books.
    #[command(subcommand)]
    Import(import::Command),
    /// Calendars and address books into files.
    #[command(subcommand)]
    Export(export::Command),
    /// Calendars and address books as they were.
    #[command(subcommand)]
    Restore(restore::Command),
    /// Groups of accounts that are given rights at once.
    #[command(subcommand)]
    Team(team::Command),
    /// Check every invariant of the stored data.
    CheckStore(check_store::Arguments),
    /// Measure a mail server, this one or any other.
    #[command(subcommand)]
    Bench(bench::Command),
    /// Version, commit and engines.
    Version(Listing),
}

/// Every listing can be had for programs.
#[derive(clap::Args, Clone, Copy)]
struct Listing {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Runs the command that was typed.
pub(crate) fn run() -> ExitCode {
    let arguments = Arguments::parse();
    // Every file that is made, by a daemon or by a command, is its user's alone: it holds mail.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let mut output = Output::stdout();
    let outcome = match arguments.command {
        Command::Serve => serve::run(&arguments.config, &mut output),
        Command::Quickstart(arguments) => quickstart::run(arguments, &mut output),
        Command::CheckConfig => check_config::run(&arguments.config, &mut output),
        Command::Domain(command) => domain::run(&arguments.config, command, &mut output),
        Command::Certificate(command) => certificate::run(&arguments.config, command, &mut output),
        Command::Account(command) => account::run(&arguments.config, command, &mut output),
        Command::Alias(command) => alias::run(&arguments.config, command, &mut output),
        Command::AppPassword(command) => {
            let kind = AccessKeyKind::AppPassword;
            access_key::run(&arguments.config, kind, command, &mut output)
        }
        Command::Token(command) => {
            access_key::run(&arguments.config, AccessKeyKind::Token, command, &mut output)
        }
        Command::Mailbox(command) => mailbox::run(&arguments.config, command, &mut output),
        Command::Sieve(command) => sieve::run(&arguments.config, command, &mut output),
        Command::Responder(command) => responder::run(&arguments.config, command, &mut output),
        Command::Redirect(command) => redirect::run(&arguments.config, command, &mut output),
        Command::Confirm(command) => redirect::confirm(&arguments.config, command, &mut output),
        Command::Queue(command) => queue::run(&arguments.config, command, &mut output),
        Command::Room(command) => room::run(&arguments.config, command, &mut output),
        Command::Share(command) => share::run(&arguments.config, command, &mut output),
        Command::List(command) => list::run(&arguments.config, command, &mut output),
        Command::Import(command) => import::run(&arguments.config, command, &mut output),
        Command::Export(command) => export::run(&arguments.config, command, &mut output),
        Command::Restore(command) => restore::run(&arguments.config, command, &mut output),
        Command::Team(command) => team::run(&arguments.config, command, &mut output),
        Command::CheckStore(command) => check_store::run(&arguments.config, command, &mut output),
        Command::Bench(command) => bench::run(command, &mut output),
        Command::Version(listing) => version::run(listing, &mut output),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

/// Reads the configuration and checks it.
pub(crate) fn load_config(path: &Path) -> Result<Config, Failure> {
    let bytes = std::fs::read(path)
        .map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
    parse_config(&bytes, path)
}

/// Checks the bytes of a configuration, or of what is to be one.
pub(crate) fn parse_config(bytes: &[u8], path: &Path) -> Result<Config, Failure> {
    let words = Vocabulary { is_capability: imap::is_capability };
    config::read_file(bytes, path, words).map_err(|problems| Failure::new(problems.to_string()))
}

/// Has a verb executed: by the daemon if one runs, else here.
fn request(config: &Path, request: Request) -> Result<Response, Failure> {
    let config = load_config(config)?;
    crate::control::request(&config, request)
}

/// Has a verb executed that answers nothing but that it was done.
fn perform(config: &Path, verb: Request) -> Result<(), Failure> {
    request(config, verb).map(|_| ())
}
