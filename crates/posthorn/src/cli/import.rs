//! `posthorn import …` (R-CAL-9, R-CARD-3)

use std::fs::File;
use std::io::Read;
use std::path::Path;

use clap::Subcommand;

use super::bar::bar;
use super::{Failure, Output, load_config};
use crate::admin::{
    CollectionVerb, FileBytes, FileFormat, Import, ImportFile, ImportedRow, Request, Response,
};

/// LIMIT: one byte more than all files may have: what is larger is refused, not cut off.
const FILE_BYTES: u64 = (50 << 20) + 1;
/// LIMIT: files of one import; with their names, they are one request.
const FILES_MAX: usize = 1_000;

#[derive(Subcommand)]
pub(super) enum Command {
    /// Import calendars: all of the files, or nothing of them. Nobody is invited.
    Ics {
        #[command(flatten)]
        what: What,
        /// The calendar; without it, the account's default one.
        #[arg(long, value_name = "NAME")]
        calendar: Option<String>,
    },
    /// Import vCards of any version: all of the files, or nothing of them.
    Vcf {
        #[command(flatten)]
        what: What,
        /// The address book; without it, the account's default one.
        #[arg(long, value_name = "NAME")]
        book: Option<String>,
    },
    /// Import tables as Outlook, Google, Thunderbird, Yahoo, Proton and macOS export contacts.
    ContactsCsv {
        #[command(flatten)]
        what: What,
        /// The address book; without it, the account's default one.
        #[arg(long, value_name = "NAME")]
        book: Option<String>,
    },
}

#[derive(clap::Args)]
pub(super) struct What {
    /// The account's address.
    account: String,
    /// The files; `-` is standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,
    /// Make the calendar or address book, which must not be there yet.
    #[arg(long)]
    new: bool,
    /// Put what is in the files in the place of what has the same UID.
    #[arg(long)]
    replace: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(config: &Path, command: Command, output: &mut Output) -> Result<(), Failure> {
    let (what, collection, format) = match command {
        Command::Ics { what, calendar } => (what, calendar, FileFormat::Calendar),
        Command::Vcf { what, book } => (what, book, FileFormat::Cards),
        Command::ContactsCsv { what, book } => (what, book, FileFormat::Table),
    };
    if what.new && collection.is_none() {
        return Err(Failure::Usage("--new needs the name of what is to be made".to_owned()));
    }
    let files = read(&what.files)?;
    let import = Import { format, files, collection, make: what.new, replace: what.replace };
    let verb = CollectionVerb::Import(import);
    let request = Request::Collections { account: what.account, verb };
    let config = load_config(config)?;
    match crate::control::request_told(&config, request, bar("importing"))? {
        Response::Imported(row) if what.json => output.json(&row),
        Response::Imported(row) => say(&row, output),
        _ => Err(Failure::unexpected()),
    }
}

fn say(row: &ImportedRow, output: &mut Output) -> Result<(), Failure> {
    output.line(&told(row))?;
    match row.ignored.is_empty() {
        true => Ok(()),
        false => output.line(&format!("not understood: {}", row.ignored.join(", "))),
    }
}

/// What became of the objects.
fn told(row: &ImportedRow) -> String {
    let mut line = format!("{}: {} added", row.collection, row.added);
    if row.replaced > 0 {
        line.push_str(&format!(", {} replaced", row.replaced));
    }
    if !row.duplicates.is_empty() {
        line.push_str(&format!(", {} duplicates left out", row.duplicates.len()));
    }
    if !row.refused.is_empty() {
        let count = row.refused.len();
        line.push_str(&format!(", {count} left out, the room has something else then"));
    }
    match row.empty {
        0 => {}
        1 => line.push_str(", 1 row left out that is nobody"),
        count => line.push_str(&format!(", {count} rows left out that are nobody")),
    }
    line
}

fn read(names: &[String]) -> Result<Vec<ImportFile>, Failure> {
    if names.len() > FILES_MAX {
        return Err(Failure::Usage(format!("more than {FILES_MAX} files")));
    }
    let (mut files, mut left) = (Vec::new(), FILE_BYTES);
    for name in names {
        let named = |error: std::io::Error| Failure::new(format!("{name}: {error}"));
        let mut bytes = Vec::new();
        let read = match name.as_str() {
            "-" => std::io::stdin().take(left).read_to_end(&mut bytes),
            path => File::open(path).and_then(|file| file.take(left).read_to_end(&mut bytes)),
        };
        left = left.saturating_sub(read.map_err(named)? as u64);
        files.push(ImportFile { name: name.clone(), bytes: FileBytes(bytes) });
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_left_out_is_told_with_its_reason() {
        let uids = |count: usize| vec!["x".to_owned(); count];
        let row = |replaced, duplicates, refused, empty| ImportedRow {
            collection: "personal".to_owned(),
            added: 1,
            replaced,
            duplicates: uids(duplicates),
            refused: uids(refused),
            empty,
            ignored: Vec::new(),
        };
        for (row, line) in [
            (row(0, 0, 0, 0), "personal: 1 added"),
            (row(0, 0, 0, 1), "personal: 1 added, 1 row left out that is nobody"),
            (row(0, 0, 0, 2), "personal: 1 added, 2 rows left out that are nobody"),
            (row(2, 3, 0, 0), "personal: 1 added, 2 replaced, 3 duplicates left out"),
            (row(0, 0, 4, 0), "personal: 1 added, 4 left out, the room has something else then"),
        ] {
            assert_eq!(told(&row), line);
        }
    }
}
