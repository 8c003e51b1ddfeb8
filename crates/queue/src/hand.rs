//! What a visit has in hand, known apart from it: a visit that panics gives it back all the same.
//!
//! **Invariant:** what is here was claimed and is not known to be settled. What was under way when
//! the panic came may have been sent, as after a crash; it is deferred by itself, so that a message
//! that makes every visit panic keeps no other back.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ids::{QueueDaemonId, SpoolId, Timestamp};
use storage::{ClaimedMessage, Fate, Settlement, StorageError, spool_destination};

use crate::answer::Answer;
use crate::counters::add;
use crate::lease::Use;
use crate::queue::Inner;

/// How long what is here waits, where no message is known to be at fault.
const PAUSE_SECS: i64 = 30;

/// Messages with what becomes of their recipients.
type Outcomes = Vec<(SpoolId, Vec<Settlement>)>;

/// The messages that one visit has claimed and not settled.
#[derive(Debug, Default)]
pub(crate) struct Hand {
    holding: Mutex<Holding>,
    /// The use of the daemon number under which messages are claimed.
    use_of: Mutex<Use>,
}

#[derive(Debug, Default)]
struct Holding {
    /// The daemon that claimed it, and whether it is for delivery here.
    claim: Option<(QueueDaemonId, bool)>,
    messages: Vec<Held>,
    under_way: Option<SpoolId>,
}

#[derive(Debug, Clone)]
struct Held {
    spool: SpoolId,
    /// Number and attempts of each recipient.
    recipients: Vec<(i64, u32)>,
    /// Where they are, where there are several.
    destinations: BTreeSet<String>,
}

impl Hand {
    /// Sets the use of the daemon number that the next messages are claimed under.
    pub(crate) fn claims_under(&self, use_of: Use) {
        *self.use_of.lock().unwrap_or_else(PoisonError::into_inner) = use_of;
    }

    /// Takes in hand the messages that were claimed.
    pub(crate) fn take(&self, daemon: QueueDaemonId, here: bool, messages: &[ClaimedMessage]) {
        let held = |message: &ClaimedMessage| {
            let (all, mut destinations) = (&message.recipients, BTreeSet::new());
            if all.len() > 1 {
                let each = all.iter().map(|one| spool_destination(&one.forward_path));
                destinations.extend(each);
            }
            let recipients = all.iter().map(|one| (one.ordinal, one.attempts)).collect();
            Held { spool: message.id, recipients, destinations }
        };
        let messages = messages.iter().map(held).collect();
        *self.holding() = Holding { claim: Some((daemon, here)), messages, under_way: None };
    }

    /// Notes that this message is being sent.
    pub(crate) fn begin(&self, spool: SpoolId) {
        self.holding().under_way = Some(spool);
    }

    /// Forgets a message that is no longer in hand.
    pub(crate) fn end(&self, spool: SpoolId) {
        let mut holding = self.holding();
        holding.messages.retain(|held| held.spool != spool);
        holding.under_way = None;
    }

    /// Forgets every message.
    pub(crate) fn clear(&self) {
        *self.holding() = Holding::default();
    }

    fn holding(&self) -> MutexGuard<'_, Holding> {
        self.holding.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Gives back what a visit had in hand that ended by a panic.
    pub(crate) async fn recover(&self, destination: &str, hand: &Hand, panic: &str) {
        add(&self.counters.panicked, 1);
        let Holding { claim, messages, under_way } = std::mem::take(&mut *hand.holding());
        let spool = under_way.map(SpoolId::get);
        tracing::error!(panic, destination, spool, "a visit of the queue panicked");
        let now = self.store.now();
        // Whatever it was, it is not to happen again at once: at another server all that goes there
        // waits, here the one message does.
        let later = match (claim, under_way) {
            (Some((_, true)), Some(_)) => now,
            (Some((_, true)), None) => now.plus_secs(PAUSE_SECS),
            (Some((_, false)) | None, _) => {
                let chance = self.chance();
                self.table().failed(destination, Some(Answer::internal()), now, chance)
            }
        };
        let outcomes: Outcomes = messages
            .iter()
            .map(|held| {
                let is_tried = under_way == Some(held.spool);
                (held.spool, self.given_back(destination, held, is_tried, now))
            })
            .collect();
        if let Some((daemon, _)) = claim {
            while let Err(error) = self.settle_all(daemon, outcomes.clone()).await {
                if !self.may_pass(&error).await {
                    // They are free again with the number of this daemon.
                    self.lease.doubt(daemon);
                    tracing::error!(%error, destination, "what was in hand could not be given back");
                    break;
                }
            }
        }
        let mut table = self.table();
        table.note(destination, later);
        let others = messages.iter().flat_map(|held| &held.destinations);
        others.for_each(|other| table.note(other, later));
    }

    fn given_back(
        &self,
        destination: &str,
        held: &Held,
        is_tried: bool,
        now: Timestamp,
    ) -> Vec<Settlement> {
        let settlement = |(ordinal, attempts): &(i64, u32)| {
            let (fate, answer) = match is_tried {
                true => (
                    Fate::Deferred(self.retry_at(destination, attempts + 1, now, self.chance())),
                    Answer::internal().to_string(),
                ),
                false => (Fate::Untried, String::new()),
            };
            Settlement { spool: held.spool, ordinal: *ordinal, fate, answer }
        };
        held.recipients.iter().map(settlement).collect()
    }

    async fn settle_all(
        &self,
        daemon: QueueDaemonId,
        outcomes: Outcomes,
    ) -> Result<(), StorageError> {
        let written = self.store.write_messages("queue recover", Vec::new(), move |tx| {
            for (spool, outcomes) in &outcomes {
                tx.settle_spooled(daemon, *spool, outcomes)?;
            }
            Ok(())
        });
        written.await.map(drop)
    }
}
