//! `posthorn responder …`

use std::path::Path;

use clap::{Args, Subcommand};

use super::input::read_text;
use super::output::yes;
use super::{Failure, Listing, Output, request};
use crate::admin::{Request, ResponderChange, ResponderRow, ResponderVerb, Response};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Save an out-of-office message. It does not answer before it is activated.
    Add {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        parts: Parts,
    },
    /// Change one; whom it answered is remembered.
    Edit {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        parts: Parts,
    },
    /// List the responders of an account.
    List {
        /// The account's primary address.
        account: String,
        #[command(flatten)]
        listing: Listing,
    },
    /// Show a responder.
    Show {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        listing: Listing,
    },
    /// Make a responder the one that answers.
    Activate {
        #[command(flatten)]
        which: Which,
    },
    /// Answer no more.
    Deactivate {
        /// The account's primary address.
        account: String,
        /// Only if this is the one that answers.
        name: Option<String>,
    },
    /// Forget whom a responder answered.
    Reset {
        #[command(flatten)]
        which: Which,
    },
    /// Remove a responder.
    Remove {
        #[command(flatten)]
        which: Which,
    },
}

#[derive(Args)]
pub(super) struct Which {
    /// The account's primary address.
    account: String,
    /// The responder's name.
    name: String,
}

#[derive(Args)]
pub(super) struct Parts {
    /// The subject; without one, it is made of that of the message.
    #[arg(long)]
    subject: Option<String>,
    /// A file with the text; `-` is standard input.
    #[arg(long, value_name = "FILE")]
    text_file: Option<String>,
    /// A file with the text in HTML.
    #[arg(long, value_name = "FILE")]
    html_file: Option<String>,
    /// From when on it answers, such as 2026-07-01 or 2026-07-01T08:00, on the account's clock.
    /// Empty: since ever.
    #[arg(long, value_name = "DATE")]
    from_date: Option<String>,
    /// Until when, that day or minute included. Empty: for ever.
    #[arg(long, value_name = "DATE")]
    until_date: Option<String>,
    /// On which days, such as mon,tue.
    #[arg(long, value_name = "DAYS")]
    weekdays: Option<String>,
    /// Another address that answers come from, once that address agreed. Empty: the account's.
    #[arg(long, value_name = "ADDRESS")]
    sender: Option<String>,
    /// The other address is known to agree.
    #[arg(long, requires = "sender")]
    sender_confirmed: bool,
    /// An address or @domain that gets no answer; the option may stand several times, and
    /// replaces those there were.
    #[arg(long, value_name = "ADDRESS|@DOMAIN")]
    exclude: Vec<String>,
}

impl Parts {
    fn read(self) -> Result<ResponderChange, Failure> {
        let read = |file: Option<String>| file.map(|file| read_text(Some(&file))).transpose();
        Ok(ResponderChange {
            subject: self.subject,
            text: read(self.text_file)?,
            html: read(self.html_file)?,
            from: self.from_date,
            until: self.until_date,
            weekdays: self.weekdays,
            sender: self.sender,
            sender_confirmed: self.sender_confirmed,
            excluded: self.exclude,
        })
    }
}

pub(super) fn run(config: &Path, command: Command, output: &mut Output) -> Result<(), Failure> {
    let ask = |account: String, verb| request(config, Request::Responder { account, verb });
    let answer = match command {
        Command::Add { which: Which { account, name }, parts } => {
            ask(account, ResponderVerb::Add { name, change: parts.read()? })?
        }
        Command::Edit { which: Which { account, name }, parts } => {
            ask(account, ResponderVerb::Edit { name, change: parts.read()? })?
        }
        Command::Activate { which: Which { account, name } } => {
            ask(account, ResponderVerb::Activate { name })?
        }
        Command::Deactivate { account, name } => ask(account, ResponderVerb::Deactivate { name })?,
        Command::Reset { which: Which { account, name } } => {
            ask(account, ResponderVerb::Reset { name })?
        }
        Command::Remove { which: Which { account, name } } => {
            ask(account, ResponderVerb::Remove { name })?
        }
        Command::List { account, listing } => {
            let Response::Responders(found) = ask(account, ResponderVerb::List)? else {
                return Err(Failure::unexpected());
            };
            return list(found, listing, output);
        }
        Command::Show { which: Which { account, name }, listing } => {
            let Response::Responders(found) = ask(account, ResponderVerb::List)? else {
                return Err(Failure::unexpected());
            };
            let row = found.into_iter().find(|row| row.name == name);
            let row =
                row.ok_or_else(|| Failure::new(format!("{name}: there is no such responder")))?;
            return show(&row, listing, output);
        }
    };
    match answer {
        Response::Done => Ok(()),
        Response::Text(text) => output.text(&text),
        _ => Err(Failure::unexpected()),
    }
}

fn list(found: Vec<ResponderRow>, listing: Listing, output: &mut Output) -> Result<(), Failure> {
    if listing.json {
        return output.json(&found);
    }
    let rows = found.into_iter().map(|row| {
        let [from, until] = [row.from, row.until].map(Option::unwrap_or_default);
        [row.name, yes(row.active), from, until, row.weekdays]
    });
    output.table(["responder", "active", "from", "until", "weekdays"], rows)
}

fn show(row: &ResponderRow, listing: Listing, output: &mut Output) -> Result<(), Failure> {
    if listing.json {
        return output.json(row);
    }
    let or_none = |text: &Option<String>| text.clone().unwrap_or_default();
    for (label, value) in [
        ("name", row.name.clone()),
        ("active", yes(row.active)),
        ("subject", row.subject.clone()),
        ("from", or_none(&row.from)),
        ("until", or_none(&row.until)),
        ("weekdays", row.weekdays.clone()),
        ("sender", or_none(&row.sender)),
        ("excluded", row.excluded.join(" ")),
    ] {
        output.line(format!("{label:9} {value}").trim_end())?;
    }
    output.text(&format!("\n{}\n", row.text))
}
