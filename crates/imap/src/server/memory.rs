//! The memory that messages on their way in share on all connections.

use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout};

use super::Session;
use crate::parse::ParseError;

impl Session {
    /// Draws memory for the literal bytes that have arrived. Where there is none for long, the
    /// command is given up.
    pub(super) async fn draw_memory(&mut self) {
        let held = self.framer.literal_bytes() + self.connection.buffered().len();
        let drawn = |permit: &OwnedSemaphorePermit| permit.num_permits();
        while held > FREE_BYTES + self.drawn.as_ref().map_or(0, drawn) {
            let memory = self.shared.append_memory.clone();
            let more = timeout(MEMORY_WAIT, memory.acquire_many_owned(DRAWN_BYTES));
            let more = tokio::select! {
                biased;
                _why = self.ending.reached() => None,
                more = more => more.ok().and_then(std::result::Result::ok),
            };
            match (more, &mut self.drawn) {
                (Some(more), Some(drawn)) => drawn.merge(more),
                (Some(more), drawn) => {
                    *drawn = Some(more);
                    self.ending.deadline = Some(Instant::now() + APPEND_WAIT);
                }
                (None, _) => {
                    self.framer.give_up(ParseError::NoMemory);
                    return self.give_memory_back();
                }
            }
        }
    }

    /// The messages that were being appended are stored or given up.
    pub(super) fn give_memory_back(&mut self) {
        if self.drawn.take().is_some() {
            self.ending.deadline = None;
        }
    }
}

/// LIMIT: literal bytes a connection may hold without drawing from the common memory: what
/// arguments take anyway, and most messages are.
const FREE_BYTES: usize = 64 * 1024;
/// LIMIT: how much is drawn from the common memory at a time.
pub(super) const DRAWN_BYTES: u32 = 1024 * 1024;
/// LIMIT: how long an APPEND waits for memory until it is refused.
pub(crate) const MEMORY_WAIT: Duration = Duration::from_secs(10);
/// LIMIT: how long an APPEND may hold memory that others wait for: 50 MB over 250 kbit/s fit.
const APPEND_WAIT: Duration = Duration::from_secs(30 * 60);
