//! The session loop: frame, parse, check the state, run, answer. With what lies below, the only
//! file of this crate, IDLE apart, that waits for anything but storage.

mod allowed;
mod answer;
mod ending;
mod input;
mod memory;
mod rights;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use auth::{Authenticator, Ended, SessionEnding};
use message::Collation;
use net::{
    Connection, ConnectionError, MemoryBudget, Pace, ProtocolCounts, Refusal, Service, Shutdown,
    Stranger,
};
use storage::Store;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use self::allowed::states_of;
use self::ending::farewell;
use self::memory::DRAWN_BYTES;
use crate::capabilities;
use crate::commands::notify::{self, Notify};
use crate::commands::table::{self, Effects};
use crate::commands::updates::Outlet;
use crate::parse::{Frame, Framer, Rejection, Step, parse_head};
use crate::render::{self, Status};
use crate::session::{Enabled, Selected, State, SwitchedOff};
use crate::settings::Settings;
use crate::types::Language;

pub(crate) use self::input::{next_line, next_step};
pub(crate) use self::memory::{MEMORY_WAIT, SEND_TIME};

/// IMAP as a listener sees it.
pub struct ImapService {
    shared: Arc<Shared>,
}

/// LIMIT: sets of messages that are linked to threads at once where they are many: some tenths of a
/// gigabyte and a second each where they refer to each other in very many ways.
const THREADED_AT_ONCE: usize = 4;

/// What all sessions of a service share.
pub(crate) struct Shared {
    pub(crate) store: Store,
    pub(crate) authenticator: Arc<Authenticator>,
    pub(crate) settings: Settings,
    /// Bytes that messages being appended may still take.
    pub(crate) append_memory: Arc<Semaphore>,
    /// Turns of those who link very many messages to threads.
    pub(crate) threading: Arc<Semaphore>,
    /// What large messages on their way to clients may still take.
    pub(crate) fetch_memory: MemoryBudget,
    pub(crate) counts: Arc<ProtocolCounts>,
}

impl ImapService {
    /// A service on `store`.
    pub fn new(store: Store, authenticator: Arc<Authenticator>, mut settings: Settings) -> Self {
        // Storage would refuse what is larger, but only after all of it was read.
        let limits = &mut settings.limits;
        limits.append_bytes_max = limits.append_bytes_max.min(store.settings().message_bytes_max);
        limits.metadata_value_bytes_max = store.settings().metadata_value_bytes_max;
        let bytes = settings.append_memory_bytes.max(settings.limits.append_total_bytes_max);
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        let append_memory = Arc::new(Semaphore::new(bytes.max(DRAWN_BYTES as usize)));
        let fetch_memory = MemoryBudget::new(settings.fetch_memory_bytes);
        let counts = Arc::new(Self::new_counts());
        let shared = Shared {
            store,
            authenticator,
            settings,
            append_memory,
            threading: Arc::new(Semaphore::new(THREADED_AT_ONCE)),
            fetch_memory,
            counts,
        };
        Self { shared: Arc::new(shared) }
    }

    /// Counters that all services of a daemon may share.
    pub fn new_counts() -> ProtocolCounts {
        ProtocolCounts::new(table::names(), &["ok", "no", "bad", "bye"])
    }

    /// The same service, counting in `counts`.
    pub fn counting(self, counts: Arc<ProtocolCounts>) -> Self {
        let shared = Arc::try_unwrap(self.shared).map(|shared| Shared { counts, ..shared });
        Self { shared: shared.map_or_else(|shared| shared, Arc::new) }
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
        let mut session = Session::new(self.shared.clone(), connection, shutdown);
        session.hold().await;
        Box::pin(session.connection.close()).await;
    }
}

/// One connection from greeting to goodbye.
struct Session {
    shared: Arc<Shared>,
    connection: Connection,
    framer: Framer,
    state: State,
    enabled: Enabled,
    off: SwitchedOff,
    notify: Option<Box<Notify>>,
    ending: SessionEnding,
    collation: Collation,
    language: Language,
    stranger: Stranger,
    /// What the messages being appended have drawn from [`Shared::append_memory`].
    drawn: Option<OwnedSemaphorePermit>,
    /// How fast the literals of the command under way come.
    arriving: Option<Pace>,
}

/// Somebody who has not signed in, and has done nothing yet.
fn stranger(shared: &Shared) -> Stranger {
    let settings = &shared.settings;
    let per_minute = settings.commands_before_login_per_minute;
    Stranger::new(per_minute, settings.errors_before_login_max, shared.store.now())
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
        let deadline = Instant::now() + settings.login_timeout;
        let off = SwitchedOff::default();
        let mut framer = Framer::new(settings.limits.clone());
        framer.set_unasked_bytes_max(capabilities::unasked_bytes_max(settings, &off));
        Self {
            framer,
            stranger: stranger(&shared),
            connection,
            state: State::NotAuthenticated,
            enabled: Enabled::default(),
            collation: Collation::default(),
            language: Language::default(),
            off,
            notify: None,
            ending: SessionEnding::new(shutdown, deadline),
            drawn: None,
            arriving: None,
            shared,
        }
    }

    /// Serves commands until the session ends; what was said last is still to be sent.
    async fn hold(&mut self) {
        self.greet();
        loop {
            let flow = match self.next_step() {
                Step::NeedMore => self.wait().await,
                Step::Continue { .. } => self.admit_literal(),
                Step::Command(frame) => {
                    self.literals_ended();
                    self.serve_command(frame).await
                }
                Step::Refused(rejection) => {
                    self.literals_ended();
                    self.give_memory_back();
                    self.reject(&rejection)
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
                return;
            }
        }
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
                why = self.ending.reached() => return self.end(&why),
                sent = self.connection.flush() => if sent.is_err() { return Flow::End },
            }
        }
        self.expect_literal();
        // Not into the middle of a command: it may hold sequence numbers.
        let may_tell = self.framer.text().is_empty();
        tokio::select! {
            biased;
            why = self.ending.reached() => self.end(&why),
            arrived = self.connection.fill() => match arrived {
                Ok(arrived) => {
                    if let Some(arriving) = &mut self.arriving {
                        arriving.add(arrived.len());
                    }
                    if self.framer.literal_in_progress().is_some() {
                        Box::pin(self.draw_memory()).await;
                    }
                    Flow::Continue
                }
                Err(ConnectionError::TimedOut) => self.bye("Idle for too long"),
                Err(error) => self.part(error.into()),
            },
            () = notify::happened(&mut self.notify), if may_tell => {
                Box::pin(self.tell_unasked()).await
            }
            () = crate::commands::rights::changed(&self.state) => {
                Box::pin(self.check_rights()).await
            }
        }
    }

    /// Tells what NOTIFY has asked for (RFC 5465 §3.1).
    async fn tell_unasked(&mut self) -> Flow {
        if self.state.selected().is_some_and(Selected::is_over) {
            return self.bye("The selected mailbox is gone");
        }
        if self.check_rights().await == Flow::End {
            return Flow::End;
        }
        let Self { shared, connection, ending, state, enabled, notify, .. } = self;
        let mut outlet = Outlet { connection, ending };
        match notify::tell_unasked(&mut outlet, shared, state, enabled, notify, false).await {
            Ok(()) => Flow::Continue,
            Err(error) => self.part(error),
        }
    }

    /// Answers a command, unless the session has ended: also where that is still being found out.
    async fn serve_command(&mut self, frame: Frame) -> Flow {
        if self.check_ending().await == Flow::End {
            return Flow::End;
        }
        let flow = Box::pin(self.answer(frame)).await;
        if flow == Flow::Continue {
            self.give_memory_back();
        }
        flow
    }

    /// Whether the session must end, for clients that never let it wait.
    async fn check_ending(&mut self) -> Flow {
        match self.ending.check().await {
            Ok(()) => Flow::Continue,
            Err(why) => self.end(&why),
        }
    }

    fn end(&mut self, why: &Ended) -> Flow {
        self.bye(farewell(why))
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
                self.refuse_literal();
                self.push(|out| {
                    render::tagged(out, &tag, Status::Bad, None, "Not allowed in this state");
                });
                return self.count_error();
            }
            // RFC 9051 §11.1: a password is not to be sent in clear only to be refused.
            Ok((tag, row)) if row.effects.contains(Effects::SECRET) && !self.may_sign_in() => {
                self.refuse_literal();
                let code = Some(&render::Code::PrivacyRequired);
                let text = self.say("Sign-in needs TLS");
                self.push(|out| render::tagged(out, &tag, Status::No, code, &text));
                return self.count_error();
            }
            Ok(_) => self.push(|out| render::continuation(out, "OK")),
            Err(rejection) => {
                self.refuse_literal();
                self.push(|out| render::render_rejection(out, &rejection));
                return self.count_error();
            }
        }
        Flow::Continue
    }

    fn refuse_literal(&mut self) {
        self.framer.refuse_literal();
        self.literals_ended();
    }

    /// A text of ours in the language that the client chose (RFC 5255 §3.2).
    fn say<'t>(&self, text: &'t str) -> Cow<'t, str> {
        render::in_language(self.language, text)
    }

    fn may_sign_in(&self) -> bool {
        capabilities::may_sign_in(&self.shared.settings, &self.connection)
    }
}

/// How long IDLE waits before it says something, so that NAT boxes keep the connection.
pub(crate) const IDLE_KEEPALIVE: Duration = Duration::from_secs(2 * 60);
