//! The accounts of an organisation as an address book (R-CARD-5), which nobody writes into.
//!
//! Its cards are made of the accounts whenever they are read, so they are never old; what is kept
//! is which of them changed when (`directory_entry`), by a counter of the organisation. Its id is
//! above those of all collections, and those of its objects are below 0: whoever reads collections
//! and objects by id reads these as well.
//!
//! **Invariant:** every account of an organisation that is not somebody else's (R-SHARE-2) has an
//! entry that is not gone, and no other has.

mod card;
mod entry;
#[cfg(test)]
mod tests;

use ids::{AccountId, CollectionId, DomainId, ModSeq, Timestamp};

use self::card::Person;
use crate::collection::{Collection, CollectionKind, Components};
use crate::object::{Object, ObjectId};
use crate::sql::{Row, Value};
use crate::{ReadTx, Result, Role, StorageError};

/// The name of the directory in every home of address books.
pub(crate) const NAME: &str = "directory";
/// The ids of collections count from 2^40; nobody makes this many.
const FIRST: i64 = 1 << 60;

/// The organisation whose directory a collection is.
pub(crate) fn organisation_of(collection: CollectionId) -> Option<DomainId> {
    (collection.get() >= FIRST).then(|| DomainId::new(collection.get() - FIRST))
}

/// The account that an object of a directory is.
pub(crate) fn account_of(object: ObjectId) -> Option<AccountId> {
    (object.get() < 0).then(|| AccountId::new(-object.get()))
}

/// The account that an object of this name would be.
fn account_named(name: &str) -> Option<AccountId> {
    let number: i64 = name.strip_prefix("account-")?.strip_suffix(".vcf")?.parse().ok()?;
    let account = AccountId::new(number);
    (number > 0 && name_of(account) == name).then_some(account)
}

fn name_of(account: AccountId) -> String {
    format!("account-{}.vcf", account.get())
}

macro_rules! select_person {
    ($rest:literal) => {
        concat!(
            "SELECT e.account_id, e.organisation, e.modseq, e.changed, a.created, ",
            "a.display_address, a.name, o.name, (SELECT COUNT(*) FROM room r ",
            "WHERE r.account_id = a.id) FROM directory_entry e JOIN account a ON a.id = e.account_id ",
            "JOIN domain o ON o.id = e.organisation ",
            $rest
        )
    };
}

fn read_person(row: &dyn Row) -> Result<Person> {
    Ok(Person {
        account: AccountId::new(row.int(0)?),
        organisation: DomainId::new(row.int(1)?),
        modseq: ModSeq::new(row.int(2)?.cast_unsigned()),
        changed: Timestamp::from_micros(row.int(3)?),
        created: Timestamp::from_micros(row.int(4)?),
        address: row.text(5)?.to_owned(),
        name: row.text(6)?.to_owned(),
        organisation_name: row.text(7)?.to_owned(),
        is_room: row.int(8)? > 0,
    })
}

impl ReadTx<'_> {
    /// The directory of the organisation of an account; `None` for somebody else's (R-SHARE-2).
    pub fn directory_book(&mut self, account: AccountId) -> Result<Option<Collection>> {
        match self.is_in_directory(account)? {
            true => {
                let organisation = self.organisation_of(account)?;
                self.load_directory(organisation).map(Some)
            }
            false => Ok(None),
        }
    }

    /// Whether an account is of the organisation, and so may see who else is.
    pub(crate) fn is_in_directory(&mut self, account: AccountId) -> Result<bool> {
        let role = self.sql.query_one(
            "SELECT role FROM account WHERE id = ?1",
            &[Value::Int(account.get())],
            |row| Ok(row.text(0)?.to_owned()),
        )?;
        Ok(role.is_some_and(|role| role != Role::External.as_str()))
    }

    /// The directory of an organisation. It is no account's.
    pub(crate) fn load_directory(&mut self, organisation: DomainId) -> Result<Collection> {
        let found = self.sql.query_one(
            "SELECT d.name, d.directory_modseq, d.directory_horizon, d.created, \
             (SELECT COUNT(*) FROM directory_entry e WHERE e.organisation = d.id AND e.gone = 0) \
             FROM domain d WHERE d.id = ?1",
            &[Value::Int(organisation.get())],
            |row| {
                let count = |column| row.int(column).map(i64::cast_unsigned);
                Ok(Collection {
                    id: CollectionId::new(FIRST + organisation.get()),
                    account: AccountId::new(0),
                    kind: CollectionKind::AddressBook,
                    name: NAME.to_owned(),
                    display_name: Some(row.text(0)?.to_owned()),
                    description: None,
                    color: None,
                    sort_order: None,
                    timezone: None,
                    transparent: false,
                    components: Components::NONE,
                    objects: count(4)?,
                    size_bytes: 0,
                    highest_modseq: ModSeq::new(count(1)?),
                    horizon: ModSeq::new(count(2)?),
                    created: Timestamp::from_micros(row.int(3)?),
                    guest: None,
                    source: None,
                })
            },
        )?;
        found.ok_or(StorageError::NotFound("collection"))
    }

    /// Everybody of an organisation as an object, by name.
    pub(crate) fn list_directory(&mut self, organisation: DomainId) -> Result<Vec<Object>> {
        let mut found = self.sql.query_all(
            select_person!("WHERE e.organisation = ?1 AND e.gone = 0"),
            &[Value::Int(organisation.get())],
            |row| Ok(read_person(row)?.object()),
        )?;
        found.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(found)
    }

    /// The objects of a directory that have one of these names.
    pub(crate) fn find_in_directory(
        &mut self,
        organisation: DomainId,
        names: &[&str],
    ) -> Result<Vec<Object>> {
        let accounts: Vec<i64> =
            names.iter().filter_map(|name| account_named(name)).map(AccountId::get).collect();
        let mut found = Vec::new();
        self.sql.query_in(
            select_person!("WHERE e.account_id IN ({IN}) AND e.gone = 0"),
            &accounts,
            &mut |row| {
                let person = read_person(row)?;
                if person.organisation == organisation {
                    found.push(person.object());
                }
                Ok(())
            },
        )?;
        Ok(found)
    }

    /// The cards of accounts, whichever directory they are in.
    pub(crate) fn load_directory_cards(
        &mut self,
        accounts: &[AccountId],
        each: &mut dyn FnMut(ObjectId, Vec<u8>),
    ) -> Result<()> {
        let accounts: Vec<i64> = accounts.iter().map(|account| account.get()).collect();
        self.sql.query_in(
            select_person!("WHERE e.account_id IN ({IN}) AND e.gone = 0"),
            &accounts,
            &mut |row| {
                let person = read_person(row)?;
                each(person.object_id(), person.card());
                Ok(())
            },
        )
    }

    /// What came or changed in a directory after `since`, some of it, in the order of the changes.
    pub(crate) fn directory_changed(
        &mut self,
        organisation: DomainId,
        since: i64,
        max: i64,
    ) -> Result<Vec<Object>> {
        self.sql.query_all(
            select_person!(
                "WHERE e.organisation = ?1 AND e.gone = 0 AND e.modseq > ?2 \
                 ORDER BY e.modseq LIMIT ?3"
            ),
            &[Value::Int(organisation.get()), Value::Int(since), Value::Int(max)],
            |row| Ok(read_person(row)?.object()),
        )
    }

    /// The names of those who left a directory after `since`.
    pub(crate) fn directory_gone(
        &mut self,
        organisation: DomainId,
        since: i64,
        max: i64,
    ) -> Result<Vec<(String, ModSeq)>> {
        self.sql.query_all(
            "SELECT account_id, modseq FROM directory_entry WHERE organisation = ?1 AND gone = 1 \
             AND modseq > ?2 ORDER BY modseq LIMIT ?3",
            &[Value::Int(organisation.get()), Value::Int(since), Value::Int(max)],
            |row| {
                let modseq = ModSeq::new(row.int(1)?.cast_unsigned());
                Ok((name_of(AccountId::new(row.int(0)?)), modseq))
            },
        )
    }
}
