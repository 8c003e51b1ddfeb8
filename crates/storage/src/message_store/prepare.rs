//! What can be computed about a message before any transaction: so that the one writer of the
//! embedded engine never parses, hashes or compresses.

use ids::BlobId;
use message::{Limits, Summary};

use super::ThreadId;
use crate::blob::PreparedBlob;

/// What names a content: the hash of its header and, behind it, that of its body, zeros where there
/// is none. So the body is hashed once. Contents stored before that have the hash of the message.
pub(crate) fn content_hash(header: &[u8], body: Option<BlobId>) -> BlobId {
    let mut hasher = blake3::Hasher::new();
    hasher.update(header);
    hasher.update(body.as_ref().map_or(&[0; 32][..], |body| body.as_bytes()));
    BlobId::new(*hasher.finalize().as_bytes())
}

/// A message ready to be stored: parsed, hashed, its body compressed where that pays.
#[derive(Debug)]
pub struct PreparedMessage {
    pub(crate) hash: BlobId,
    pub(crate) size_bytes: u64,
    /// With the empty line, byte for byte.
    pub(crate) header: Vec<u8>,
    /// What follows the header; `None` if nothing does.
    pub(crate) body: Option<PreparedBlob>,
    pub(crate) summary: Summary,
    pub(crate) parts: Vec<u8>,
    pub(crate) keys: Vec<u8>,
    pub(crate) thread: ThreadId,
    /// The last line has no CRLF.
    pub(crate) has_open_end: bool,
}

impl PreparedMessage {
    /// Prepares a message, whatever its bytes are. Costs time, does no I/O.
    pub fn new(mut bytes: Vec<u8>) -> Self {
        let summary = Summary::of(&bytes, &Limits::default());
        let size_bytes = bytes.len() as u64;
        let has_open_end = !bytes.is_empty() && !bytes.ends_with(b"\r\n");
        let body = bytes.split_off(summary.header_bytes.min(bytes.len()));
        let body = (!body.is_empty()).then(|| PreparedBlob::new(body));
        let hash = content_hash(&bytes, body.as_ref().map(|body| body.hash));
        Self {
            hash,
            size_bytes,
            header: bytes,
            body,
            parts: summary.parts.encode(),
            keys: summary.keys.encode(),
            thread: ThreadId::of(&summary.keys, hash.as_bytes()),
            summary,
            has_open_end,
        }
    }

    /// Bytes that are no message, on the way to storage that bodies of messages take.
    pub(crate) fn carrying(body: PreparedBlob) -> Self {
        Self { body: Some(body), ..Self::new(Vec::new()) }
    }

    /// Bytes of the message as it was given (RFC822.SIZE).
    pub fn size(&self) -> u64 {
        self.size_bytes
    }

    /// About what it takes in memory.
    pub(crate) fn memory_bytes(&self) -> u64 {
        let body = self.body.as_ref().map_or(0, |body| body.stored.capacity());
        let computed = self.parts.len() + self.keys.len();
        (self.header.capacity() + body + computed) as u64
    }

    /// What was computed from it.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }
}
