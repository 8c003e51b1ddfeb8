//! The external mark (R-ADDR-13): for whom a message is from outside, and the message for them.

use std::sync::Arc;

use ids::AccountId;
use storage::{Address, PreparedMessage, Store};

use super::desk::Target;
use crate::error::CommandError;
use crate::types::ReversePath;

/// A message, for those to whom it is from outside.
#[derive(Default)]
pub(super) struct External {
    /// Whether the message is from outside, by target; empty: to nobody.
    is_external: Vec<bool>,
    /// The bytes of the message with the mark.
    bytes: Vec<u8>,
    prepared: Option<Arc<PreparedMessage>>,
}

impl External {
    /// Asks for those whose organisation wants to know.
    pub(super) async fn of(
        store: &Store,
        targets: &[Target],
        submitter: Option<AccountId>,
        reverse_path: &ReversePath,
        message: &[u8],
    ) -> Result<Self, CommandError> {
        let asking: Vec<Option<AccountId>> = targets.iter().map(Target::asks_external).collect();
        if asking.iter().all(Option::is_none) {
            return Ok(Self::default());
        }
        let senders = senders(message, reverse_path);
        let is_external = store
            .read(move |tx| {
                let one = |account: &Option<AccountId>| match account {
                    Some(account) => tx.is_external(*account, submitter, &senders),
                    None => Ok(false),
                };
                asking.iter().map(one).collect::<storage::Result<Vec<bool>>>()
            })
            .await?;
        if !is_external.contains(&true) {
            return Ok(Self::default());
        }
        let bytes = message::mark_external(message);
        let prepared = Some(Arc::new(store.prepare(bytes.clone()).await?));
        Ok(Self { is_external, bytes, prepared })
    }

    /// Whether it is from outside to a target.
    pub(super) fn is_for(&self, at: usize) -> bool {
        self.is_external.get(at).copied().unwrap_or(false)
    }

    /// Whether the message is from outside, by target; empty: to nobody.
    pub(super) fn marks(&self) -> &[bool] {
        &self.is_external
    }

    /// The bytes with the mark.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The message with the mark.
    pub(super) fn prepared(&self) -> Option<&Arc<PreparedMessage>> {
        self.prepared.as_ref()
    }
}

/// Whom a message is from: its authors, or where it names none the sender of the envelope.
fn senders(message: &[u8], reverse_path: &ReversePath) -> Vec<Address> {
    let authors = message::authors(message);
    let mut senders: Vec<Address> = authors.iter().flatten().cloned().map(Address::from).collect();
    if senders.is_empty() && authors.is_some() {
        senders.extend(reverse_path.mailbox().cloned().map(Address::from));
    }
    senders
}
