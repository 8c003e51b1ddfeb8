//! What a visit takes in hand, and gives back of it untried.

use std::sync::Arc;

use super::Visit;
use crate::counters::add;
use crate::settings::Reach;
use ids::{QueueDaemonId, Timestamp};
use storage::{
    Claim, ClaimedMessage, ClaimedRecipient, Fate, Settlement, StorageError, spool_destination,
};

/// LIMIT: recipients in hand at a time, so that a crash leaves few for others to take over.
const CLAIM_MAX: usize = 50;
/// LIMIT: the same of those that are elsewhere and go along; together as many as each server takes of
/// one message (RFC 5321 §4.5.3.1.8).
const ALONG_MAX: usize = 50;
/// What a claim brought.
pub(super) struct Claimed {
    pub(super) messages: Vec<ClaimedMessage>,
    next_due: Option<Timestamp>,
    full: bool,
    pub(super) here: bool,
}

impl Visit {
    /// Whether another message may go there now.
    pub(super) fn has_turn(&self, here: bool) -> bool {
        let (now, rate) =
            (self.inner.store.now(), self.inner.settings().rate_for(&self.destination));
        let turn = match here {
            true => Ok(()),
            false => self.inner.table().take_turn(&self.destination, rate, now),
        };
        if turn.is_err() {
            add(&self.inner.counters.paced, 1);
        }
        turn.is_ok()
    }

    pub(super) async fn claim(&mut self, daemon: QueueDaemonId) -> Result<Claimed, StorageError> {
        let claim = Claim { daemon, destination: self.destination.clone(), limit: CLAIM_MAX };
        let settings = self.inner.settings();
        let reach = settings.reach;
        self.claimed_by = Some(settings.clone());
        // Who was refused is asked for again now and then, however long this visit lasts.
        self.refused_sender = None;
        let claimed = self.inner.store.write_messages("queue claim", Vec::new(), move |tx| {
            let domain = tx.find_domain(&claim.destination)?;
            // RFC 5321 §4.1.1.3: postmaster without a domain is the one of this server.
            let here = domain.is_some() || claim.destination == "postmaster";
            if !here && reach == Reach::Here {
                return Ok(Claimed { messages: Vec::new(), next_due: None, full: false, here });
            }
            let mut messages = tx.claim_spooled(&claim)?;
            let count: usize = messages.iter().map(|message| message.recipients.len()).sum();
            let full = count >= claim.limit;
            if !here && settings.takes_along(&claim.destination) {
                // RFC 5321 §4.5.4.1: one copy for all whom the same host gets it for.
                tx.claim_along(daemon, &mut messages, ALONG_MAX, |tx, other| {
                    let along = settings.goes_along(&claim.destination, other);
                    Ok(along && other != "postmaster" && tx.find_domain(other)?.is_none())
                })?;
            }
            let next_due = if full { None } else { tx.next_due_spooled(&claim.destination)? };
            Ok(Claimed { messages, next_due, full, here })
        });
        claimed.await.map(|committed| committed.value)
    }

    /// More is due than was claimed: another connection may take it.
    pub(super) fn note_rest(&self, claimed: &Claimed) {
        let mut table = self.inner.table();
        if claimed.full {
            table.note(&self.destination, self.inner.store.now());
            drop(table);
            self.inner.wake();
        } else if let Some(due) = claimed.next_due {
            table.note(&self.destination, due);
        }
    }

    /// Frees what was claimed and not tried.
    pub(super) async fn give_back(&self, daemon: QueueDaemonId, messages: Vec<ClaimedMessage>) {
        if messages.is_empty() {
            return;
        }
        // From here on they are given back by nobody else.
        self.hand.clear();
        let messages = Arc::new(messages);
        while let Err(error) = self.return_all(daemon, messages.clone()).await {
            if !self.inner.may_pass(&error).await {
                // They stay in our hands until this daemon ends.
                tracing::warn!(%error, "what was not tried could not be given back");
                return;
            }
        }
        let (mut table, now) = (self.inner.table(), self.inner.store.now());
        table.note(&self.destination, now);
        for recipient in messages.iter().flat_map(|message| &message.recipients) {
            table.note(&spool_destination(&recipient.forward_path), now);
        }
    }

    async fn return_all(
        &self,
        daemon: QueueDaemonId,
        messages: Arc<Vec<ClaimedMessage>>,
    ) -> Result<(), StorageError> {
        let written = self.inner.store.write_messages("queue return", Vec::new(), move |tx| {
            for message in messages.iter() {
                let outcome = |recipient: &ClaimedRecipient| Settlement {
                    spool: message.id,
                    ordinal: recipient.ordinal,
                    fate: Fate::Untried,
                    answer: String::new(),
                };
                let outcomes: Vec<Settlement> = message.recipients.iter().map(outcome).collect();
                tx.settle_spooled(daemon, message.id, &outcomes)?;
            }
            Ok(())
        });
        written.await.map(|_| ())
    }
}
