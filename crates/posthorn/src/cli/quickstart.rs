//! `posthorn quickstart`

use std::path::PathBuf;

use super::{Failure, Output};
use crate::admin::Password;
use crate::quickstart::{self, Wish};

/// Where the highest of the standard ports, that of ManageSieve, still has a number.
const PORT_BASE_MAX: i64 = 65_535 - 4190;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Where everything is kept. What is there already is gone on with.
    #[arg(long, value_name = "DIR", default_value = "posthorn-data")]
    dir: PathBuf,
    /// Serve each protocol on this number plus its standard port [default: 10000].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(..=PORT_BASE_MAX))]
    port_base: Option<u16>,
    /// The domain to receive mail for [default: example.test].
    #[arg(long, value_name = "D")]
    domain: Option<String>,
    /// An account to make. Without any, one is made and its password is printed.
    #[arg(long = "account", value_name = "ADDRESS:PASSWORD", value_parser = parse_account)]
    accounts: Vec<(String, Password)>,
}

pub(super) fn run(arguments: Arguments, output: &mut Output) -> Result<(), Failure> {
    let Arguments { dir, port_base, domain, accounts } = arguments;
    quickstart::run(Wish { directory: dir, port_base, domain, accounts }, output)
}

fn parse_account(text: &str) -> Result<(String, Password), String> {
    // A colon in a local part would have to be quoted; in a password it is common.
    match text.split_once(':') {
        Some((address, password)) if address.contains('@') && !password.is_empty() => {
            Ok((address.to_owned(), Password::new(password)))
        }
        // The text may hold a password, so it is not repeated.
        _ => Err("write it as ADDRESS:PASSWORD, such as julie@example.test:secret".to_owned()),
    }
}
