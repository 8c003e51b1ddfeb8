//! ARC: what those found that a message passed through (RFC 8617).
//!
//! **Invariant:** a chain counts only as far back as its sealers are trusted.

pub(crate) mod chain;
mod seal;
mod verify;

pub use seal::seal;
pub(crate) use verify::verify;
pub use verify::{ArcResult, ArcVerdict};

#[cfg(test)]
mod tests;
