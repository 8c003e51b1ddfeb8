//! The session loop: read a command, parse, check the state, run, answer.
//!
//! **Invariants:** each command has one response, in the order of the commands; a literal is
//! refused by its size before a byte of it is kept.

use std::sync::Arc;

use auth::{Authenticator, SessionEnding, SignedIn};
use net::{Connection, ProtocolCounts, Refusal, Service, Shutdown, Stranger};
use storage::Store;
use tokio::time::Instant;

use crate::command::{Allowed, Command, name_of, names, parse_command};
use crate::error::{Answer, CommandError, Farewell, Result};
use crate::parse::{Frame, SyntaxError, Word, literal_size, without_literal};
use crate::render::{Code, response};
use crate::settings::Settings;

/// LIMIT: bytes of a literal beyond its bound that are read and thrown away in order to answer; a
/// client that announces more is cut off.
const SKIP_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// ManageSieve as a listener sees it.
pub struct ManageSieveService {
    shared: Arc<Shared>,
}

/// What all sessions of a service share.
pub(crate) struct Shared {
    pub(crate) store: Store,
    pub(crate) authenticator: Arc<Authenticator>,
    pub(crate) settings: Settings,
    counts: Arc<ProtocolCounts>,
}

impl ManageSieveService {
    /// A service on `store`.
    pub fn new(store: Store, authenticator: Arc<Authenticator>, settings: Settings) -> Self {
        let counts = Arc::new(Self::new_counts());
        Self { shared: Arc::new(Shared { store, authenticator, settings, counts }) }
    }

    /// Counters that all services of a daemon may share.
    pub fn new_counts() -> ProtocolCounts {
        ProtocolCounts::new(names(), &["ok", "no"])
    }

    /// The same service, counting in `counts`.
    pub fn counting(self, counts: Arc<ProtocolCounts>) -> Self {
        let shared = Arc::try_unwrap(self.shared).map(|shared| Shared { counts, ..shared });
        Self { shared: shared.map_or_else(|shared| shared, Arc::new) }
    }
}

impl Service for ManageSieveService {
    fn refusal(&self, why: Refusal) -> &[u8] {
        match why {
            Refusal::Full => b"BYE (TRYLATER) \"Too many connections, try again later\"\r\n",
            Refusal::AddressFull => {
                b"BYE (TRYLATER) \"Too many connections from your address\"\r\n"
            }
        }
    }

    async fn serve(&self, connection: Connection, shutdown: Shutdown) {
        Session::new(self.shared.clone(), connection, shutdown).hold().await;
    }
}

/// How a command that succeeded is answered.
pub(crate) enum Reply {
    /// `OK (code) text`
    Ok(Option<Code>, String),
    /// The reply was sent already.
    Sent,
    /// `OK text`, and the end.
    Goodbye(&'static str),
}

impl Reply {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Ok(None, text.into())
    }
}

/// One connection from greeting to goodbye.
pub(crate) struct Session {
    pub(crate) shared: Arc<Shared>,
    pub(crate) connection: Connection,
    /// The account that signed in.
    pub(crate) user: Option<SignedIn>,
    pub(crate) ending: SessionEnding,
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
            user: None,
            ending: SessionEnding::new(shutdown, deadline),
            shared,
        }
    }

    async fn hold(mut self) {
        // RFC 5804 §1.7: the greeting is the capabilities.
        self.push_capabilities("Posthorn ready");
        loop {
            let (words, result) = match self.read_command().await {
                Ok(words) => {
                    let name = name_of(&words).map_or("", |(name, _)| name);
                    (name, Box::pin(self.answer(words)).await)
                }
                Err(error) => ("", Err(error)),
            };
            let how = if result.is_ok() { "ok" } else { "no" };
            self.shared.counts.count_command(words.as_bytes(), how);
            if self.finish(result) == Flow::End {
                break;
            }
        }
        self.connection.close().await;
    }

    pub(crate) fn push(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut out = Vec::new();
        write(&mut out);
        self.connection.push(&out);
    }

    /// Reads a whole command: lines, and the literals between them.
    async fn read_command(&mut self) -> Result<Vec<Word>> {
        let mut frame = Frame::default();
        let mut refused = None;
        let mut line_bytes_left = self.shared.settings.line_bytes_max;
        // Those of one command together: a script and its name.
        let mut literal_bytes_left =
            self.literal_bytes_max().saturating_add(line_bytes_left as u64);
        loop {
            let mut line = Vec::new();
            self.read_line(&mut line, line_bytes_left.saturating_sub(2)).await?;
            line_bytes_left = line_bytes_left.saturating_sub(line.len());
            let Some(size_bytes) = literal_size(&line) else {
                frame.line(&line);
                break;
            };
            frame.line(without_literal(&line));
            let bytes_max = self.literal_bytes_max().min(literal_bytes_left);
            match self.read_literal(size_bytes, bytes_max).await? {
                Some(bytes) => {
                    literal_bytes_left = literal_bytes_left.saturating_sub(size_bytes);
                    frame.literal(bytes);
                }
                None => refused = Some(size_bytes),
            }
        }
        // A command may come while it is found out whether the credentials still hold.
        self.ending.check().await?;
        if refused.is_some() {
            let text = "The literal is larger than what is taken";
            return Err(CommandError::Refused(Some(Code::QuotaMaxSize), text));
        }
        Ok(frame.finish()?)
    }

    /// Reads one line without its ending, having sent what is queued if it has to wait.
    pub(crate) async fn read_line(
        &mut self,
        line: &mut Vec<u8>,
        line_bytes_max: usize,
    ) -> Result<()> {
        self.ending.read_line(&mut self.connection, line, line_bytes_max).await
    }

    /// Bytes of one literal.
    fn literal_bytes_max(&self) -> u64 {
        let settings = &self.shared.settings;
        match &self.user {
            Some(_) => settings.script_bytes_max,
            None => settings.literal_bytes_max_before_login,
        }
    }

    /// Reads a literal; `None`: it was too large, and thrown away.
    pub(crate) async fn read_literal(
        &mut self,
        size_bytes: u64,
        bytes_max: u64,
    ) -> Result<Option<Vec<u8>>> {
        let kept = size_bytes <= bytes_max;
        if !kept && (size_bytes > SKIP_BYTES_MAX || self.user.is_none()) {
            return Err(CommandError::Ended(Farewell::Endless));
        }
        let mut left = size_bytes;
        let mut bytes = Vec::new();
        while left > 0 {
            let arrived = tokio::select! {
                biased;
                why = self.ending.reached() => return Err(why.into()),
                arrived = self.connection.fill() => arrived?,
            };
            let take = usize::try_from(left).unwrap_or(usize::MAX).min(arrived.len());
            if kept {
                bytes.extend_from_slice(arrived.get(..take).unwrap_or_default());
            }
            self.connection.consume(take);
            left -= take as u64;
        }
        Ok(kept.then_some(bytes))
    }

    /// Parses and runs one command.
    async fn answer(&mut self, words: Vec<Word>) -> Result<Reply> {
        if self.user.is_none() && !self.stranger.may_command(self.shared.store.now()) {
            return Err(CommandError::Ended(Farewell::TooFast));
        }
        let (_, allowed) = name_of(&words).ok_or(SyntaxError::UnknownCommand)?;
        let command = parse_command(words)?;
        match (allowed, &self.user) {
            (Allowed::BeforeSignIn, Some(_)) => {
                Err(CommandError::Refused(None, "Already signed in"))
            }
            (Allowed::AfterSignIn, None) => Err(CommandError::Refused(None, "Sign in first")),
            _ => self.run(command).await,
        }
    }

    async fn run(&mut self, command: Command) -> Result<Reply> {
        match command {
            Command::Authenticate { mechanism, initial } => {
                self.authenticate(&mechanism, initial).await
            }
            Command::Capability => {
                self.push_capabilities("");
                Ok(Reply::Sent)
            }
            Command::CheckScript(text) => self.check_script(text).await,
            Command::DeleteScript(name) => self.delete_script(name).await,
            Command::GetScript(name) => self.send_script(name).await,
            Command::HaveSpace { name, size_bytes } => self.have_space(name, size_bytes).await,
            Command::ListScripts => self.list_scripts().await,
            Command::Logout => Ok(Reply::Goodbye("Goodbye")),
            // RFC 5804 §2.13
            Command::Noop(tag) => Ok(Reply::Ok(tag.map(Code::Tag), "Done".to_owned())),
            Command::PutScript { name, text } => self.put_script(name, text).await,
            Command::RenameScript { from, to } => self.rename_script(from, to).await,
            Command::SetActive(name) => self.set_active(name).await,
            Command::StartTls => self.start_tls().await,
            Command::Unauthenticate => Ok(self.unauthenticate()),
        }
    }

    fn finish(&mut self, result: Result<Reply>) -> Flow {
        match result {
            Ok(Reply::Sent) => Flow::Continue,
            Ok(Reply::Ok(code, text)) => {
                self.push(|out| response("OK", code.as_ref(), &text, out));
                Flow::Continue
            }
            Ok(Reply::Goodbye(text)) => {
                self.push(|out| response("OK", None, text, out));
                Flow::End
            }
            Err(error) => match error.into_answer() {
                Answer::No(code, text) => {
                    self.push(|out| response("NO", code.as_ref(), &text, out));
                    self.count_error()
                }
                Answer::Bye(code, text) => {
                    self.push(|out| response("BYE", code.as_ref(), &text, out));
                    Flow::End
                }
                Answer::Silence => Flow::End,
            },
        }
    }

    fn count_error(&mut self) -> Flow {
        if self.user.is_some() || self.stranger.may_fail() {
            return Flow::Continue;
        }
        self.finish(Err(CommandError::Ended(Farewell::TooManyErrors)))
    }
}
