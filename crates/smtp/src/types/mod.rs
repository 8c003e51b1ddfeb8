//! Values of the protocol that cannot be invalid, apart from their form on the wire.
//!
//! **Absent:** storage, the network, the clock. Everything here is plain data.

mod client_name;
mod dsn;
mod envelope;
mod path;
mod terms;

pub use client_name::ClientName;
pub use dsn::{EnvelopeId, Notify, OriginalRecipient, Ret};
pub use envelope::{Body, Envelope, MailParameters, Recipient};
pub use path::{ForwardPath, ReversePath};
pub use terms::{ByMode, DeliverBy, Hold, Priority};
