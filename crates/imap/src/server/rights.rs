//! What becomes of a session whose mailbox its owner shares no longer.

use super::{Flow, Session};
use crate::commands;
use crate::error::{Answer, CommandError};

impl Session {
    /// Ends the session if it may not read its mailbox any more, whatever it waits for.
    pub(super) async fn check_rights(&mut self) -> Flow {
        let mut out = Vec::new();
        let checked =
            commands::rights::refresh_if_doubtful(&self.shared, &mut self.state, &mut out).await;
        // RFC 9051 §7: FLAGS may be told at any time, where no literal is on its way.
        self.connection.push(&out);
        match checked {
            Ok(()) => Flow::Continue,
            Err(error) => self.part(error),
        }
    }

    /// Ends the session for an error that came up while no command ran.
    pub(super) fn part(&mut self, error: CommandError) -> Flow {
        match error.into_answer() {
            // Rights that cannot be read are none.
            Answer::Bye(text) | Answer::No(_, text) | Answer::Bad(_, text) => self.bye(&text),
            Answer::BadUrl(_) | Answer::Silence => Flow::End,
        }
    }
}
