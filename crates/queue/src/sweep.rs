//! What has waited too long: given up, or its sender told. Independent of destinations, so that
//! one that is dead keeps nobody in the dark.

use std::time::Duration;

use ids::{QueueDaemonId, SpoolId, Timestamp};
use storage::{
    ClaimedMessage, ClaimedRecipient, Overdue, OverdueCursor, StorageError, spool_destination,
};

use crate::ahead::load;
use crate::answer::Answer;
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
                if self.shutdown.is_requested()
                    || self.lease.daemon(self.store.now()) != Some(daemon)
                {
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
        let claimed = claimed.await.inspect_err(|error| self.lease.doubt_claim(daemon, error))?;
        let Some(message) = claimed.value else { return Ok(()) };
        // One that cannot be read any more is reported without its text.
        let content = load(&self.store, message.content).await.unwrap_or_default();
        for (destination, ends) in self.ends_by_destination(&message, which) {
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

    fn ends_by_destination(&self, message: &ClaimedMessage, which: Overdue) -> Vec<(String, Ends)> {
        let now = self.store.now();
        let returned = message.parameters.by.is_some_and(|by| by.is_over(now));
        let mut found: Vec<(String, Ends)> = Vec::new();
        for recipient in &message.recipients {
            let destination = spool_destination(&recipient.forward_path);
            let end = match which {
                Overdue::All => {
                    End::Expired(given_up(recipient, self.why(recipient, &destination)))
                }
                Overdue::Unwarned if recipient.warned => End::Untried,
                Overdue::Unwarned => End::Late(self.why(recipient, &destination)),
                Overdue::PastDeadline if returned => End::Expired(Answer::past_deadline()),
                Overdue::PastDeadline if recipient.told_deadline => End::Untried,
                // RFC 2852 §4.1.3: 4.4.7 for what is tried further.
                Overdue::PastDeadline => End::PastDeadline(Answer::past_deadline().with_class(4)),
            };
            match found.iter_mut().find(|(known, _)| *known == destination) {
                Some((_, ends)) => ends.push((recipient.clone(), end)),
                None => found.push((destination, vec![(recipient.clone(), end)])),
            }
        }
        found
    }

    /// Why a recipient waits: what its last attempt came to, or where there was none, why nothing
    /// is tried at its destination.
    fn why(&self, recipient: &ClaimedRecipient, destination: &str) -> Answer {
        let own = Answer::parse(&recipient.answer);
        let theirs = || self.table().reason(destination).map(Answer::without_addresses);
        own.or_else(theirs).unwrap_or_else(|| {
            Answer::ours(4, 4, 1, "its destination could not be reached until now")
        })
    }
}

type Ends = Vec<(ClaimedRecipient, End)>;

/// What is said of one whose patience is over.
fn given_up(recipient: &ClaimedRecipient, answer: Answer) -> Answer {
    let was = if recipient.attempts > 0 { "was tried" } else { "waited" };
    let text = format!("{} (given up: it {was} for too long)", answer.text);
    Answer { text, ..answer }
}

fn before(now: Timestamp, age: Duration) -> Timestamp {
    now.plus_secs(-i64::try_from(age.as_secs()).unwrap_or(i64::MAX))
}
