//! Who may sign in: accounts, passwords, and what slows down guessing.
//!
//! Every protocol calls [`Authenticator::sign_in`] with what `sasl` (or a LOGIN command, or HTTP
//! Basic) gave it, and maps [`AuthError`] to its own reply. [`PasswordPolicy`] makes the hashes
//! that storage keeps.
//!
//! **Ending sessions of an old password (R-ADDR-8).** [`SignedIn`] carries the credential
//! version the sign-in was good for. A session that lasts holds a [`SessionWatch`], which follows
//! the account's changes and asks [`Authenticator::require_current`] whenever one of them may
//! concern credentials, or it lagged behind.
//!
//! **Invariants:** an unknown account costs the same work and gets the same answer as a wrong
//! password; blocked and maintenance are only told to who knows the password; a verified
//! password is remembered under a keyed hash that covers the stored hash, so that changing the
//! password forgets it at once; every table is bounded; hashing never runs on the async
//! threads; no password is logged, stored or kept beyond the call.
//! **Absent:** any wire format; rights of an account beyond signing in.

mod authenticator;
mod bounded;
mod cache;
mod directory;
mod error;
mod mac;
mod password;
mod throttle;
mod user_name;
mod watch;

pub use authenticator::{AuthSettings, Authenticator, Protocol, SignInCounts, SignedIn};
pub use directory::{Directory, Entry, Lookup};
pub use error::{AuthError, PasswordError};
pub use password::PasswordPolicy;
pub use throttle::ThrottleSettings;
pub use watch::SessionWatch;
