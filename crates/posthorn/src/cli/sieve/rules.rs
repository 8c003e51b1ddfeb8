//! `posthorn sieve rules …`

use std::path::Path;

use clap::Subcommand;

use crate::admin::{Request, Response, SieveVerb};
use crate::cli::input::read_text;
use crate::cli::{Failure, Output, perform, request};

/// The script that is meant where none is named.
const RULES: &str = "rules";

#[derive(Subcommand)]
pub(in crate::cli) enum Command {
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

pub(super) fn run(config: &Path, command: Command, output: &mut Output) -> Result<(), Failure> {
    match command {
        Command::Get { account, name } => {
            let verb = SieveVerb::Rules { name };
            match request(config, Request::Sieve { account, verb })? {
                Response::Rules(rules) => output.json(&rules),
                _ => Err(Failure::unexpected()),
            }
        }
        Command::Put { account, name, file, force } => {
            let rules = serde_json::from_str(&read_text(file.as_deref())?)
                .map_err(|error| Failure::new(format!("this is no list of rules: {error}")))?;
            let verb = SieveVerb::PutRules { name, rules, force };
            perform(config, Request::Sieve { account, verb })
        }
    }
}
