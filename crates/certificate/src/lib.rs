//! Certificates of X.509 (RFC 5280): what is read out of them, and how a client of TLS comes to
//! believe one.
//!
//! **Invariant:** whoever is believed, the handshake is signed with the key of the certificate that
//! was shown. **Absent:** connections, files, the clock; certificates of our own, which `net` has.

mod content;
mod judge;

pub use content::{end_point, host_names, mail_addresses};
pub use judge::{Anyone, Judge, Shown, client_config};
