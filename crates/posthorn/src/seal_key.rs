//! The key of `seal.key`, and what comes of it.

use mailauth::srs::SrsKey;
use zeroize::Zeroizing;

/// 32 random bytes that stand outside the database. Prints nothing.
#[derive(Clone)]
pub(crate) struct SealKey(Zeroizing<[u8; 32]>);

impl SealKey {
    /// The key of the file.
    pub(crate) fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// What reverse-paths are rewritten with.
    pub(crate) fn srs(&self) -> SrsKey {
        SrsKey::new(blake3::derive_key("posthorn 2026-11 rewritten senders", &*self.0))
    }
}
