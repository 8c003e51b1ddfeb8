//! Storage is told which messages are no longer `\Recent` for later sessions (RFC 3501 §2.3.2).

use std::sync::Arc;

use crate::server::Shared;
use crate::session::State;

/// Lets storage keep what the session has claimed, if it has. Nobody waits for it: should it
/// fail, the messages are recent once more, which RFC 3501 §2.3.2 prefers to the contrary.
pub(crate) fn keep(shared: &Arc<Shared>, state: &mut State) {
    let Some(actor) = state.user().map(|user| user.account) else { return };
    let Some(selected) = state.selected_mut() else { return };
    let Some(end) = selected.take_recent_claim() else { return };
    let account = selected.tenure().owner;
    let mailbox = selected.known().mailbox();
    let store = shared.store.clone();
    tokio::spawn(async move {
        let kept = store
            .write_messages("imap recent", Vec::new(), move |tx| {
                tx.account_as(account, actor)?.keep_recent(mailbox, end)
            })
            .await;
        if let Err(error) = kept {
            tracing::debug!(%error, "what is recent was not kept");
        }
    });
}
