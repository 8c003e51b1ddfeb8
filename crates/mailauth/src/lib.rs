//! Who a message comes from: SPF (RFC 7208), DKIM (RFC 6376, 8301, 8463), DMARC (RFC 9989) and
//! ARC (RFC 8617) checked, told in Authentication-Results (RFC 8601), and made for mail of ours;
//! and [`srs`], which rewrites reverse-paths of redirected mail (R-ADDR-10).
//!
//! [`Examined::of`] reads a message, [`Examined::check`] asks the DNS through [`dns::Lookups`],
//! and [`Report`] says what was found; [`believed_author`] what a server in front did.
//! [`dkim::sign`] and [`arc::seal`] make fields; [`reports`] reads what others found of mail of
//! ours.
//!
//! **Invariants:** nothing a peer sends panics, makes more than a bounded number of look-ups, or
//! takes more than linear time; what is verified was made with the key it names.
//! **Absent:** I/O, the clock, storage, private keys at rest, what is done with a verdict.

mod believed;
mod canonical;
mod check;
mod crypto;
mod parts;
mod signatory;
mod tags;
#[cfg(test)]
mod testing;

pub mod arc;
pub mod dkim;
pub mod dmarc;
pub mod dns;
pub mod reports;
pub mod results;
pub mod spf;
pub mod srs;

pub use believed::believed_author;
pub use check::{Demand, Examined, Methods, Report, Sender, SpfResult};
pub use crypto::{Algorithm, SigningKey};
pub use signatory::{Author, MessageLost, Signatory, Signing, author_domain};
