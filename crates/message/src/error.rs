//! What can be wrong with something this crate is given.

/// One variant per meaning; the text is safe to show to a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not a system flag that can be stored and not an atom (RFC 9051 §2.3.2).
    #[error("invalid flag")]
    InvalidFlag,
    /// A keyword longer than [`crate::flag::KEYWORD_BYTES_MAX`].
    #[error("keyword too long")]
    KeywordTooLong,
    /// Not a `Mailbox` of RFC 5321 §4.1.2, nor its extension in RFC 6531 §3.3.
    #[error("invalid address")]
    InvalidAddress,
    /// An address longer than the bounds of RFC 5321 §4.5.3.1.
    #[error("address too long")]
    AddressTooLong,
    /// A Content-Transfer-Encoding nobody here can undo (RFC 9051 §7.1, UNKNOWN-CTE).
    #[error("unknown content transfer encoding")]
    UnknownEncoding,
    /// Stored bytes that this crate never wrote.
    #[error("corrupt stored value: {0}")]
    Corrupt(&'static str),
}
