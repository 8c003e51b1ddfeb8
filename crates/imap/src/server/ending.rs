//! What ends a session from outside: shutdown, credentials that are no longer good, being late.

use std::net::IpAddr;
use std::time::Duration;

use auth::{AuthError, Protocol, SessionWatch};
use net::Shutdown;
use tokio::time::{Instant, sleep_until};

/// What ends a session from outside.
pub(crate) struct Ending {
    pub(super) shutdown: Shutdown,
    pub(super) account: Option<SessionWatch>,
    /// When the client must have signed in, or have sent the messages it appends.
    pub(super) deadline: Option<Instant>,
}

impl Ending {
    /// Ends the session when the credentials it signed in with do.
    pub(crate) fn watch(&mut self, account: SessionWatch) {
        self.deadline = None;
        self.account = Some(account);
    }

    /// Takes down what the program of who signed in says it is.
    pub(crate) fn note_program(&self, peer: IpAddr, program: &str) {
        if let Some(account) = &self.account {
            account.note_program(Protocol::Imap, peer, program);
        }
    }

    /// Nobody is signed in any more; somebody must be in time.
    pub(crate) fn forget(&mut self, login_timeout: Duration) {
        self.account = None;
        self.deadline = Some(Instant::now() + login_timeout);
    }

    /// Completes with the text of BYE when the session must end. Cancel safe.
    pub(crate) async fn reached(&mut self) -> &'static str {
        let deadline = self.deadline;
        let late = async move {
            match deadline {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        let Some(account) = &mut self.account else {
            return tokio::select! {
                () = self.shutdown.requested() => SHUTTING_DOWN,
                () = late => "Sign-in took too long",
            };
        };
        tokio::select! {
            () = self.shutdown.requested() => SHUTTING_DOWN,
            why = account.ended() => farewell(&why),
            () = late => "[UNAVAILABLE] APPEND took too long",
        }
    }

    /// Checks credentials that are known to be doubtful, however long that takes; the text of
    /// BYE when the session must end.
    pub(super) async fn settled(&mut self) -> Option<&'static str> {
        self.account.as_mut()?.settled().await.map(|why| farewell(&why))
    }
}

/// The text of BYE for credentials that are no longer good.
fn farewell(why: &AuthError) -> &'static str {
    match why {
        AuthError::Unavailable => "[UNAVAILABLE] Sign in again later",
        AuthError::Maintenance => {
            "[UNAVAILABLE] This account is in maintenance; mail is still received"
        }
        AuthError::Wrong | AuthError::Blocked | AuthError::Throttled { .. } => {
            "Credentials have changed, sign in again"
        }
    }
}

const SHUTTING_DOWN: &str = "[UNAVAILABLE] Server is shutting down";
