//! The session loop: read a line, parse, check the state, run, answer.
//!
//! **Invariants:** each command has one response, in the order of the commands; responses to
//! pipelined commands leave together (RFC 2449 §6.6).

use std::sync::Arc;

use auth::{Authenticator, SessionEnding};
use net::{Connection, MemoryBudget, ProtocolCounts, Refusal, Service, Shutdown, Stranger};
use storage::Store;
use tokio::time::Instant;

use crate::capabilities;
use crate::command::{Allowed, Command, keyword_of, keywords, parse_command};
use crate::error::{Answer, CommandError, Farewell, Result};
use crate::language::{find_language, render_languages};
use crate::maildrop::Maildrop;
use crate::reply::{counted, render_err, render_ok};
use crate::settings::Settings;

/// POP3 as a listener sees it.
pub struct Pop3Service {
    shared: Arc<Shared>,
}

/// What all sessions of a service share.
pub(crate) struct Shared {
    pub(crate) store: Store,
    pub(crate) authenticator: Arc<Authenticator>,
    pub(crate) settings: Settings,
    pub(crate) memory: MemoryBudget,
    counts: Arc<ProtocolCounts>,
}

impl Pop3Service {
    /// A service on `store`.
    pub fn new(store: Store, authenticator: Arc<Authenticator>, settings: Settings) -> Self {
        let memory = MemoryBudget::new(settings.retrieval_memory_bytes);
        let counts = Arc::new(Self::new_counts());
        Self { shared: Arc::new(Shared { store, authenticator, settings, memory, counts }) }
    }

    /// Counters that all services of a daemon may share.
    pub fn new_counts() -> ProtocolCounts {
        ProtocolCounts::new(keywords(), &["ok", "err"])
    }

    /// The same service, counting in `counts`.
    pub fn counting(self, counts: Arc<ProtocolCounts>) -> Self {
        let shared = Arc::try_unwrap(self.shared).map(|shared| Shared { counts, ..shared });
        Self { shared: shared.map_or_else(|shared| shared, Arc::new) }
    }
}

impl Service for Pop3Service {
    fn refusal(&self, why: Refusal) -> &[u8] {
        match why {
            Refusal::Full => b"-ERR [SYS/TEMP] Too many connections, try again later\r\n",
            Refusal::AddressFull => b"-ERR [SYS/TEMP] Too many connections from your address\r\n",
        }
    }

    async fn serve(&self, connection: Connection, shutdown: Shutdown) {
        Session::new(self.shared.clone(), connection, shutdown).hold().await;
    }
}

/// Where a session is (RFC 1939 §3).
pub(crate) enum State {
    /// AUTHORIZATION, with what USER said if that was the last command.
    Authorization { user: Option<String> },
    /// TRANSACTION
    Transaction(Box<Maildrop>),
}

/// How a command that succeeded is answered.
pub(crate) enum Reply {
    /// `+OK text`.
    Text(String),
    /// The reply was sent already.
    Sent,
    /// `+OK text`, and the end.
    Goodbye(String),
}

impl Reply {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }
}

/// One connection from greeting to goodbye.
pub(crate) struct Session {
    pub(crate) shared: Arc<Shared>,
    pub(crate) connection: Connection,
    pub(crate) state: State,
    pub(crate) ending: SessionEnding,
    /// The client reads UTF-8 in headers (RFC 6856 §2.1).
    pub(crate) utf8: bool,
    stranger: Stranger,
}

/// Whether the session goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    Continue,
    End,
}

impl Session {
    fn new(shared: Arc<Shared>, mut connection: Connection, shutdown: Shutdown) -> Self {
        let settings = &shared.settings;
        connection.set_read_timeout(settings.login_timeout);
        let per_minute = settings.commands_before_login_per_minute;
        let errors_max = settings.errors_before_login_max;
        let deadline = Instant::now() + settings.login_timeout;
        Self {
            stranger: Stranger::new(per_minute, errors_max, shared.store.now()),
            connection,
            state: State::Authorization { user: None },
            ending: SessionEnding::new(shutdown, deadline),
            utf8: false,
            shared,
        }
    }

    async fn hold(mut self) {
        // No timestamp in it, so no APOP (RFC 1939 §7).
        let greeting = format!("{} Posthorn ready", self.shared.settings.hostname);
        self.push(|out| render_ok(out, &greeting));
        let mut line = Vec::new();
        loop {
            line.clear();
            let result = match self.read_command(&mut line).await {
                Ok(()) => {
                    let result = Box::pin(self.answer(&line)).await;
                    let how = if result.is_ok() { "ok" } else { "err" };
                    self.shared.counts.count_command(keyword_of(&line), how);
                    result
                }
                Err(error) => Err(error),
            };
            if self.finish(result) == Flow::End {
                break;
            }
        }
        self.connection.close().await;
    }

    fn push(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut out = Vec::new();
        write(&mut out);
        self.connection.push(&out);
    }

    async fn read_command(&mut self, line: &mut Vec<u8>) -> Result<()> {
        let line_bytes_max = self.shared.settings.line_bytes_max.saturating_sub(2);
        self.read_line(line, line_bytes_max).await?;
        // A command may come while it is found out whether the credentials still hold.
        Ok(self.ending.check().await?)
    }

    /// Reads one line without its ending, having sent what is queued if it has to wait. LF alone
    /// is taken for an end too: nothing that follows in this protocol could be hidden behind it.
    pub(crate) async fn read_line(
        &mut self,
        line: &mut Vec<u8>,
        line_bytes_max: usize,
    ) -> Result<()> {
        self.ending.read_line(&mut self.connection, line, line_bytes_max).await
    }

    /// Parses and runs one command.
    async fn answer(&mut self, line: &[u8]) -> Result<Reply> {
        // Whatever follows USER but PASS, the name is forgotten.
        let user = match &mut self.state {
            State::Authorization { user } => {
                if !self.stranger.may_command(self.shared.store.now()) {
                    return Err(CommandError::Ended(Farewell::TooFast));
                }
                user.take()
            }
            State::Transaction(_) => None,
        };
        let request = parse_command(line)?;
        match (request.allowed, &self.state) {
            (Allowed::BeforeSignIn, State::Transaction(_)) => {
                return Err(CommandError::Refused("Already signed in"));
            }
            (Allowed::AfterSignIn, State::Authorization { .. }) => {
                return Err(CommandError::Refused("Sign in first"));
            }
            (Allowed::AfterSignIn, State::Transaction(maildrop)) => maildrop.require_live()?,
            (Allowed::Always, _) | (Allowed::BeforeSignIn, State::Authorization { .. }) => {}
        }
        self.run(request.command, user).await
    }

    async fn run(&mut self, command: Command, user: Option<String>) -> Result<Reply> {
        match command {
            Command::Auth { mechanism, initial } => self.auth(&mechanism, initial.as_deref()).await,
            Command::AuthList => self.list_mechanisms(),
            Command::Capa => Ok(self.capa()),
            Command::Dele(number) => self.dele(number),
            Command::Lang(range) => self.lang(range.as_deref()),
            Command::List(number) => self.list(number).await,
            Command::Noop => Ok(Reply::text("")),
            Command::Pass(password) => self.pass(user, password).await,
            Command::Quit => self.quit().await,
            Command::Retr(number) => self.retr(number).await,
            Command::Rset => self.rset(),
            Command::Stat => self.stat(),
            Command::Stls => self.stls().await,
            Command::Top { number, lines } => self.top(number, lines).await,
            Command::Uidl(number) => self.uidl(number).await,
            Command::User(name) => self.user(name),
            // RFC 6856 §2.1: from here on messages are sent as they are.
            Command::Utf8 => {
                self.utf8 = true;
                Ok(Reply::text("UTF-8 it is"))
            }
        }
    }

    fn capa(&mut self) -> Reply {
        let is_signed_in = matches!(self.state, State::Transaction(_));
        let mut out = Vec::new();
        capabilities::render(&mut out, &self.shared, &self.connection, is_signed_in);
        self.connection.push(&out);
        Reply::Sent
    }

    fn lang(&mut self, range: Option<&str>) -> Result<Reply> {
        let Some(range) = range else {
            self.push(render_languages);
            return Ok(Reply::Sent);
        };
        let tag = find_language(range).ok_or(CommandError::Refused("No such language"))?;
        // RFC 6856 §3.2: the exact tag, a space, and a text in that language.
        Ok(Reply::text(format!("{tag} Language changed")))
    }

    /// RFC 1939 §6: out of TRANSACTION it carries out what was marked; whether that succeeds or
    /// not, the connection ends.
    async fn quit(&mut self) -> Result<Reply> {
        if let State::Authorization { .. } = self.state {
            return Ok(Reply::Goodbye("Goodbye".to_owned()));
        }
        if let Err(error) = self.update().await {
            let (code, text) = match error.into_answer() {
                Answer::Err(code, text) | Answer::Bye(code, text) => (code, text),
                Answer::Silence => (None, String::new()),
            };
            self.push(|out| {
                render_err(out, code, &format!("Deleted messages may still be there: {text}"))
            });
            return Err(CommandError::Ended(Farewell::Silent));
        }
        let left = counted(self.maildrop()?.count().into(), "message");
        Ok(Reply::Goodbye(format!("Goodbye, {left} left")))
    }

    /// The maildrop, after sign-in.
    pub(crate) fn maildrop(&self) -> Result<&Maildrop> {
        match &self.state {
            State::Transaction(maildrop) => Ok(maildrop),
            State::Authorization { .. } => Err(CommandError::Refused("Sign in first")),
        }
    }

    /// The maildrop, to be changed.
    pub(crate) fn maildrop_mut(&mut self) -> Result<&mut Maildrop> {
        match &mut self.state {
            State::Transaction(maildrop) => Ok(maildrop),
            State::Authorization { .. } => Err(CommandError::Refused("Sign in first")),
        }
    }

    /// The connection beside the maildrop, to write from it.
    pub(crate) fn parts(&mut self) -> Result<(&mut Connection, &Maildrop)> {
        match &self.state {
            State::Transaction(maildrop) => Ok((&mut self.connection, maildrop)),
            State::Authorization { .. } => Err(CommandError::Refused("Sign in first")),
        }
    }

    fn finish(&mut self, result: Result<Reply>) -> Flow {
        match result {
            Ok(Reply::Sent) => Flow::Continue,
            Ok(Reply::Text(text)) => {
                self.push(|out| render_ok(out, &text));
                Flow::Continue
            }
            Ok(Reply::Goodbye(text)) => {
                self.push(|out| render_ok(out, &text));
                Flow::End
            }
            Err(error) => match error.into_answer() {
                Answer::Err(code, text) => {
                    self.push(|out| render_err(out, code, &text));
                    self.count_error()
                }
                Answer::Bye(code, text) => {
                    self.push(|out| render_err(out, code, &text));
                    Flow::End
                }
                Answer::Silence => Flow::End,
            },
        }
    }

    fn count_error(&mut self) -> Flow {
        if matches!(self.state, State::Transaction(_)) || self.stranger.may_fail() {
            return Flow::Continue;
        }
        self.finish(Err(CommandError::Ended(Farewell::TooManyErrors)))
    }
}
