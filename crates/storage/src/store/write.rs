//! Write transactions: closures are queued for the engine, run there in a transaction, and their
//! changes published after the commit.

use std::sync::Arc;

use ids::AccountId;

use super::{Store, blocking};
use crate::engine::{Extent, Outcome, Reach, Submission, WriteJob, repeatable_job, write_job};
use crate::{AccountTx, Committed, PreparedMessage, Result, StorageError, WriteTx};

impl Store {
    /// A unit of work: all of it or nothing. Completes when it is on stable storage, in every
    /// view, and published. The closure runs on a storage thread and has no effect outside `tx`.
    ///
    /// # Errors
    /// What the closure returned; [`StorageError::Unavailable`] where the commit failed.
    pub async fn write<T, F>(&self, label: &'static str, closure: F) -> Result<Committed<T>>
    where
        T: Send + 'static,
        F: FnOnce(&mut WriteTx<'_>) -> Result<T> + Send + 'static,
    {
        self.write_with(label, Vec::new(), closure).await
    }

    /// Like [`write`](Self::write), of which it is known how much work it is: what is
    /// [brief](Extent::Brief) may run on the caller's thread.
    ///
    /// # Errors
    /// As for [`write`](Self::write).
    pub async fn write_of<T, F>(
        &self,
        extent: Extent,
        label: &'static str,
        closure: F,
    ) -> Result<Committed<T>>
    where
        T: Send + 'static,
        F: FnOnce(&mut WriteTx<'_>) -> Result<T> + Send + 'static,
    {
        self.submit((Reach::All, extent), label, Vec::new(), write_job(label, closure)).await
    }

    /// Like [`write`](Self::write) for a closure that stores `messages`: their large blobs are
    /// durable before it runs, with one sync for all writers at that time.
    ///
    /// # Errors
    /// As for [`write`](Self::write).
    pub async fn write_with<T, F>(
        &self,
        label: &'static str,
        messages: Vec<Arc<PreparedMessage>>,
        closure: F,
    ) -> Result<Committed<T>>
    where
        T: Send + 'static,
        F: FnOnce(&mut WriteTx<'_>) -> Result<T> + Send + 'static,
    {
        self.submit((Reach::All, Extent::Any), label, messages, write_job(label, closure)).await
    }

    /// Like [`write_with`](Self::write_with) for a closure that adds `messages` or changes objects,
    /// and nothing else: no account, address or domain. What is known of these stays so.
    ///
    /// # Errors
    /// As for [`write`](Self::write).
    pub async fn write_messages<T, F>(
        &self,
        label: &'static str,
        messages: Vec<Arc<PreparedMessage>>,
        closure: F,
    ) -> Result<Committed<T>>
    where
        T: Send + 'static,
        F: FnOnce(&mut WriteTx<'_>) -> Result<T> + Send + 'static,
    {
        self.submit((Reach::Messages, Extent::Any), label, messages, write_job(label, closure))
            .await
    }

    /// Like [`write_messages`](Self::write_messages) for a closure that may run more than once,
    /// each time after all it did before was rolled back: so it shares the commit of others that
    /// may at less cost than where each has to be rolled back by itself. What is
    /// [brief](Extent::Brief) may run on the caller's thread.
    ///
    /// # Errors
    /// As for [`write`](Self::write).
    pub async fn deliver_messages<T, F>(
        &self,
        extent: Extent,
        label: &'static str,
        messages: Vec<Arc<PreparedMessage>>,
        closure: F,
    ) -> Result<Committed<T>>
    where
        T: Send + 'static,
        F: Fn(&mut WriteTx<'_>) -> Result<T> + Send + 'static,
    {
        let job = repeatable_job(label, closure);
        self.submit((Reach::Messages, extent), label, messages, job).await
    }

    /// [`write_with`](Self::write_with) for threads. Not for async code.
    ///
    /// # Errors
    /// As for [`write`](Self::write).
    pub fn write_with_blocking<T, F>(
        &self,
        label: &'static str,
        messages: Vec<Arc<PreparedMessage>>,
        closure: F,
    ) -> Result<Committed<T>>
    where
        T: Send + 'static,
        F: FnOnce(&mut WriteTx<'_>) -> Result<T> + Send + 'static,
    {
        if self.inner.shared.blobs.must_upload(&messages) {
            self.upload(&messages)?;
        }
        let (job, outcome) = write_job(label, closure);
        self.inner.engine.submit_blocking(Submission::new(job, messages, Reach::All))?;
        outcome.blocking_recv().map_err(|_| lost(label))?
    }

    /// [`write`](Self::write) for threads. Not for async code.
    ///
    /// # Errors
    /// As for [`write`](Self::write).
    pub fn write_blocking<T, F>(&self, label: &'static str, closure: F) -> Result<Committed<T>>
    where
        T: Send + 'static,
        F: FnOnce(&mut WriteTx<'_>) -> Result<T> + Send + 'static,
    {
        self.write_with_blocking(label, Vec::new(), closure)
    }

    /// A unit of work on one account.
    ///
    /// # Errors
    /// As for [`write`](Self::write).
    pub async fn account_write<T, F>(
        &self,
        account: AccountId,
        label: &'static str,
        closure: F,
    ) -> Result<Committed<T>>
    where
        T: Send + 'static,
        F: FnOnce(&mut AccountTx<'_, '_>) -> Result<T> + Send + 'static,
    {
        self.account_write_with(account, label, Vec::new(), closure).await
    }

    /// A unit of work on one account that stores `messages`.
    ///
    /// # Errors
    /// As for [`write`](Self::write).
    pub async fn account_write_with<T, F>(
        &self,
        account: AccountId,
        label: &'static str,
        messages: Vec<Arc<PreparedMessage>>,
        closure: F,
    ) -> Result<Committed<T>>
    where
        T: Send + 'static,
        F: FnOnce(&mut AccountTx<'_, '_>) -> Result<T> + Send + 'static,
    {
        self.write_with(label, messages, move |tx| closure(&mut tx.account(account)?)).await
    }

    /// [`account_write_with`](Self::account_write_with) for threads. Not for async code.
    ///
    /// # Errors
    /// As for [`write`](Self::write).
    pub fn account_write_blocking<T, F>(
        &self,
        account: AccountId,
        label: &'static str,
        messages: Vec<Arc<PreparedMessage>>,
        closure: F,
    ) -> Result<Committed<T>>
    where
        T: Send + 'static,
        F: FnOnce(&mut AccountTx<'_, '_>) -> Result<T> + Send + 'static,
    {
        self.write_with_blocking(label, messages, move |tx| closure(&mut tx.account(account)?))
    }

    /// Parses, hashes and compresses a message, off the async threads where that takes long.
    ///
    /// # Errors
    /// [`StorageError::TooBig`] for one larger than the store takes.
    pub async fn prepare(&self, bytes: Vec<u8>) -> Result<PreparedMessage> {
        self.check_size(&bytes)?;
        self.prepare_version(bytes).await
    }

    /// Like [`prepare`](Self::prepare), for a message that goes into the spool and into no mailbox.
    ///
    /// # Errors
    /// As for [`prepare`](Self::prepare).
    pub async fn prepare_for_elsewhere(&self, bytes: Vec<u8>) -> Result<PreparedMessage> {
        self.check_size(&bytes)?;
        prepare_by(PreparedMessage::for_elsewhere, bytes).await
    }

    /// The same for what rules made of a message: whether that is too big is for the transaction
    /// to say, which then goes by the message as it came.
    pub async fn prepare_version(&self, bytes: Vec<u8>) -> Result<PreparedMessage> {
        prepare_by(PreparedMessage::new, bytes).await
    }

    fn check_size(&self, bytes: &[u8]) -> Result<()> {
        let (size_bytes, limit_bytes) =
            (bytes.len() as u64, self.inner.shared.current().message_bytes_max);
        if size_bytes > limit_bytes {
            return Err(StorageError::TooBig { size_bytes, limit_bytes });
        }
        Ok(())
    }

    async fn submit<T>(
        &self,
        (reach, extent): (Reach, Extent),
        label: &'static str,
        messages: Vec<Arc<PreparedMessage>>,
        (job, outcome): (Box<dyn WriteJob>, Outcome<T>),
    ) -> Result<Committed<T>>
    where
        T: Send + 'static,
    {
        if self.inner.shared.blobs.must_upload(&messages) {
            let (store, messages) = (self.clone(), messages.clone());
            blocking("upload", move || store.upload(&messages)).await?;
        }
        let submission = Submission::new(job, messages, reach).of_extent(extent);
        self.inner.engine.submit(submission).await?;
        outcome.await.map_err(|_| lost(label))?
    }

    /// Puts large bodies that no row names yet into the object store.
    fn upload(&self, messages: &[Arc<PreparedMessage>]) -> Result<()> {
        let blobs = &self.inner.shared.blobs;
        let unknown = self.inner.read(|tx| blobs.unknown(tx, messages))?;
        blobs.upload_large(&unknown)
    }
}

async fn prepare_by(
    make: fn(Vec<u8>) -> PreparedMessage,
    bytes: Vec<u8>,
) -> Result<PreparedMessage> {
    /// LIMIT: up to here preparing takes less than moving to another thread would delay.
    const INLINE_BYTES: usize = 32 * 1024;
    if bytes.len() <= INLINE_BYTES {
        return Ok(make(bytes));
    }
    blocking("prepare", move || Ok(make(bytes))).await
}

fn lost(label: &'static str) -> StorageError {
    StorageError::Unavailable(format!("{label} was not finished"))
}
