//! What changed in the open mailbox, on its way to the client: piece by piece, so that neither much
//! of it is in memory nor all of it has to be taken in the time of one piece.

use auth::SessionEnding;
use net::Connection;

use super::Ctx;
use crate::error::{CommandError, Result};
use crate::session::{Enabled, OwnChange, Selected, Updates};

/// LIMIT: of what a client has not taken so much is queued, and it may take as long for that as a
/// connection gives it.
const PIECE_BYTES: usize = 32 * 1024;

/// Where responses go that come unasked.
pub(crate) struct Outlet<'c> {
    pub(crate) connection: &'c mut Connection,
    pub(crate) ending: &'c mut SessionEnding,
}

impl Outlet<'_> {
    /// Sends what is queued and `out`, which is empty then.
    async fn send(&mut self, out: &mut Vec<u8>) -> Result<()> {
        self.connection.push(out);
        out.clear();
        self.flush().await
    }

    /// Queues bytes, having sent all but the last of them where they are many.
    pub(crate) async fn push(&mut self, bytes: &[u8]) -> Result<()> {
        let mut pieces = bytes.chunks(PIECE_BYTES).peekable();
        while let Some(piece) = pieces.next() {
            self.connection.push(piece);
            if pieces.peek().is_some() {
                self.flush().await?;
            }
        }
        Ok(())
    }

    /// A session that must end says goodbye behind what was queued.
    async fn flush(&mut self) -> Result<()> {
        tokio::select! {
            biased;
            why = self.ending.reached() => Err(why.into()),
            sent = self.connection.flush() => Ok(sent?),
        }
    }
}

/// Tells what changed and may be told now, `own` excepted; what remains is in `out`, behind what
/// was there. Whether there was anything to tell.
pub(crate) async fn tell(
    outlet: &mut Outlet<'_>,
    selected: &mut Selected,
    enabled: Enabled,
    (which, own): (Updates, OwnChange),
    out: &mut Vec<u8>,
) -> Result<bool> {
    let before = out.len();
    selected.tell_updates(which, enabled, own, out);
    let mut has_told = false;
    while selected.tell_changed(enabled, out) {
        outlet.send(out).await?;
        has_told = true;
    }
    Ok(has_told || out.len() > before)
}

impl Ctx<'_> {
    /// Tells what changed in the selected mailbox; see [`tell`]. Whether or not that can be sent,
    /// it is what the session knows from then on.
    pub(super) async fn tell_updates(
        &mut self,
        which: Updates,
        own: OwnChange,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let Self { connection, ending, state, enabled, .. } = self;
        let selected = state.selected_mut();
        let selected = selected.ok_or(CommandError::Bad("Select a mailbox first"))?;
        tell(&mut Outlet { connection, ending }, selected, **enabled, (which, own), out).await?;
        Ok(())
    }
}
