//! Types to bytes: replies, parameters, the list of extensions, the name of the protocol.

mod extensions;
mod parameters;
mod protocol;
mod reply;

pub use parameters::{mail_parameters, rcpt_parameters};
pub use protocol::Protocol;
pub use reply::{Enhanced, Reply};

pub(crate) use extensions::{Extensions, render_help};
pub(crate) use parameters::notify_text;
pub(crate) use reply::render_stored;
