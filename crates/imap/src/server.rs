//! The session loop: frame, parse, check the state, run, answer. The only file of this crate,
//! IDLE apart, that waits for anything but storage.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use auth::{AuthError, Authenticator, SessionWatch};
use message::Collation;
use net::{Connection, ConnectionError, Refusal, Service, Shutdown, TokenBucket};
use storage::{MailboxName, Store};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until, timeout};

use crate::capabilities;
use crate::commands::notify::{self, Notify};
use crate::commands::table::{Effects, Row, States};
use crate::commands::{self, Ctx, Reply};
use crate::error::{Answer, CommandError, Result};
use crate::parse::{Frame, Framer, ParseError, Rejection, Step, parse_command, parse_head};
use crate::render::{self, Status};
use crate::session::{Enabled, State, SwitchedOff, Updates};
use crate::settings::Settings;
use crate::types::{Command, Language, NumberSet, Tag};

/// IMAP as a listener sees it.
pub struct ImapService {
    shared: Arc<Shared>,
}

/// What all sessions of a service share.
pub(crate) struct Shared {
    pub(crate) store: Store,
    pub(crate) authenticator: Arc<Authenticator>,
    pub(crate) settings: Settings,
    /// Bytes that messages being appended may still take.
    pub(crate) append_memory: Arc<Semaphore>,
}

impl ImapService {
    /// A service on `store`.
    pub fn new(store: Store, authenticator: Arc<Authenticator>, mut settings: Settings) -> Self {
        // Storage would refuse what is larger, but only after all of it was read.
        let limits = &mut settings.limits;
        limits.append_bytes_max = limits.append_bytes_max.min(store.settings().message_bytes_max);
        let bytes = settings.append_memory_bytes.max(settings.limits.append_total_bytes_max);
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        let append_memory = Arc::new(Semaphore::new(bytes.max(DRAWN_BYTES as usize)));
        Self { shared: Arc::new(Shared { store, authenticator, settings, append_memory }) }
    }
}

impl Service for ImapService {
    fn refusal(&self, why: Refusal) -> &[u8] {
        match why {
            Refusal::Full => b"* BYE [UNAVAILABLE] Too many connections, try again later\r\n",
            Refusal::AddressFull => b"* BYE [LIMIT] Too many connections from your address\r\n",
        }
    }

    async fn serve(&self, connection: Connection, shutdown: Shutdown) {
        Session::new(self.shared.clone(), connection, shutdown).hold().await;
    }
}

/// What ends a session from outside.
pub(crate) struct Ending {
    shutdown: Shutdown,
    account: Option<SessionWatch>,
    /// When the client must have signed in, or have sent the messages it appends.
    deadline: Option<Instant>,
}

impl Ending {
    /// Ends the session when the credentials it signed in with do.
    pub(crate) fn watch(&mut self, account: SessionWatch) {
        self.deadline = None;
        self.account = Some(account);
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
    async fn settled(&mut self) -> Option<&'static str> {
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

/// One connection from greeting to goodbye.
struct Session {
    shared: Arc<Shared>,
    connection: Connection,
    framer: Framer,
    state: State,
    enabled: Enabled,
    off: SwitchedOff,
    notify: Option<Box<Notify>>,
    ending: Ending,
    collation: Collation,
    language: Language,
    bucket: TokenBucket,
    /// What the messages being appended have drawn from [`Shared::append_memory`].
    drawn: Option<OwnedSemaphorePermit>,
    errors_before_login: u32,
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
        Self {
            framer: Framer::new(settings.limits.clone()),
            bucket: TokenBucket::new(per_minute, per_minute, shared.store.now()),
            connection,
            state: State::NotAuthenticated,
            enabled: Enabled::default(),
            collation: Collation::default(),
            language: Language::default(),
            off: SwitchedOff::default(),
            notify: None,
            ending: Ending {
                shutdown,
                account: None,
                deadline: Some(Instant::now() + settings.login_timeout),
            },
            drawn: None,
            errors_before_login: 0,
            shared,
        }
    }

    async fn hold(mut self) {
        self.greet();
        loop {
            let flow = match self.next_step() {
                Step::NeedMore => self.wait().await,
                Step::Continue { .. } => self.admit_literal(),
                Step::Command(frame) => match Box::pin(self.answer(frame)).await {
                    Flow::Continue => {
                        self.give_memory_back();
                        self.check_ending().await
                    }
                    Flow::End => Flow::End,
                },
                Step::Refused(rejection) => {
                    self.give_memory_back();
                    self.push(|out| render::render_rejection(out, &rejection));
                    self.count_error()
                }
                // Lines are only asked for inside AUTHENTICATE and IDLE.
                Step::Line(_) => Flow::Continue,
                Step::End(error) => {
                    let rejection = Rejection { tag: None, error };
                    self.push(|out| render::render_rejection(out, &rejection));
                    Flow::End
                }
            };
            if flow == Flow::End {
                break;
            }
        }
        self.connection.close().await;
    }

    fn greet(&mut self) {
        let names = capabilities::names(&self.shared, &self.connection, &self.state, &self.off);
        let text = format!("{} Posthorn ready", self.shared.settings.hostname);
        // RFC 9051 §7.1: the greeting may carry CAPABILITY, which saves a round trip.
        self.push(|out| {
            render::untagged(out, Status::Ok, Some(&render::Code::Capability(&names)), &text);
        });
    }

    fn push(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut out = Vec::new();
        write(&mut out);
        self.connection.push(&out);
    }

    fn next_step(&mut self) -> Step {
        next_step(&mut self.connection, |input, framer| framer.advance(input), &mut self.framer)
    }

    /// Waits for input, having sent what is queued.
    async fn wait(&mut self) -> Flow {
        if self.notify.is_some() {
            // Nothing more is said before this was sent, as in IDLE.
            tokio::select! {
                biased;
                why = self.ending.reached() => return self.bye(why),
                sent = self.connection.flush() => if sent.is_err() { return Flow::End },
            }
        }
        // Not into the middle of a command: it may hold sequence numbers.
        let may_tell = self.framer.text().is_empty();
        tokio::select! {
            biased;
            why = self.ending.reached() => self.bye(why),
            arrived = self.connection.fill() => match arrived {
                Ok(_) => {
                    if self.framer.literal_in_progress().is_some() {
                        Box::pin(self.draw_memory()).await;
                    }
                    Flow::Continue
                }
                Err(ConnectionError::TimedOut) => self.bye("Idle for too long"),
                Err(_) => Flow::End,
            },
            () = notify::happened(&mut self.notify), if may_tell => {
                Box::pin(self.tell_unasked()).await
            }
        }
    }

    /// Tells what NOTIFY has asked for (RFC 5465 §3.1).
    async fn tell_unasked(&mut self) -> Flow {
        if self.state.selected().is_some_and(crate::session::Selected::is_over) {
            return self.bye("The selected mailbox is gone");
        }
        let mut out = Vec::new();
        let Self { shared, state, enabled, notify, .. } = self;
        notify::tell_unasked(shared, state, enabled, notify, false, &mut out).await;
        self.connection.push(&out);
        Flow::Continue
    }

    /// Draws memory for the literal bytes that have arrived. Where there is none for long, the
    /// command is given up.
    async fn draw_memory(&mut self) {
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
    fn give_memory_back(&mut self) {
        if self.drawn.take().is_some() {
            self.ending.deadline = None;
        }
    }

    /// Whether the session must end, for clients that never let it wait.
    async fn check_ending(&mut self) -> Flow {
        let reached = tokio::select! {
            biased;
            why = self.ending.reached() => Some(why),
            () = std::future::ready(()) => None,
        };
        // A check that was begun above and dropped would never come to its end.
        let why = match reached {
            None => self.ending.settled().await,
            why => why,
        };
        why.map_or(Flow::Continue, |why| self.bye(why))
    }

    fn bye(&mut self, text: &str) -> Flow {
        let text = self.say(text);
        self.push(|out| render::untagged(out, Status::Bye, None, &text));
        Flow::End
    }

    /// A client wants to send a literal: only for a command that may run now.
    fn admit_literal(&mut self) -> Flow {
        match parse_head(self.framer.text(), self.framer.limits()) {
            Ok((tag, row)) if !row.states.contains(states_of(&self.state)) => {
                self.framer.refuse_literal();
                self.push(|out| {
                    render::tagged(out, &tag, Status::Bad, None, "Not allowed in this state");
                });
                return self.count_error();
            }
            // RFC 9051 §11.1: a password is not to be sent in clear only to be refused.
            Ok((tag, row)) if row.effects.contains(Effects::SECRET) && !self.may_sign_in() => {
                self.framer.refuse_literal();
                let code = Some(&render::Code::PrivacyRequired);
                let text = self.say("Sign-in needs TLS");
                self.push(|out| render::tagged(out, &tag, Status::No, code, &text));
                return self.count_error();
            }
            Ok(_) => self.push(|out| render::continuation(out, "OK")),
            Err(rejection) => {
                self.framer.refuse_literal();
                self.push(|out| render::render_rejection(out, &rejection));
                return self.count_error();
            }
        }
        Flow::Continue
    }

    /// A text of ours in the language that the client chose (RFC 5255 §3.2).
    fn say<'t>(&self, text: &'t str) -> Cow<'t, str> {
        render::in_language(self.language, text)
    }

    fn may_sign_in(&self) -> bool {
        capabilities::may_sign_in(&self.shared.settings, &self.connection)
    }

    /// Parses, runs and answers one command.
    async fn answer(&mut self, mut frame: Frame) -> Flow {
        if self.state.user().is_none()
            && let Err(wait) = self.bucket.take(self.shared.store.now())
        {
            tracing::debug!(wait, "too many commands before sign-in");
            return self.bye("[LIMIT] Too many commands before sign-in");
        }
        let dialect = self.enabled.dialect();
        let request = match parse_command(&mut frame, self.framer.limits(), dialect) {
            Ok(request) => request,
            Err(rejection) => {
                self.forget_search(&rejection, &frame);
                self.push(|out| render::render_rejection(out, &rejection));
                return self.count_error();
            }
        };
        self.framer.recycle(frame);
        if let Some(off) = self.switched_off(request.row, &request.command) {
            let text = format!("{off} is switched off");
            self.push(|out| render::tagged(out, &request.tag, Status::Bad, None, &text));
            return self.count_error();
        }
        if !request.row.states.contains(states_of(&self.state)) {
            let text = self.say(wrong_state(&self.state, request.row));
            self.push(|out| render::tagged(out, &request.tag, Status::Bad, None, &text));
            return self.count_error();
        }
        if self.enabled.uid_only() && uses_seqs(request.row, &request.command) {
            // RFC 9586 §3.2: BAD with UIDREQUIRED for every use of sequence numbers.
            let code = Some(&render::Code::UidRequired);
            let text = "Sequence numbers are not spoken any more";
            self.push(|out| render::tagged(out, &request.tag, Status::Bad, code, text));
            return self.count_error();
        }
        let own = own_names(&request.command);
        let mut out = Vec::new();
        // RFC 4314 §5.1.1: rights are those of this moment.
        if let Err(error) = commands::rights::refresh(&self.shared, &mut self.state, &mut out).await
        {
            let flow = self.refuse(&request.tag, error, &mut out);
            self.connection.push(&out);
            return flow;
        }
        self.connection.push(&out);
        let expunges = updates_after(request.row, &request.command);
        let result = self.run(&request.tag, request.command).await;
        self.finish(&request.tag, request.row, expunges, &own, result).await
    }

    /// RFC 9051 §6.4.4.1: a SEARCH with SAVE that is answered with NO leaves nothing saved.
    fn forget_search(&mut self, rejection: &Rejection, frame: &Frame) {
        let asks_save = || {
            let text = frame.text.to_ascii_uppercase();
            let mut words = text.split(|b| !b.is_ascii_alphanumeric());
            words.any(|word| word == b"SAVE")
        };
        if rejection.error == ParseError::BadCharset
            && asks_save()
            && let Some(selected) = self.state.selected_mut()
        {
            selected.saved = NumberSet::new();
        }
    }

    /// The capability that a command needs and that is switched off.
    fn switched_off(&self, row: &Row, command: &Command) -> Option<&'static str> {
        let settings = &self.shared.settings;
        // Nearly always nothing is, and commands are many.
        if self.off.is_empty(settings) {
            return None;
        }
        let needed = capabilities::needed(row, command);
        needed.into_iter().find(|name| self.off.contains(settings, name))
    }

    async fn run(&mut self, tag: &Tag, command: Command) -> Result<Reply> {
        let signed_in_before = self.state.user().is_some();
        let mut ctx = Ctx {
            shared: &self.shared,
            connection: &mut self.connection,
            framer: &mut self.framer,
            state: &mut self.state,
            enabled: &mut self.enabled,
            off: &mut self.off,
            notify: &mut self.notify,
            ending: &mut self.ending,
            collation: &mut self.collation,
            language: &mut self.language,
            tag,
        };
        let result = commands::run(&mut ctx, command).await;
        match (signed_in_before, self.state.user().is_some()) {
            (false, true) => {
                self.framer.signed_in();
                self.connection.set_read_timeout(self.shared.settings.idle_timeout);
            }
            (true, false) => {
                self.framer.signed_out();
                self.connection.set_read_timeout(self.shared.settings.login_timeout);
            }
            _ => {}
        }
        result
    }

    /// Tells what changed meanwhile, then the tagged response.
    async fn finish(
        &mut self,
        tag: &Tag,
        row: &Row,
        expunges: Updates,
        own: &[MailboxName],
        result: Result<Reply>,
    ) -> Flow {
        let enabled = self.enabled;
        let mut out = Vec::new();
        let over = self.state.selected().is_some_and(crate::session::Selected::is_over);
        let expunges = if self.pipelines_seqs() { Updates::WithoutExpunge } else { expunges };
        let mut new = 0;
        if let Some(selected) = self.state.selected_mut() {
            new = selected.tell_updates(expunges, enabled, &mut out);
            selected.tell_modseq(enabled, &mut out);
        }
        commands::recent::keep(&self.shared, &mut self.state);
        commands::contexts::refresh(&self.shared, &mut self.state, &mut out).await;
        if self.notify.is_some() {
            let Self { shared, state, enabled, notify, .. } = self;
            // RFC 5465 §5.2: what the client put there itself it knows.
            let new = if adds_messages(row) { 0 } else { new };
            notify::tell_new(shared, state, *enabled, notify, new, &mut out).await;
            notify::tell_others(shared, state, enabled, notify, own, &mut out).await;
        }
        let flow = match result {
            Ok(reply) if reply.is_sent => Flow::Continue,
            Ok(reply) => {
                let completed;
                let text = if reply.text.is_empty() {
                    completed = format!("{} completed", row.name);
                    completed.as_str()
                } else {
                    reply.text
                };
                let code = reply.code.as_ref().map(commands::ReplyCode::as_code);
                render::tagged(&mut out, tag, Status::Ok, code.as_ref(), &self.say(text));
                if matches!(self.state, State::Logout) { Flow::End } else { Flow::Continue }
            }
            Err(error) => self.refuse(tag, error, &mut out),
        };
        self.connection.push(&out);
        if over && flow == Flow::Continue {
            // The selected mailbox was deleted in another session: nothing sensible can be said
            // about it any more.
            return self.bye("The selected mailbox is gone");
        }
        flow
    }

    /// Whether the client has sent a command with sequence numbers already: it chose them
    /// before it could read of messages expunged, so they are held back (RFC 9051 §5.5).
    fn pipelines_seqs(&mut self) -> bool {
        let waiting = self.connection.look_ahead();
        let line = waiting.split(|&byte| matches!(byte, b'\r' | b'\n')).next();
        let next = line.map(|line| parse_head(line, self.framer.limits()));
        next.is_some_and(|next| next.is_ok_and(|(_, row)| row.effects.contains(Effects::USES_SEQS)))
    }

    fn refuse(&mut self, tag: &Tag, error: CommandError, out: &mut Vec<u8>) -> Flow {
        match error.into_answer() {
            Answer::Bad(code, text) => {
                render::tagged(out, tag, Status::Bad, code.as_ref(), &self.say(&text));
            }
            Answer::No(code, text) => {
                render::tagged(out, tag, Status::No, code.as_ref(), &self.say(&text));
            }
            Answer::BadUrl(url) => {
                let code = Some(&render::Code::BadUrl(&url));
                render::tagged(out, tag, Status::No, code, "The URL names nothing here");
            }
            Answer::Bye(text) => {
                render::untagged(out, Status::Bye, None, &self.say(&text));
                return Flow::End;
            }
            Answer::Silence => return Flow::End,
        }
        self.count_error()
    }

    fn count_error(&mut self) -> Flow {
        if self.state.user().is_some() {
            return Flow::Continue;
        }
        self.errors_before_login += 1;
        if self.errors_before_login < self.shared.settings.errors_before_login_max {
            return Flow::Continue;
        }
        self.bye("[LIMIT] Too many errors before sign-in")
    }
}

/// Lets the framer take from what has arrived.
pub(crate) fn next_step(
    connection: &mut Connection,
    advance: impl FnOnce(&mut &[u8], &mut Framer) -> Step,
    framer: &mut Framer,
) -> Step {
    let mut input = connection.buffered();
    let before = input.len();
    let step = advance(&mut input, framer);
    let taken = before - input.len();
    connection.consume(taken);
    step
}

/// The next line that is no command, waiting for it.
pub(crate) async fn next_line(ctx: &mut Ctx<'_>) -> Result<Vec<u8>> {
    loop {
        let step = |input: &mut &[u8], framer: &mut Framer| framer.advance_line(input);
        match next_step(ctx.connection, step, ctx.framer) {
            Step::Line(line) => return Ok(line),
            Step::Refused(_) => return Err(CommandError::Bad("Line too long")),
            Step::End(_) => return Err(CommandError::Bye("Too much data refused")),
            _ => {}
        }
        tokio::select! {
            biased;
            why = ctx.ending.reached() => return Err(CommandError::Bye(why)),
            arrived = ctx.connection.fill() => { arrived?; }
        }
    }
}

fn states_of(state: &State) -> States {
    match state {
        State::NotAuthenticated | State::Logout => States::NOT_AUTHENTICATED,
        State::Authenticated(_) => States::AUTHENTICATED,
        State::Selected(..) => States::SELECTED,
    }
}

fn wrong_state(state: &State, row: &Row) -> &'static str {
    match state {
        State::NotAuthenticated | State::Logout => "Sign in first",
        _ if row.states == States::NOT_AUTHENTICATED => "Already signed in",
        _ => "Select a mailbox first",
    }
}

/// Whether a command holds sequence numbers, or asks for them.
fn uses_seqs(row: &Row, command: &Command) -> bool {
    let in_arguments = match command {
        _ if searches_seqs(command) => true,
        Command::Select(args) | Command::Examine(args) => {
            args.qresync.as_ref().is_some_and(|params| params.seq_match.is_some())
        }
        _ => false,
    };
    in_arguments || row.effects.contains(Effects::USES_SEQS)
}

/// Whether sequence numbers are searched for.
fn searches_seqs(command: &Command) -> bool {
    let key = match command {
        Command::Search(args) => &args.key,
        Command::Sort(args) => &args.key,
        Command::Esearch(args) => &args.key,
        Command::Thread(args) => &args.key,
        _ => return false,
    };
    key.uses_seqs()
}

/// Whether a command adds messages to a mailbox.
fn adds_messages(row: &Row) -> bool {
    ["APPEND", "COPY", "MOVE", "REPLACE"].contains(&row.name.trim_start_matches("UID "))
}

/// The names that a command itself changes.
fn own_names(command: &Command) -> Vec<MailboxName> {
    let names: Vec<&str> = match command {
        Command::Create(args) => vec![args.mailbox.as_str()],
        Command::Delete(name) | Command::Subscribe(name) | Command::Unsubscribe(name) => {
            vec![name.as_str()]
        }
        Command::Rename(args) => vec![args.from.as_str(), args.to.as_str()],
        _ => Vec::new(),
    };
    let name = |name: &str| MailboxName::parse(name.strip_suffix('/').unwrap_or(name)).ok();
    names.into_iter().filter_map(name).collect()
}

/// Which updates may be told after this command.
fn updates_after(row: &Row, command: &Command) -> Updates {
    // RFC 9051 §7.5.1: a UID SEARCH whose keys hold sequence numbers is no exception.
    if row.effects.contains(Effects::MAY_EXPUNGE) && !searches_seqs(command) {
        Updates::All
    } else {
        Updates::WithoutExpunge
    }
}

/// LIMIT: literal bytes a connection may hold without drawing from the common memory: what
/// arguments take anyway, and most messages are.
const FREE_BYTES: usize = 64 * 1024;
/// LIMIT: how much is drawn from the common memory at a time.
const DRAWN_BYTES: u32 = 1024 * 1024;
/// LIMIT: how long an APPEND waits for memory until it is refused.
pub(crate) const MEMORY_WAIT: Duration = Duration::from_secs(10);
/// LIMIT: how long an APPEND may hold memory that others wait for: 50 MB over 250 kbit/s fit.
const APPEND_WAIT: Duration = Duration::from_secs(30 * 60);

/// How long IDLE waits before it says something, so that NAT boxes keep the connection.
pub(crate) const IDLE_KEEPALIVE: Duration = Duration::from_secs(2 * 60);
