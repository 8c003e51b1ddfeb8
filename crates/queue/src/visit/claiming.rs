//! What a visit takes in hand, and gives back of it untried.

use std::sync::Arc;

use super::Visit;
use crate::counters::add;
use crate::settings::Reach;
use ids::{QueueDaemonId, Timestamp};
use storage::{
    Claim, ClaimedMessage, ClaimedRecipient, Fate, ReadTx, Settlement, StorageError,
    spool_destination,
};

/// LIMIT: recipients in hand at a time, so that a crash leaves few for others to take over.
const CLAIM_MAX: usize = 50;
/// LIMIT: the same of those that are elsewhere and go along; together as many as each server takes
/// of one message (RFC 5321 §4.5.3.1.8).
const ALONG_MAX: usize = 50;
/// The messages that a claim brought.
pub(super) struct Claimed {
    pub(super) messages: Vec<ClaimedMessage>,
    next_due: Option<Timestamp>,
    full: bool,
    pub(super) here: bool,
}

impl Visit {
    /// Whether another message may go there now: asked for before anything is claimed, so that who
    /// has no turn writes nothing. A turn is kept until it is used or returned.
    pub(super) async fn has_turn(&mut self) -> bool {
        let rate = self.inner.settings().rate_for(&self.destination);
        if self.turn || rate == 0 || self.is_here().await {
            return true;
        }
        let now = self.inner.store.now();
        self.turn = self.inner.table().take_turn(&self.destination, rate, now).is_ok();
        if !self.turn {
            add(&self.inner.counters.paced, 1);
        }
        self.turn
    }

    /// Leaves a turn that was not used to others.
    pub(super) fn return_turn(&mut self) {
        if std::mem::take(&mut self.turn) {
            self.inner.table().return_turn(&self.destination);
            self.inner.wake();
        }
    }

    /// Whether nothing came since all that was due was claimed, where each message takes a turn:
    /// none is asked for in vain.
    pub(super) fn is_done(&self) -> bool {
        let (settings, now) = (self.inner.settings(), self.inner.store.now());
        let table = self.inner.table();
        settings.rate_for(&self.destination) > 0
            && !table.is_here(&self.destination)
            && !table.is_due(&self.destination, now)
    }

    /// Whether the destination is a domain of ours, as far as can be known before a claim.
    async fn is_here(&mut self) -> bool {
        if let Some(here) = self.here {
            return here;
        }
        let destination = self.destination.clone();
        let found = self.inner.store.read(move |tx| is_here(tx, &destination)).await;
        let here = found.unwrap_or(false);
        self.learn(here);
        here
    }

    /// It turned out whether the destination is a domain of ours.
    pub(super) fn learn(&mut self, here: bool) {
        self.here = Some(here);
        self.inner.table().learn(&self.destination, here, self.inner.store.now());
    }

    /// How many recipients are claimed at a time: where each message takes a turn, no more than
    /// there are turns for; what else of the same message waits is claimed along.
    fn claim_limit(&self) -> usize {
        let now = self.inner.store.now();
        let more = self.inner.table().turns_left(&self.destination, now);
        let limit = more.map_or(CLAIM_MAX, |more| usize::try_from(more).unwrap_or(CLAIM_MAX) + 1);
        limit.min(CLAIM_MAX)
    }

    pub(super) async fn claim(&mut self, daemon: QueueDaemonId) -> Result<Claimed, StorageError> {
        let claim =
            Claim { daemon, destination: self.destination.clone(), limit: self.claim_limit() };
        let settings = self.inner.settings();
        let reach = settings.reach;
        self.claimed_by = Some(settings.clone());
        // Who was refused is asked for again now and then, however long this visit lasts.
        self.asks_again = true;
        let claimed = self.inner.store.write_messages("queue claim", Vec::new(), move |tx| {
            let here = is_here(tx, &claim.destination)?;
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
                // They are free again with the number of this daemon.
                self.inner.lease.doubt(daemon);
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

/// Whether a destination is a domain of ours.
fn is_here(tx: &mut ReadTx<'_>, destination: &str) -> storage::Result<bool> {
    // RFC 5321 §4.1.1.3: postmaster without a domain is the one of this server.
    Ok(destination == "postmaster" || tx.find_domain(destination)?.is_some())
}
