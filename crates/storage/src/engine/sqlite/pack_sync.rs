//! Syncing of packs beside the writer: a thread of its own, so that bodies become durable while the
//! rows that name them are written.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::writer::ended_early;
use crate::Result;
use crate::blob::{BlobStore, Epoch};

/// The thread, and how to speak to it. It ends with the value.
pub(super) struct PackSync {
    blobs: Arc<BlobStore>,
    /// None where there was no thread to be had.
    thread: Option<(SyncSender<Epoch>, Receiver<Result<()>>)>,
}

/// A sync under way. Whoever asked for it waits for it, whatever else fails.
pub(super) struct Syncing<'s> {
    sync: &'s PackSync,
    epoch: Epoch,
    is_asked: bool,
}

impl PackSync {
    pub(super) fn start(blobs: Arc<BlobStore>) -> Self {
        let (ask, asked) = sync_channel::<Epoch>(1);
        let (done, outcomes) = sync_channel(1);
        let syncing = blobs.clone();
        let thread =
            std::thread::Builder::new().name("storage-packs".to_owned()).spawn(move || {
                while let Ok(epoch) = asked.recv() {
                    if done.send(syncing.sync_packs(epoch)).is_err() {
                        return;
                    }
                }
            });
        Self { blobs, thread: thread.ok().map(|_| (ask, outcomes)) }
    }

    /// Begins to make durable what was appended.
    pub(super) fn begin(&self, epoch: Epoch) -> Syncing<'_> {
        let is_asked = self.thread.as_ref().is_some_and(|(ask, _)| ask.send(epoch).is_ok());
        Syncing { sync: self, epoch, is_asked }
    }

    /// Syncs without waiting for company.
    pub(super) fn now(&self, epoch: Epoch) -> Result<()> {
        self.blobs.sync_packs(epoch)
    }

    fn outcome(&self) -> Result<()> {
        let outcome = self.thread.as_ref().and_then(|(_, outcomes)| outcomes.recv().ok());
        outcome.unwrap_or_else(|| Err(ended_early()))
    }
}

impl Syncing<'_> {
    /// Waits until it is done.
    pub(super) fn finish(mut self) -> Result<()> {
        match std::mem::take(&mut self.is_asked) {
            true => self.sync.outcome(),
            false => self.sync.now(self.epoch),
        }
    }
}

impl Drop for Syncing<'_> {
    fn drop(&mut self) {
        if self.is_asked {
            // Nothing is committed that would need it.
            let _ = self.sync.outcome();
        }
    }
}
