//! Transactions as protocols see them: a snapshot to read, a unit of work to write.
//!
//! Every verb is a method on one of the three types here; the files that implement them are
//! named by what they are about (`directory/`, `mailbox/`, `message/`, `spool.rs`).

use std::collections::{BTreeMap, BTreeSet};

use ids::{AccountId, CollectionId, ContentId, ModSeq, Timestamp, UidSet};

use crate::change::{Change, Changes, Fact};
use crate::directory::Usage;
use crate::feed::{Feed, Publication};
use crate::lesson::Lesson;
use crate::scheduling::BookingWork;
use crate::sql::{Sql, Value};
use crate::view::MailboxDelta;
use crate::{Result, StorageError, change_log};

/// One snapshot of the store: every read in it sees the same state.
pub struct ReadTx<'a> {
    pub(crate) sql: &'a mut (dyn Sql + 'a),
    /// Where the bytes of large blobs are read from.
    pub(crate) blobs: &'a crate::blob::BlobStore,
    /// Contents in memory. Only for reads of committed state, which may fill it.
    pub(crate) contents: Option<&'a crate::message_store::ContentCache>,
    /// The value of [`Settings::shared_mailboxes_max`](crate::Settings).
    pub(crate) others_max: u64,
    /// What searches read of the index, in memory. Likewise.
    pub(crate) index: Option<&'a crate::search::SearchCache>,
}

macro_rules! change_usage {
    () => {
        "UPDATE account SET modseq = modseq + ?2, used_bytes = used_bytes + ?3, \
         message_count = message_count + ?4, expunged_bytes = expunged_bytes + ?5 WHERE id = ?1"
    };
}

/// What is added to the numbers of an account; negative: taken from them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct UsageChange {
    /// Bytes of what it keeps.
    pub(crate) bytes: i64,
    /// Messages that it keeps.
    pub(crate) messages: i64,
    /// The bytes that its expunged messages take.
    pub(crate) expunged_bytes: i64,
}

/// A write transaction. Nothing in it is visible to anybody before its commit is durable.
pub struct WriteTx<'a> {
    pub(crate) read: ReadTx<'a>,
    pub(crate) now: Timestamp,
    pub(crate) settings: &'a crate::Settings,
    /// Views to look at instead of rows, where they are known to say the same.
    pub(crate) feed: Option<&'a Feed>,
    /// The sequence number each account touched got in this transaction.
    pub(crate) modseqs: BTreeMap<AccountId, ModSeq>,
    /// The number each account had when its row was locked.
    pub(crate) locked: BTreeMap<AccountId, ModSeq>,
    pub(crate) changes: Vec<Change>,
    pub(crate) deltas: Vec<MailboxDelta>,
    /// Contents written in this transaction by the hash of the message: several recipients of
    /// one message share one.
    pub(crate) contents: BTreeMap<[u8; 32], ContentId>,
    /// Blobs found or written in this transaction, by their hashes.
    pub(crate) bodies: BTreeMap<[u8; 32], i64>,
    /// Messages remembered in this transaction (RFC 7352).
    pub(crate) seen: BTreeSet<(AccountId, [u8; 32])>,
    /// Destinations for which something became due.
    pub(crate) spooled: BTreeMap<String, Timestamp>,
    /// Examples of spam and ham that moving messages gave.
    pub(crate) lessons: Vec<Lesson>,
    /// In whose mailboxes something happened that scripts run for.
    pub(crate) events: BTreeSet<AccountId>,
    /// What was looked at of what stands in rooms.
    pub(crate) booking_work: BookingWork,
}

/// A write transaction's hold on one account: the account's row is locked, its next [`ModSeq`]
/// allotted at the first change.
pub struct AccountTx<'t, 'a> {
    pub(crate) tx: &'t mut WriteTx<'a>,
    pub(crate) account: AccountId,
    pub(crate) usage: Usage,
    /// At whose word: every verb on messages and mailboxes asks for this account's rights.
    pub(crate) actor: AccountId,
    /// Whether it is at somebody's word at all, the account's own included, and not for who runs
    /// the server.
    pub(crate) is_at_word: bool,
}

impl<'a> std::ops::Deref for WriteTx<'a> {
    type Target = ReadTx<'a>;
    fn deref(&self) -> &ReadTx<'a> {
        &self.read
    }
}

impl<'a> std::ops::DerefMut for WriteTx<'a> {
    fn deref_mut(&mut self) -> &mut ReadTx<'a> {
        &mut self.read
    }
}

impl<'a> std::ops::Deref for AccountTx<'_, 'a> {
    type Target = WriteTx<'a>;
    fn deref(&self) -> &WriteTx<'a> {
        self.tx
    }
}

impl<'a> std::ops::DerefMut for AccountTx<'_, 'a> {
    fn deref_mut(&mut self) -> &mut WriteTx<'a> {
        self.tx
    }
}

impl ReadTx<'_> {
    /// A read transaction past what is in memory: for work that goes through everything once.
    pub(crate) fn passing_by(&mut self) -> ReadTx<'_> {
        let (blobs, others_max) = (self.blobs, self.others_max);
        ReadTx { sql: &mut *self.sql, blobs, contents: None, index: None, others_max }
    }

    /// What happened in the account, or in one collection of it, after `since`.
    pub fn changes_since(
        &mut self,
        account: AccountId,
        collection: Option<CollectionId>,
        since: ModSeq,
    ) -> Result<Changes> {
        change_log::since(&mut *self.sql, account, collection, since)
    }

    /// The UIDs expunged from a mailbox of the account after `since`, those of messages that came
    /// since included; `None` where the change log no longer reaches back that far.
    pub fn expunged_since(
        &mut self,
        account: AccountId,
        mailbox: CollectionId,
        since: ModSeq,
    ) -> Result<Option<UidSet>> {
        change_log::expunged_since(&mut *self.sql, account, mailbox, since)
    }
}

impl<'a> WriteTx<'a> {
    /// A transaction in which nothing happened yet.
    pub(crate) fn new(
        read: ReadTx<'a>,
        now: Timestamp,
        settings: &'a crate::Settings,
        feed: Option<&'a Feed>,
    ) -> Self {
        Self {
            read,
            now,
            settings,
            feed,
            modseqs: BTreeMap::new(),
            locked: BTreeMap::new(),
            changes: Vec::new(),
            deltas: Vec::new(),
            contents: BTreeMap::new(),
            bodies: BTreeMap::new(),
            seen: BTreeSet::new(),
            spooled: BTreeMap::new(),
            lessons: Vec::new(),
            events: BTreeSet::new(),
            booking_work: BookingWork::default(),
        }
    }

    /// What the transaction did, for the feed.
    pub(crate) fn into_publication(self) -> Publication {
        Publication {
            changes: self.changes,
            deltas: self.deltas,
            modseqs: self.modseqs,
            spooled: self.spooled,
            lessons: self.lessons,
            events: self.events,
        }
    }

    /// The instant of this transaction: every row it writes carries the same.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Locks the account until the transaction ends, so that whatever is counted, compared and
    /// then written for it (quota, aliases, UIDs) is true at commit. Lock several in ascending
    /// order of their ids, else two transactions can wait for each other.
    pub fn account(&mut self, account: AccountId) -> Result<AccountTx<'_, 'a>> {
        let usage = self.lock_usage(account)?;
        Ok(AccountTx { tx: self, account, usage, actor: account, is_at_word: false })
    }

    /// The account's sequence number of this transaction, allotted at its first change.
    pub(crate) fn modseq(&mut self, account: AccountId) -> Result<ModSeq> {
        self.change_usage(account, UsageChange::default())
    }

    /// Like [`modseq`](Self::modseq), and adds to what the account uses in the same statement.
    pub(crate) fn change_usage(
        &mut self,
        account: AccountId,
        change: UsageChange,
    ) -> Result<ModSeq> {
        let allotted = self.modseqs.get(&account).copied();
        if let Some(modseq) = allotted
            && change == UsageChange::default()
        {
            return Ok(modseq);
        }
        let locked = self.locked.get(&account);
        let known = allotted.or_else(|| locked.map(|before| ModSeq::new(before.get() + 1)));
        let params = [
            Value::Int(account.get()),
            Value::Int(i64::from(allotted.is_none())),
            Value::Int(change.bytes),
            Value::Int(change.messages),
            Value::Int(change.expunged_bytes),
        ];
        let modseq = match known {
            Some(modseq) => {
                let changed = self.sql.execute(change_usage!(), &params)?;
                (changed > 0).then_some(modseq)
            }
            None => self.sql.change_one(
                concat!(change_usage!(), " RETURNING modseq"),
                &params,
                ("SELECT modseq FROM account WHERE id = ?1", &[Value::Int(account.get())]),
                |row| Ok(ModSeq::new(row.int(0)?.cast_unsigned())),
            )?,
        };
        let modseq = modseq.ok_or(StorageError::NotFound("account"))?;
        self.modseqs.insert(account, modseq);
        Ok(modseq)
    }

    /// Writes a fact to the change log and keeps it for publication after the commit.
    pub(crate) fn record(
        &mut self,
        account: AccountId,
        collection: Option<CollectionId>,
        fact: Fact,
    ) -> Result<()> {
        let modseq = self.modseq(account)?;
        let change = Change { account, modseq, collection, fact };
        // The number of facts so far, those of other accounts included, is unique and ascending
        // within each account, which is all that the order of the log needs.
        let ordinal = self.changes.len();
        change_log::append(self.read.sql, &change, ordinal, self.now)?;
        self.changes.push(change);
        Ok(())
    }
}

impl AccountTx<'_, '_> {
    /// The account whose data it is.
    pub fn id(&self) -> AccountId {
        self.account
    }

    /// [`WriteTx::record`] for this account.
    pub(crate) fn record_fact(
        &mut self,
        collection: Option<CollectionId>,
        fact: Fact,
    ) -> Result<()> {
        self.tx.record(self.account, collection, fact)
    }

    /// An empty delta of this transaction for `mailbox`.
    pub(crate) fn new_delta(&mut self, mailbox: CollectionId) -> Result<MailboxDelta> {
        let modseq = self.tx.modseq(self.account)?;
        Ok(MailboxDelta::new(self.account, mailbox, modseq))
    }

    /// Adds to what the account uses (negative: less) and returns the transaction's number.
    pub(crate) fn add_usage(&mut self, bytes: i64, messages: i64) -> Result<ModSeq> {
        self.change_usage(UsageChange { bytes, messages, expunged_bytes: 0 })
    }

    /// Changes the usage of the account, with what expunged messages take.
    pub(crate) fn change_usage(&mut self, change: UsageChange) -> Result<ModSeq> {
        let modseq = self.tx.change_usage(self.account, change)?;
        self.usage.bytes += change.bytes;
        self.usage.messages += change.messages;
        self.usage.expunged_bytes += change.expunged_bytes;
        Ok(modseq)
    }
}

/// What a committed write transaction gave.
#[derive(Debug)]
pub struct Committed<T> {
    /// The value that the closure returned.
    pub value: T,
    /// The facts it published, in order.
    pub changes: Vec<Change>,
    /// The account's sequence number of this transaction; the largest where it touched several,
    /// zero where it touched none.
    pub modseq: ModSeq,
}
