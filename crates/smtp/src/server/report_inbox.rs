//! Messages to one address, which are also given to who reads reports.
//!
//! **Invariant:** what is given was stored before; nobody waits for who reads.

use message::address::Address;
use tokio::sync::mpsc;

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
