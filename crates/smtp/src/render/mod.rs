//! Types to bytes: replies, the list of extensions, the name of the protocol.

mod extensions;
mod protocol;
mod reply;

pub use protocol::Protocol;
pub use reply::{Enhanced, Reply};

pub(crate) use extensions::{Extensions, render_help};
pub(crate) use reply::render_stored;
