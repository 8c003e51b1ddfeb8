//! Reading a message, and what becomes of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use mailauth::dmarc::Policy;
use mailauth::reports::Observation;
use mailauth::results::is_forged;
use mailauth::{Author, Sender};
use message::EXTERNAL_FIELD;
use message::compose::{Received, return_path};
use message::date::{DateTime, format_rfc5322};
use net::{Connection, ConnectionError, MessageResult, Pace, TlsFacts};
use storage::{Placement, Reception};

use super::authenticity::Judged;
use super::calendar_copy::CalendarCopy;
use super::delivery::Delivery;
use super::memory::MessageBuffer;
use super::spooling::path_text;
use super::trace::note_refusal;
use super::{Flow, Visit, log_refusal};
use crate::content::{Content, ContentLimits, Encoding, Fed, Framing};
use crate::error::{CommandError, Refusal};
use crate::header::{HeaderFacts, Originators, is_of_checks, remove_fields};
use crate::settings::Role;
use crate::types::{Body, Envelope, Priority, ReversePath};

/// What became of a message for each recipient.
type Outcomes = Vec<Result<(), CommandError>>;

/// LIMIT: authors of one message that are looked up; RFC 5322 §3.6.2 sets no bound, people
/// never name more than a few.
const AUTHORS_MAX: usize = 50;

/// LIMIT: our fields take some 400 bytes, with the longest names and paths not more than this.
const OWN_FIELDS_BYTES: usize = 2048;

/// LIMIT: two signatures take some 1,600 bytes; names that are there many times take more.
const SIGNATURES_BYTES: usize = 4096;

/// Tells messages apart that begin in the same microsecond.
static NEXT_MESSAGE: AtomicU64 = AtomicU64::new(0);

/// A message on its way in.
#[derive(Debug)]
pub(super) struct Incoming {
    /// Stands in Received, in the reply and in the log.
    pub(super) id: u64,
    /// When it began.
    at: DateTime,
    /// How fast it comes, however many chunks it comes in and whatever stands between.
    pub(super) pace: Pace,
    content: Content,
    pub(super) buffer: MessageBuffer,
    /// Bytes of our trace fields, at the start of the buffer.
    pub(super) trace_bytes: usize,
    /// Bytes of Return-Path, the first of them.
    return_path_bytes: usize,
    /// It was submitted, and every author it names may be named.
    signable: bool,
    /// Where it belongs in mailboxes here.
    pub(super) placement: Placement,
    /// Whether the reverse-path is known to be whose it says: of who signed in, or found to be.
    verified: bool,
    /// Whether its sender may be told that it has arrived.
    is_believed: bool,
    /// Whether a check put bytes outside ASCII into it.
    pub(super) eight_bit: bool,
    /// Why it is refused, apart from what the content tells.
    refusal: Option<Refusal>,
    /// Its header section says `TLS-Required: No`.
    tls_optional: bool,
    /// The domain of its author, where they are known to be who they say.
    pub(super) author: Option<String>,
    /// Its Message-ID, as far as its header section was read.
    pub(super) message_id: Option<String>,
    /// What domains that want reports are told of it.
    observed: Vec<Observation>,
}

impl Incoming {
    fn refusal(&self) -> Option<Refusal> {
        self.content.fault().map(Refusal::Content).or(self.refusal)
    }

    fn refuse(&mut self, refusal: Refusal) {
        self.refusal.get_or_insert(refusal);
        self.content.discard();
        self.buffer.release();
    }

    /// Takes a piece of the message.
    async fn feed(&mut self, input: &[u8]) -> Fed {
        if self.refusal().is_none()
            && let Err(refusal) = self.buffer.reserve(input.len()).await
        {
            self.refuse(refusal);
        }
        let fed = self.content.feed(input, &mut self.buffer.bytes);
        if self.content.fault().is_some() {
            self.buffer.release();
        }
        fed
    }

    /// Puts a field between Return-Path and Received: RFC 8601 §4.1 wants it above what was there
    /// when it was made.
    async fn put_above_trace(&mut self, field: &str) -> Result<(), Refusal> {
        self.buffer.reserve(field.len()).await?;
        let at = self.return_path_bytes;
        self.buffer.bytes.splice(at..at, field.bytes());
        self.trace_bytes += field.len();
        Ok(())
    }

    /// Puts the fields a submission lacks below our trace fields.
    fn complete(&mut self, has_date: bool, hostname: &str, sender: Option<String>) {
        let mut fields = String::new();
        if let Some(sender) = sender {
            // RFC 6409 §8.1: the sender is known, and is not the author (R-SHARE-6).
            fields += &format!("Sender: <{sender}>\r\n");
        }
        if !has_date {
            // RFC 6409 §8.2: a missing Date is added.
            fields += &format!("Date: {}\r\n", format_rfc5322(self.at));
        }
        if self.message_id.is_none() {
            // RFC 6409 §8.3: so is a missing Message-ID.
            let message_id = format!("{:016x}@{hostname}", self.id);
            fields += &format!("Message-ID: <{message_id}>\r\n");
            self.message_id = Some(message_id);
        }
        self.buffer.bytes.splice(self.trace_bytes..self.trace_bytes, fields.into_bytes());
    }
}

impl Visit<'_> {
    /// Reads a message up to its end mark, stores it and answers.
    pub(super) async fn receive_data(&mut self) -> Result<Flow, ConnectionError> {
        let mut incoming = self.begin(Framing::Dotted).await;
        self.begin_reading();
        self.read_dotted(&mut incoming).await?;
        self.end_reading();
        self.finish(incoming).await;
        Ok(Flow::Next)
    }

    /// Reads a chunk of a message; the last one makes it complete.
    pub(super) async fn receive_chunk(
        &mut self,
        size_bytes: u64,
        last: bool,
    ) -> Result<Flow, ConnectionError> {
        let mut incoming = match self.incoming.take() {
            Some(incoming) => incoming,
            None => self.begin(Framing::Chunked).await,
        };
        incoming.content.expect(size_bytes);
        self.begin_reading();
        self.read_chunk(Some(&mut incoming), size_bytes).await?;
        self.end_reading();
        if last {
            incoming.content.finish();
            self.finish(incoming).await;
            return Ok(Flow::Next);
        }
        let outcome = match incoming.refusal() {
            Some(refusal) => Err(refusal.into()),
            None => {
                self.incoming = Some(incoming);
                Ok(())
            }
        };
        self.session.answer_chunk(outcome, &mut self.out);
        Ok(Flow::Next)
    }

    /// Reads a chunk that nobody wants.
    pub(super) async fn discard_chunk(&mut self, size_bytes: u64) -> Result<(), ConnectionError> {
        self.begin_reading();
        self.read_chunk(None, size_bytes).await?;
        self.end_reading();
        Ok(())
    }

    /// Sets the patience for content.
    fn begin_reading(&mut self) {
        self.send_replies();
        self.connection.set_read_timeout(self.server.settings.data_timeout);
    }

    fn end_reading(&mut self) {
        self.connection.set_read_timeout(self.server.settings.idle_timeout);
    }

    async fn read_dotted(&mut self, incoming: &mut Incoming) -> Result<(), ConnectionError> {
        let settings = &self.server.settings;
        let bytes_max = settings.message_bytes_max.saturating_add(settings.overrun_bytes_max);
        loop {
            let input = fill_in_time(&mut self.connection, &incoming.pace).await?;
            match incoming.feed(input).await {
                Fed::Ended(taken) => {
                    self.connection.consume(taken);
                    return Ok(());
                }
                Fed::More => {
                    let taken = input.len();
                    incoming.pace.add(taken);
                    self.connection.consume(taken);
                }
            }
            if incoming.content.message_bytes() > bytes_max {
                return Err(ConnectionError::Flood);
            }
        }
    }

    async fn read_chunk(
        &mut self,
        mut incoming: Option<&mut Incoming>,
        size_bytes: u64,
    ) -> Result<(), ConnectionError> {
        let mut left = size_bytes;
        let mut unwanted = Pace::begin(self.server.settings.pace);
        while left > 0 {
            let pace = incoming.as_mut().map_or(&mut unwanted, |incoming| &mut incoming.pace);
            let input = fill_in_time(&mut self.connection, pace).await?;
            let part = usize::try_from(left).ok().and_then(|left| input.get(..left));
            let part = part.unwrap_or(input);
            pace.add(part.len());
            if let Some(incoming) = &mut incoming {
                incoming.feed(part).await;
            }
            let taken = part.len();
            left -= taken as u64;
            self.connection.consume(taken);
        }
        Ok(())
    }

    /// Begins a message: its id, its buffer, and our trace fields at its start.
    async fn begin(&mut self, framing: Framing) -> Incoming {
        let settings = &self.server.settings;
        let now = self.server.desk.now();
        let limits = ContentLimits {
            message_bytes_max: settings.message_bytes_max,
            line_bytes_max: settings.message_line_bytes_max,
        };
        let parameters = self.session.envelope().map(|envelope| &envelope.parameters);
        let encoding = match parameters.map(|parameters| parameters.body) {
            Some(Body::BinaryMime) => Encoding::Binary,
            Some(Body::SevenBit | Body::EightBitMime) | None => Encoding::Text,
        };
        let size_bytes = parameters.and_then(|parameters| parameters.size_bytes);
        // Twelve bits keep apart what begins in one microsecond.
        let ordinal = NEXT_MESSAGE.fetch_add(1, Ordering::Relaxed) & 0xfff;
        let mut incoming = Incoming {
            id: now.as_micros().cast_unsigned() << 12 | ordinal,
            at: DateTime::from_unix_secs(now.as_secs()),
            pace: Pace::begin(settings.pace),
            content: Content::new(framing, encoding, limits),
            buffer: MessageBuffer::new(self.server.memory.clone(), settings.memory_wait),
            trace_bytes: 0,
            return_path_bytes: 0,
            signable: false,
            placement: Placement::Inbox,
            verified: false,
            is_believed: false,
            eight_bit: false,
            refusal: None,
            tls_optional: false,
            author: None,
            message_id: None,
            observed: Vec::new(),
        };
        match incoming.buffer.announce(size_bytes, OWN_FIELDS_BYTES).await {
            Ok(()) => self.write_trace(&mut incoming),
            Err(refusal) => incoming.refuse(refusal),
        }
        incoming
    }

    /// RFC 5321 §4.4: Return-Path and Received stand before everything else.
    fn write_trace(&self, incoming: &mut Incoming) {
        let Some(envelope) = self.session.envelope() else { return };
        let sender = match &envelope.reverse_path {
            ReversePath::Null => None,
            ReversePath::Mailbox(mailbox) => Some(mailbox.to_string()),
        };
        let bytes = &mut incoming.buffer.bytes;
        bytes.extend_from_slice(return_path(sender.as_deref()).as_bytes());
        incoming.return_path_bytes = bytes.len();
        let tls = self.connection.tls().map(describe_tls);
        let recipient = only_recipient(envelope);
        let id = format!("{:016x}", incoming.id);
        let received = Received {
            helo: self.session.client().map_or("", |client| client.as_str()),
            peer_name: self.facts.as_ref().and_then(|facts| facts.name.as_deref()),
            peer_ip: Some(self.connection.peer().ip()),
            by: &self.server.settings.hostname,
            with: self.session.protocol().name(),
            tls: tls.as_deref(),
            id: &id,
            recipient: recipient.as_deref(),
            priority: envelope.parameters.priority.map(Priority::get),
            at: incoming.at,
        };
        bytes.extend_from_slice(received.render().as_bytes());
        incoming.trace_bytes = bytes.len();
    }

    /// Judges a message that was read, stores it, and answers.
    async fn finish(&mut self, mut incoming: Incoming) {
        let id = incoming.id;
        let size_bytes = incoming.content.message_bytes();
        let judged = self.judge(&mut incoming).await;
        let mut reception = None;
        let outcome = match judged {
            Ok(()) => self.take(incoming, &mut reception).await,
            Err(error) => {
                reception = self.describe(&incoming, size_bytes);
                self.tell(incoming.observed, &Err(&error), Policy::Reject, false);
                Err(error)
            }
        };
        self.count(&outcome, size_bytes);
        match outcome {
            Ok(outcomes) if self.server.settings.role == Role::Lmtp => {
                outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).for_each(log_refusal);
                self.session.answer_each(id, &outcomes, &mut self.out);
            }
            // Only LMTP has an answer for each recipient; see `Desk::deliver`.
            Ok(_) => {
                self.session.answer_message(id, &Ok(()), &mut self.out);
            }
            Err(error) => {
                log_refusal(&error);
                note_refusal(&self.server.desk, reception, &error).await;
                self.session.answer_message(id, &Err(error), &mut self.out);
            }
        }
    }

    /// Has the content checked of a message that may be stored, and stores it.
    async fn take(
        &mut self,
        mut incoming: Incoming,
        reception: &mut Option<Arc<Reception>>,
    ) -> Result<Outcomes, CommandError> {
        let observed = std::mem::take(&mut incoming.observed);
        let by_policy = incoming.placement;
        let checked = self.check_content(&mut incoming).await;
        let is_spam = checked.is_err() || incoming.placement != by_policy;
        *reception = self.describe(&incoming, incoming.content.message_bytes());
        let outcome = match checked {
            Ok(()) => self.deliver(incoming, reception.clone()).await,
            Err(error) => Err(error),
        };
        let done = match by_policy {
            Placement::Junk => Policy::Quarantine,
            Placement::Inbox => Policy::None,
        };
        self.tell(observed, &outcome.as_ref().map(drop), done, is_spam);
        outcome
    }

    /// Counts for reports to others what a message was found to be. One that is to come again is
    /// counted then.
    fn tell(
        &self,
        observed: Vec<Observation>,
        outcome: &Result<(), &CommandError>,
        done: Policy,
        is_spam: bool,
    ) {
        let desk = &self.server.desk;
        let (Some(authenticity), false) = (desk.authenticity(), observed.is_empty()) else {
            return;
        };
        if !outcome.is_err_and(|error| error.reply().is_temporary()) {
            authenticity.count(observed, done, is_spam, desk.now());
        }
    }

    /// Counts a message; over LMTP once for each recipient, as it is answered.
    fn count(&self, outcome: &Result<Outcomes, CommandError>, size_bytes: u64) {
        let counts = &self.server.counts;
        let result = |outcome: Result<(), &CommandError>| match outcome {
            Ok(()) => MessageResult::Stored,
            Err(error) if error.reply().is_temporary() => MessageResult::Deferred,
            Err(_) => MessageResult::Refused,
        };
        match outcome {
            Ok(outcomes) if self.server.settings.role == Role::Lmtp => {
                let each = outcomes.iter().map(|outcome| outcome.as_ref().copied());
                each.for_each(|outcome| counts.count_message(result(outcome)));
            }
            Ok(_) => counts.count_message(MessageResult::Stored),
            Err(error) => counts.count_message(result(Err(error))),
        }
        if outcome.is_ok() {
            counts.count_message_bytes(size_bytes);
        }
    }

    /// Says whether the message may be stored; completes a submission.
    async fn judge(&mut self, incoming: &mut Incoming) -> Result<(), CommandError> {
        if let Some(refusal) = incoming.refusal() {
            return Err(refusal.into());
        }
        let settings = &self.server.settings;
        let content = incoming.buffer.bytes.get(incoming.trace_bytes..).unwrap_or_default();
        let facts = HeaderFacts::of(content);
        incoming.tls_optional = facts.tls_optional;
        incoming.message_id = facts.message_id;
        // RFC 5321 §6.3: loops are found by counting Received.
        if facts.received_fields > settings.received_fields_max {
            return Err(Refusal::Loop.into());
        }
        let mut sender = None;
        if let Some(user) = &self.user {
            let named = Originators::of(content, AUTHORS_MAX + 1);
            if named.len() > AUTHORS_MAX {
                return Err(Refusal::FromNotOwned.into());
            }
            incoming.signable = !named.unreadable;
            sender = self.server.desk.check_authors(user.account, named).await?;
        }
        let found = self.check_authenticity(incoming).await?;
        let believed = self.believed_author(incoming);
        let submitted = self.user.is_some();
        let authserv_id = self.server.desk.authserv_id();
        let from_outside = settings.role != Role::Lmtp;
        let from_strangers = settings.role == Role::Mx;
        remove_fields(&mut incoming.buffer.bytes, incoming.trace_bytes, |field| {
            // RFC 5321 §4.4: final delivery removes a Return-Path that was there before and
            // writes the true one; what is sent on goes without.
            field.is("Return-Path")
                // RFC 5322 §3.6.3: a Bcc field is removed before the message is sent, so that
                // nobody reads who else got it. Many programs leave that to the server.
                || submitted && (field.is("Bcc") || field.is("Resent-Bcc"))
                // RFC 8601 §5: a field from outside that has our name is forged.
                || from_outside
                    && field.is("Authentication-Results")
                    && is_forged(field.value, authserv_id)
                // R-ADDR-13: only this server says so.
                || field.is(EXTERNAL_FIELD)
                || from_strangers && is_of_checks(field)
        });
        if submitted {
            incoming.complete(facts.has_date, &settings.hostname, sender);
        }
        if let Some(field) = self.peer_field() {
            let at = incoming.trace_bytes;
            incoming.buffer.bytes.splice(at..at, field.into_bytes());
        }
        incoming.verified = submitted;
        // Where nothing is checked here, who brings it has done that: whoever signed in, what is in
        // front of us, a network that the operator trusts.
        incoming.is_believed = match &found {
            Some(judged) => judged.verified,
            None => !self.is_in_our_name().await?,
        };
        if incoming.signable {
            let content = incoming.buffer.bytes.get(incoming.trace_bytes..).unwrap_or_default();
            incoming.author = mailauth::author_domain(content);
        }
        if !submitted && found.is_none() {
            incoming.author = believed;
        }
        if let Some(Judged { field, placement, verified, author }) = found {
            (incoming.placement, incoming.verified) = (placement, verified);
            incoming.author = author;
            incoming.put_above_trace(&field).await?;
        }
        Ok(())
    }

    /// Whether a stranger names a sender of ours, where nobody looks whether that is true. Who sends
    /// in our name signs in (R-ADDR-5).
    async fn is_in_our_name(&mut self) -> Result<bool, CommandError> {
        let desk = &self.server.desk;
        let is_unchecked = self.server.settings.role == Role::Mx && desk.authenticity().is_none();
        let envelope = self.session.envelope();
        let sender = envelope.and_then(|envelope| envelope.reverse_path.mailbox()).cloned();
        match sender {
            Some(sender) if is_unchecked && self.user.is_none() => desk.is_ours(sender).await,
            _ => Ok(false),
        }
    }

    /// Signs a submission in its final form (RFC 6376 §5).
    async fn sign(&mut self, incoming: &mut Incoming) -> Result<(), Refusal> {
        let Some(signatory) = self.server.desk.signatory() else { return Ok(()) };
        incoming.buffer.reserve(SIGNATURES_BYTES).await?;
        let bytes = std::mem::take(&mut incoming.buffer.bytes);
        let start = incoming.trace_bytes;
        let signed = signatory.sign(bytes, start, Author::Account).await;
        incoming.buffer.bytes = signed.map_err(|_| Refusal::Lost)?;
        Ok(())
    }

    /// Finds out whether a message from another server is what it says it is.
    async fn check_authenticity(
        &mut self,
        incoming: &mut Incoming,
    ) -> Result<Option<Judged>, CommandError> {
        let Some(authenticity) = self.server.desk.authenticity() else { return Ok(None) };
        let peer = self.connection.peer().ip();
        let (Role::Mx, Some(envelope)) = (self.server.settings.role, self.session.envelope())
        else {
            return Ok(None);
        };
        if !authenticity.concerns(peer) {
            return Ok(None);
        }
        let sender = Sender {
            ip: peer,
            helo: self.session.client().map_or("", |client| client.as_str()),
            mail_from: envelope.reverse_path.mailbox().map(|path| (path.local(), path.domain())),
        };
        let bytes = std::mem::take(&mut incoming.buffer.bytes);
        let now = self.server.desk.now();
        let checked = authenticity.check(bytes, incoming.trace_bytes, sender, now).await;
        (incoming.buffer.bytes, incoming.observed) = (checked.bytes, checked.observed);
        Ok(Some(checked.judged?))
    }

    /// Who the author of a message is, where a server of one's own brings it that checked it. As it
    /// came: fields with our name are still there, which such a server may share.
    fn believed_author(&self, incoming: &Incoming) -> Option<String> {
        let authenticity = self.server.desk.authenticity()?;
        let is_checked = match self.server.settings.role {
            Role::Lmtp => true,
            Role::Mx => authenticity.is_own(self.connection.peer().ip()),
            Role::Submission => false,
        };
        let message = incoming.buffer.bytes.get(incoming.trace_bytes..)?;
        is_checked.then(|| authenticity.believed_author(message))?
    }

    async fn deliver(
        &mut self,
        mut incoming: Incoming,
        reception: Option<Arc<Reception>>,
    ) -> Result<Outcomes, CommandError> {
        if incoming.signable {
            self.sign(&mut incoming).await?;
        }
        // The buffer gives its part of the budget back when this returns.
        let bytes = std::mem::take(&mut incoming.buffer.bytes);
        let Some(envelope) = self.session.envelope() else { return Ok(Vec::new()) };
        let (size_bytes, recipients) = (bytes.len(), self.targets.len());
        // What was put aside is not believed.
        let inbox = self.server.desk.report_inbox();
        let inbox = inbox.filter(|_| incoming.placement == Placement::Inbox);
        let report = inbox
            .filter(|inbox| inbox.wants(envelope, size_bytes))
            .map(|inbox| (inbox, bytes.clone()));
        let targets = std::mem::take(&mut self.targets);
        let calendar = CalendarCopy::of(&incoming, &bytes, &targets);
        let delivery = Delivery {
            id: incoming.id,
            bytes,
            return_path_bytes: incoming.return_path_bytes,
            envelope,
            targets,
            placement: incoming.placement,
            author: incoming.author.clone(),
            eight_bit: incoming.eight_bit || incoming.content.is_eight_bit(),
            tls_optional: incoming.tls_optional,
            verified: incoming.verified,
            is_believed: incoming.is_believed,
            submitter: self.user.as_ref().map(|user| user.account),
            role: self.server.settings.role,
            reception,
        };
        let delivered = self.server.desk.deliver(delivery).await?;
        if let Some(user) = &self.user {
            self.server.desk.note_sent(user.account);
        }
        if let Some(calendar) = calendar {
            calendar.give(&self.server.desk, &delivered).await;
        }
        if let Some((inbox, copy)) = report {
            inbox.give(copy);
        }
        let id = format_args!("{:016x}", incoming.id);
        tracing::info!(message = %id, size_bytes, recipients, "message stored");
        Ok(delivered.outcomes)
    }
}

/// What has arrived, from a client that is not too slow.
async fn fill_in_time<'c>(
    connection: &'c mut Connection,
    pace: &Pace,
) -> Result<&'c [u8], ConnectionError> {
    if pace.is_late() {
        return Err(ConnectionError::TimedOut);
    }
    let arrived = tokio::time::timeout_at(pace.deadline(), connection.fill()).await;
    arrived.unwrap_or(Err(ConnectionError::TimedOut))
}

/// RFC 5321 §7.2: one of several recipients is not named to the others.
fn only_recipient(envelope: &Envelope) -> Option<String> {
    match envelope.recipients.as_slice() {
        [only] => Some(path_text(&only.path)),
        _ => None,
    }
}

fn describe_tls(facts: &TlsFacts) -> String {
    format!("{} {}", facts.version, facts.cipher)
}
