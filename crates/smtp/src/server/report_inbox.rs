//! Messages to one address, which are also given to who reads reports, as they were received: what
//! checks of content change no longer fits the signatures.
//!
//! **Invariant:** what is given was stored before; nobody waits for who reads, and no message for
//! memory for its own copy. The copies that there are take of the memory that others wait for.

use std::time::Duration;

use message::address::Address;
use tokio::sync::mpsc;

use super::Visit;
use super::incoming::Incoming;
use super::memory::MessageBuffer;
use crate::types::{Envelope, ForwardPath};

/// LIMIT: bytes of a message that is read; reports are small.
const MESSAGE_BYTES_MAX: usize = 10 * 1024 * 1024;

/// The address that reports are sent to, and where copies of them go.
#[derive(Debug, Clone)]
pub struct ReportInbox {
    address: Address,
    readers: mpsc::Sender<Vec<u8>>,
}

impl ReportInbox {
    /// Copies of messages to `address` go to `readers`; what finds no room there is left out.
    pub fn new(address: &Address, readers: mpsc::Sender<Vec<u8>>) -> Self {
        Self { address: address.normal(), readers }
    }

    pub(super) fn wants(&self, envelope: &Envelope, size_bytes: usize) -> bool {
        let is_ours = |path: &ForwardPath| match path {
            ForwardPath::Postmaster => false,
            ForwardPath::Mailbox(mailbox) => mailbox.normal() == self.address,
        };
        size_bytes <= MESSAGE_BYTES_MAX
            && envelope.recipients.iter().any(|recipient| is_ours(&recipient.path))
    }

    pub(super) fn give(&self, message: Vec<u8>) {
        if self.readers.try_send(message).is_err() {
            tracing::warn!("more reports at once than are read: one stays in its mailbox alone");
        }
    }
}

impl Visit<'_> {
    /// Keeps a copy of a message for who reads reports, before anything of it is changed.
    pub(super) async fn copy_report(&mut self, incoming: &mut Incoming) {
        let message = incoming.buffer.bytes.get(incoming.trace_bytes..).unwrap_or_default();
        let (inbox, envelope) = (self.server.desk.report_inbox(), self.session.envelope());
        if !inbox
            .zip(envelope)
            .is_some_and(|(inbox, envelope)| inbox.wants(envelope, message.len()))
        {
            return;
        }
        let mut copy = MessageBuffer::new(self.server.memory.clone(), Duration::ZERO);
        if copy.reserve_all(message.len()).await.is_err() {
            tracing::warn!("no memory to read a report: it stays in its mailbox alone");
            return;
        }
        copy.bytes.extend_from_slice(message);
        incoming.report = Some(copy);
    }
}
