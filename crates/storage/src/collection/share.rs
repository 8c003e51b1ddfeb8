//! Sharing of collections (R-SHARE-1): rights of accounts, teams and the organisation, asked in the
//! transaction that reads or writes.

use std::collections::BTreeSet;

use ids::{AccountId, CollectionId};

use super::{Collection, CollectionKind, Home, ShareState, read, select_collection};
use crate::change::Fact;
use crate::directory::book;
use crate::sql::Value;
use crate::{AccountTx, LimitKind, ReadTx, Result, SharedWith, Sharee, StorageError};

/// What may be done with a collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct CollectionRights(u8);

impl CollectionRights {
    /// No right.
    pub const NONE: Self = Self(0);
    /// Knowing when its owner is busy (RFC 4791 §6.1.1).
    pub const FREE_BUSY: Self = Self(1);
    /// Reading it, and when its owner is busy: "can view", "read only".
    pub const READ: Self = Self(1 | 2);
    /// Adding, changing and deleting what is in it: "can edit", "read and write".
    pub const WRITE: Self = Self(1 | 2 | 4);
    /// Changing its properties for everybody.
    pub const PROPERTIES: Self = Self(1 | 2 | 8);
    /// Adding, changing and deleting what is in it, and changing its properties.
    pub const EDIT: Self = Self(1 | 2 | 4 | 8);
    /// Giving others rights: "can edit and share", "administration".
    pub const SHARE: Self = Self(1 | 2 | 4 | 8 | 16);
    /// All, deleting it too: what its owner may.
    pub const ALL: Self = Self(63);

    /// The rights that are in both sets.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
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
        (self.0 & Self::SHARE.0) as i64
    }

    pub(super) fn from_column(column: i64) -> Self {
        Self(u8::try_from(column).unwrap_or(0) & Self::SHARE.0)
    }
}

/// Somebody with whom a collection is shared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectionShare {
    /// Whom it is shared with.
    pub grantee: SharedWith,
    /// The rights that they have, or are offered.
    pub rights: CollectionRights,
    /// Whether they were invited, and what they answered.
    pub state: ShareState,
    /// The name of the account, or what whoever invited it calls it.
    pub common_name: Option<String>,
    /// What the collection was to be called.
    pub summary: Option<String>,
    /// The one elsewhere who has invited them, if it was one.
    pub invited_by: Option<AccountId>,
}

impl ReadTx<'_> {
    /// What `actor` may do with a collection now. R-ADDR-12: nothing while its owner is in
    /// maintenance, unless `actor` is the owner.
    pub fn collection_rights(
        &mut self,
        actor: AccountId,
        collection: &Collection,
    ) -> Result<CollectionRights> {
        let granted = self.granted_rights(actor, collection)?;
        let is_own = actor == collection.account || collection.is_directory();
        match !is_own && !granted.is_empty() && self.is_in_maintenance(collection.account)? {
            true => Ok(CollectionRights::NONE),
            false => Ok(granted),
        }
    }

    /// The rights as they were granted, whether or not the owner is in maintenance.
    pub fn granted_rights(
        &mut self,
        actor: AccountId,
        collection: &Collection,
    ) -> Result<CollectionRights> {
        if actor == collection.account {
            return Ok(CollectionRights::ALL);
        }
        if let Some(organisation) = book::organisation_of(collection.id) {
            let may_read =
                self.is_in_directory(actor)? && self.organisation_of(actor)? == organisation;
            return Ok(if may_read { CollectionRights::READ } else { CollectionRights::NONE });
        }
        // What those have who act for somebody, to write and to read. Who writes takes out of the
        // inbox what their program has told of.
        let (proxy_write, proxy_read) = match collection.kind {
            CollectionKind::Calendar => (CollectionRights::EDIT, CollectionRights::READ),
            CollectionKind::Inbox => (CollectionRights::WRITE, CollectionRights::NONE),
            CollectionKind::AddressBook
            | CollectionKind::Folder
            | CollectionKind::Notifications => (CollectionRights::NONE, CollectionRights::NONE),
        };
        let mut rights = CollectionRights::NONE;
        self.sql.query(
            "SELECT rights FROM collection_share WHERE collection_id = ?1 AND state IN (0, 2) \
             AND grantee IN (SELECT grantee FROM grantee_of WHERE account_id = ?2) \
             UNION SELECT CASE may_write WHEN 1 THEN CAST(?4 AS BIGINT) \
             ELSE CAST(?5 AS BIGINT) END FROM calendar_proxy WHERE account_id = ?3 \
             AND grantee IN (SELECT grantee FROM grantee_of WHERE account_id = ?2)",
            &[
                Value::Int(collection.id.get()),
                Value::Int(actor.get()),
                Value::Int(collection.account.get()),
                Value::Int(proxy_write.column()),
                Value::Int(proxy_read.column()),
            ],
            &mut |row| {
                rights.0 |= CollectionRights::from_column(row.int(0)?).0;
                Ok(())
            },
        )?;
        Ok(rights)
    }

    /// The collections of others in homes of this sort that are shared with `actor`, by owner and
    /// name.
    pub fn list_shared_collections(
        &mut self,
        actor: AccountId,
        home: Home,
    ) -> Result<Vec<Collection>> {
        self.sql.query_all(
            select_collection!(
                "WHERE c.home = ?2 AND c.account_id <> ?1 AND c.id IN ( \
                 SELECT s.collection_id FROM collection_share s WHERE s.state IN (0, 2) AND s.grantee IN \
                 (SELECT grantee FROM grantee_of WHERE account_id = ?1)) \
                 ORDER BY c.account_id, c.name"
            ),
            &[Value::Int(actor.get()), Value::Int(home.column())],
            read,
        )
    }

    /// The accounts that `actor` and sharing connect, in either direction: owners of calendars or
    /// address books that `actor` has rights on, was invited to, or is a calendar proxy for; and
    /// accounts that have the same on those of `actor`.
    pub fn who_shares_with(&mut self, actor: AccountId) -> Result<BTreeSet<AccountId>> {
        let found = self.sql.query_all(
            "SELECT c.account_id FROM collection_share s JOIN collection c ON c.id = s.collection_id \
             WHERE s.state IN (0, 1, 2) \
             AND s.grantee IN (SELECT grantee FROM grantee_of WHERE account_id = ?1) \
             UNION SELECT p.account_id FROM calendar_proxy p \
             WHERE p.grantee IN (SELECT grantee FROM grantee_of WHERE account_id = ?1) \
             UNION SELECT a.id FROM collection c JOIN collection_share s ON s.collection_id = c.id \
             JOIN account a ON a.id = s.grantee WHERE c.account_id = ?1 \
             UNION SELECT a.id FROM calendar_proxy p JOIN account a ON a.id = p.grantee \
             WHERE p.account_id = ?1",
            &[Value::Int(actor.get())],
            |row| Ok(AccountId::new(row.int(0)?)),
        )?;
        Ok(found.into_iter().collect())
    }

    /// Whether a collection is shared with just this one.
    pub fn is_collection_shared_with(
        &mut self,
        collection: CollectionId,
        sharee: Sharee,
    ) -> Result<bool> {
        let owner = self.load_collection(collection)?.account;
        let organisation = self.organisation_of(owner)?;
        let found = self.sql.query_one(
            "SELECT 1 FROM collection_share WHERE collection_id = ?1 AND grantee = ?2",
            &[Value::Int(collection.get()), Value::Int(sharee.number(organisation))],
            |_| Ok(()),
        )?;
        Ok(found.is_some())
    }

    /// With whom a collection is shared, by address and name.
    pub fn list_collection_shares(
        &mut self,
        collection: CollectionId,
    ) -> Result<Vec<CollectionShare>> {
        self.sql.query_all(
            "SELECT a.address, t.name, s.rights, s.state, s.common_name, a.name, s.summary, \
             x.address, x.invited_by FROM collection_share s \
             LEFT JOIN account a ON a.id = s.grantee LEFT JOIN team t ON t.id = s.grantee \
             LEFT JOIN outsider x ON x.id = s.grantee \
             WHERE s.collection_id = ?1 ORDER BY a.address, t.folded, x.address",
            &[Value::Int(collection.get())],
            |row| {
                let grantee = match row.opt_text(7)? {
                    Some(address) => SharedWith::Outside(address.to_owned()),
                    None => SharedWith::read(row.opt_text(0)?, row.opt_text(1)?),
                };
                let called = row.opt_text(4)?.or(row.opt_text(5)?).filter(|name| !name.is_empty());
                Ok(CollectionShare {
                    grantee,
                    rights: CollectionRights::from_column(row.int(2)?),
                    state: ShareState::from_column(row.int(3)?)?,
                    common_name: called.map(str::to_owned),
                    summary: row.opt_text(6)?.map(str::to_owned),
                    invited_by: row.opt_int(8)?.filter(|id| *id != 0).map(AccountId::new),
                })
            },
        )
    }
}

impl AccountTx<'_, '_> {
    /// Sets what another account, a team, or everybody of the organisation may do with a
    /// collection; no rights end the sharing.
    pub fn share_collection(
        &mut self,
        collection: CollectionId,
        sharee: impl Into<Sharee>,
        rights: CollectionRights,
    ) -> Result<()> {
        let found = self.require_collection(collection, CollectionRights::SHARE)?;
        self.write_share(&found, sharee.into(), rights)
    }

    /// Writes a share of a collection whose SHARE right the caller has checked.
    pub(super) fn write_share(
        &mut self,
        found: &Collection,
        sharee: Sharee,
        rights: CollectionRights,
    ) -> Result<()> {
        let collection = found.id;
        let organisation = self.organisation_of(found.account)?;
        if found.kind.is_private() {
            return Err(StorageError::NoPermission("this is not shared with anybody"));
        }
        match sharee {
            Sharee::Account(account) if account == found.account => {
                return Err(StorageError::Invalid("the owner has every right"));
            }
            // Neither the sharee nor the team may be deleted before the row is written, hence these
            // locks. The owner's account is locked already, so that this lock is out of order:
            // should two such transactions wait for each other, PostgreSQL ends one of them, which
            // fails with `Unavailable`.
            Sharee::Account(account) => drop(self.lock_usage(account)?),
            Sharee::Team(team) => {
                self.lock_team(team)?;
                if self.load_team(team)?.organisation != organisation {
                    return Err(StorageError::Invalid("the team is of another organisation"));
                }
            }
            Sharee::Organisation => {}
        }
        let grantee = sharee.number(organisation);
        let key = [Value::Int(collection.get()), Value::Int(grantee)];
        if let (true, Sharee::Account(account)) = (rights.is_empty(), sharee) {
            self.end_named_share(found, account)?;
        } else if rights.is_empty() {
            self.sql.execute(
                "DELETE FROM collection_share WHERE collection_id = ?1 AND grantee = ?2",
                &key,
            )?;
        } else {
            self.show_again(collection, sharee)?;
            self.sql.execute(
                "INSERT INTO collection_share (collection_id, grantee, rights) \
                 VALUES (?1, ?2, ?3) ON CONFLICT (collection_id, grantee) \
                 DO UPDATE SET rights = ?3, state = 0",
                &[Value::Int(collection.get()), Value::Int(grantee), Value::Int(rights.column())],
            )?;
            self.check_shares(collection)?;
        }
        self.touch_collection(collection)?;
        self.record_fact(Some(collection), Fact::CollectionUpdated)
    }

    pub(super) fn check_shares(&mut self, collection: CollectionId) -> Result<()> {
        let max = self.settings.acl_entries_max;
        let count = self.sql.query_one(
            "SELECT COUNT(*) FROM collection_share WHERE collection_id = ?1",
            &[Value::Int(collection.get())],
            |row| Ok(row.int(0)?.cast_unsigned()),
        )?;
        match count.unwrap_or(0) > max {
            true => Err(StorageError::Limit { kind: LimitKind::AclEntries, max }),
            false => Ok(()),
        }
    }

    /// A collection of the account, with which the one acting may do what is needed. Who may not
    /// even read it does not learn that it is there. People elsewhere at most write into it.
    pub(crate) fn require_collection(
        &mut self,
        collection: CollectionId,
        needed: CollectionRights,
    ) -> Result<Collection> {
        let found = self.require_shared(collection, needed)?;
        match self.is_outside() && !CollectionRights::WRITE.contains(needed) {
            true => Err(StorageError::NoPermission("this is for people who have an account")),
            false => Ok(found),
        }
    }

    /// Fails unless the actor has these rights, as owner, sharee or outsider.
    pub(super) fn require_shared(
        &mut self,
        collection: CollectionId,
        needed: CollectionRights,
    ) -> Result<Collection> {
        if book::organisation_of(collection).is_some() {
            // R-CARD-5
            return Err(StorageError::NoPermission("the directory is made of the accounts"));
        }
        let found = self.load_collection(collection)?;
        if found.account != self.account {
            return Err(StorageError::NotFound("collection"));
        }
        if self.is_own() {
            return Ok(found);
        }
        let actor = self.actor;
        let rights = self.collection_rights(actor, &found)?;
        match rights {
            rights if rights.contains(needed) => Ok(found),
            rights if rights.contains(CollectionRights::READ) => {
                Err(StorageError::NoPermission("you have no right to do this"))
            }
            // R-ADDR-12: it is not gone, and whoever synchronises must not take it for that.
            _ if self.granted_rights(actor, &found)?.contains(CollectionRights::READ) => {
                Err(StorageError::Maintenance)
            }
            _ => Err(StorageError::NotFound("collection")),
        }
    }

    /// Like `require_collection`, for one that was read before the transaction began: fails if it
    /// has another name by now, as then it is not what the request is about.
    pub(crate) fn require_still_there(
        &mut self,
        collection: &Collection,
        needed: CollectionRights,
    ) -> Result<Collection> {
        let found = self.require_collection(collection.id, needed)?;
        match found.name == collection.name {
            true => Ok(found),
            false => Err(StorageError::NotFound("collection")),
        }
    }
}
