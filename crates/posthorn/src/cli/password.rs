//! Where a password comes from: standard input or a terminal, never the arguments.

use std::io::{self, IsTerminal, Read};

use super::Failure;
use crate::admin::Password;

/// LIMIT: nobody's password is longer, and a file given by mistake is not read whole.
const PASSWORD_BYTES_MAX: u64 = 1024;

/// How a command is told a password.
#[derive(clap::Args, Clone, Copy)]
pub(super) struct Source {
    /// Read the password from the first line of standard input instead of asking for it.
    #[arg(long)]
    password_stdin: bool,
}

impl Source {
    /// Reads the password.
    pub(super) fn read(self) -> Result<Password, Failure> {
        if self.password_stdin { from_stdin(io::stdin()) } else { ask() }
    }
}

fn from_stdin(stdin: impl Read) -> Result<Password, Failure> {
    let mut text = String::new();
    stdin
        .take(PASSWORD_BYTES_MAX + 2)
        .read_to_string(&mut text)
        .map_err(|error| Failure::new(format!("standard input: {error}")))?;
    let line = text.split('\n').next().unwrap_or_default();
    let password = line.strip_suffix('\r').unwrap_or(line);
    if password.is_empty() {
        return Err(Failure::new("standard input holds no password"));
    }
    if password.len() as u64 > PASSWORD_BYTES_MAX {
        let text = format!("a password may have at most {PASSWORD_BYTES_MAX} bytes");
        return Err(Failure::new(text));
    }
    Ok(Password::new(password))
}

fn ask() -> Result<Password, Failure> {
    if !io::stdin().is_terminal() {
        let text = "there is no terminal to ask for the password on; use --password-stdin";
        return Err(Failure::Usage(text.to_owned()));
    }
    let first = rpassword::prompt_password("Password: ")?;
    let second = rpassword::prompt_password("Once more: ")?;
    if first != second {
        return Err(Failure::new("the two passwords differ"));
    }
    if first.is_empty() {
        return Err(Failure::new("no password was typed"));
    }
    Ok(Password::new(&first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_without_its_end_is_the_password() {
        for (input, password) in [
            ("secret", Some("secret")),
            ("secret\n", Some("secret")),
            ("secret\r\n", Some("secret")),
            (" with space \nmore\n", Some(" with space ")),
            ("", None),
            ("\n", None),
        ] {
            let read = from_stdin(input.as_bytes()).ok();
            assert_eq!(read.as_ref().map(Password::expose), password, "{input:?}");
        }
        assert!(from_stdin("x".repeat(1025).as_bytes()).is_err());
    }
}
