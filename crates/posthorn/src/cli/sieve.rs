//! `posthorn sieve …`

use std::io::Read;
use std::path::Path;

use clap::Subcommand;

use super::output::yes;
use super::{Failure, Listing, Output, perform, request};
use crate::admin::{Request, Response, SieveVerb, ValueListVerb};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Check a script and keep it, in place of the one of its name.
    Put {
        /// The account's primary address.
        account: String,
        /// The script's name.
        name: String,
        /// The file; `-` or nothing is standard input.
        file: Option<String>,
    },
    /// Print a script.
    Get {
        /// The account's primary address.
        account: String,
        /// The script's name.
        name: String,
    },
    /// List the scripts of an account.
    List {
        /// The account's primary address.
        account: String,
        #[command(flatten)]
        listing: Listing,
    },
    /// Make a script the one that runs on each message that arrives.
    Activate {
        /// The account's primary address.
        account: String,
        /// The script's name.
        name: String,
    },
    /// Run no script any more.
    Deactivate {
        /// The account's primary address.
        account: String,
    },
    /// Remove a script that is not active.
    Remove {
        /// The account's primary address.
        account: String,
        /// The script's name.
        name: String,
    },
    /// Say what is wrong with a script: with the one that is kept, or with a file.
    Check {
        /// The account's primary address.
        account: String,
        /// The script's name; without a file, the one that is kept.
        name: Option<String>,
        /// The file; without a name either, standard input.
        file: Option<String>,
    },
    /// Lists of values that scripts ask about (`:list "urn:…"`, RFC 6134).
    #[command(subcommand)]
    Values(Values),
    /// Filter by a list of simple rules, which is kept as a script.
    #[command(subcommand)]
    Rules(Rules),
}

#[derive(Subcommand)]
pub(super) enum Values {
    /// Keep a list, in place of the one of its name.
    Put {
        /// The account's primary address; `*`: for the scripts of everybody.
        account: String,
        /// The list's name: `tag:…` or `urn:…`.
        name: String,
        /// The file, one value a line; `-` or nothing is standard input.
        file: Option<String>,
    },
    /// Print the values of a list.
    Get {
        /// The account's primary address, or `*`.
        account: String,
        /// The list's name.
        name: String,
    },
    /// List the lists.
    List {
        /// The account's primary address, or `*`.
        account: String,
        #[command(flatten)]
        listing: Listing,
    },
    /// Remove a list.
    Remove {
        /// The account's primary address, or `*`.
        account: String,
        /// The list's name.
        name: String,
    },
}

/// The script that is meant where none is named.
const RULES: &str = "rules";

#[derive(Subcommand)]
pub(super) enum Rules {
    /// Print the list of rules that a script was made of, in JSON.
    Get {
        /// The account's primary address.
        account: String,
        /// The script's name.
        #[arg(default_value = RULES)]
        name: String,
    },
    /// Keep a list of rules, in JSON as `get` prints it, as a script.
    Put {
        /// The account's primary address.
        account: String,
        /// The script's name.
        #[arg(long, default_value = RULES)]
        name: String,
        /// The file; `-` or nothing is standard input.
        file: Option<String>,
        /// Give up the script of this name, though a person wrote it.
        #[arg(long)]
        force: bool,
    },
}

fn run_values(config: &Path, command: Values, output: &mut Output) -> Result<(), Failure> {
    let ask = |account: String, verb| request(config, Request::ValueList { account, verb });
    let done = |account: String, verb| perform(config, Request::ValueList { account, verb });
    match command {
        Values::Put { account, name, file } => {
            let text = read_text(file.as_deref())?;
            let values = text.lines().map(str::to_owned).collect();
            done(account, ValueListVerb::Put { name, values })
        }
        Values::Get { account, name } => match ask(account, ValueListVerb::Get { name })? {
            Response::Text(text) => output.text(&text),
            _ => Err(Failure::unexpected()),
        },
        Values::List { account, listing } => {
            let Response::ValueLists(lists) = ask(account, ValueListVerb::List)? else {
                return Err(Failure::unexpected());
            };
            if listing.json {
                return output.json(&lists);
            }
            let rows = lists.into_iter().map(|row| [row.name, row.values.to_string()]);
            output.table(["list", "values"], rows)
        }
        Values::Remove { account, name } => done(account, ValueListVerb::Remove { name }),
    }
}

pub(super) fn run(config: &Path, command: Command, output: &mut Output) -> Result<(), Failure> {
    let ask = |account: String, verb| request(config, Request::Sieve { account, verb });
    let done = |account: String, verb| perform(config, Request::Sieve { account, verb });
    match command {
        Command::Put { account, name, file } => {
            let text = read_text(file.as_deref())?;
            done(account, SieveVerb::Put { name, text })
        }
        Command::Get { account, name } => match ask(account, SieveVerb::Get { name })? {
            Response::Text(text) => output.text(&text),
            _ => Err(Failure::unexpected()),
        },
        Command::List { account, listing } => {
            let Response::Scripts(scripts) = ask(account, SieveVerb::List)? else {
                return Err(Failure::unexpected());
            };
            if listing.json {
                return output.json(&scripts);
            }
            let rows = scripts.into_iter().map(|row| {
                let size = super::output::size(row.size_bytes);
                [row.name, yes(row.active), size, yes(row.of_rules)]
            });
            output.table(["script", "active", "size", "rules"], rows)
        }
        Command::Activate { account, name } => {
            done(account, SieveVerb::Activate { name: Some(name) })
        }
        Command::Deactivate { account } => done(account, SieveVerb::Activate { name: None }),
        Command::Remove { account, name } => done(account, SieveVerb::Remove { name }),
        Command::Check { account, name, file } => {
            let text = match (name, file) {
                (Some(name), None) => match ask(account.clone(), SieveVerb::Get { name })? {
                    Response::Text(text) => text,
                    _ => return Err(Failure::unexpected()),
                },
                (_, file) => read_text(file.as_deref())?,
            };
            done(account, SieveVerb::Check { text })?;
            output.line("ok")
        }
        Command::Values(command) => run_values(config, command, output),
        Command::Rules(Rules::Get { account, name }) => {
            match ask(account, SieveVerb::Rules { name })? {
                Response::Rules(rules) => output.json(&rules),
                _ => Err(Failure::unexpected()),
            }
        }
        Command::Rules(Rules::Put { account, name, file, force }) => {
            let rules = serde_json::from_str(&read_text(file.as_deref())?)
                .map_err(|error| Failure::new(format!("this is no list of rules: {error}")))?;
            done(account, SieveVerb::PutRules { name, rules, force })
        }
    }
}

/// LIMIT: bytes of a file that is read; a script or a text of a responder is smaller.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// A file, or standard input.
pub(super) fn read_text(file: Option<&str>) -> Result<String, Failure> {
    let named = |name: &str, error: std::io::Error| Failure::new(format!("{name}: {error}"));
    let mut text = String::new();
    match file {
        None | Some("-") => {
            let mut input = std::io::stdin().take(FILE_BYTES_MAX + 1);
            input.read_to_string(&mut text).map_err(|error| named("standard input", error))?;
        }
        Some(path) => {
            let file = std::fs::File::open(path).map_err(|error| named(path, error))?;
            let mut input = file.take(FILE_BYTES_MAX + 1);
            input.read_to_string(&mut text).map_err(|error| named(path, error))?;
        }
    }
    match text.len() as u64 > FILE_BYTES_MAX {
        // What is cut off would be missed by nobody until it mattered.
        true => Err(Failure::new(format!("at most {FILE_BYTES_MAX} bytes are read"))),
        false => Ok(text),
    }
}
