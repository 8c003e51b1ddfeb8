//! Managed attachments (RFC 8607): data that events, tasks and journal entries name by MANAGED-ID.
//!
//! | file | what |
//! |---|---|
//! | `change` | adding, updating and removing |
//! | `bring` | what comes along from another account |
//! | `put` | what a PUT may say of them |
//! | `uses` | which objects name which, and what follows |
//! | `find` | who may have the data |
//!
//! docs/decisions/011-attachments.md says why it is as it is.
//!
//! **Invariants:** what an id names never changes; it is kept and counted in the quota of its
//! account as long as an object of that account names it; whoever may read an object that names it
//! may have it, and nobody else but who has its token. **Absent:** URLs, what iCalendar makes of
//! them (`ical`).

mod bring;
mod change;
mod find;
mod put;
#[cfg(test)]
mod tests;
mod uses;

use std::sync::Arc;

pub use bring::{AttachmentPlace, AttachmentPlaces};
pub use change::{AttachmentAction, AttachmentOutcome};
pub use find::Attachment;
pub(crate) use put::Managed;
pub(crate) use uses::ROW_BYTES as ATTACHMENT_ROW_BYTES;

use crate::PreparedMessage;
use crate::blob::PreparedBlob;

/// LIMIT: bytes of a media type and of a file name (RFC 6838 §4.2; what file systems take).
const TEXT_BYTES_MAX: usize = 255;

/// What managed attachments are bound by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttachmentSettings {
    /// Bytes of one (RFC 8607 §6.2); 0: there are none. Default 20 MiB.
    pub bytes_max: u64,
    /// How many one object may name (RFC 8607 §6.3). Default 20.
    pub per_object_max: u64,
}

impl Default for AttachmentSettings {
    fn default() -> Self {
        Self { bytes_max: 20 * 1024 * 1024, per_object_max: 20 }
    }
}

/// The data of an attachment, hashed, and compressed where that pays.
#[derive(Debug, Clone)]
pub struct AttachmentData(Arc<PreparedMessage>);

impl AttachmentData {
    /// Prepares data. Costs time, does no I/O.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Arc::new(PreparedMessage::carrying(PreparedBlob::new(bytes))))
    }

    /// What has to be durable before it is added: for
    /// [`Store::write_with`](crate::Store::write_with).
    pub fn bodies(&self) -> Vec<Arc<PreparedMessage>> {
        vec![self.0.clone()]
    }

    /// The size in bytes.
    pub fn size_bytes(&self) -> u64 {
        self.0.body.as_ref().map_or(0, |body| body.size_bytes)
    }
}

/// An attachment that is to be.
#[derive(Debug, Clone)]
pub struct NewAttachment {
    /// 32 hexadecimal digits in lower case that nobody guesses.
    pub managed_id: String,
    /// A secret of the same form that opens the data to whoever has it.
    pub token: String,
    /// The URL of the data for those who sign in.
    pub uri: String,
    /// The media type, without parameters.
    pub media_type: String,
    /// What it is called; may be empty.
    pub filename: String,
    /// The bytes of the attachment, or where they are.
    pub data: AttachmentData,
}

/// Whether it may be the id of an attachment of ours: objects name those of other servers, too.
fn is_ours(id: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    id.len() == 32 && id.bytes().all(is_digit)
}
