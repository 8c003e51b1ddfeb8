//! Reading mailboxes: one by name or id, or the whole tree with ghosts and subscriptions.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use ids::{AccountId, CollectionId, ModSeq, Uid, UidValidity};

use super::{MailboxName, SpecialUse};
use crate::sql::{Row, Value};
use crate::{AccountTx, ReadTx, Result, Rights, StorageError};

/// A real mailbox. Its numbers are of the moment it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mailbox {
    /// The id of the mailbox, which survives renames.
    pub id: CollectionId,
    /// The account that owns the mailbox.
    pub account: AccountId,
    /// The name, as the owner has it.
    pub name: MailboxName,
    /// RFC 9051 §2.3.1.1.
    pub uid_validity: UidValidity,
    /// Every message to come gets this UID or a larger one.
    pub uid_next: Uid,
    /// How many messages it holds.
    pub messages: u32,
    /// How many of them lack `\Seen`.
    pub unseen: u32,
    /// How many of them have `\Deleted`.
    pub deleted: u32,
    /// The sum of the messages' sizes.
    pub size_bytes: u64,
    /// Of its last change to messages (RFC 7162 §3.1.2).
    pub highest_modseq: ModSeq,
    /// The special use of the mailbox, if it has one.
    pub special_use: Option<SpecialUse>,
    /// Changes of flags not yet written into the rows of messages.
    pub(crate) sweeps: u32,
    /// Whether a message of it ever had an annotation.
    pub(crate) annotated: bool,
}

/// A name in the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailboxEntry {
    /// The name.
    pub name: MailboxName,
    /// `None` for a ghost and for a name that is merely subscribed to.
    pub mailbox: Option<Mailbox>,
    /// R-FOLD-2: it exists only because something below it does.
    pub ghost: bool,
    /// Whether the name is subscribed to.
    pub subscribed: bool,
    /// Whether a real mailbox or a ghost stands below it.
    pub has_children: bool,
    /// What whoever asked may do with it.
    pub rights: Rights,
}

/// The names of an account: INBOX and what is below it first, then by components, so that
/// children follow their parent. Parents of merely subscribed names are not among them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailboxTree {
    /// The names in order.
    pub entries: Vec<MailboxEntry>,
}

impl MailboxTree {
    /// The entry of this name.
    pub fn find(&self, name: &MailboxName) -> Option<&MailboxEntry> {
        let at = self.entries.binary_search_by(|entry| tree_order(&entry.name, name)).ok()?;
        self.entries.get(at)
    }
}

macro_rules! select_mailbox {
    ($rest:literal) => {
        concat!(
            "SELECT id, account_id, name, uid_validity, uid_next, message_count, unseen_count, ",
            "deleted_count, size_bytes, highest_modseq, special_use, sweeps, annotated ",
            "FROM mailbox ",
            $rest
        )
    };
}

fn read(row: &dyn Row) -> Result<Mailbox> {
    let small = |column| -> Result<u32> { Ok(number(row.int(column)?)) };
    Ok(Mailbox {
        id: CollectionId::new(row.int(0)?),
        account: AccountId::new(row.int(1)?),
        name: MailboxName::stored(row.text(2)?),
        uid_validity: UidValidity::new(small(3)?),
        uid_next: Uid::new(small(4)?),
        messages: small(5)?,
        unseen: small(6)?,
        deleted: small(7)?,
        size_bytes: row.int(8)?.cast_unsigned(),
        highest_modseq: ModSeq::new(row.int(9)?.cast_unsigned()),
        special_use: SpecialUse::from_column(row.text(10)?)?,
        sweeps: small(11)?,
        annotated: row.int(12)? != 0,
    })
}

/// A column of 32 bits; what does not fit is damage that `check_consistency` names.
fn number(column: i64) -> u32 {
    u32::try_from(column.max(0)).unwrap_or(u32::MAX)
}

impl ReadTx<'_> {
    /// The real mailbox of this name.
    pub fn find_mailbox(
        &mut self,
        account: AccountId,
        name: &MailboxName,
    ) -> Result<Option<Mailbox>> {
        self.sql.query_one(
            select_mailbox!("WHERE account_id = ?1 AND name = ?2"),
            &[Value::Int(account.get()), Value::Text(name.as_str())],
            read,
        )
    }

    /// The mailbox of this id.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] where there is none.
    pub fn load_mailbox(&mut self, mailbox: CollectionId) -> Result<Mailbox> {
        self.sql
            .query_one(select_mailbox!("WHERE id = ?1"), &[Value::Int(mailbox.get())], read)?
            .ok_or(StorageError::NotFound("mailbox"))
    }

    /// Loads the mailboxes of these ids that exist, by id.
    pub(crate) fn load_mailboxes(&mut self, mailboxes: &[CollectionId]) -> Result<Vec<Mailbox>> {
        let ids: Vec<i64> = mailboxes.iter().map(|mailbox| mailbox.get()).collect();
        let mut found = Vec::with_capacity(ids.len());
        self.sql.query_in(select_mailbox!("WHERE id IN ({IN})"), &ids, &mut |row| {
            found.push(read(row)?);
            Ok(())
        })?;
        Ok(found)
    }

    /// The account's names: real mailboxes, ghosts, and what is merely subscribed to.
    pub fn list_mailboxes(&mut self, account: AccountId) -> Result<MailboxTree> {
        self.list_mailboxes_with(account, Vec::new())
    }

    /// The account's names, and `others` under the names they have.
    pub(crate) fn list_mailboxes_with(
        &mut self,
        account: AccountId,
        others: Vec<Mailbox>,
    ) -> Result<MailboxTree> {
        let id = Value::Int(account.get());
        let mut mailboxes =
            self.sql.query_all(select_mailbox!("WHERE account_id = ?1"), &[id], read)?;
        mailboxes.extend(others);
        let subscribed = self.sql.query_all(
            "SELECT name FROM subscription WHERE account_id = ?1",
            &[id],
            |row| Ok(MailboxName::stored(row.text(0)?)),
        )?;
        Ok(build(mailboxes, subscribed))
    }
}

impl AccountTx<'_, '_> {
    /// Every real mailbox of the account, by id.
    pub(crate) fn real_mailboxes(&mut self) -> Result<Vec<Mailbox>> {
        let account = Value::Int(self.account.get());
        self.sql.query_all(select_mailbox!("WHERE account_id = ?1 ORDER BY id"), &[account], read)
    }

    /// The real mailboxes below `name`, by name.
    pub(crate) fn mailboxes_below(&mut self, name: &MailboxName) -> Result<Vec<Mailbox>> {
        let (first, end) = name.range_below();
        let account = Value::Int(self.account.get());
        self.sql.query_all(
            select_mailbox!("WHERE account_id = ?1 AND name >= ?2 AND name < ?3 ORDER BY name"),
            &[account, Value::Text(&first), Value::Text(&end)],
            read,
        )
    }

    /// The mailbox of this id, if it is the account's own.
    pub(crate) fn own_mailbox(&mut self, mailbox: CollectionId) -> Result<Mailbox> {
        let found = self.load_mailbox(mailbox)?;
        match found.account == self.account {
            true => Ok(found),
            false => Err(StorageError::NotFound("mailbox")),
        }
    }
}

fn build(mailboxes: Vec<Mailbox>, subscribed: Vec<MailboxName>) -> MailboxTree {
    let mut entries: BTreeMap<String, MailboxEntry> = BTreeMap::new();
    let nameless = |name: &MailboxName| MailboxEntry {
        name: name.clone(),
        mailbox: None,
        ghost: false,
        subscribed: false,
        has_children: false,
        rights: Rights::ALL,
    };
    for mailbox in mailboxes {
        let mut above = mailbox.name.parent();
        while let Some(name) = above {
            let entry = entries.entry(name.as_str().to_owned()).or_insert_with(|| nameless(&name));
            // Everything further up was marked together with this one.
            if entry.has_children {
                break;
            }
            entry.has_children = true;
            above = name.parent();
        }
        let key = mailbox.name.as_str().to_owned();
        let entry = entries.entry(key).or_insert_with(|| nameless(&mailbox.name));
        entry.mailbox = Some(mailbox);
    }
    for name in subscribed {
        let key = name.as_str().to_owned();
        entries.entry(key).or_insert_with(|| nameless(&name)).subscribed = true;
    }
    let mut entries: Vec<MailboxEntry> = entries.into_values().collect();
    for entry in &mut entries {
        entry.ghost = entry.mailbox.is_none() && entry.has_children;
    }
    entries.sort_by(|left, right| tree_order(&left.name, &right.name));
    MailboxTree { entries }
}

/// INBOX first, then component by component.
fn tree_order(left: &MailboxName, right: &MailboxName) -> Ordering {
    let key = |name: &MailboxName| !matches!(name.as_str().split('/').next(), Some("INBOX"));
    let components = || left.as_str().split('/').cmp(right.as_str().split('/'));
    key(left).cmp(&key(right)).then_with(components)
}
