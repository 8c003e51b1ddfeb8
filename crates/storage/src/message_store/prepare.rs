//! What can be computed about a message before any transaction: so that the one writer of the
//! embedded engine never parses, hashes or compresses.

use ids::BlobId;
use message::{Keys, Limits, Summary, header_fields};

use super::ThreadId;
use crate::blob::PreparedBlob;
use crate::{Result, StorageError};

/// What names a content: the hash of its header and, behind it, that of its body, zeros where there
/// is none. So the body is hashed once. Contents stored before that have the hash of the message.
pub(crate) fn content_hash(header: &[u8], body: Option<BlobId>) -> BlobId {
    let mut hasher = blake3::Hasher::new();
    hasher.update(header);
    hasher.update(body.as_ref().map_or(&[0; 32][..], |body| body.as_bytes()));
    BlobId::new(*hasher.finalize().as_bytes())
}

/// A message ready to be stored: hashed, its body compressed where that pays, and parsed unless it
/// is only sent on.
#[derive(Debug)]
pub struct PreparedMessage {
    pub(crate) hash: BlobId,
    pub(crate) size_bytes: u64,
    /// With the empty line, byte for byte.
    pub(crate) header: Vec<u8>,
    /// What follows the header; `None` if nothing does.
    pub(crate) body: Option<PreparedBlob>,
    /// `None`: it can be spooled and stands in no mailbox.
    pub(crate) described: Option<Described>,
    pub(crate) thread: ThreadId,
    /// The last line has no CRLF.
    pub(crate) has_open_end: bool,
}

/// What was computed from a message for who reads it.
#[derive(Debug)]
pub(crate) struct Described {
    pub(crate) summary: Summary,
    pub(crate) parts: Vec<u8>,
    pub(crate) keys: Vec<u8>,
}

impl PreparedMessage {
    /// Prepares a message, whatever its bytes are. Costs time, does no I/O.
    pub fn new(bytes: Vec<u8>) -> Self {
        let summary = Summary::of(&bytes, &Limits::default());
        let mut prepared = Self::split(bytes, summary.header_bytes);
        prepared.thread = ThreadId::of(&summary.keys, prepared.hash.as_bytes());
        let (parts, keys) = (summary.parts.encode(), summary.keys.encode());
        prepared.described = Some(Described { summary, parts, keys });
        prepared
    }

    /// Prepares a message for the spool alone: nobody there asks what is in it, and to find that
    /// out is most of the work.
    pub fn for_elsewhere(bytes: Vec<u8>) -> Self {
        let header_bytes = header_len(&bytes);
        Self::split(bytes, header_bytes)
    }

    fn split(mut bytes: Vec<u8>, header_bytes: usize) -> Self {
        let size_bytes = bytes.len() as u64;
        let has_open_end = !bytes.is_empty() && !bytes.ends_with(b"\r\n");
        let body = bytes.split_off(header_bytes.min(bytes.len()));
        let body = (!body.is_empty()).then(|| PreparedBlob::new(body));
        let hash = content_hash(&bytes, body.as_ref().map(|body| body.hash));
        let thread = ThreadId::of(&Keys::default(), hash.as_bytes());
        Self { hash, size_bytes, header: bytes, body, described: None, thread, has_open_end }
    }

    /// Bytes that are no message, on the way to storage that bodies of messages take.
    pub(crate) fn carrying(body: PreparedBlob) -> Self {
        Self { body: Some(body), ..Self::for_elsewhere(Vec::new()) }
    }

    /// Bytes of the message as it was given (RFC822.SIZE).
    pub fn size(&self) -> u64 {
        self.size_bytes
    }

    /// About what it takes in memory.
    pub(crate) fn memory_bytes(&self) -> u64 {
        let body = self.body.as_ref().map_or(0, |body| body.stored.capacity());
        let described = self.described.as_ref();
        let described = described.map_or(0, |found| found.parts.len() + found.keys.len());
        (self.header.capacity() + body + described) as u64
    }

    /// What mailboxes keep of it.
    ///
    /// # Errors
    /// [`StorageError::Internal`] where it was prepared for the spool alone.
    pub(crate) fn described(&self) -> Result<&Described> {
        self.described.as_ref().ok_or_else(|| {
            StorageError::Internal("a message for elsewhere is not for a mailbox".to_owned())
        })
    }
}

/// Length of the header section with its empty line; of the whole where there is none.
fn header_len(message: &[u8]) -> usize {
    let fields = header_fields(message).last().map_or(0, |field| field.range.end);
    let rest = message.get(fields..).unwrap_or_default();
    let empty_line = [&b"\r\n"[..], b"\n"].into_iter().find(|end| rest.starts_with(end));
    fields + empty_line.map_or(0, <[u8]>::len)
}
