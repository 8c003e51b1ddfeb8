//! Where writes wait for a writer: bounded in number and in bytes.
//!
//! **Invariant:** the messages of all writes that wait or run take no more memory than allowed,
//! or are those of a single write. Whoever comes when there is no room waits for it, in the order
//! of coming.

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::{Submission, closed};
use crate::statistics::Statistics;
use crate::{PreparedMessage, Result, Settings};

/// Room is counted in these.
const UNIT_BYTES: u64 = 1024;

/// Memory that the messages of a write take in the queue, given back when it is done.
pub(crate) struct Room {
    permit: OwnedSemaphorePermit,
    statistics: Arc<Statistics>,
}

impl Room {
    fn new(permit: OwnedSemaphorePermit, statistics: Arc<Statistics>) -> Self {
        let room = Self { permit, statistics };
        room.statistics.entered(room.bytes());
        room
    }

    fn bytes(&self) -> u64 {
        self.permit.num_permits() as u64 * UNIT_BYTES
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.statistics.left(self.bytes());
    }
}

/// The end of the queue that takes writes.
pub(super) struct Queue {
    sender: Mutex<Option<mpsc::Sender<Submission>>>,
    room: Arc<Semaphore>,
    units_max: u32,
    statistics: Arc<Statistics>,
}

impl Queue {
    /// A queue and the end that writers take from.
    pub(super) fn new(
        settings: &Settings,
        statistics: Arc<Statistics>,
    ) -> (Self, mpsc::Receiver<Submission>) {
        let (sender, receiver) = mpsc::channel(settings.queue_max.max(1));
        let units_max = u32::try_from(settings.queue_bytes_max / UNIT_BYTES).unwrap_or(u32::MAX);
        let units_max = units_max.max(1);
        let permits = usize::try_from(units_max).unwrap_or(usize::MAX);
        let room = Arc::new(Semaphore::new(permits.min(Semaphore::MAX_PERMITS)));
        let sender = Mutex::new(Some(sender));
        (Self { sender, room, units_max, statistics }, receiver)
    }

    /// Queues a write, waiting for room and for a place.
    pub(super) async fn submit(&self, submission: Submission) -> Result<()> {
        let submission = self.enter(submission).await?;
        self.send(submission).await
    }

    /// Gives a write room, waiting for it.
    pub(super) async fn enter(&self, mut submission: Submission) -> Result<Submission> {
        if self.lock().is_none() {
            return Err(closed());
        }
        self.statistics.queued();
        let units = self.units_of(&submission.messages);
        if units > 0 {
            let room = self.room.clone().acquire_many_owned(units).await.map_err(|_| closed())?;
            submission.room = Some(Room::new(room, self.statistics.clone()));
        }
        Ok(submission)
    }

    /// Queues a write that has room, waiting for a place.
    pub(super) async fn send(&self, submission: Submission) -> Result<()> {
        let sender = self.lock().clone().ok_or_else(closed)?;
        sender.send(submission).await.map_err(|_| closed())
    }

    /// Whether no write waits in it.
    pub(super) fn is_empty(&self) -> bool {
        self.lock().as_ref().is_none_or(|sender| sender.capacity() == sender.max_capacity())
    }

    /// [`submit`](Self::submit) for threads.
    pub(super) fn submit_blocking(&self, submission: Submission) -> Result<()> {
        block_on(self.submit(submission))
    }

    /// Takes no more writes. Those that wait for room are refused.
    pub(super) fn close(&self) {
        self.room.close();
        self.lock().take();
    }

    /// A write with more than all of the room takes all of it.
    fn units_of(&self, messages: &[Arc<PreparedMessage>]) -> u32 {
        let bytes: u64 = messages.iter().map(|message| message.memory_bytes()).sum();
        u32::try_from(bytes.div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX).min(self.units_max)
    }

    fn lock(&self) -> MutexGuard<'_, Option<mpsc::Sender<Submission>>> {
        self.sender.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes a thread that waits in [`block_on`].
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits for a future that needs no runtime.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Reach, write_job};

    struct Noon;
    impl ids::Clock for Noon {
        fn now(&self) -> ids::Timestamp {
            ids::Timestamp::from_secs(1_700_000_000)
        }
    }

    fn queue(bytes: u64) -> (Queue, mpsc::Receiver<Submission>) {
        let mut settings = Settings::new("", Arc::new(Noon));
        settings.queue_bytes_max = bytes;
        Queue::new(&settings, Arc::default())
    }

    fn submission(bytes: usize) -> Submission {
        let message = Arc::new(PreparedMessage::new(vec![b'x'; bytes]));
        let (job, _outcome) = write_job("test", |_| Ok(()));
        Submission::new(job, if bytes == 0 { Vec::new() } else { vec![message] }, Reach::All)
    }

    #[tokio::test]
    async fn what_is_too_much_waits_in_order() {
        let (queue, mut jobs) = queue(1024 * 1024);
        queue.submit(submission(300_000)).await.unwrap();
        // Larger than all of it: alone, and the ones behind it wait too, unless they take none.
        let mut large = pin!(queue.submit(submission(3_000_000)));
        let mut small = pin!(queue.submit(submission(2_000)));
        let waits = std::future::poll_fn(|cx| {
            let waits =
                (large.as_mut().poll(cx).is_pending(), small.as_mut().poll(cx).is_pending());
            Poll::Ready(waits)
        });
        assert_eq!(waits.await, (true, true));
        queue.submit(submission(0)).await.unwrap();
        drop(jobs.recv().await);
        large.await.unwrap();
        drop(jobs.recv().await);
        drop(jobs.recv().await);
        small.await.unwrap();
        assert!(jobs.recv().await.is_some());
    }

    #[test]
    fn threads_wait_as_well_and_nobody_after_the_end() {
        let (queue, mut jobs) = queue(UNIT_BYTES);
        queue.submit_blocking(submission(500)).unwrap();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| queue.submit_blocking(submission(500)));
            drop(jobs.blocking_recv());
            waiting.join().unwrap().unwrap();
            let refused = scope.spawn(|| queue.submit_blocking(submission(500)));
            queue.close();
            assert!(refused.join().unwrap().is_err());
        });
        assert!(jobs.blocking_recv().is_some());
        assert!(jobs.blocking_recv().is_none());
        assert!(queue.submit_blocking(submission(0)).is_err());
    }
}
