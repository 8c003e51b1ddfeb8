//! SASL mechanisms as pure state machines, server side (RFC 4422): PLAIN (RFC 4616), LOGIN,
//! SCRAM-SHA-1 and SCRAM-SHA-256 with and without channel binding (RFC 5802, RFC 7677,
//! RFC 5929, RFC 9266), OAUTHBEARER (RFC 7628), XOAUTH2 and EXTERNAL (RFC 4422 §A).
//!
//! [`start`] gives the [`Mechanism`] of a [`Name`]. It consumes decoded responses and says what
//! comes next; what only accounts can tell it asks for by a [`Question`] and takes as an
//! [`Answer`]. `auth::Dialog` drives it for every protocol; [`wire`] is the base64 dress that
//! they share. A new mechanism is a new file, a [`Name`] and one row in [`start`].
//!
//! **Invariant:** every input is bounded before it is decoded; nothing a peer sends panics; a
//! password or token lives in a [`Password`], which is wiped when dropped and prints as
//! `Password(…)`; proofs are compared in constant time.
//! **Absent:** I/O, clocks, randomness (the nonce is given), and every decision about accounts.
//!
//! DEVIATION(RFC 5802 §6.1): `tls-unique`, which servers that offer `-PLUS` are to have, is not
//! served. TLS 1.3 has none (RFC 8446 §C.5), where `tls-exporter` is in its place (RFC 9266 §3),
//! and rustls does not tell that of TLS 1.2. `tls-exporter` and `tls-server-end-point` are served.

mod bearer;
mod channel;
mod credentials;
mod external;
mod login;
mod mechanism;
mod name;
mod plain;
mod question;
pub mod scram;
pub mod wire;

pub use channel::{Channel, ChannelBindings};
pub use credentials::{Credentials, Password};
pub use mechanism::{Failure, Mechanism, Step, start};
pub use name::{Name, offered};
pub use question::{Answer, BearerToken, Question, ScramIdentity};
pub use wire::RESPONSE_BYTES_MAX;
