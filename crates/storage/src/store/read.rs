//! Units of work that read, views, and what is known without I/O.

use std::sync::Arc;

use ids::{AccountId, CollectionId, ContentId};

use super::{Store, blocking};
use crate::directory::DirectoryQuestion;
use crate::message_store::{Content, Want};
use crate::{
    Address, Credentials, MailboxView, ReadTx, Resolution, Result, SigningKey, Subscription,
};

impl Store {
    /// Reads in one snapshot, off the async threads. Never waits for a writer.
    ///
    /// # Errors
    /// What the closure returned; [`StorageError::Unavailable`] where nothing can be read now.
    pub async fn read<T, F>(&self, closure: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut ReadTx<'_>) -> Result<T> + Send + 'static,
    {
        let store = self.clone();
        blocking("read", move || store.read_blocking(closure)).await
    }

    /// [`read`](Self::read) for what is looked at once, be it very much: it takes longer, and
    /// nothing of it stays in memory.
    ///
    /// # Errors
    /// As for [`read`](Self::read).
    pub async fn read_through<T, F>(&self, closure: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut ReadTx<'_>) -> Result<T> + Send + 'static,
    {
        let store = self.clone();
        blocking("read", move || store.inner.read_through(closure)).await
    }

    /// [`read`](Self::read) for threads. Not for async code.
    ///
    /// # Errors
    /// As for [`read`](Self::read).
    pub fn read_blocking<T, F>(&self, closure: F) -> Result<T>
    where
        T: Send,
        F: FnOnce(&mut ReadTx<'_>) -> Result<T> + Send,
    {
        self.inner.read(closure)
    }

    /// Where mail to `address` goes, see [`ReadTx::resolve`]. What was asked before and cannot
    /// have changed is answered from memory.
    ///
    /// # Errors
    /// As for [`read`](Self::read).
    pub async fn find_recipient(&self, address: &Address) -> Result<Resolution> {
        let recipients = &self.inner.shared.recipients;
        if let Some(resolution) = recipients.find(address) {
            return Ok(resolution);
        }
        let (edition, asked) = (recipients.edition(), address.clone());
        let found = self.read(move |tx| tx.resolve(&asked)).await?;
        recipients.keep(edition, address, &found);
        Ok(found)
    }

    /// How the account of a primary address is signed in to, see [`ReadTx::credentials`]. What was
    /// asked before and cannot have changed is answered from memory.
    ///
    /// # Errors
    /// As for [`read`](Self::read).
    pub async fn find_credentials(&self, address: &Address) -> Result<Option<Credentials>> {
        let recipients = &self.inner.shared.recipients;
        if let Some(found) = recipients.credentials(address) {
            return Ok(Some(found));
        }
        let (edition, asked) = (recipients.edition(), address.clone());
        let found = self.read(move |tx| tx.credentials(&asked)).await?;
        if let Some(found) = &found {
            recipients.keep_credentials(edition, address, found);
        }
        Ok(found)
    }

    /// The keys of a domain, see [`ReadTx::signing_keys`]. What was asked before and cannot have
    /// changed is answered from memory.
    ///
    /// # Errors
    /// As for [`read`](Self::read).
    pub async fn find_signing_keys(&self, domain: &str) -> Result<Arc<[SigningKey]>> {
        let recipients = &self.inner.shared.recipients;
        if let Some(found) = recipients.signing_keys(domain) {
            return Ok(found);
        }
        let (edition, asked) = (recipients.edition(), domain.to_owned());
        let found: Arc<[SigningKey]> = self.read(move |tx| tx.signing_keys(&asked)).await?.into();
        recipients.keep_signing_keys(edition, domain, &found);
        Ok(found)
    }

    /// Whether a question about the directory has to be asked: `None` where it was answered with
    /// yes since the directory last changed. The text is to say all that the answer depends on but
    /// the directory; an answer that time alone can change is not to be kept.
    pub fn ask_directory(&self, text: String) -> Option<DirectoryQuestion> {
        self.inner.shared.recipients.ask(text)
    }

    /// Keeps the yes to a question, read after it was asked.
    pub fn keep_granted(&self, question: DirectoryQuestion) {
        self.inner.shared.recipients.grant(question);
    }

    /// The shared view of a mailbox of `account`.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] where there is no such mailbox.
    pub async fn open_view(
        &self,
        account: AccountId,
        mailbox: CollectionId,
    ) -> Result<MailboxView> {
        if let Some(view) = self.inner.shared.feed.opened_view(account, mailbox) {
            return Ok(view);
        }
        let store = self.clone();
        blocking("open view", move || store.open_view_blocking(account, mailbox)).await
    }

    /// What is wanted of `ids`, where all of it is in memory, which bodies and part indices never
    /// are: no I/O, nothing waits. The same as [`ReadTx::load_contents`] would read, as contents
    /// never change.
    pub fn held_contents(&self, ids: &[ContentId], want: Want) -> Option<Vec<Content>> {
        let held = self.inner.shared.contents.contents(ids, want);
        (held.len() == ids.len()).then_some(held)
    }

    /// The view of a mailbox if it is in memory. No I/O.
    pub fn held_view(&self, account: AccountId, mailbox: CollectionId) -> Option<MailboxView> {
        self.inner.shared.feed.opened_view(account, mailbox)
    }

    /// [`open_view`](Self::open_view) for threads. Not for async code.
    ///
    /// # Errors
    /// As for [`open_view`](Self::open_view).
    pub fn open_view_blocking(
        &self,
        account: AccountId,
        mailbox: CollectionId,
    ) -> Result<MailboxView> {
        self.inner.shared.feed.open_view(account, mailbox)
    }

    /// Every change of `account` from now on. Subscribe before the first read.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] where there is no such account.
    pub async fn subscribe(&self, account: AccountId) -> Result<Subscription> {
        if let Some(subscription) = self.inner.shared.feed.subscribe_watched(account) {
            return Ok(subscription);
        }
        let store = self.clone();
        blocking("subscribe", move || store.subscribe_blocking(account)).await
    }

    /// [`subscribe`](Self::subscribe) for threads. Not for async code.
    ///
    /// # Errors
    /// As for [`subscribe`](Self::subscribe).
    pub fn subscribe_blocking(&self, account: AccountId) -> Result<Subscription> {
        self.inner.shared.feed.subscribe(account)
    }
}
