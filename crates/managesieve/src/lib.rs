//! ManageSieve (RFC 5804): Sieve scripts of an account, listed, checked, put and activated.
//!
//! A command is read ([`parse`]: lines and literals to strings), understood (`command`), its state
//! checked, run (`scripts`, `sign_in`), and answered (`render`). Scripts are kept by `storage` and
//! judged by `responder`.
//!
//! **Invariants:** parsing has no effect; nothing a client sends panics or grows without a bound of
//! [`Settings`]; a script with mistakes is not stored.
//! **Absent:** rules about scripts, which are storage's; running them.

mod command;
mod error;
pub mod parse;
mod render;
mod scripts;
mod server;
mod settings;
mod sign_in;

pub use server::ManageSieveService;
pub use settings::Settings;
