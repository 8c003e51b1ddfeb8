//! What the one signed in may do with the selected mailbox, which its owner may change meanwhile.

use std::sync::Arc;

use storage::{AccountTx, Committed, Rights, StorageError};

use super::Ctx;
use super::progress::Progress;
use crate::error::{CommandError, Result};
use crate::server::Shared;
use crate::session::State;

/// Reads the rights anew where they were changed. RFC 4314 §5.1.1: a session that may not read
/// its mailbox any more ends.
pub(crate) async fn refresh(
    shared: &Arc<Shared>,
    state: &mut State,
    out: &mut Vec<u8>,
) -> Result<()> {
    let Some(actor) = state.user().map(|user| user.account) else { return Ok(()) };
    let Some(selected) = state.selected_mut().filter(|selected| selected.are_rights_doubtful())
    else {
        return Ok(());
    };
    let snapshot = selected.view().snapshot();
    let (mailbox, changes) = (snapshot.mailbox(), snapshot.acl_changes());
    let rights = match shared.store.read(move |tx| tx.rights_of(actor, mailbox)).await {
        // What becomes of a mailbox that is gone is told elsewhere.
        Err(StorageError::NotFound(_)) => return Ok(()),
        rights => rights?,
    };
    if !rights.contains(Rights::READ) {
        return Err(CommandError::Bye("You may not read this mailbox any more"));
    }
    selected.renew_rights(rights, changes, out);
    Ok(())
}

impl Ctx<'_> {
    /// A unit of work on the account that the selected mailbox is in, at the word of the one
    /// signed in.
    pub(super) async fn change_selected<T, F>(
        &mut self,
        label: &'static str,
        closure: F,
    ) -> Result<Committed<T>>
    where
        T: Send + 'static,
        F: FnOnce(&mut AccountTx<'_, '_>) -> storage::Result<T> + Send + 'static,
    {
        let actor = self.user()?.account;
        let owner = self.selected()?.tenure().owner;
        let store = self.shared.store.clone();
        let write = store.write(label, move |tx| closure(&mut tx.account_as(owner, actor)?));
        Ok(self.wait_for(&Progress::default(), write).await??)
    }
}
