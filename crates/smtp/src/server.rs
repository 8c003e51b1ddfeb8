//! The async loop of one connection: read a line, give it to the session, do what it asks for,
//! send the replies when the client waits for them.
//!
//! **Invariants:** replies to pipelined commands leave in one write (RFC 2920 §3.2), unless a check
//! is asked of recipients, whom the replies before it do not wait for; the reply
//! to a message is queued after storage answered; a connection that ends in the middle of a
//! message leaves nothing behind.

mod acceptance;
mod authenticity;
mod calendar_copy;
mod confirming;
mod content_check;
mod delivery;
mod desk;
mod dmarc_tally;
mod door;
mod external;
mod incoming;
mod lines;
mod long_lines;
mod lookups;
mod memory;
mod origin;
mod peers;
mod posting;
mod readdressing;
mod reception;
mod recipients;
mod removal;
mod report_inbox;
mod sign_in;
mod spooling;
mod trace;

use std::sync::Arc;

use auth::{Dialog, SignedIn};
use net::{
    Connection, ConnectionError, LineEnding, NetworkAction, NetworkRates, ProtocolCounts, Shutdown,
};
use sasl::{Name, RESPONSE_BYTES_MAX};
use storage::StorageError;

use crate::check::{CheckSession, ContentChecks};
use crate::error::{CommandError, Farewell, SyntaxError};
use crate::parse::{VERBS, verb_of};
use crate::session::{Next, Session};
use crate::settings::{Role, Settings};

pub use authenticity::{Authenticity, AuthenticitySettings, Disowned};
pub use desk::Desk;
pub use dmarc_tally::DmarcTally;
pub use lookups::TimedLookups;
pub use memory::ReceptionMemory;
pub use peers::{BlockList, PeerAction, PeerPolicy, PeerSettings};
pub use report_inbox::ReportInbox;

use desk::Target;
use incoming::Incoming;
use lines::{reached, read_line};
use peers::PeerFacts;

/// The SMTP, submission or LMTP service of one listener.
pub struct Server {
    settings: Arc<Settings>,
    desk: Desk,
    memory: ReceptionMemory,
    counts: Arc<ProtocolCounts>,
    checks: Option<Arc<dyn ContentChecks>>,
    peers: Option<Arc<PeerPolicy>>,
    rates: Option<Arc<NetworkRates>>,
    turned_away: Vec<u8>,
}

impl Server {
    /// A service with these settings; `memory` may be shared with other listeners.
    pub fn new(settings: Settings, desk: Desk, memory: ReceptionMemory) -> Self {
        let mut turned_away = Vec::new();
        Farewell::TooManyConnections.reply().render(&mut turned_away);
        let counts = Arc::new(Self::new_counts());
        Self {
            settings: Arc::new(settings),
            desk,
            memory,
            counts,
            checks: None,
            peers: None,
            rates: None,
            turned_away,
        }
    }

    /// Counters that all servers of a role may share.
    pub fn new_counts() -> ProtocolCounts {
        ProtocolCounts::new(VERBS, &["2xx", "3xx", "4xx", "5xx"])
    }

    /// The same service, counting in `counts`.
    pub fn counting(self, counts: Arc<ProtocolCounts>) -> Self {
        Self { counts, ..self }
    }

    /// The same server, looking at hosts before it takes their mail.
    pub fn looking_at_peers(self, peers: Arc<PeerPolicy>) -> Self {
        Self { peers: Some(peers), ..self }
    }

    /// The same server, with bounds on what a network of strangers may do.
    pub fn bounding_networks(self, rates: Arc<NetworkRates>) -> Self {
        Self { rates: Some(rates), ..self }
    }

    /// The same server, having messages checked before it takes them.
    pub fn checked_by(self, checks: Arc<dyn ContentChecks>) -> Self {
        let checks = Some(checks).filter(|checks| checks.looks_at(self.settings.role));
        Self { checks, ..self }
    }
}

impl net::Service for Server {
    fn refusal(&self, _why: net::Refusal) -> &[u8] {
        &self.turned_away
    }

    async fn serve(&self, connection: Connection, shutdown: Shutdown) {
        // A server without a certificate on this connection offers no STARTTLS.
        let mut settings = self.settings.clone();
        if settings.starttls != connection.can_start_tls() {
            Arc::make_mut(&mut settings).starttls = connection.can_start_tls();
        }
        let session = Session::new(settings, connection.is_tls());
        let mut visit = Visit {
            server: self,
            connection,
            shutdown,
            session,
            line: Vec::new(),
            out: Vec::new(),
            dialog: None,
            user: None,
            mechanism: None,
            targets: Vec::new(),
            incoming: None,
            facts: None,
            counted: None,
            checks: None,
        };
        visit.offer();
        visit.run().await;
    }
}

/// One connection and its session.
struct Visit<'a> {
    server: &'a Server,
    connection: Connection,
    shutdown: Shutdown,
    session: Session,
    /// The line being read.
    line: Vec<u8>,
    /// Replies not yet queued on the connection.
    out: Vec<u8>,
    /// The exchange that somebody is signing in by.
    dialog: Option<Dialog>,
    /// The account that signed in.
    user: Option<SignedIn>,
    /// The SASL mechanism that it signed in by.
    mechanism: Option<Name>,
    /// Where each recipient of the envelope gets its mail, in the same order.
    targets: Vec<Target>,
    /// The message whose chunks are arriving.
    incoming: Option<Incoming>,
    /// What was found out about the peer, once it named a recipient.
    facts: Option<PeerFacts>,
    /// The transaction that was counted last as a message of its network.
    counted: Option<u64>,
    /// The checks, once a recipient or a message was shown to them.
    checks: Option<Box<dyn CheckSession>>,
}

impl Visit<'_> {
    async fn run(mut self) {
        let outcome = self.converse().await;
        let checks = self.checks.take();
        match outcome {
            Ok(()) => self.connection.close().await,
            Err(ConnectionError::TimedOut) => self.end(Farewell::TimedOut).await,
            Err(ConnectionError::Flood) => self.end(Farewell::Endless).await,
            // Nobody is left to be told.
            Err(error) => tracing::debug!(%error, "connection ended"),
        }
        // The client does not wait for how checks take it.
        if let Some(checks) = checks {
            checks.end().await;
        }
    }

    async fn end(mut self, farewell: Farewell) {
        self.incoming = None;
        tracing::debug!(%farewell, "connection closed");
        self.session.close(farewell, &mut self.out);
        self.send_replies();
        self.connection.close().await;
    }

    /// Serves commands until one of them, or the daemon, ends the session.
    async fn converse(&mut self) -> Result<(), ConnectionError> {
        if self.is_early_talker().await? {
            self.session.close(Farewell::EarlyTalker, &mut self.out);
            self.send_replies();
            return Ok(());
        }
        if self.take_from_network(NetworkAction::Connection).is_err() {
            self.session.close(Farewell::TooManyConnections, &mut self.out);
            self.send_replies();
            return Ok(());
        }
        self.connection.set_read_timeout(self.server.settings.idle_timeout);
        self.session.render_greeting(&mut self.out);
        loop {
            self.send_replies();
            self.line.clear();
            let in_exchange = self.session.in_exchange();
            let next = self.read_command().await?;
            let flow = self.follow(next).await?;
            let verb = if in_exchange { b"AUTH" } else { verb_of(&self.line) };
            self.server.counts.count_command(verb, last_reply_class(&self.out));
            if flow == Flow::End {
                self.send_replies();
                return Ok(());
            }
        }
    }

    /// RFC 5321 §3.1 has the client wait for the greeting; programs that send junk do not.
    async fn is_early_talker(&mut self) -> Result<bool, ConnectionError> {
        let wait = self.server.settings.early_talker_wait;
        if wait.is_zero() || self.server.settings.role != Role::Mx || self.connection.is_tls() {
            return Ok(false);
        }
        match tokio::time::timeout(wait, self.connection.fill()).await {
            Ok(arrived) => arrived.map(|_| true),
            Err(_) => Ok(false),
        }
    }

    /// Reads the next line and lets the session see it.
    async fn read_command(&mut self) -> Result<Next, ConnectionError> {
        let idle = self.session.envelope().is_none();
        if idle && self.shutdown.is_requested() {
            return Ok(self.session.close(Farewell::ShuttingDown, &mut self.out));
        }
        let line_bytes_max = if self.session.in_exchange() {
            RESPONSE_BYTES_MAX
        } else {
            self.server.settings.command_line_bytes_max.saturating_sub(2)
        };
        let deadline = self.incoming.as_ref().map(|incoming| incoming.pace.deadline());
        let read = tokio::select! {
            biased;
            // Between two chunks a message keeps its memory, so its time goes on.
            () = reached(deadline) => return Err(ConnectionError::TimedOut),
            read = read_line(&mut self.connection, &mut self.line, line_bytes_max) => read,
            () = self.shutdown.requested() => {
                return Ok(self.session.close(Farewell::ShuttingDown, &mut self.out));
            }
        };
        let unreadable = match read {
            Ok(LineEnding::CrLf) => {
                self.session.set_time(self.server.desk.now());
                return Ok(self.session.line(&self.line, &mut self.out));
            }
            // RFC 5321 §2.3.8: LF alone ends no line. It is answered rather than waited out,
            // and nothing before it is carried out.
            Ok(LineEnding::Lf) => SyntaxError::BareLineFeed,
            Err(ConnectionError::LineTooLong) => SyntaxError::LineTooLong,
            Err(error) => return Err(error),
        };
        Ok(self.session.refuse_unreadable(&self.line, unreadable, &mut self.out))
    }

    /// Does what the session asks for.
    async fn follow(&mut self, next: Next) -> Result<Flow, ConnectionError> {
        // Whatever ended the last transaction, what belonged to it goes with it.
        let recipients = self.session.envelope().map_or(0, |e| e.recipients.len());
        self.targets.truncate(recipients);
        if recipients == 0 {
            self.incoming = None;
        }
        match next {
            Next::Command => {}
            Next::StartTls => self.start_tls().await?,
            Next::SignIn { mechanism, initial } => {
                self.sign_in(mechanism, initial.as_ref().map(|bytes| bytes.as_slice())).await;
            }
            Next::Respond(response) => self.advance(Some(response.as_slice())).await,
            Next::CheckSender(envelope) => return Ok(self.check_sender(envelope).await),
            Next::CheckRecipient(recipient) => return self.check_recipient(recipient).await,
            Next::ReceiveData => return self.receive_data().await,
            Next::ReceiveChunk { size_bytes, last } => {
                return self.receive_chunk(size_bytes, last).await;
            }
            Next::DiscardChunk { size_bytes, error, replies } => {
                self.discard_chunk(size_bytes).await?;
                log_refusal(&error.into());
                self.session.refuse_chunk(error, replies, &mut self.out);
            }
            Next::Close => return Ok(Flow::End),
        }
        Ok(Flow::Next)
    }

    fn refuse(&mut self, error: &CommandError) {
        log_refusal(error);
        self.session.refuse(error, &mut self.out);
    }

    /// Queues the replies there are; they leave when the connection has to wait for input.
    fn send_replies(&mut self) {
        self.connection.push(&self.out);
        self.out.clear();
    }
}

/// How a command was answered in the end, by the last reply that waits to be sent.
fn last_reply_class(replies: &[u8]) -> &'static str {
    let mut lines = replies.rsplit(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    match lines.next().and_then(|line| line.first()) {
        // TLS begins after 220 was sent.
        None | Some(b'2') => "2xx",
        Some(b'3') => "3xx",
        Some(b'4') => "4xx",
        Some(_) => "5xx",
    }
}

/// How the session goes on after a command.
#[derive(Debug, PartialEq, Eq)]
enum Flow {
    /// The next one.
    Next,
    /// The session ends: the goodbye is in the buffer.
    End,
}

/// The peer's faults and full mailboxes are nobody's business here; ours are.
fn log_refusal(error: &CommandError) {
    match error {
        CommandError::Storage(
            error @ (StorageError::Unavailable(_)
            | StorageError::NoSpace(_)
            | StorageError::Corrupt(_)
            | StorageError::Internal(_)),
        ) => tracing::error!(%error, "mail refused by storage"),
        CommandError::Storage(_)
        | CommandError::Syntax(_)
        | CommandError::WrongState(_)
        | CommandError::Checked(_)
        | CommandError::Rejected(_)
        | CommandError::Refused(_) => tracing::debug!(%error, "refused"),
    }
}
