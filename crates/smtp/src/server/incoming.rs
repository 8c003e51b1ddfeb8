//! A message on its way in, with what was found out about it before it is stored.

use mailauth::reports::Observation;
use message::date::{DateTime, format_rfc5322};
use net::Pace;
use storage::Placement;

use super::memory::MessageBuffer;
use super::readdressing::Readdressed;
use crate::content::{Content, Fed};
use crate::error::Refusal;

/// What was read of it, and what is known of it so far.
#[derive(Debug)]
pub(super) struct Incoming {
    /// Stands in Received, in the reply and in the log.
    pub(super) id: u64,
    /// When it began.
    pub(super) at: DateTime,
    /// How fast it comes, however many chunks it comes in and whatever stands between.
    pub(super) pace: Pace,
    pub(super) content: Content,
    pub(super) buffer: MessageBuffer,
    /// Bytes of our trace fields, at the start of the buffer.
    pub(super) trace_bytes: usize,
    /// How many bytes at the beginning are the Return-Path field.
    pub(super) return_path_bytes: usize,
    /// It was submitted, and every author it names may be named.
    pub(super) signable: bool,
    /// Where it belongs in mailboxes here.
    pub(super) placement: Placement,
    /// Whether the reverse-path is known to be whose it says: of who signed in, or found to be.
    pub(super) verified: bool,
    /// Whether its sender may be told what becomes of it.
    pub(super) is_believed: bool,
    /// Whether a check put bytes outside ASCII into it.
    pub(super) eight_bit: bool,
    /// Why it is refused, apart from what the content tells.
    pub(super) refusal: Option<Refusal>,
    /// Whether the header section says `TLS-Required: No` (RFC 8689 §3).
    pub(super) tls_optional: bool,
    /// The domain of its author, where they are known to be who they say.
    pub(super) author: Option<String>,
    /// Its Message-ID, as far as its header section was read.
    pub(super) message_id: Option<String>,
    /// The envelope as a check changed it, if one did.
    pub(super) readdressed: Option<Readdressed>,
    /// What is reported to domains that want DMARC reports.
    pub(super) observed: Vec<Observation>,
    /// As it was received, where it may be a report.
    pub(super) report: Option<MessageBuffer>,
}

impl Incoming {
    pub(super) fn refusal(&self) -> Option<Refusal> {
        self.content.fault().map(Refusal::Content).or(self.refusal)
    }

    pub(super) fn refuse(&mut self, refusal: Refusal) {
        self.refusal.get_or_insert(refusal);
        self.content.discard();
        self.buffer.release();
    }

    /// Takes a piece of the message.
    pub(super) async fn feed(&mut self, input: &[u8]) -> Fed {
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
    pub(super) async fn put_above_trace(&mut self, field: &str) -> Result<(), Refusal> {
        self.buffer.reserve(field.len()).await?;
        let at = self.return_path_bytes;
        self.buffer.bytes.splice(at..at, field.bytes());
        self.trace_bytes += field.len();
        Ok(())
    }

    /// Puts another Return-Path in place of the one at the start.
    pub(super) async fn replace_return_path(&mut self, field: &str) -> Result<(), Refusal> {
        self.buffer.reserve(field.len()).await?;
        self.buffer.bytes.splice(..self.return_path_bytes, field.bytes());
        self.trace_bytes = self.trace_bytes - self.return_path_bytes + field.len();
        self.return_path_bytes = field.len();
        Ok(())
    }

    /// Puts an empty line above a message that begins with text. Our own fields stand above it:
    /// they would go on with it, and readers would not agree on what is text (RFC 5322 §2.1).
    pub(super) fn end_header(&mut self) {
        self.buffer.bytes.splice(self.trace_bytes..self.trace_bytes, *b"\r\n");
    }

    /// Puts the fields a submission lacks below our trace fields.
    pub(super) fn complete(&mut self, has_date: bool, hostname: &str, sender: Option<String>) {
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
