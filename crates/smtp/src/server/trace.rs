//! What is written down of each message that was read: by the transaction that stores it, or once
//! it is refused.

use std::sync::Arc;

use storage::{Disposition, Reception, StorageError, WriteTx};

use super::Visit;
use super::desk::Desk;
use super::incoming::Incoming;
use super::spooling::{path_text, sender_text};
use crate::error::CommandError;
use crate::report::Action;
use crate::settings::Role;

impl Visit<'_> {
    /// What there is to say of a message, if it is to be said.
    pub(super) fn describe(&self, incoming: &Incoming, size_bytes: u64) -> Option<Arc<Reception>> {
        let given = self.session.envelope()?;
        let readdressed = incoming.readdressed.as_ref();
        let envelope = readdressed.map_or(given, |new| &new.envelope);
        let removed = readdressed.map_or(&[][..], |new| &new.removed);
        self.server.desk.traces().then(|| {
            let protocol = match self.server.settings.role {
                Role::Mx => "smtp",
                Role::Submission => "submission",
                Role::Lmtp => "lmtp",
            };
            let user = self.user.as_ref().map(|user| user.address.to_string());
            Arc::new(Reception {
                message: incoming.id,
                protocol: protocol.to_owned(),
                peer: self.connection.peer().ip().to_canonical().to_string(),
                user: user.unwrap_or_default(),
                reverse_path: sender_text(&envelope.reverse_path),
                message_id: incoming.message_id.clone().unwrap_or_default(),
                size_bytes,
                placement: incoming.placement,
                forward_paths: (envelope.recipients.iter().map(|one| path_text(&one.path)))
                    .chain(removed.iter().cloned())
                    .collect(),
            })
        })
    }
}

/// Writes down that a message was refused. The reply waits for that: who sends what is refused is
/// served no faster than others.
pub(super) async fn note_refusal(
    desk: &Desk,
    reception: Option<Arc<Reception>>,
    why: &CommandError,
) {
    let Some(reception) = reception.filter(|_| !is_fault(why)) else { return };
    let refused = Disposition::Refused(reply_text(why));
    let dispositions = vec![vec![refused]; reception.forward_paths.len()];
    if let Err(error) = desk.note_reception(reception, dispositions).await {
        tracing::warn!(%error, "a refusal is not traced");
    }
}

/// Whether storage cannot take anything now.
fn is_fault(error: &CommandError) -> bool {
    matches!(
        error,
        CommandError::Storage(
            StorageError::Unavailable(_)
                | StorageError::NoSpace(_)
                | StorageError::Corrupt(_)
                | StorageError::Internal(_)
        )
    )
}

/// The line that the client is told.
fn reply_text(error: &CommandError) -> String {
    let mut line = Vec::new();
    error.reply().render(&mut line);
    String::from_utf8_lossy(&line).trim_end().to_owned()
}

/// What becomes of one message, by recipient, while its transaction is under way.
pub(super) struct Trace<'a> {
    reception: Option<&'a Reception>,
    dispositions: Vec<Vec<Disposition>>,
}

impl<'a> Trace<'a> {
    /// The trace of a message for so many recipients.
    pub(super) fn new(reception: Option<&'a Arc<Reception>>, recipients: usize) -> Self {
        Self { reception: reception.map(|it| &**it), dispositions: vec![Vec::new(); recipients] }
    }

    pub(super) fn note(&mut self, at: usize, dispositions: Vec<Disposition>) {
        if let Some(slot) = self.dispositions.get_mut(at) {
            *slot = dispositions;
        }
    }

    /// Notes recipients that a check took away, behind the others, as discarded.
    pub(super) fn leave_out(&mut self, removed: usize) {
        self.dispositions.extend(std::iter::repeat_n(vec![Disposition::Discarded], removed));
    }

    pub(super) fn refused(&mut self, at: usize, why: &CommandError) {
        self.note(at, vec![Disposition::Refused(reply_text(why))]);
    }

    /// What its sender may be told.
    pub(super) fn action(&self, at: usize) -> Option<Action> {
        Action::of_dispositions(self.dispositions.get(at)?)
    }

    pub(super) fn is_refused(&self, at: usize) -> bool {
        let found = self.dispositions.get(at);
        found.is_some_and(|all| matches!(all[..], [Disposition::Refused(_)]))
    }

    /// Writes it down, if it is to be.
    pub(super) fn file(&self, tx: &mut WriteTx<'_>) -> storage::Result<()> {
        match self.reception {
            Some(reception) => tx.note_reception(reception, &self.dispositions),
            None => Ok(()),
        }
    }
}
