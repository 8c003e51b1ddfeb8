//! The maildrop of a session: INBOX as it stood at sign-in, and what the session did to it.

use std::sync::Arc;

use ids::{AccountId, CollectionId, UidSet};
use message::flag::SystemFlags;
use storage::{Entry, MailboxName, MailboxView, Snapshot, StorageError, Store, ViewState};

use crate::error::{CommandError, Farewell, Result};
use crate::marks::Marks;

/// One session's maildrop. Message numbers are places in its snapshot.
#[derive(Debug)]
pub(crate) struct Maildrop {
    account: AccountId,
    /// The live view of INBOX.
    view: MailboxView,
    /// The snapshot of INBOX at sign-in.
    snapshot: Arc<Snapshot>,
    /// Messages that get a CRLF at their end when they are sent.
    open_ended: UidSet,
    deleted: Marks,
    retrieved: Marks,
    /// Messages not deleted, and their octets.
    count: u32,
    octets: u64,
}

impl Maildrop {
    /// Opens the maildrop of an account.
    pub(crate) async fn open(store: &Store, account: AccountId) -> storage::Result<Self> {
        let inbox = store.read(move |tx| tx.find_mailbox(account, &MailboxName::inbox())).await?;
        let inbox = inbox.ok_or(StorageError::NotFound("mailbox"))?;
        let view = store.open_view(account, inbox.id).await?;
        let snapshot = view.snapshot();
        let open_ended = store.read(move |tx| tx.open_ended(inbox.id)).await?;
        let mut maildrop = Self {
            account,
            view,
            snapshot,
            open_ended,
            deleted: Marks::default(),
            retrieved: Marks::default(),
            count: 0,
            octets: 0,
        };
        maildrop.reset();
        Ok(maildrop)
    }

    /// The account that the maildrop is of.
    pub(crate) fn account(&self) -> AccountId {
        self.account
    }

    /// The mailbox behind it.
    pub(crate) fn mailbox(&self) -> CollectionId {
        self.snapshot.mailbox()
    }

    /// The snapshot of INBOX at sign-in.
    pub(crate) fn snapshot(&self) -> &Arc<Snapshot> {
        &self.snapshot
    }

    /// Messages that are not deleted.
    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// The octets of all messages that are not marked as deleted.
    pub(crate) fn octets(&self) -> u64 {
        self.octets
    }

    /// Messages that are not deleted, with their numbers.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (u32, Entry<'_>)> {
        let all = self.snapshot.entries(1..=self.snapshot.exists());
        all.filter(|(number, _)| !self.deleted.contains(*number))
    }

    /// The octets of a message as RETR sends them (RFC 1939 §11).
    ///
    /// DEVIATION(RFC 6856 §2.1): those of the message itself where RETR sends its surrogate, as
    /// RFC 6858 §4 allows. Else each of them would be made at sign-in for programs that read up to
    /// the dot; the answer to RETR says how long the surrogate is.
    pub(crate) fn octets_of(&self, entry: &Entry<'_>) -> u64 {
        let crlf = if self.open_ended.contains(entry.uid()) { 2 } else { 0 };
        u64::from(entry.size_bytes()) + crlf
    }

    /// The message of this number, unless it was deleted in this session.
    pub(crate) fn find(&self, number: u32) -> Result<Entry<'_>> {
        let count = self.snapshot.exists();
        let entry = self.snapshot.by_seq(number).ok_or(CommandError::NoSuchMessage { count })?;
        if self.deleted.contains(number) {
            return Err(CommandError::Deleted(number));
        }
        Ok(entry)
    }

    /// Like `find`, if the message is also still there.
    pub(crate) fn find_present(&self, number: u32) -> Result<Entry<'_>> {
        let entry = self.find(number)?;
        let now = self.view.snapshot();
        if !Arc::ptr_eq(&now, &self.snapshot) && now.seq_of(entry.uid()).is_none() {
            return Err(CommandError::Expunged(number));
        }
        Ok(entry)
    }

    /// Fails where the mailbox can no longer be followed, so that nobody could say what is
    /// still there.
    pub(crate) fn require_live(&self) -> Result<()> {
        match self.view.snapshot().state() {
            ViewState::Live => Ok(()),
            ViewState::Deleted | ViewState::Lost => {
                Err(CommandError::Ended(Farewell::MaildropLost))
            }
        }
    }

    /// Marks a message as deleted.
    pub(crate) fn delete(&mut self, number: u32) -> Result<()> {
        // A message that another session expunged meanwhile is as gone as the client wants it.
        let octets = self.octets_of(&self.find(number)?);
        if self.deleted.set(number, self.snapshot.exists()) {
            self.count -= 1;
            self.octets -= octets;
        }
        Ok(())
    }

    /// Takes back what was deleted.
    pub(crate) fn reset(&mut self) {
        self.deleted.clear();
        self.count = self.snapshot.exists();
        self.octets = self.entries().map(|(_, entry)| self.octets_of(&entry)).sum();
    }

    /// Notes that a message was retrieved.
    pub(crate) fn note_retrieved(&mut self, number: u32) {
        self.retrieved.set(number, self.snapshot.exists());
    }

    /// The UIDs of messages marked as deleted.
    pub(crate) fn deleted_uids(&self) -> UidSet {
        self.uids_marked(&self.deleted, |_| true)
    }

    /// What was retrieved, not deleted, and has no `\Seen` yet.
    pub(crate) fn uids_to_mark_seen(&self) -> UidSet {
        self.uids_marked(&self.retrieved, |(number, entry)| {
            let seen = entry.flags().system.contains(SystemFlags::SEEN);
            !seen && !self.deleted.contains(*number)
        })
    }

    fn uids_marked(&self, marks: &Marks, wanted: impl Fn(&(u32, Entry<'_>)) -> bool) -> UidSet {
        if marks.is_empty() {
            return UidSet::new();
        }
        let all = self.snapshot.entries(1..=self.snapshot.exists());
        let marked = all.filter(|(number, _)| marks.contains(*number));
        marked.filter(wanted).map(|(_, entry)| entry.uid()).collect()
    }
}
