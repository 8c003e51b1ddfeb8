//! `posthorn export …` (R-CAL-9, R-CARD-3)

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::{Subcommand, ValueEnum};
use ical::{Card, CardVersion, JoinedCalendar, Limits};

use super::bar::bar;
use super::{Failure, Output, load_config};
use crate::admin::{CollectionStore, CollectionVerb, ExportedPage, Request, Response, Step};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Write calendars as .ics.
    Calendar {
        /// The account's address.
        account: String,
        /// The calendars; without any, the default one.
        names: Vec<String>,
        #[command(flatten)]
        target: Target,
    },
    /// Write address books as vCards or as a table.
    Contacts {
        /// The account's address.
        account: String,
        /// The address books; without any, the default one.
        names: Vec<String>,
        /// How.
        #[arg(long, value_enum, default_value_t = Format::Vcard)]
        format: Format,
        /// All cards in this version, 3.0 or 4.0; without it, each as it was stored.
        #[arg(long, value_parser = version)]
        version: Option<CardVersion>,
        #[command(flatten)]
        target: Target,
    },
}

/// Where it goes.
#[derive(clap::Args)]
pub(super) struct Target {
    /// The file; without it, standard output.
    #[arg(long, value_name = "FILE", conflicts_with = "directory")]
    output: Option<PathBuf>,
    /// A folder that gets one file for each.
    #[arg(long, value_name = "DIR")]
    directory: Option<PathBuf>,
    /// All that the account has.
    #[arg(long, requires = "directory", conflicts_with = "names")]
    all: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// RFC 6350, RFC 2426
    Vcard,
    /// With the columns of Google Contacts, which nearly every program reads.
    Csv,
}

/// What is written, and how.
#[derive(Clone, Copy)]
enum Kind {
    Calendar,
    Cards(Option<CardVersion>),
    Table,
}

impl Kind {
    fn store(self) -> CollectionStore {
        match self {
            Self::Calendar => CollectionStore::Calendars,
            Self::Cards(_) | Self::Table => CollectionStore::Contacts,
        }
    }

    fn extension(self) -> &'static str {
        match self {
            Self::Calendar => "ics",
            Self::Cards(_) => "vcf",
            Self::Table => "csv",
        }
    }
}

fn version(text: &str) -> Result<CardVersion, String> {
    CardVersion::find(text).ok_or_else(|| "vCards are of version 3.0 or 4.0".to_owned())
}

pub(super) fn run(config: &Path, command: Command, output: &mut Output) -> Result<(), Failure> {
    let (account, names, target, kind) = match command {
        Command::Calendar { account, names, target } => (account, names, target, Kind::Calendar),
        Command::Contacts { account, names, format, version, target } => match format {
            Format::Vcard => (account, names, target, Kind::Cards(version)),
            Format::Csv => (account, names, target, Kind::Table),
        },
    };
    let export = Export { config: load_config(config)?, account, kind };
    let names = match target.all {
        true => export.all()?,
        false => names,
    };
    match (target.directory, target.output) {
        (Some(directory), _) => {
            let names: Vec<Option<String>> = match names.is_empty() && !target.all {
                true => vec![None],
                false => names.into_iter().map(Some).collect(),
            };
            names.into_iter().try_for_each(|name| export.write_into(&directory, name, output))
        }
        (None, _) if names.len() > 1 => {
            Err(Failure::Usage("several go into files of their own: --directory".to_owned()))
        }
        (None, Some(path)) => export.write_file(&path, names.into_iter().next()),
        (None, None) => export.write_to(std::io::stdout().lock(), names.into_iter().next()),
    }
}

struct Export {
    config: config::Config,
    account: String,
    kind: Kind,
}

impl Export {
    fn ask(&self, verb: CollectionVerb) -> Result<Response, Failure> {
        let request = Request::Collections { account: self.account.clone(), verb };
        crate::control::request(&self.config, request)
    }

    fn all(&self) -> Result<Vec<String>, Failure> {
        match self.ask(CollectionVerb::Names { store: self.kind.store() })? {
            Response::Names(names) => Ok(names),
            _ => Err(Failure::unexpected()),
        }
    }

    fn page(&self, name: Option<&str>, after: Option<String>) -> Result<ExportedPage, Failure> {
        let collection = name.map(str::to_owned);
        let store = self.kind.store();
        match self.ask(CollectionVerb::Export { store, collection, after })? {
            Response::Exported(page) => Ok(page),
            _ => Err(Failure::unexpected()),
        }
    }

    fn write_into(
        &self,
        directory: &Path,
        name: Option<String>,
        output: &mut Output,
    ) -> Result<(), Failure> {
        let first = self.page(name.as_deref(), None)?;
        std::fs::create_dir_all(directory)?;
        let path = directory.join(format!("{}.{}", first.collection, self.kind.extension()));
        self.write_file(&path, Some(first.collection))?;
        output.line(&path.display().to_string())
    }

    /// What was there before is replaced only by a whole export.
    fn write_file(&self, path: &Path, name: Option<String>) -> Result<(), Failure> {
        let named = |error: std::io::Error| Failure::new(format!("{}: {error}", path.display()));
        let mut partial = path.as_os_str().to_owned();
        partial.push(".part");
        let partial = PathBuf::from(partial);
        let file = File::create(&partial).map_err(named)?;
        let written = self.write_to(BufWriter::new(file), name);
        match written {
            Ok(()) => std::fs::rename(&partial, path).map_err(named),
            Err(failure) => {
                // Nobody can use half of it.
                let _ = std::fs::remove_file(&partial);
                Err(failure)
            }
        }
    }

    fn write_to(&self, mut sink: impl Write, name: Option<String>) -> Result<(), Failure> {
        let mut page = self.page(name.as_deref(), None)?;
        let name = page.collection.clone();
        let tell = bar("exporting");
        let mut frame = Frame::new(self.kind, &page);
        let mut done = 0;
        loop {
            for object in &page.objects {
                sink.write_all(&frame.add(object.as_bytes()))?;
            }
            done += page.objects.len() as u64;
            // What comes and goes meanwhile changes the count.
            tell(Step { done, of: page.next.as_ref().map_or(done, |_| page.count.max(done + 1)) });
            let Some(next) = page.next.take() else { break };
            page = self.page(Some(&name), Some(next))?;
        }
        sink.write_all(&frame.end())?;
        Ok(sink.flush()?)
    }
}

/// What objects are put into.
enum Frame {
    Calendar(JoinedCalendar),
    Cards(Option<CardVersion>),
    Table(Vec<Card>),
}

impl Frame {
    fn new(kind: Kind, page: &ExportedPage) -> Self {
        match kind {
            Kind::Cards(version) => Self::Cards(version),
            Kind::Table => Self::Table(Vec::new()),
            Kind::Calendar => {
                let mut calendar = JoinedCalendar::new("-//Posthorn//EN");
                calendar.name(page.display_name.as_ref().unwrap_or(&page.collection));
                if let Some(text) = &page.description {
                    calendar.description(text);
                }
                if let Some(color) = &page.color {
                    calendar.color(color);
                }
                Self::Calendar(calendar)
            }
        }
    }

    /// What can be written already.
    fn add(&mut self, object: &[u8]) -> Vec<u8> {
        match self {
            Self::Calendar(calendar) => {
                calendar.add(object);
                calendar.take()
            }
            Self::Cards(None) => object.to_vec(),
            Self::Cards(Some(version)) => match Card::parse(object, &Limits::default()) {
                Ok(card) => card.in_version(*version).into_component().render(),
                Err(_) => object.to_vec(),
            },
            Self::Table(cards) => {
                cards.extend(Card::parse(object, &Limits::default()));
                Vec::new()
            }
        }
    }

    fn end(self) -> Vec<u8> {
        match self {
            Self::Calendar(calendar) => calendar.end(),
            Self::Cards(_) => Vec::new(),
            Self::Table(cards) => ical::csv_of_contacts(cards),
        }
    }
}
