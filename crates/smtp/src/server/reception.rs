//! Reading the content of a message after DATA or BDAT into memory, with its bounds of size and
//! time.

use std::sync::atomic::{AtomicU64, Ordering};

use message::compose::{Received, return_path};
use message::date::DateTime;
use net::{Connection, ConnectionError, Pace, TlsFacts};
use storage::Placement;

use super::incoming::Incoming;
use super::memory::MessageBuffer;
use super::spooling::path_text;
use super::{Flow, Visit};
use crate::content::{Content, ContentLimits, Encoding, Fed, Framing};
use crate::types::{Body, Envelope, Priority, ReversePath};

/// LIMIT: our fields take some 400 bytes, with the longest names and paths not more than this.
const OWN_FIELDS_BYTES: usize = 2048;

/// Tells messages apart that begin in the same microsecond.
static NEXT_MESSAGE: AtomicU64 = AtomicU64::new(0);

impl Visit<'_> {
    /// Reads a message up to its end mark, stores it and answers.
    pub(super) async fn receive_data(&mut self) -> Result<Flow, ConnectionError> {
        let mut incoming = self.begin(Framing::Dotted).await;
        self.begin_reading();
        self.read_dotted(&mut incoming).await?;
        self.end_reading();
        Ok(self.finish(incoming).await)
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
            return Ok(self.finish(incoming).await);
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
            readdressed: None,
            observed: Vec::new(),
            report: None,
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
