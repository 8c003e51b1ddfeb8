//! Work that blocks, off the async threads: reading from the store, and sorting, searching or
//! rendering what was read. Absent: writing, which has its own queue in storage.

use storage::{StorageError, Store};

use crate::error::Result;

/// Does what reads and takes time beside the async threads. It reads in transactions of its own,
/// which are over before it works on what was read: there are few of them for everybody.
pub(super) async fn aside<T: Send + 'static>(
    store: &Store,
    work: impl FnOnce(&Store) -> storage::Result<T> + Send + 'static,
) -> Result<T> {
    let store = store.clone();
    let done = tokio::task::spawn_blocking(move || work(&store)).await;
    Ok(done.map_err(|error| StorageError::Internal(error.to_string()))??)
}
