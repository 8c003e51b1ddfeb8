//! What of the spool cannot be read. Without its parameters a message would go by a way that its
//! sender forbade (RFC 8689), or be told of who is to hear nothing (RFC 3461 §4.1): it stays in the
//! spool, and is nobody's to send, to report or to give up, until an operator mends or removes it.

use ids::{QueueDaemonId, SpoolId, Timestamp};

use super::settle::Sender;
use super::{ClaimedRecipient, Fate, Settlement};
use crate::{Result, StorageError, WriteTx};

/// How long what cannot be read waits before somebody looks at it again, and the log has it again.
const PAUSE_SECS: i64 = 3600;
/// What operators read of it; RFC 3463 §3.4: other or undefined mail system status.
const ANSWER: &str = "4.3.0 its envelope in the spool is damaged";

/// A recipient that was claimed.
pub(super) enum Found {
    Sound(ClaimedRecipient),
    /// Its place in the envelope, and what is wrong.
    Damaged(i64, StorageError),
}

impl Found {
    pub(super) fn ordinal(&self) -> i64 {
        match self {
            Self::Sound(recipient) => recipient.ordinal,
            Self::Damaged(ordinal, _) => *ordinal,
        }
    }
}

/// Recipients of a message that was claimed, and cannot be sent.
pub(super) struct Damaged {
    spool: SpoolId,
    sender: Sender,
    ordinals: Vec<i64>,
    error: Option<StorageError>,
}

impl Damaged {
    /// None as yet, of a message.
    pub(super) fn new(spool: SpoolId, reverse_path: &str, created: Timestamp) -> Self {
        let reverse_path = reverse_path.to_owned();
        // When it begins is nothing to outcomes.
        let sender = Sender { reverse_path, created, begins: created };
        Self { spool, sender, ordinals: Vec::new(), error: None }
    }

    /// What was read of the message.
    pub(super) fn noted<T>(&mut self, read: Result<T>) -> Option<T> {
        read.map_err(|error| self.error = Some(error)).ok()
    }

    /// Those that can be sent, where their message can; the others are damaged from here on.
    pub(super) fn sound(
        &mut self,
        found: Vec<Found>,
        is_message_sound: bool,
    ) -> Vec<ClaimedRecipient> {
        let mut sound = Vec::with_capacity(found.len());
        for one in found {
            match one {
                Found::Sound(recipient) if is_message_sound => sound.push(recipient),
                Found::Sound(recipient) => self.ordinals.push(recipient.ordinal),
                Found::Damaged(ordinal, error) => {
                    self.ordinals.push(ordinal);
                    self.error.get_or_insert(error);
                }
            }
        }
        sound
    }

    pub(super) fn is_some(&self) -> bool {
        !self.ordinals.is_empty()
    }
}

impl WriteTx<'_> {
    /// Defers what was claimed and cannot be read.
    pub(super) fn defer_damaged(
        &mut self,
        daemon: QueueDaemonId,
        damaged: Vec<Damaged>,
    ) -> Result<()> {
        let later = self.now.plus_secs(PAUSE_SECS);
        for Damaged { spool, ordinals, error, .. } in &damaged {
            if let Some(error) = error {
                let recipients = ordinals.len();
                tracing::error!(%error, %spool, recipients, "a message is not sent");
            }
        }
        self.let_go(daemon, damaged, Fate::Deferred(later))
    }

    /// Gives back what was claimed for its age, and cannot be read. Each sweep finds it again, and
    /// the log has it from when it was deferred.
    pub(super) fn return_damaged(
        &mut self,
        daemon: QueueDaemonId,
        damaged: Vec<Damaged>,
    ) -> Result<()> {
        self.let_go(daemon, damaged, Fate::Untried)
    }

    fn let_go(&mut self, daemon: QueueDaemonId, damaged: Vec<Damaged>, fate: Fate) -> Result<()> {
        for Damaged { spool, sender, mut ordinals, .. } in damaged {
            ordinals.sort_unstable();
            for ordinal in ordinals {
                let outcome = Settlement { spool, ordinal, fate, answer: ANSWER.to_owned() };
                self.settle_one(daemon, &sender, &outcome)?;
            }
        }
        Ok(())
    }
}
