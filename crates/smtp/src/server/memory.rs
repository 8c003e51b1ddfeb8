//! Memory for messages on their way in, shared by all connections of all listeners.
//!
//! **Invariant:** the buffers of all messages in reception together never exceed the budget; a
//! message that finds none waits a bounded time and is then refused for now, so that no two
//! messages can wait for each other for ever.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::Refusal;

/// Permits are counted in this many bytes.
const UNIT_BYTES: usize = 1024;
/// LIMIT: the first reservation of a message: most are smaller. A larger one gets more as it
/// arrives, whatever it announced: promises cost nothing, and must not keep others out.
const FIRST_BYTES: usize = 16 * 1024;

/// The budget. Clones are the same budget.
#[derive(Debug, Clone)]
pub struct ReceptionMemory {
    free: Arc<Semaphore>,
    units: usize,
}

impl ReceptionMemory {
    /// A budget of so many bytes.
    pub fn new(bytes: usize) -> Self {
        let units = (bytes / UNIT_BYTES).min(Semaphore::MAX_PERMITS);
        Self { free: Arc::new(Semaphore::new(units)), units }
    }
}

/// The bytes of one message and the part of the budget they take.
#[derive(Debug)]
pub(super) struct MessageBuffer {
    pub(super) bytes: Vec<u8>,
    memory: ReceptionMemory,
    held: Option<OwnedSemaphorePermit>,
    wait: Duration,
    /// Bytes the whole will have if the client announced the truth.
    expected: usize,
}

impl MessageBuffer {
    pub(super) fn new(memory: ReceptionMemory, wait: Duration) -> Self {
        Self { bytes: Vec::new(), memory, held: None, wait, expected: usize::MAX }
    }

    /// Makes room for the beginning of a message and `more` bytes of ours. The announced size
    /// makes the room smaller, never larger.
    pub(super) async fn announce(
        &mut self,
        size_bytes: Option<u64>,
        more: usize,
    ) -> Result<(), Refusal> {
        let announced = size_bytes.and_then(|size| usize::try_from(size).ok());
        let announced = announced.unwrap_or(usize::MAX);
        self.expected = announced.saturating_add(more);
        self.grow(announced.min(FIRST_BYTES).saturating_add(more)).await
    }

    /// Makes room for `more` bytes.
    pub(super) async fn reserve(&mut self, more: usize) -> Result<(), Refusal> {
        if self.bytes.capacity() - self.bytes.len() >= more {
            return Ok(());
        }
        // Doubling keeps the number of copies logarithmic, and what is reserved in proportion
        // to what came.
        let doubled = self.bytes.capacity().max(FIRST_BYTES).saturating_mul(2);
        let needed = self.bytes.len().saturating_add(more);
        self.grow(doubled.min(self.expected).max(needed)).await
    }

    /// Makes room for a whole of which the size is known.
    pub(super) async fn reserve_all(&mut self, bytes: usize) -> Result<(), Refusal> {
        self.expected = bytes;
        self.grow(bytes).await
    }

    /// Gives everything back: what still comes of this message will be thrown away.
    pub(super) fn release(&mut self) {
        self.bytes = Vec::new();
        self.held = None;
    }

    async fn grow(&mut self, capacity: usize) -> Result<(), Refusal> {
        let held = self.held.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let missing = capacity.div_ceil(UNIT_BYTES).saturating_sub(held);
        if missing > 0 {
            // Nobody gives back what there is not.
            if held + missing > self.memory.units {
                return Err(Refusal::Busy);
            }
            let missing = u32::try_from(missing).map_err(|_| Refusal::Busy)?;
            let acquiring = self.memory.free.clone().acquire_many_owned(missing);
            let permit = match tokio::time::timeout(self.wait, acquiring).await {
                Ok(Ok(permit)) => permit,
                Ok(Err(_)) | Err(_) => return Err(Refusal::Busy),
            };
            match &mut self.held {
                Some(held) => held.merge(permit),
                None => self.held = Some(permit),
            }
        }
        self.bytes.reserve_exact(capacity.saturating_sub(self.bytes.len()));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_budget_is_shared_and_given_back() {
        let memory = ReceptionMemory::new(64 * 1024);
        let wait = Duration::from_secs(20);
        let mut first = MessageBuffer::new(memory.clone(), wait);
        let mut second = MessageBuffer::new(memory.clone(), wait);
        assert_eq!(first.announce(None, 0).await, Ok(()));
        first.bytes.extend_from_slice(&[0; 16 * 1024]);
        assert_eq!(first.reserve(1).await, Ok(()));
        assert!(first.bytes.capacity() >= 32 * 1024);
        assert_eq!(second.announce(None, 17 * 1024).await, Err(Refusal::Busy));
        assert_eq!(second.announce(None, 0).await, Ok(()));
        assert_eq!(second.reserve(40 * 1024).await, Err(Refusal::Busy));
        first.release();
        assert_eq!(second.reserve(40 * 1024).await, Ok(()));
        drop(second);
        assert_eq!(memory.free.available_permits(), 64);
    }

    #[tokio::test(start_paused = true)]
    async fn a_promise_reserves_no_more_than_a_beginning() {
        let memory = ReceptionMemory::new(64 * 1024);
        for (announced, units) in
            [(None, 18), (Some(u64::MAX), 18), (Some(1_048_576), 18), (Some(5), 3)]
        {
            let mut buffer = MessageBuffer::new(memory.clone(), Duration::ZERO);
            assert_eq!(buffer.announce(announced, 2048).await, Ok(()));
            assert_eq!(memory.free.available_permits(), 64 - units, "{announced:?}");
        }
        // A message as large as it said takes no more than that.
        let mut buffer = MessageBuffer::new(memory.clone(), Duration::ZERO);
        assert_eq!(buffer.announce(Some(20 * 1024), 0).await, Ok(()));
        buffer.bytes.extend_from_slice(&[0; 16 * 1024]);
        assert_eq!(buffer.reserve(4 * 1024).await, Ok(()));
        assert_eq!(memory.free.available_permits(), 64 - 20);
    }
}
