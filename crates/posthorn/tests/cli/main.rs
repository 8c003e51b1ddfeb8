//! The binary as its operators meet it: the command line, with a daemon running and without.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on ends where it stands"
)]

mod bad_config;
mod collections;
mod daemon;
mod password_link;
mod process;
mod queue;
mod quickstart;
mod verbs;
