//! What has waited too long: given up, or its sender told. Independent of destinations, so that
//! one that is dead keeps nobody in the dark.

use std::time::Duration;

use ids::{QueueDaemonId, SpoolId, Timestamp};
use storage::{ClaimedMessage, Overdue, OverdueCursor, StorageError, spool_destination};

use crate::ahead::load;
use crate::answer::Answer;
use crate::envelope::MailParameters;
use crate::queue::Inner;
use crate::settle::{End, Settling};

/// LIMIT: messages one read looks at.
const SLICE: usize = 500;

/// Where each search for late messages goes on: those before were looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursors {
    expired: OverdueCursor,
    past_deadline: OverdueCursor,
    unwarned: OverdueCursor,
}

impl Default for Cursors {
    fn default() -> Self {
        let start = OverdueCursor::START;
        Self { expired: start, past_deadline: start, unwarned: start }
    }
}

impl Inner {
    /// Gives up what is past its lifetime, then tells the senders of what is late.
    pub(crate) async fn sweep(
        &self,
        daemon: QueueDaemonId,
        cursors: &mut Cursors,
    ) -> Result<(), StorageError> {
        let now = self.store.now();
        let expired = before(now, self.settings().lifetime);
        self.sweep_one(daemon, expired, Overdue::All, &mut cursors.expired).await?;
        self.sweep_one(daemon, now, Overdue::PastDeadline, &mut cursors.past_deadline).await?;
        if self.settings().warn_after.is_zero() {
            return Ok(());
        }
        let late = before(now, self.settings().warn_after);
        self.sweep_one(daemon, late, Overdue::Unwarned, &mut cursors.unwarned).await
    }

    /// Looks on from the cursor, slice by slice. It stays before what was in hand meanwhile, and
    /// before the last slice that was not full.
    async fn sweep_one(
        &self,
        daemon: QueueDaemonId,
        before: Timestamp,
        which: Overdue,
        cursor: &mut OverdueCursor,
    ) -> Result<(), StorageError> {
        let (mut at, mut busy) = (*cursor, None);
        loop {
            let slice =
                self.store.read(move |tx| tx.spooled_before(before, which, at, SLICE)).await?;
            for spool in slice.found {
                if self.shutdown.is_requested() || self.lease.daemon(self.store.now()).is_none() {
                    return Ok(());
                }
                self.end_overdue(daemon, spool, which).await?;
            }
            busy = busy.or(slice.busy);
            let Some(next) = slice.next else { return Ok(()) };
            at = next;
            *cursor = busy.unwrap_or(next);
        }
    }

    async fn end_overdue(
        &self,
        daemon: QueueDaemonId,
        spool: SpoolId,
        which: Overdue,
    ) -> Result<(), StorageError> {
        let claimed = self
            .store
            .write_messages("queue overdue", Vec::new(), move |tx| tx.claim_overdue(daemon, spool));
        let Some(message) = claimed.await?.value else { return Ok(()) };
        // One that cannot be read any more is reported without its text.
        let content = load(&self.store, message.content).await.unwrap_or_default();
        for (destination, ends) in ends_by_destination(&message, which, self.store.now()) {
            let settling = Settling {
                daemon,
                destination: &destination,
                message: &message,
                content: &content,
                ends,
            };
            self.settle(settling).await;
        }
        Ok(())
    }
}

type Ends = Vec<(storage::ClaimedRecipient, End)>;

fn ends_by_destination(
    message: &ClaimedMessage,
    which: Overdue,
    now: Timestamp,
) -> Vec<(String, Ends)> {
    let returned = MailParameters::of(message).by.is_some_and(|by| by.ended(now));
    let mut found: Vec<(String, Ends)> = Vec::new();
    for recipient in &message.recipients {
        let answer = Answer::parse(&recipient.answer).unwrap_or_else(|| {
            Answer::ours(4, 4, 1, "its destination could not be reached until now")
        });
        let end = match which {
            Overdue::All => {
                let text = format!("{} (given up: it was tried for too long)", answer.text);
                End::Failed(Answer { text, ..answer })
            }
            Overdue::Unwarned if recipient.warned => End::Untried,
            Overdue::Unwarned => End::Late(answer),
            Overdue::PastDeadline if returned => End::Failed(Answer::past_deadline()),
            Overdue::PastDeadline if recipient.told_deadline => End::Untried,
            // RFC 2852 §4.1.3: 4.4.7 for what is tried further.
            Overdue::PastDeadline => End::PastDeadline(Answer::past_deadline().with_class(4)),
        };
        let destination = spool_destination(&recipient.forward_path);
        match found.iter_mut().find(|(known, _)| *known == destination) {
            Some((_, ends)) => ends.push((recipient.clone(), end)),
            None => found.push((destination, vec![(recipient.clone(), end)])),
        }
    }
    found
}

fn before(now: Timestamp, age: Duration) -> Timestamp {
    now.plus_secs(-i64::try_from(age.as_secs()).unwrap_or(i64::MAX))
}
