//! The state of one SMTP or LMTP session and what each command does to it. No I/O: the
//! server gives it lines, writes the replies it renders, and does what [`Next`] asks.
//!
//! **Invariants:** a recipient stands in the envelope only after policy accepted it; nothing
//! the client said before TLS is remembered after it (RFC 3207 §4.2); each command gets
//! exactly one reply, except that LMTP answers a message once per recipient (RFC 2033 §4.2).
//! **Absent:** addresses looked up, passwords checked, messages read or stored.

mod sign_in;
mod terms;
mod transaction;

use std::sync::Arc;

use ids::Timestamp;
use sasl::Name;
use sasl::wire::Response;

use crate::error::{CommandError, Farewell, Refusal, StateError, SyntaxError};
use crate::parse::{Command, Greeting, parse_command, verb_of};
use crate::render::{Enhanced, Extensions, Protocol, Reply, render_help};
use crate::settings::{Role, Settings};
use crate::types::{ClientName, Envelope, Recipient};

use transaction::Phase;

/// What requests of HTTP begin with (RFC 9110 §9.3, RFC 9113 §3.4), as programs write it.
const WEB_METHODS: [&[u8]; 9] =
    [b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"CONNECT", b"OPTIONS", b"PATCH", b"PRI"];

/// What the server has to do before the next line.
#[derive(Debug)]
pub enum Next {
    /// Read on. The reply, if there is one, is in the buffer.
    Command,
    /// Send the reply, forget unread input, negotiate TLS, call [`Session::tls_started`].
    StartTls,
    /// Start this mechanism, then call [`Session::challenge`], [`Session::signed_in`],
    /// [`Session::break_off`] or [`Session::refuse`].
    SignIn {
        /// The mechanism, one of those offered.
        mechanism: Name,
        /// The initial response.
        initial: Option<Response>,
    },
    /// Give this to the mechanism that was started, then call the same.
    Respond(Response),
    /// Check that the signed-in account may use this sender, then call [`Session::open`] or
    /// [`Session::refuse`].
    CheckSender(Envelope),
    /// Find out whether mail for this recipient is taken, then call
    /// [`Session::add_recipient`] or [`Session::refuse`].
    CheckRecipient(Recipient),
    /// Read the message up to its end mark, then call [`Session::answer_message`].
    ReceiveData,
    /// Read this many bytes of the message, then call [`Session::answer_chunk`], or, after
    /// the last of them, [`Session::answer_message`].
    ReceiveChunk {
        /// The size of the chunk.
        size_bytes: u64,
        /// Whether the message ends with it.
        last: bool,
    },
    /// Read this many bytes and throw them away, then call [`Session::refuse_chunk`].
    DiscardChunk {
        /// The size of the chunk.
        size_bytes: u64,
        /// Why it is not taken.
        error: StateError,
        /// How often the client expects to be told.
        replies: usize,
    },
    /// Send what is in the buffer and close the connection.
    Close,
}

/// The state of an SMTP session: which command is allowed next. Without I/O.
pub struct Session {
    settings: Arc<Settings>,
    tls: bool,
    signed_in: bool,
    hello: Option<(Greeting, ClientName)>,
    /// What can be used to sign in on this connection.
    offered: Vec<Name>,
    /// Whether the next line answers a challenge.
    in_exchange: bool,
    phase: Phase,
    errors: u32,
    idle_commands: u32,
    /// Recipients of this transaction beyond the limit.
    surplus_recipients: usize,
    commands_before_sign_in: u32,
    messages: u64,
    /// Transactions that began.
    transactions: u64,
    /// What time it was at the last line.
    now: Timestamp,
    /// The priority that MAIL asked for is not given.
    priority_lowered: bool,
}

impl Session {
    /// A session at its beginning; `tls` if the connection has TLS already.
    pub fn new(settings: Arc<Settings>, tls: bool) -> Self {
        Self {
            settings,
            tls,
            signed_in: false,
            hello: None,
            offered: Vec::new(),
            in_exchange: false,
            phase: Phase::Idle,
            errors: 0,
            idle_commands: 0,
            surplus_recipients: 0,
            commands_before_sign_in: 0,
            messages: 0,
            transactions: 0,
            now: Timestamp::default(),
            priority_lowered: false,
        }
    }

    /// The settings of the listener.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Appends the greeting: RFC 5321 §3.1.
    pub fn render_greeting(&self, out: &mut Vec<u8>) {
        let protocol: &[u8] =
            if self.settings.role == Role::Lmtp { b" LMTP Posthorn" } else { b" ESMTP Posthorn" };
        out.extend_from_slice(b"220 ");
        out.extend_from_slice(self.settings.hostname.as_bytes());
        out.extend_from_slice(protocol);
        out.extend_from_slice(b"\r\n");
    }

    /// Tells what time it is.
    pub fn set_time(&mut self, now: Timestamp) {
        self.now = now;
    }

    /// Whether the next line belongs to an AUTH exchange, whose lines may be longer.
    pub fn in_exchange(&self) -> bool {
        self.in_exchange
    }

    /// How the client called itself.
    pub fn client(&self) -> Option<&ClientName> {
        self.hello.as_ref().map(|(_, name)| name)
    }

    /// The envelope of the transaction under way.
    pub fn envelope(&self) -> Option<&Envelope> {
        self.phase.envelope()
    }

    /// The number of the transaction that began last: no other of this session has it.
    pub fn transaction(&self) -> u64 {
        self.transactions
    }

    /// How a message taken now has come, for its trace line.
    pub fn protocol(&self) -> Protocol {
        let greeting = self.hello.as_ref().map(|(greeting, _)| *greeting);
        Protocol {
            lmtp: self.settings.role == Role::Lmtp,
            extended: greeting != Some(Greeting::Helo),
            smtputf8: self.envelope().is_some_and(|envelope| envelope.parameters.smtputf8),
            tls: self.tls,
            signed_in: self.signed_in,
        }
    }

    /// Takes one line without its CRLF. The reply is appended to `out`, unless it depends on
    /// what the server is asked to do.
    pub fn line(&mut self, line: &[u8], out: &mut Vec<u8>) -> Next {
        if let Some(farewell) = self.overstayed() {
            return self.close(farewell, out);
        }
        self.count_command();
        if std::mem::take(&mut self.in_exchange) {
            return self.respond(line, out);
        }
        let command = match parse_command(line) {
            Ok(command) => command,
            Err(error) => return self.refuse_line(line, error, out),
        };
        match self.run(command, out) {
            Ok(next) => next,
            Err(error) => self.refuse(&error, out),
        }
    }

    /// Answers a line that is unfit to be parsed: too long, or not ended by CRLF. `start` is as
    /// much of it as is known, its first four bytes at least.
    pub fn refuse_unreadable(
        &mut self,
        start: &[u8],
        error: SyntaxError,
        out: &mut Vec<u8>,
    ) -> Next {
        if let Some(farewell) = self.overstayed() {
            return self.close(farewell, out);
        }
        self.count_command();
        if std::mem::take(&mut self.in_exchange) && error == SyntaxError::LineTooLong {
            return self.refuse(&Refusal::AuthTooLong.into(), out);
        }
        self.refuse_line(start, error, out)
    }

    /// Refuses the command under way.
    pub fn refuse(&mut self, error: &CommandError, out: &mut Vec<u8>) -> Next {
        let reply = error.reply();
        if !reply.is_temporary() {
            self.errors += 1;
        }
        reply.render(out);
        Next::Command
    }

    /// Writes the reply that ends the session.
    pub fn close(&mut self, farewell: Farewell, out: &mut Vec<u8>) -> Next {
        farewell.reply().render(out);
        Next::Close
    }

    /// TLS is up. RFC 3207 §4.2: what the client said before is forgotten.
    pub fn tls_started(&mut self) {
        self.tls = true;
        self.signed_in = false;
        self.hello = None;
        self.offered = Vec::new();
        self.in_exchange = false;
        self.phase = Phase::Idle;
    }

    fn overstayed(&self) -> Option<Farewell> {
        let settings = &self.settings;
        if self.errors >= settings.errors_max {
            return Some(Farewell::TooManyErrors);
        }
        let waiting = self.needs_sign_in()
            && self.commands_before_sign_in >= settings.commands_before_sign_in_max;
        let idle = self.idle_commands >= settings.idle_commands_max;
        (waiting || idle).then_some(Farewell::TooManyCommands)
    }

    fn needs_sign_in(&self) -> bool {
        self.settings.role == Role::Submission && !self.signed_in
    }

    fn count_command(&mut self) {
        self.idle_commands = self.idle_commands.saturating_add(1);
        if self.needs_sign_in() {
            self.commands_before_sign_in += 1;
        }
    }

    /// The command under way brings the message on, which has bounds of its own.
    fn forgive_command(&mut self) {
        self.idle_commands = self.idle_commands.saturating_sub(1);
    }

    fn refuse_line(&mut self, line: &[u8], error: SyntaxError, out: &mut Vec<u8>) -> Next {
        let verb = line.get(..4).unwrap_or_default();
        if verb.eq_ignore_ascii_case(b"BDAT") {
            // RFC 3030 §2: the bytes that follow are content, and nobody knows how many they
            // are; taken for commands they would be whatever their author likes.
            return self.close(Farewell::OutOfSync, out);
        }
        if WEB_METHODS.contains(&verb_of(line)) {
            // A browser is made to talk to us by a page: what its request holds are header fields
            // first and then whatever the author of the page likes.
            return self.close(Farewell::WebClient, out);
        }
        self.refuse(&error.into(), out)
    }

    fn run(&mut self, command: Command<'_>, out: &mut Vec<u8>) -> Result<Next, CommandError> {
        match command {
            Command::Hello(greeting, client) => self.greet(greeting, client, out)?,
            Command::StartTls => return self.start_tls(out),
            Command::Auth(mechanism, initial) => return self.sign_in(mechanism, initial, out),
            Command::Mail(reverse_path, parameters) => {
                return self.mail(reverse_path, parameters, out);
            }
            Command::Rcpt(recipient) => return self.rcpt(recipient),
            Command::Data => return self.data(out),
            Command::Bdat { size_bytes, last } => return Ok(self.bdat(size_bytes, last, out)),
            Command::Rset => {
                self.abandon();
                Reply::new(250, Enhanced(2, 0, 0), "Reset").render(out);
            }
            // RFC 5321 §7.3: whether an address exists is told to nobody; 252 says that mail
            // for it may be tried.
            Command::Vrfy => {
                Reply::new(252, Enhanced(2, 5, 0), "Not verified, send mail to find out")
                    .render(out);
            }
            Command::Expn => return Err(Refusal::NotImplemented.into()),
            Command::Help => render_help(out),
            Command::Noop => Reply::new(250, Enhanced(2, 0, 0), "OK").render(out),
            Command::Quit => return Ok(self.close(Farewell::Quit, out)),
        }
        Ok(Next::Command)
    }

    fn greet(
        &mut self,
        greeting: Greeting,
        client: ClientName,
        out: &mut Vec<u8>,
    ) -> Result<(), CommandError> {
        // RFC 2033 §4.1: LHLO replaces HELO and EHLO; LMTP must not answer those positively.
        if (greeting == Greeting::Lhlo) != (self.settings.role == Role::Lmtp) {
            return Err(StateError::OtherProtocol.into());
        }
        // RFC 5321 §4.1.4: EHLO in mid-session clears everything, like RSET.
        self.abandon();
        self.hello = Some((greeting, client));
        let settings = &self.settings;
        if greeting == Greeting::Helo {
            out.extend_from_slice(b"250 ");
            out.extend_from_slice(settings.hostname.as_bytes());
            out.extend_from_slice(b"\r\n");
            return Ok(());
        }
        Extensions {
            hostname: &settings.hostname,
            message_bytes_max: settings.message_bytes_max,
            recipients_max: settings.recipients_max,
            messages_max: settings.messages_max,
            starttls: settings.starttls && !self.tls,
            mechanisms: self.announced(),
            future_release: self.future_release(),
            deliver_by_secs_min: self.deliver_by_secs_min(),
            require_tls: self.tls,
        }
        .render(out);
        Ok(())
    }

    fn start_tls(&mut self, out: &mut Vec<u8>) -> Result<Next, CommandError> {
        if self.tls {
            return Err(StateError::AlreadyDone.into());
        }
        if !self.settings.starttls {
            return Err(Refusal::NotImplemented.into());
        }
        // RFC 3207 §4: 220 and then the handshake begins.
        Reply::new(220, Enhanced(2, 0, 0), "Ready to start TLS").render(out);
        Ok(Next::StartTls)
    }
}

#[cfg(test)]
mod tests;
