//! SASL mechanisms as pure state machines (RFC 4422): PLAIN (RFC 4616) and LOGIN.
//!
//! [`Exchange`] is what a protocol crate drives: it is given base64 text as it came from the
//! peer and answers with base64 text to send, or with [`Credentials`] for `auth` to check.
//! Below it each mechanism is one file that implements [`Mechanism`]; a new one is a new file
//! and one row in [`MECHANISMS`].
//!
//! **Invariant:** every input is bounded before it is decoded; nothing a peer sends panics; a
//! password lives in a [`Password`], which is wiped when dropped and prints as `Password(…)`.
//! **Absent:** I/O, clocks, randomness, and the decision whether a password is right. Whether a
//! mechanism may be used at all without TLS is the session's business.

mod credentials;
mod exchange;
mod login;
mod mechanism;
mod plain;

pub use credentials::{Credentials, Password};
pub use exchange::{Exchange, RESPONSE_BYTES_MAX, Reply};
pub use mechanism::{Failure, MECHANISMS, Mechanism, Step, start};
