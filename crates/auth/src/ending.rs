//! What ends a session from outside, whatever protocol it speaks.

use std::net::IpAddr;

use net::{Connection, ConnectionError, Shutdown};
use tokio::time::{Instant, sleep_until};

use crate::{AuthError, Protocol, SessionWatch};

/// Why a session must end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// The daemon ends.
    ShuttingDown,
    /// The credentials are no longer good (R-ADDR-8, R-ADDR-12).
    Credentials(AuthError),
    /// Nobody signed in in time.
    SignInLate,
    /// What was announced after the sign-in did not come in time.
    Late,
}

/// What ends a session: the daemon, its credentials, or a deadline, such as that of the sign-in.
pub struct SessionEnding {
    shutdown: Shutdown,
    account: Option<SessionWatch>,
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

    /// What is awaited has to have come by then; `None`: it has.
    pub fn set_deadline(&mut self, deadline: Option<Instant>) {
        self.deadline = deadline;
    }

    /// Takes down what the program of who signed in says it is.
    pub fn note_program(&self, protocol: Protocol, peer: IpAddr, program: &str) {
        if let Some(account) = &self.account {
            account.note_program(protocol, peer, program);
        }
    }

    /// Completes when the session must end. Cancel safe.
    pub async fn reached(&mut self) -> Ended {
        let Self { shutdown, account, deadline } = self;
        let too_late = if account.is_some() { Ended::Late } else { Ended::SignInLate };
        let ended = async {
            match account {
                Some(account) => account.ended().await,
                None => std::future::pending().await,
            }
        };
        let late = async {
            match *deadline {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = shutdown.requested() => Ended::ShuttingDown,
            why = ended => Ended::Credentials(why),
            () = late => too_late,
        }
    }

    /// Reads a line without its ending, having sent what is queued if it has to wait.
    pub async fn read_line<E: From<Ended> + From<ConnectionError>>(
        &mut self,
        connection: &mut Connection,
        line: &mut Vec<u8>,
        line_bytes_max: usize,
    ) -> Result<(), E> {
        tokio::select! {
            biased;
            why = self.reached() => Err(why.into()),
            read = connection.read_line(line, line_bytes_max) => Ok(read.map(drop)?),
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
