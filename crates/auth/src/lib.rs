//! Who may sign in: accounts, passwords, and what slows down guessing.
//!
//! A protocol drives a [`Dialog`] for SASL, or calls [`Authenticator::sign_in`] with the name and
//! password of a LOGIN command or HTTP Basic, and maps [`AuthError`] to its own reply.
//! [`PasswordPolicy`] makes the hashes that storage keeps.
//!
//! **What opens an account:** its password; an app password wherever a password does (R-ADDR-9);
//! a token of ours with OAUTHBEARER and XOAUTH2; a TLS client certificate issued to its address
//! with EXTERNAL. SCRAM proves a password or app password by verifiers that are sealed with
//! [`ScramKey`] and go with the password; see `scram.rs`.
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

mod access_key;
mod activity;
mod authenticator;
mod bounded;
mod cache;
mod dialog;
mod directory;
mod ending;
mod error;
mod mac;
mod password;
mod scram;
mod throttle;
mod user_name;
mod watch;

pub use access_key::NewSecret;
pub use activity::{ActivityLog, Concerned};
pub use authenticator::{AuthSettings, Authenticator, NewPassword, SignInCounts, SignedIn};
pub use dialog::{Dialog, Link, Turn};
pub use directory::{Directory, Entry, Found, KeyEntry, Lookup, ScramEntry};
pub use ending::{Ended, SessionEnding};
pub use error::{AuthError, PasswordError};
pub use password::PasswordPolicy;
pub use scram::{SCRAM_ITERATIONS_MIN, ScramKey, ScramSettings};
pub use storage::Protocol;
pub use throttle::ThrottleSettings;
pub use watch::SessionWatch;
