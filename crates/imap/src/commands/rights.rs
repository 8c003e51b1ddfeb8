//! What the one signed in may do with the selected mailbox, which its owner may change meanwhile.

use std::pin::pin;
use std::sync::Arc;

use storage::{AccountTx, Committed, Extent, Rights, StorageError};

use super::Ctx;
use super::progress::Progress;
use crate::error::{CommandError, Result};
use crate::server::Shared;
use crate::session::{Selected, State};

/// Reads anew what may be done with a mailbox of another. RFC 4314 §5.1.1: a session that may not
/// read its mailbox any more ends; FLAGS is told again where other flags may be changed.
pub(crate) async fn refresh(
    shared: &Arc<Shared>,
    state: &mut State,
    out: &mut Vec<u8>,
) -> Result<()> {
    let Some(actor) = state.user().map(|user| user.account) else { return Ok(()) };
    let Some(selected) = state.selected_mut().filter(|one| one.tenure().owner != actor) else {
        return Ok(());
    };
    let snapshot = selected.view().snapshot();
    let (mailbox, changes) = (snapshot.mailbox(), snapshot.acl_changes());
    let read = shared.store.read(move |tx| tx.require_as(actor, mailbox, Rights::READ));
    let rights = match read.await {
        // What becomes of a mailbox that is gone is told elsewhere.
        Err(StorageError::NotFound(_)) if selected.is_over() => return Ok(()),
        Err(StorageError::NotFound(_) | StorageError::NoPermission(_)) => {
            return Err(CommandError::Bye("You may not read this mailbox any more"));
        }
        // R-ADDR-12, of the owner.
        Err(StorageError::Maintenance) => {
            return Err(CommandError::Bye(
                "[UNAVAILABLE] This account is in maintenance; mail is still received",
            ));
        }
        rights => rights?,
    };
    selected.renew_rights(rights, changes, out);
    Ok(())
}

/// [`refresh`] where somebody is known to have changed something: asked often.
pub(crate) async fn refresh_if_doubtful(
    shared: &Arc<Shared>,
    state: &mut State,
    out: &mut Vec<u8>,
) -> Result<()> {
    match state.selected().is_some_and(Selected::are_rights_doubtful) {
        true => refresh(shared, state, out).await,
        false => Ok(()),
    }
}

/// Completes when what may be done with a mailbox of another has been changed. Cancel safe.
pub(crate) async fn changed(state: &State) {
    let foreign = state.user().zip(state.selected()).filter(|(user, selected)| {
        // The owner keeps every right, and who has nothing open any more needs none.
        selected.tenure().owner != user.account && !selected.is_over()
    });
    let Some((_, selected)) = foreign else { return std::future::pending().await };
    let mut watch = selected.view().watch();
    while !selected.are_rights_doubtful() {
        if watch.changed().await.is_err() {
            // The sender lives as long as the view that the session holds.
            return std::future::pending().await;
        }
    }
}

impl Ctx<'_> {
    /// Between two parts of a long answer: whether the rest of it may be told.
    pub(super) async fn check_rights(&mut self) -> Result<()> {
        let mut out = Vec::new();
        refresh_if_doubtful(self.shared, self.state, &mut out).await?;
        self.connection.push(&out);
        Ok(())
    }

    /// A unit of work on the account that the selected mailbox is in, at the word of the one
    /// signed in.
    pub(super) async fn change_selected<T, F>(
        &mut self,
        (label, extent): (&'static str, Extent),
        closure: F,
    ) -> Result<Committed<T>>
    where
        T: Send + 'static,
        F: FnOnce(&mut AccountTx<'_, '_>) -> storage::Result<T> + Send + 'static,
    {
        let actor = self.user()?.account;
        let owner = self.selected()?.tenure().owner;
        let store = self.shared.store.clone();
        let write =
            store.write_of(extent, label, move |tx| closure(&mut tx.account_as(owner, actor)?));
        let mut write = pin!(write);
        let committed = match self.wait_for(&Progress::default(), &mut write).await {
            Ok(written) => written?,
            // What was asked of storage is done all the same, though the client is gone.
            Err(_) => write.await?,
        };
        self.note_own_changes(&committed.changes);
        Ok(committed)
    }
}
