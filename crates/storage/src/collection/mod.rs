//! Calendars, address books, schedule inboxes and folders: what holds objects.
//!
//! **Invariants:** a collection has one name in one home of one account; its highest modification
//! sequence is not below that of any of its objects; whoever acts for somebody else has the right
//! to, or is answered as if there were no such collection.

mod acl;
mod create;
mod defaults;
mod delete;
mod guest;
mod home_view;
mod invite;
mod listing;
mod me_card;
mod name;
mod outside_letter;
mod outsider;
mod properties;
mod proxy;
mod publish;
mod rename;
mod share;
#[cfg(test)]
mod tests;

use ids::{AccountId, CollectionId, ModSeq, Timestamp};

pub use create::NewCollection;
pub use guest::Guest;
pub use home_view::{HomeChange, HomeChanges, HomeLook, HomeMember, HomeView};
pub use invite::{Invite, ShareNews, ShareNotice, ShareNotices, ShareState};
pub use name::{CollectionName, ObjectName};
pub use outside_letter::{ShareLetter, ShareLetterNews};
pub use outsider::Outsider;
pub(crate) use outsider::{FIRST as TEAM_NUMBERS_FIRST, is_outsider};
pub use properties::{CollectionChange, DeadProperty};
pub use proxy::Proxy;
pub use rename::CopyDepth;
pub use share::{CollectionRights, CollectionShare};

use crate::directory::book;
use crate::sql::{Row, Value};
use crate::{ReadTx, Result, StorageError};

/// Where collections of one sort stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Home {
    /// Calendars, the schedule inbox, and notifications.
    Calendars,
    /// The home of address books.
    AddressBooks,
    /// The home of files and folders.
    Files,
}

impl Home {
    pub(crate) const fn column(self) -> i64 {
        match self {
            Self::Calendars => 1,
            Self::AddressBooks => 2,
            Self::Files => 3,
        }
    }

    pub(crate) fn from_column(column: i64) -> Result<Self> {
        match column {
            1 => Ok(Self::Calendars),
            2 => Ok(Self::AddressBooks),
            3 => Ok(Self::Files),
            _ => Err(StorageError::Corrupt("a collection in an unknown home".to_owned())),
        }
    }
}

/// The kinds of collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CollectionKind {
    /// RFC 4791 §4.2.
    Calendar,
    /// RFC 6352 §5.2.
    AddressBook,
    /// RFC 6638 §2.2.
    Inbox,
    /// A folder, which holds files of any kind.
    Folder,
    /// The notifications that tell an account about sharing (calendarserver-notifications draft).
    Notifications,
}

impl CollectionKind {
    pub(crate) const fn column(self) -> i64 {
        match self {
            Self::Calendar => 1,
            Self::AddressBook => 2,
            Self::Inbox => 3,
            Self::Folder => 4,
            Self::Notifications => 5,
        }
    }

    fn from_column(column: i64) -> Result<Self> {
        match column {
            1 => Ok(Self::Calendar),
            2 => Ok(Self::AddressBook),
            3 => Ok(Self::Inbox),
            4 => Ok(Self::Folder),
            5 => Ok(Self::Notifications),
            _ => Err(StorageError::Corrupt("a collection of unknown kind".to_owned())),
        }
    }

    /// Whether it is between the server and its owner alone, or whoever acts for them: the server
    /// makes it and fills it.
    pub fn is_private(self) -> bool {
        match self {
            Self::Inbox | Self::Notifications => true,
            Self::Calendar | Self::AddressBook | Self::Folder => false,
        }
    }

    /// The home that collections of this kind are in.
    pub fn home(self) -> Home {
        match self {
            Self::Calendar | Self::Inbox | Self::Notifications => Home::Calendars,
            Self::AddressBook => Home::AddressBooks,
            Self::Folder => Home::Files,
        }
    }
}

/// Kinds of calendar components, as a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Components(u8);

impl Components {
    const NAMES: [(&'static str, u8); 6] = [
        ("VEVENT", 1),
        ("VTODO", 2),
        ("VJOURNAL", 4),
        ("VFREEBUSY", 8),
        ("VPOLL", 16),
        ("VAVAILABILITY", 32),
    ];

    /// No component.
    pub const NONE: Self = Self(0);
    /// What a calendar takes of which nobody said what it takes.
    pub const USUAL: Self = Self(1 | 2 | 4 | 8 | 32);
    /// `VEVENT`
    pub const EVENT: Self = Self(1);
    /// `VTODO`
    pub const TASK: Self = Self(2);
    /// `VFREEBUSY`
    pub const FREE_BUSY: Self = Self(8);
    /// `VAVAILABILITY`
    pub const AVAILABILITY: Self = Self(32);

    /// The one of this name.
    pub fn of(name: &str) -> Option<Self> {
        let known = Self::NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        known.map(|(_, bit)| Self(*bit))
    }

    /// The names of these components (`VEVENT` …).
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES.iter().filter(move |(_, bit)| self.0 & bit != 0).map(|(name, _)| *name)
    }

    /// Whether all of `other` are in it.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) const fn column(self) -> i64 {
        self.0 as i64
    }

    pub(crate) fn from_column(column: i64) -> Self {
        Self(u8::try_from(column).unwrap_or(0))
    }
}

impl std::ops::BitOr for Components {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// A calendar, address book, schedule inbox or folder of an account, or its notifications.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collection {
    /// The id of the collection, from the same sequence as those of mailboxes.
    pub id: CollectionId,
    /// The account that owns the collection.
    pub account: AccountId,
    /// The kind of the collection.
    pub kind: CollectionKind,
    /// Its name in its home; below a folder, with the names of those above it.
    pub name: String,
    /// The name that people gave it.
    pub display_name: Option<String>,
    /// The description that people gave it.
    pub description: Option<String>,
    /// `#RRGGBB` or `#RRGGBBAA`, as the client wrote it.
    pub color: Option<String>,
    /// Its place in lists of collections, lowest first, if one was set.
    pub sort_order: Option<i64>,
    /// An iCalendar object with a VTIMEZONE.
    pub timezone: Option<String>,
    /// Its events do not make anybody busy (RFC 6638 §9.1).
    pub transparent: bool,
    /// What objects it takes, if it is a calendar.
    pub components: Components,
    /// How many objects it holds.
    pub objects: u64,
    /// The bytes of its objects.
    pub size_bytes: u64,
    /// The modification sequence of the last change to the collection or anything in it.
    pub highest_modseq: ModSeq,
    /// Changes up to this modification sequence are forgotten.
    pub horizon: ModSeq,
    /// When it was made.
    pub created: Timestamp,
    /// In whose home it is seen, and looks as they like, if that is not its owner's.
    pub guest: Option<Guest>,
    /// Where its programs get it from: it is only noted here, and holds nothing.
    pub source: Option<String>,
}

macro_rules! select_collection {
    ($rest:literal) => {
        concat!(
            "SELECT c.id, c.account_id, c.kind, c.name, c.display_name, c.description, c.color, ",
            "c.sort_order, c.timezone, c.transparent, c.components, c.object_count, ",
            "c.size_bytes, c.highest_modseq, c.horizon, c.created, c.source FROM collection c ",
            $rest
        )
    };
}
use select_collection;

fn read(row: &dyn Row) -> Result<Collection> {
    let text = |column| row.opt_text(column).map(|text| text.map(str::to_owned));
    let count = |column| row.int(column).map(i64::cast_unsigned);
    Ok(Collection {
        id: CollectionId::new(row.int(0)?),
        account: AccountId::new(row.int(1)?),
        kind: CollectionKind::from_column(row.int(2)?)?,
        name: row.text(3)?.to_owned(),
        display_name: text(4)?,
        description: text(5)?,
        color: text(6)?,
        sort_order: row.opt_int(7)?,
        timezone: text(8)?,
        transparent: row.int(9)? != 0,
        components: Components::from_column(row.int(10)?),
        objects: count(11)?,
        size_bytes: count(12)?,
        highest_modseq: ModSeq::new(count(13)?),
        horizon: ModSeq::new(count(14)?),
        created: Timestamp::from_micros(row.int(15)?),
        guest: None,
        source: text(16)?,
    })
}

impl ReadTx<'_> {
    /// The collections in a home of an account, by name.
    pub fn list_collections(&mut self, account: AccountId, home: Home) -> Result<Vec<Collection>> {
        self.sql.query_all(
            select_collection!("WHERE c.account_id = ?1 AND c.home = ?2 ORDER BY c.name"),
            &[Value::Int(account.get()), Value::Int(home.column())],
            read,
        )
    }

    /// The collection of this name.
    pub fn find_collection(
        &mut self,
        account: AccountId,
        home: Home,
        name: &str,
    ) -> Result<Option<Collection>> {
        if (home, name) == (Home::AddressBooks, book::NAME) {
            return self.directory_book(account);
        }
        self.sql.query_one(
            select_collection!("WHERE c.account_id = ?1 AND c.home = ?2 AND c.name = ?3"),
            &[Value::Int(account.get()), Value::Int(home.column()), Value::Text(name)],
            read,
        )
    }

    /// The collection of this id.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] where there is none.
    pub fn load_collection(&mut self, collection: CollectionId) -> Result<Collection> {
        if let Some(organisation) = book::organisation_of(collection) {
            return self.load_directory(organisation);
        }
        self.sql
            .query_one(
                select_collection!("WHERE c.id = ?1"),
                &[Value::Int(collection.get())],
                read,
            )?
            .ok_or(StorageError::NotFound("collection"))
    }

    /// The folders below one, at any depth, by name; `""` for all of the home.
    pub fn list_folders_below(
        &mut self,
        account: AccountId,
        name: &str,
    ) -> Result<Vec<Collection>> {
        let (from, to) = match name {
            "" => (String::new(), "\u{10ffff}".to_owned()),
            // '0' is the character after '/'.
            name => (format!("{name}/"), format!("{name}0")),
        };
        self.sql.query_all(
            select_collection!(
                "WHERE c.account_id = ?1 AND c.home = 3 AND c.name >= ?2 AND c.name < ?3 \
                 ORDER BY c.name"
            ),
            &[Value::Int(account.get()), Value::Text(&from), Value::Text(&to)],
            read,
        )
    }
}
