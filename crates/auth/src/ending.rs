//! What ends a session from outside, whatever protocol it speaks.

use net::Shutdown;
use tokio::time::{Instant, sleep_until};

use crate::{AuthError, SessionWatch};

/// Why a session must end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// The daemon ends.
    ShuttingDown,
    /// The credentials are no longer good (R-ADDR-8, R-ADDR-12).
    Credentials(AuthError),
    /// Nobody signed in in time.
    Late,
}

/// What ends a session: the daemon, its credentials, or the time in which to sign in.
pub struct SessionEnding {
    shutdown: Shutdown,
    account: Option<SessionWatch>,
    /// When the client must have signed in.
    deadline: Option<Instant>,
}

impl SessionEnding {
    /// For a session in which somebody has to be signed in by `deadline`.
    pub fn new(shutdown: Shutdown, deadline: Instant) -> Self {
        Self { shutdown, account: None, deadline: Some(deadline) }
    }

    /// Ends the session when the credentials it signed in with do.
    pub fn watch(&mut self, account: SessionWatch) {
        self.deadline = None;
        self.account = Some(account);
    }

    /// Nobody is signed in any more, and somebody has to be by then.
    pub fn forget(&mut self, deadline: Instant) {
        self.deadline = Some(deadline);
        self.account = None;
    }

    /// Completes when the session must end. Cancel safe.
    pub async fn reached(&mut self) -> Ended {
        let Some(account) = &mut self.account else {
            let deadline = self.deadline;
            let late = async move {
                match deadline {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            return tokio::select! {
                () = self.shutdown.requested() => Ended::ShuttingDown,
                () = late => Ended::Late,
            };
        };
        tokio::select! {
            () = self.shutdown.requested() => Ended::ShuttingDown,
            why = account.ended() => Ended::Credentials(why),
        }
    }

    /// Whether the session must end now, for clients that never let it wait.
    pub async fn check(&mut self) -> Result<(), Ended> {
        let reached = tokio::select! {
            biased;
            why = self.reached() => Some(why),
            () = std::future::ready(()) => None,
        };
        // A check that was begun above and dropped would never come to its end.
        let why = match (reached, &mut self.account) {
            (None, Some(account)) => account.settled().await.map(Ended::Credentials),
            (reached, _) => reached,
        };
        why.map_or(Ok(()), Err)
    }
}
