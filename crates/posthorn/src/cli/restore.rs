//! `posthorn restore …` (R-REST-2)

use std::path::Path;

use clap::Subcommand;

use super::bar::bar;
use super::output::yes;
use super::{Failure, Listing, Output, load_config, request};
use crate::admin::{
    CollectionStore, CollectionVerb, Request, Response, Restore, RestoreRow, RestoredRow,
};

#[derive(Subcommand)]
pub(super) enum Command {
    /// List the calendars and address books that are not what they were, deleted ones too.
    List {
        /// The account's address.
        account: String,
        /// When: 24h, 48h, 7d, 30d, or a date and time in the account's time zone.
        #[arg(long, default_value = "7d", value_name = "WHEN")]
        at: String,
        #[command(flatten)]
        listing: Listing,
    },
    /// Set a calendar back to what it was. Nobody is told of meetings that come back.
    Calendar(What),
    /// Set an address book back to what it was.
    Contacts(What),
}

#[derive(clap::Args)]
pub(super) struct What {
    /// The account's address.
    account: String,
    /// The calendar or address book; one that was deleted is made again.
    name: String,
    /// When: 24h, 48h, 7d, 30d, or a date and time in the account's time zone.
    #[arg(long, value_name = "WHEN")]
    at: String,
    /// Put what was there into another one, which is made if need be.
    #[arg(long, value_name = "NAME")]
    into: Option<String>,
    /// Bring back what was deleted, and leave everything else as it is.
    #[arg(long)]
    lost: bool,
    /// Say what would be done, and do nothing.
    #[arg(long)]
    dry_run: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(config: &Path, command: Command, output: &mut Output) -> Result<(), Failure> {
    match command {
        Command::List { account, at, listing } => list(config, &account, &at, listing, output),
        Command::Calendar(what) => restore(config, CollectionStore::Calendars, what, output),
        Command::Contacts(what) => restore(config, CollectionStore::Contacts, what, output),
    }
}

fn list(
    config: &Path,
    account: &str,
    at: &str,
    listing: Listing,
    output: &mut Output,
) -> Result<(), Failure> {
    let mut rows: Vec<RestoreRow> = Vec::new();
    for store in [CollectionStore::Calendars, CollectionStore::Contacts] {
        let verb = CollectionVerb::RestoreList { store, at: at.to_owned() };
        let asked = Request::Collections { account: account.to_owned(), verb };
        match request(config, asked)? {
            Response::Restorable(more) => rows.extend(more),
            _ => return Err(Failure::unexpected()),
        }
    }
    if listing.json {
        return output.json(&rows);
    }
    let rows = rows.into_iter().map(|row| {
        let kind = match row.store {
            CollectionStore::Calendars => "calendar",
            CollectionStore::Contacts => "address book",
        };
        let [lost, changed, new] = [row.lost, row.changed, row.new].map(|count| count.to_string());
        [kind.to_owned(), row.collection, yes(row.deleted), lost, changed, new]
    });
    output.table(["kind", "name", "deleted", "lost", "changed", "new"], rows)
}

fn restore(
    config: &Path,
    store: CollectionStore,
    what: What,
    output: &mut Output,
) -> Result<(), Failure> {
    let restore = Restore {
        store,
        collection: what.name,
        at: what.at,
        into: what.into,
        lost_only: what.lost,
        dry_run: what.dry_run,
    };
    let verb = CollectionVerb::Restore(restore);
    let request = Request::Collections { account: what.account, verb };
    let config = load_config(config)?;
    match crate::control::request_told(&config, request, bar("restoring"))? {
        Response::Restored(row) if what.json => output.json(&row),
        Response::Restored(row) => say(&row, output),
        _ => Err(Failure::unexpected()),
    }
}

fn say(row: &RestoredRow, output: &mut Output) -> Result<(), Failure> {
    for (mark, names) in [('+', &row.restored), ('-', &row.removed), ('!', &row.kept)] {
        for name in names {
            output.line(&format!("{mark} {name}"))?;
        }
    }
    let would = if row.done { "" } else { "would be " };
    let (restored, removed, kept) = (row.restored.len(), row.removed.len(), row.kept.len());
    output.line(&format!(
        "{} as of {}: {restored} {would}restored, {removed} {would}removed, {kept} left as they are",
        row.collection, row.at
    ))
}
