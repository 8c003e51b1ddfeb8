//! What the tests of every crate share, and nothing that ships.
//!
//! - [`Postgres`]: a real, private PostgreSQL server, and fresh databases on it;
//! - [`ManualClock`]: an [`ids::Clock`] that moves only when told to;
//! - [`SeededRng`]: randomness that prints its seed when a test fails, and replays it;
//! - [`corpus`]: varied mail, made from a seed;
//! - [`transcript`]: dialogs in text files, played against any byte stream;
//! - [`client`]: small blocking IMAP and SMTP clients written from the RFCs.
//!
//! **Invariant:** nothing here reuses the parsers or renderers it is there to test, so that a
//! mistake in one is not repeated in the other. Whatever is started is stopped when the test
//! process ends, however it ends.
//! **Absent:** any knowledge of Posthorn's own crates except `ids` and `certificate`.
#![expect(
    clippy::panic,
    clippy::print_stderr,
    reason = "a test that cannot go on has failed, and says why on the terminal"
)]

pub mod client;
mod clock;
pub mod corpus;
mod postgres;
mod seed;
pub mod transcript;

pub use clock::ManualClock;
pub use postgres::{Database, Durability, Postgres};
pub use seed::SeededRng;
