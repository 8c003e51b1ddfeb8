//! Memory for large messages on their way out: drawn before one is read, given back when it was
//! sent.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// LIMIT: messages up to here draw nothing: most are so, and a connection may hold as much anyway.
const FREE_BYTES: u64 = 64 * 1024;
/// LIMIT: how long a message waits for memory until it is refused.
const WAIT: Duration = Duration::from_secs(10);
/// LIMIT: the same of one that holds some already, while another one that does waits: what this one
/// has, the other may be waiting for.
const WAIT_BEHIND: Duration = Duration::from_secs(5);
/// What is drawn is counted in these.
const UNIT_BYTES: u64 = 1024;

/// What all sessions of a service share.
#[derive(Debug)]
pub struct MemoryBudget {
    units: Arc<Semaphore>,
    units_max: u32,
    /// The turn of the first of those who hold some memory and wait for more.
    first: Semaphore,
}

/// Memory of one message, given back when dropped; at first of none.
#[derive(Debug, Default)]
pub struct DrawnMemory {
    units: Option<OwnedSemaphorePermit>,
}

impl DrawnMemory {
    /// Gives back what is not needed for so many bytes, which are left of the message.
    pub fn keep(&mut self, bytes: u64) {
        let Some(units) = &mut self.units else { return };
        let needed = usize::try_from(bytes.div_ceil(UNIT_BYTES)).unwrap_or(usize::MAX);
        drop(units.split(units.num_permits().saturating_sub(needed)));
    }
}

impl MemoryBudget {
    /// A budget of so many bytes.
    pub fn new(bytes: u64) -> Self {
        let units_max = u32::try_from(bytes / UNIT_BYTES).unwrap_or(u32::MAX).max(1);
        let permits = usize::try_from(units_max).unwrap_or(usize::MAX);
        let units = Arc::new(Semaphore::new(permits.min(Semaphore::MAX_PERMITS)));
        Self { units, units_max, first: Semaphore::new(1) }
    }

    /// Draws for a message of so many bytes if there is enough; the error says how much to
    /// [wait](Self::wait) for. A message larger than all of it draws all of it.
    ///
    /// # Errors
    /// The units that are missing.
    pub fn try_draw(&self, bytes: u64) -> Result<DrawnMemory, u32> {
        let units = self.units_of(bytes);
        if units == 0 {
            return Ok(DrawnMemory { units: None });
        }
        match self.units.clone().try_acquire_many_owned(units) {
            Ok(permit) => Ok(DrawnMemory { units: Some(permit) }),
            Err(_) => Err(units),
        }
    }

    /// Draws what is missing for so many bytes in all, of a message whose length shows as it comes;
    /// `None` where there is none for long. What was drawn before stays drawn meanwhile: of several
    /// who have all of it between them, and want more, the first waits longest, so that the others
    /// give back what it wants, as far as nobody else asked before it.
    pub async fn grow(&self, drawn: &mut DrawnMemory, bytes: u64) -> Option<()> {
        let has = drawn.units.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let has = u32::try_from(has).unwrap_or(u32::MAX);
        let missing = self.units_of(bytes).saturating_sub(has);
        if missing == 0 {
            return Some(());
        }
        // Given back when it is served, or gives up.
        let first = if has > 0 { self.first.try_acquire().ok() } else { None };
        let waits_behind = has > 0 && first.is_none();
        let limit = if waits_behind { WAIT_BEHIND } else { WAIT };
        let more = self.wait_for(missing, limit).await?.units?;
        match &mut drawn.units {
            Some(units) => units.merge(more),
            None => drawn.units = Some(more),
        }
        Some(())
    }

    /// What is drawn for so many bytes.
    fn units_of(&self, bytes: u64) -> u32 {
        if bytes <= FREE_BYTES {
            return 0;
        }
        u32::try_from(bytes / UNIT_BYTES).unwrap_or(u32::MAX).min(self.units_max)
    }

    /// Waits for memory; `None` where there is none for long.
    pub async fn wait(&self, units: u32) -> Option<DrawnMemory> {
        self.wait_for(units, WAIT).await
    }

    async fn wait_for(&self, units: u32, limit: Duration) -> Option<DrawnMemory> {
        let permit = timeout(limit, self.units.clone().acquire_many_owned(units)).await;
        Some(DrawnMemory { units: Some(permit.ok()?.ok()?) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_drawn_comes_back() {
        let memory = MemoryBudget::new(200 * 1024);
        let small: Vec<_> = (0..10).map(|_| memory.try_draw(FREE_BYTES)).collect();
        assert!(small.iter().all(Result::is_ok));
        let mut large = memory.try_draw(150 * 1024).ok().unwrap();
        let units = memory.try_draw(100 * 1024).err().unwrap();
        assert_eq!(units, 100);
        assert!(memory.wait(units).await.is_none());
        large.keep(120 * 1024);
        assert!(memory.try_draw(100 * 1024).is_err());
        large.keep(90 * 1024);
        assert!(memory.try_draw(100 * 1024).is_ok());
        // More than was drawn is no more than that.
        large.keep(500 * 1024);
        assert!(memory.try_draw(120 * 1024).is_err());
        drop(large);
        // As it comes, without what was drawn before.
        let mut growing = DrawnMemory::default();
        assert_eq!(memory.grow(&mut growing, FREE_BYTES).await, Some(()));
        assert_eq!(memory.grow(&mut growing, 100 * 1024).await, Some(()));
        assert_eq!(memory.grow(&mut growing, 150 * 1024).await, Some(()));
        let other = memory.try_draw(50 * 1024);
        assert!(other.is_ok() && memory.try_draw(65 * 1024).is_err());
        let waiting = memory.try_draw(65 * 1024).err().unwrap();
        growing.keep(100 * 1024);
        assert!(memory.wait(waiting).await.is_some());
        let held = memory.try_draw(90 * 1024).ok().unwrap();
        assert_eq!(memory.grow(&mut growing, 150 * 1024).await, None);
        drop((growing, held));
        let all = memory.try_draw(50 * 1024 * 1024).ok().unwrap();
        let (waited, ()) = tokio::join!(memory.wait(units), async { drop(all) });
        assert!(waited.is_some());
    }

    /// Grows to all there is, and gives it back.
    async fn grow_to_all(memory: &MemoryBudget, mut drawn: DrawnMemory) -> bool {
        memory.grow(&mut drawn, 900 * 1024).await.is_some()
    }

    #[tokio::test(start_paused = true)]
    async fn of_those_who_fill_it_between_them_one_goes_on() {
        let memory = MemoryBudget::new(900 * 1024);
        let draw = |kib: u64| memory.try_draw(kib * 1024).ok().unwrap();
        let (first, second) = (draw(500), draw(400));
        let two = tokio::join!(grow_to_all(&memory, first), grow_to_all(&memory, second));
        assert_eq!(two, (true, false));
        let [first, second, third] = [(); 3].map(|()| grow_to_all(&memory, draw(300)));
        assert_eq!(tokio::join!(first, second, third), (true, false, false));
        // One that comes late has its turn once the first has given up.
        let held = draw(100);
        let (first, mut second) = (draw(400), draw(400));
        let late = async {
            tokio::time::sleep(Duration::from_secs(8)).await;
            memory.grow(&mut second, 800 * 1024).await.is_some()
        };
        assert_eq!(tokio::join!(grow_to_all(&memory, first), late), (false, true));
        drop((held, second));
        assert!(memory.try_draw(900 * 1024).is_ok());
    }
}
