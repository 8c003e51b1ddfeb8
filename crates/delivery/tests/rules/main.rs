//! What becomes of mail for accounts with scripts, responders and redirections, on both engines.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod calendars;
mod events;
mod redirections;
mod responders;
mod scripts;
mod signing;
mod support;
