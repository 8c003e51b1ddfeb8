//! What the verbs on calendars and address books ask for and answer.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What is done with calendars or address books of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum CollectionVerb {
    Import(Import),
    /// A page of what is in one; its name, `None`: the default.
    Export {
        store: Store,
        collection: Option<String>,
        after: Option<String>,
    },
    Names {
        store: Store,
    },
    /// Lists what a restore to this instant would bring back, by collection.
    RestoreList {
        store: Store,
        at: String,
    },
    Restore(Restore),
}

/// Which sort of collections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Store {
    Calendars,
    Contacts,
}

/// The format of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum FileFormat {
    Calendar,
    Cards,
    Table,
}

/// Files of one format and where they go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Import {
    pub(crate) format: FileFormat,
    pub(crate) files: Vec<ImportFile>,
    /// `None`: the default.
    pub(crate) collection: Option<String>,
    /// Whether it is to be made.
    pub(crate) make: bool,
    /// Whether what is in the files takes the place of what has its UID.
    pub(crate) replace: bool,
}

/// One of several files, with the name by which it is told what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ImportFile {
    pub(crate) name: String,
    pub(crate) bytes: FileBytes,
}

/// Bytes of a file, in base64 on their way; nothing of them is in a log.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct FileBytes(pub(crate) Vec<u8>);

impl fmt::Debug for FileBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl Serialize for FileBytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for FileBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        STANDARD.decode(text.as_bytes()).map(Self).map_err(D::Error::custom)
    }
}

/// The outcome of an import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ImportedRow {
    pub(crate) collection: String,
    pub(crate) added: u64,
    pub(crate) replaced: u64,
    /// UIDs that were there and stayed as they were.
    pub(crate) duplicates: Vec<String>,
    /// UIDs that were left out because the room has something else then.
    pub(crate) refused: Vec<String>,
    /// Rows of a table that name and reach nobody.
    pub(crate) empty: u64,
    /// Columns or components that mean nothing here.
    pub(crate) ignored: Vec<String>,
}

/// One page of the objects of a collection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ExportedPage {
    pub(crate) collection: String,
    pub(crate) display_name: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) color: Option<String>,
    /// How many there are in all.
    pub(crate) count: u64,
    pub(crate) objects: Vec<String>,
    /// Behind what the next page begins; `None`: there is none.
    pub(crate) next: Option<String>,
}

/// A collection to be set back to an earlier state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Restore {
    pub(crate) store: Store,
    pub(crate) collection: String,
    /// To what it was then: `24h`, `7d`, or a date and time.
    pub(crate) at: String,
    /// Another collection that gets what was there, which is made if need be.
    pub(crate) into: Option<String>,
    /// Only what is gone comes back; what came since or changed stays.
    pub(crate) lost_only: bool,
    pub(crate) dry_run: bool,
}

/// What a restore would change in one collection: counts of objects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RestoreRow {
    pub(crate) store: Store,
    pub(crate) collection: String,
    /// Whether the whole collection was deleted.
    pub(crate) deleted: bool,
    pub(crate) lost: u64,
    pub(crate) changed: u64,
    pub(crate) new: u64,
}

/// The outcome of a restore; of a dry run, what it would be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RestoredRow {
    pub(crate) collection: String,
    /// The instant that it is set back to.
    pub(crate) at: String,
    pub(crate) restored: Vec<String>,
    pub(crate) removed: Vec<String>,
    /// Stayed as they are: they changed meanwhile, or another has their UID.
    pub(crate) kept: Vec<String>,
    pub(crate) done: bool,
}
