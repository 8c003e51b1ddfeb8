//! The versions of a message that actions are about, each prepared once, and off the threads of
//! the runtime where that takes long.

use std::sync::Arc;

use responder::{Outcome, Version};
use storage::{PreparedMessage, Result};

use crate::dispatch::Dispatch;
use crate::redirect;

/// See the module.
pub(crate) struct Versions<'a> {
    outcome: Outcome,
    message: &'a [u8],
    stored: Vec<Option<Arc<PreparedMessage>>>,
    sent: Vec<Option<Arc<PreparedMessage>>>,
}

impl<'a> Versions<'a> {
    /// The versions that a run made of `message`.
    pub(crate) fn new(outcome: Outcome, message: &'a [u8]) -> Self {
        let none = vec![None; outcome.versions.len() + 1];
        Self { outcome, message, stored: none.clone(), sent: none }
    }

    /// The bytes of one.
    pub(crate) fn bytes(&self, version: Version) -> &[u8] {
        self.outcome.version(version, self.message)
    }

    /// To be stored; `None`: as it came.
    pub(crate) async fn stored(
        &mut self,
        version: Version,
        dispatch: &Dispatch<'_>,
    ) -> Result<Option<Arc<PreparedMessage>>> {
        if version.0 == 0 {
            return Ok(None);
        }
        let Some(slot) = self.stored.get_mut(version.0) else { return Ok(None) };
        if let Some(known) = slot {
            return Ok(Some(known.clone()));
        }
        let bytes = self.outcome.version(version, self.message).to_vec();
        let prepared = Arc::new(dispatch.store.prepare_version(bytes).await?);
        Ok(Some(slot.insert(prepared).clone()))
    }

    /// The version as it is sent on, prepared.
    pub(crate) async fn sent(
        &mut self,
        version: Version,
        dispatch: &Dispatch<'_>,
    ) -> Result<Arc<PreparedMessage>> {
        if let Some(Some(known)) = self.sent.get(version.0) {
            return Ok(known.clone());
        }
        let bytes = self.outcome.version(version, self.message);
        let copy = redirect::forwarded(bytes, self.message, dispatch.rules);
        let prepared = Arc::new(dispatch.sent_on(copy, self.message).await?);
        if let Some(slot) = self.sent.get_mut(version.0) {
            *slot = Some(prepared.clone());
        }
        Ok(prepared)
    }
}
