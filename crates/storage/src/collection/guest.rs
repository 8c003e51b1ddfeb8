//! Collections of others in one's own home: under a name of their own, looking as one likes.
//!
//! Nothing is written when a collection is shared: whoever has rights on it sees it. A row comes
//! with the first thing that somebody wants to be otherwise than it is to its owner.

use std::collections::BTreeSet;

use ids::{AccountId, CollectionId, ModSeq};

use super::properties::check_change;
use super::{Collection, CollectionChange, DeadProperty, Home, ShareState};
use crate::change::Fact;
use crate::sql::{Row, Value};
use crate::{
    AccountTx, CollectionRights, LimitKind, ReadTx, Result, Sharee, StorageError, WriteTx,
};

/// What the names of collections of others begin with; their numbers follow.
const PREFIX: &str = "shared-";

/// LIMIT: bytes of what somebody says of a collection of somebody else; they count against no
/// quota, since they go when its owner likes.
const OVERLAY_BYTES_MAX: i64 = 64 * 1024;

/// In whose home a collection of somebody else is seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guest {
    /// The account in whose home it is seen.
    pub account: AccountId,
    /// The primary address of that account.
    pub address: String,
    /// When what they want otherwise last changed, by the numbers of their account.
    pub modseq: ModSeq,
    /// R-ADDR-12: its owner is in maintenance. It is listed, so that nobody takes it for deleted,
    /// and nothing is done with what is in it.
    pub in_maintenance: bool,
}

impl Collection {
    /// Its name in the home of those with whom it is shared.
    pub fn shared_name(&self) -> String {
        format!("{PREFIX}{}", self.id)
    }
}

/// The collection that a name in the home of a sharee names.
pub(super) fn number_of(name: &str) -> Option<CollectionId> {
    let number = name.strip_prefix(PREFIX)?;
    let is_plain = number.bytes().all(|byte| byte.is_ascii_digit()) && !number.starts_with('0');
    let number = number.parse().ok().filter(|_| is_plain)?;
    Some(CollectionId::new(number))
}

/// A row of `collection_overlay`.
#[derive(Default)]
struct Overlay {
    is_hidden: bool,
    display_name: Option<String>,
    description: Option<String>,
    color: Option<String>,
    sort_order: Option<i64>,
    timezone: Option<String>,
    transparent: Option<bool>,
    modseq: ModSeq,
}

impl Overlay {
    fn read(row: &dyn Row) -> Result<Self> {
        let text = |column| row.opt_text(column).map(|text| text.map(str::to_owned));
        Ok(Self {
            is_hidden: row.int(0)? != 0,
            display_name: text(1)?,
            description: text(2)?,
            color: text(3)?,
            sort_order: row.opt_int(4)?,
            timezone: text(5)?,
            transparent: row.opt_int(6)?.map(|transparent| transparent != 0),
            modseq: ModSeq::new(row.int(7)?.cast_unsigned()),
        })
    }
}

impl ReadTx<'_> {
    /// The collections of others in a home of `actor`, as they see them: those they may read and
    /// have not left, by owner and name.
    pub fn list_guest_collections(
        &mut self,
        actor: AccountId,
        home: Home,
    ) -> Result<Vec<Collection>> {
        let mut all = Vec::new();
        for collection in self.list_shared_collections(actor, home)? {
            all.extend(self.as_guest(actor, collection)?);
        }
        Ok(all)
    }

    /// The collection of somebody else that has this name in a home of `actor`.
    pub fn find_guest_collection(
        &mut self,
        actor: AccountId,
        home: Home,
        name: &str,
    ) -> Result<Option<Collection>> {
        let Some(id) = number_of(name) else { return Ok(None) };
        match self.load_collection(id) {
            Ok(found) if found.kind.home() == home => self.as_guest(actor, found),
            Ok(_) | Err(StorageError::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A collection as `actor` sees it in their own home; `None` where it is not there.
    pub fn as_guest(
        &mut self,
        actor: AccountId,
        mut collection: Collection,
    ) -> Result<Option<Collection>> {
        let is_of_others = collection.account != actor && !collection.kind.is_private();
        let rights = match is_of_others {
            true => self.granted_rights(actor, &collection)?,
            false => CollectionRights::NONE,
        };
        if !rights.contains(CollectionRights::READ) {
            return Ok(None);
        }
        let overlay = self.load_overlay(actor, collection.id)?;
        if overlay.is_hidden {
            return Ok(None);
        }
        let owner = self.load_account(collection.account)?;
        let whose = if owner.name.is_empty() { owner.address } else { owner.name };
        collection.display_name = overlay.display_name.or_else(|| {
            let name = collection.display_name.as_deref().unwrap_or(&collection.name);
            Some(format!("{name} ({whose})"))
        });
        collection.description = overlay.description.or(collection.description);
        collection.color = overlay.color.or(collection.color);
        collection.sort_order = overlay.sort_order;
        collection.timezone = overlay.timezone.or(collection.timezone);
        // What others do keeps nobody busy who does not say so.
        collection.transparent = overlay.transparent.unwrap_or(true);
        let address = match self.load_outsider(actor)? {
            Some(outsider) => outsider.address,
            None => self.load_account(actor)?.address,
        };
        let in_maintenance = self.is_in_maintenance(collection.account)?;
        let modseq = overlay.modseq;
        collection.guest = Some(Guest { account: actor, address, modseq, in_maintenance });
        Ok(Some(collection))
    }

    fn load_overlay(&mut self, actor: AccountId, collection: CollectionId) -> Result<Overlay> {
        let found = self.sql.query_one(
            "SELECT hidden, display_name, description, color, sort_order, timezone, transparent, \
             modseq FROM collection_overlay WHERE account_id = ?1 AND collection_id = ?2",
            &[Value::Int(actor.get()), Value::Int(collection.get())],
            Overlay::read,
        )?;
        Ok(found.unwrap_or_default())
    }

    /// The dead properties that `actor` has given a collection of somebody else, by name.
    pub fn load_overlay_properties(
        &mut self,
        actor: AccountId,
        collection: CollectionId,
    ) -> Result<Vec<DeadProperty>> {
        self.sql.query_all(
            "SELECT name, value FROM overlay_property \
             WHERE account_id = ?1 AND collection_id = ?2 ORDER BY name",
            &[Value::Int(actor.get()), Value::Int(collection.get())],
            |row| {
                Ok(DeadProperty { name: row.text(0)?.to_owned(), value: row.text(1)?.to_owned() })
            },
        )
    }
}

impl WriteTx<'_> {
    /// Locks the owner of what is shared, and those with whom it is or was, in order.
    pub fn lock_sharing(&mut self, accounts: impl IntoIterator<Item = AccountId>) -> Result<()> {
        let accounts: BTreeSet<AccountId> = accounts.into_iter().collect();
        accounts.into_iter().try_for_each(|account| self.lock_usage(account).map(drop))
    }
}

impl AccountTx<'_, '_> {
    /// Changes how the one acting sees a collection of the account in their own home, all of it or
    /// nothing. After [`lock_sharing`](WriteTx::lock_sharing).
    pub fn update_guest_collection(
        &mut self,
        collection: CollectionId,
        change: &CollectionChange,
    ) -> Result<()> {
        check_change(change)?;
        self.require_guest(collection)?;
        self.write_overlay(collection, change)
    }

    /// The one acting leaves a collection of the account: who was invited, or given rights by
    /// name, has them no more, who has them by a team or the organisation sees it no more. After
    /// [`lock_sharing`](WriteTx::lock_sharing).
    pub fn leave_collection(&mut self, collection: CollectionId) -> Result<()> {
        self.require_guest(collection)?;
        let (guest, id) = (Value::Int(self.actor.get()), Value::Int(collection.get()));
        self.erase_overlay_properties(collection)?;
        self.forget_own_alarms(collection, self.actor)?;
        let declined = self.sql.execute(
            "UPDATE collection_share SET state = 3 WHERE collection_id = ?1 AND grantee = ?2",
            &[id, guest],
        )?;
        self.touch_overlay(collection)?;
        self.sql.execute(
            "UPDATE collection_overlay SET hidden = 1, display_name = NULL, description = NULL, \
             color = NULL, sort_order = NULL, timezone = NULL, transparent = NULL \
             WHERE account_id = ?1 AND collection_id = ?2",
            &[guest, id],
        )?;
        self.touch_collection(collection)?;
        self.record_fact(Some(collection), Fact::CollectionUpdated)?;
        let (found, guest) = (self.load_collection(collection)?, self.actor);
        self.tell_guest_went(&found, guest)?;
        if declined == 0 {
            return Ok(());
        }
        self.tell_of_answer(&found, guest, ShareState::Declined)
    }

    /// What those wanted otherwise with whom a collection is not shared any more.
    pub(super) fn forget_overlays(
        &mut self,
        collection: CollectionId,
        sharee: Sharee,
    ) -> Result<()> {
        // Who has left a team may come back to it, and others of it may have rights elsewhere.
        let Sharee::Account(account) = sharee else { return Ok(()) };
        self.forget_own_alarms(collection, account)?;
        for sql in [
            "DELETE FROM overlay_property WHERE account_id = ?1 AND collection_id = ?2",
            "DELETE FROM collection_overlay WHERE account_id = ?1 AND collection_id = ?2",
        ] {
            self.sql.execute(sql, &[Value::Int(account.get()), Value::Int(collection.get())])?;
        }
        Ok(())
    }

    /// What somebody has of their own in what is in a collection. These objects look otherwise to
    /// them then, and a sync-token that they still have when they see it again tells so.
    fn forget_own_alarms(&mut self, collection: CollectionId, guest: AccountId) -> Result<()> {
        let key = [Value::Int(guest.get()), Value::Int(collection.get())];
        let any = self.sql.query_one(
            "SELECT w.object_id FROM own_alarms w JOIN object o ON o.id = w.object_id \
             WHERE w.account_id = ?1 AND o.collection_id = ?2 LIMIT 1",
            &key,
            |row| row.int(0),
        )?;
        if any.is_none() {
            return Ok(());
        }
        let modseq = self.touch_collection(collection)?.get().cast_signed();
        let [guest, collection] = key;
        self.sql.execute(
            "UPDATE object SET modseq = ?3 WHERE collection_id = ?2 AND id IN \
             (SELECT object_id FROM own_alarms WHERE account_id = ?1)",
            &[guest, collection, Value::Int(modseq)],
        )?;
        self.sql.execute(
            "DELETE FROM own_alarms WHERE account_id = ?1 AND object_id IN \
             (SELECT id FROM object WHERE collection_id = ?2)",
            &key,
        )?;
        Ok(())
    }

    /// Shows the collection again to a sharee who left it before it was shared anew.
    pub(super) fn show_again(&mut self, collection: CollectionId, sharee: Sharee) -> Result<()> {
        let id = Value::Int(collection.get());
        match sharee {
            Sharee::Account(account) => self.sql.execute(
                "UPDATE collection_overlay SET hidden = 0 \
                 WHERE collection_id = ?1 AND account_id = ?2",
                &[id, Value::Int(account.get())],
            )?,
            Sharee::Team(_) | Sharee::Organisation => self.sql.execute(
                "UPDATE collection_overlay SET hidden = 0 WHERE collection_id = ?1",
                &[id],
            )?,
        };
        Ok(())
    }

    /// Writes what was checked.
    pub(super) fn write_overlay(
        &mut self,
        collection: CollectionId,
        change: &CollectionChange,
    ) -> Result<()> {
        self.touch_overlay(collection)?;
        let (guest, id) = (Value::Int(self.actor.get()), Value::Int(collection.get()));
        for (sql, text) in [
            (
                "UPDATE collection_overlay SET display_name = ?3 \
                 WHERE account_id = ?1 AND collection_id = ?2",
                &change.display_name,
            ),
            (
                "UPDATE collection_overlay SET description = ?3 \
                 WHERE account_id = ?1 AND collection_id = ?2",
                &change.description,
            ),
            (
                "UPDATE collection_overlay SET color = ?3 \
                 WHERE account_id = ?1 AND collection_id = ?2",
                &change.color,
            ),
            (
                "UPDATE collection_overlay SET timezone = ?3 \
                 WHERE account_id = ?1 AND collection_id = ?2",
                &change.timezone,
            ),
        ] {
            if let Some(text) = text {
                let text = text.as_deref().map_or(Value::Null, Value::Text);
                self.sql.execute(sql, &[guest, id, text])?;
            }
        }
        if let Some(order) = change.sort_order {
            self.sql.execute(
                "UPDATE collection_overlay SET sort_order = ?3 \
                 WHERE account_id = ?1 AND collection_id = ?2",
                &[guest, id, order.map_or(Value::Null, Value::Int)],
            )?;
        }
        if let Some(transparent) = change.transparent {
            self.sql.execute(
                "UPDATE collection_overlay SET transparent = ?3 \
                 WHERE account_id = ?1 AND collection_id = ?2",
                &[guest, id, Value::Int(i64::from(transparent))],
            )?;
        }
        self.write_overlay_properties(collection, &change.dead)?;
        self.check_overlay(collection)
    }

    fn write_overlay_properties(
        &mut self,
        collection: CollectionId,
        dead: &[(String, Option<String>)],
    ) -> Result<()> {
        let (guest, id) = (Value::Int(self.actor.get()), Value::Int(collection.get()));
        for (name, value) in dead {
            match value {
                None => self.sql.execute(
                    "DELETE FROM overlay_property \
                     WHERE account_id = ?1 AND collection_id = ?2 AND name = ?3",
                    &[guest, id, Value::Text(name)],
                )?,
                Some(value) => self.sql.execute(
                    "INSERT INTO overlay_property (account_id, collection_id, name, value) \
                     VALUES (?1, ?2, ?3, ?4) ON CONFLICT (account_id, collection_id, name) \
                     DO UPDATE SET value = ?4",
                    &[guest, id, Value::Text(name), Value::Text(value)],
                )?,
            };
        }
        Ok(())
    }

    fn check_overlay(&mut self, collection: CollectionId) -> Result<()> {
        let key = [Value::Int(self.actor.get()), Value::Int(collection.get())];
        let used = self.sql.query_one(
            "SELECT CAST((SELECT COALESCE(SUM(OCTET_LENGTH(name) + OCTET_LENGTH(value)), 0) \
             FROM overlay_property WHERE account_id = ?1 AND collection_id = ?2) \
             + COALESCE(OCTET_LENGTH(description), 0) + COALESCE(OCTET_LENGTH(timezone), 0) \
             + COALESCE(OCTET_LENGTH(display_name), 0) AS BIGINT), \
             (SELECT COUNT(*) FROM overlay_property WHERE account_id = ?1 AND collection_id = ?2) \
             FROM collection_overlay WHERE account_id = ?1 AND collection_id = ?2",
            &key,
            |row| Ok((row.int(0)?, row.int(1)?.cast_unsigned())),
        )?;
        let (bytes, count) = used.unwrap_or_default();
        let max = self.settings.dead_properties_max;
        if bytes > OVERLAY_BYTES_MAX {
            let (size_bytes, limit_bytes) =
                (bytes.cast_unsigned(), OVERLAY_BYTES_MAX.cast_unsigned());
            return Err(StorageError::TooBig { size_bytes, limit_bytes });
        }
        match count > max {
            true => Err(StorageError::Limit { kind: LimitKind::DeadProperties, max }),
            false => Ok(()),
        }
    }

    /// The row, as of this transaction. The guest's programs are told, too.
    fn touch_overlay(&mut self, collection: CollectionId) -> Result<()> {
        let guest = self.actor;
        self.tx.record(guest, Some(collection), Fact::CollectionUpdated)?;
        let modseq = self.modseq(guest)?;
        self.sql.execute(
            "INSERT INTO collection_overlay (account_id, collection_id, modseq) \
             VALUES (?1, ?2, ?3) ON CONFLICT (account_id, collection_id) \
             DO UPDATE SET modseq = ?3",
            &[
                Value::Int(guest.get()),
                Value::Int(collection.get()),
                Value::Int(modseq.get().cast_signed()),
            ],
        )?;
        Ok(())
    }

    fn erase_overlay_properties(&mut self, collection: CollectionId) -> Result<()> {
        let key = [Value::Int(self.actor.get()), Value::Int(collection.get())];
        self.sql.execute(
            "DELETE FROM overlay_property WHERE account_id = ?1 AND collection_id = ?2",
            &key,
        )?;
        Ok(())
    }

    /// Fails unless the actor sees the collection as a guest.
    fn require_guest(&mut self, collection: CollectionId) -> Result<()> {
        let (account, guest) = (self.account, self.actor);
        let found = self.load_collection(collection)?;
        let seen = match found.account == account {
            true => self.as_guest(guest, found)?,
            false => None,
        };
        seen.map(drop).ok_or(StorageError::NotFound("collection"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_of_numbers() {
        for (name, expect) in [
            ("shared-1099511627777", Some(1_099_511_627_777)),
            ("shared-01", None),
            ("shared-", None),
            ("shared-+1", None),
            ("shared-99999999999999999999", None),
            ("personal", None),
        ] {
            assert_eq!(number_of(name).map(CollectionId::get), expect, "{name}");
        }
    }
}
