//! Blobs.

/// Where the bytes of large blobs live.
pub(crate) struct BlobStore {}
