//! DKIM: signatures of domains on messages (RFC 6376, with RFC 8301 and RFC 8463).
//!
//! **Invariants:** a signature that leaves part of the body to others does not pass; at most
//! [`SIGNATURES_MAX`] are verified, those of the author's domain first.

pub(crate) mod key_record;
pub(crate) mod sign;
pub(crate) mod signature;
pub(crate) mod verify;

pub use sign::{Signer, sign};
pub use signature::Label;
pub use verify::{DkimResult, DkimVerdict, SIGNATURES_MAX};

#[cfg(test)]
mod tests;
