//! Transactions as protocols see them: a snapshot to read, a unit of work to write.
//!
//! Every verb is a method on one of the three types here; the files that implement them are
//! named by what they are about (`directory/`, `mailbox/`, `message/`, `spool.rs`).

use std::collections::BTreeMap;

use ids::{AccountId, ModSeq, Timestamp};

use crate::change::Change;
use crate::sql::Sql;
use crate::view::MailboxDelta;

/// One snapshot of the store: every read in it sees the same state.
pub struct ReadTx<'a> {
    pub(crate) sql: &'a mut (dyn Sql + 'a),
    /// Where the bytes of large blobs are read from.
    pub(crate) blobs: &'a crate::blob::BlobStore,
}

/// A write transaction. Nothing in it is visible to anybody before its commit is durable.
pub struct WriteTx<'a> {
    pub(crate) read: ReadTx<'a>,
    pub(crate) now: Timestamp,
    pub(crate) settings: &'a crate::Settings,
    /// The sequence number each account touched got in this transaction.
    pub(crate) modseqs: BTreeMap<AccountId, ModSeq>,
    pub(crate) changes: Vec<Change>,
    pub(crate) deltas: Vec<MailboxDelta>,
}

/// A write transaction's hold on one account: the account's row is locked, its next [`ModSeq`]
/// allotted at the first change.
pub struct AccountTx<'t, 'a> {
    pub(crate) tx: &'t mut WriteTx<'a>,
    pub(crate) account: AccountId,
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

/// What a committed write transaction gave.
#[derive(Debug)]
pub struct Committed<T> {
    /// What the closure returned.
    pub value: T,
    /// The facts it published, in order.
    pub changes: Vec<Change>,
    /// The account's sequence number of this transaction; the largest where it touched several,
    /// zero where it touched none.
    pub modseq: ModSeq,
}
