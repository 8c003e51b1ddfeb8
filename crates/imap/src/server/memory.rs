//! The memory that messages on their way in share on all connections.

use std::time::Duration;

use net::Pace;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

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
                (Some(more), drawn) => *drawn = Some(more),
                (None, _) => {
                    self.framer.give_up(ParseError::NoMemory);
                    return self.give_memory_back();
                }
            }
        }
    }

    /// The messages that were being appended are stored or given up.
    pub(super) fn give_memory_back(&mut self) {
        self.drawn = None;
    }

    /// Gives a literal that is awaited its time; before sign-in, there is a time for all of that.
    pub(super) fn expect_literal(&mut self) {
        if self.state.user().is_none()
            || self.arriving.is_none() && self.framer.literal_in_progress().is_none()
        {
            return;
        }
        let settings = self.shared.settings.pace;
        let arriving = self.arriving.get_or_insert_with(|| Pace::begin(settings));
        self.ending.set_deadline(Some(arriving.deadline()));
    }

    /// The command under way has come, or is given up.
    pub(super) fn literals_ended(&mut self) {
        if self.arriving.take().is_some() {
            self.ending.set_deadline(None);
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
/// LIMIT: how long one item may hold memory that others wait for: 50 MB over 250 kbit/s fit.
pub(crate) const SEND_TIME: Duration = Duration::from_secs(30 * 60);
