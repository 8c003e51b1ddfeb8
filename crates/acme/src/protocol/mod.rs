//! The protocol's messages: signed requests and what is answered (RFC 8555 §6, §7).
//!
//! **Absent:** what is ordered and when; storage.

mod client;
mod key;
mod types;

pub(crate) use client::{Client, Pause};
pub(crate) use key::{AccountKey, encode, sha256};
pub use types::Problem;
pub(crate) use types::{Authorization, Challenge, Order, RenewalInfo, Status};
