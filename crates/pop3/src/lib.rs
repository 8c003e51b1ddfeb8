//! POP3 (RFC 1939), server side, with the extension mechanism (RFC 2449), STLS (RFC 2595 §4),
//! SASL (RFC 5034), the response codes of RFC 3206, and UTF8 and LANG (RFC 6856).
//!
//! The maildrop is the INBOX as it stood when the client signed in: a snapshot, so message
//! numbers never change, and STAT, LIST and UIDL agree with each other to the end of the session.
//! DELE marks; QUIT removes what is marked in one transaction. Mail that arrives meanwhile is
//! shown to the next session. A message that another session expunged meanwhile can no longer be
//! retrieved, and deleting it once more is no error.
//!
//! DEVIATION(RFC 1939 §4): the maildrop is not locked, so [IN-USE] is never sent. The lock is
//! there to keep messages from being removed under a session, which the snapshot does without
//! turning away the second device of a person, or the first again after its connection broke off.
//!
//! A message with UTF-8 in its header, or in those of its parts, is sent as it is, to clients that
//! did not ask for UTF8 too: refusing it would keep them at that message for good, and programs
//! that collect mail are to have the original. Where [`Settings::surrogates`] says so, these
//! clients get a surrogate (RFC 6858) instead, unless a header is longer than any that people are
//! written. LIST and STAT tell the size of the message itself, as RFC 6858 §4 allows; RETR that of
//! what it sends.
//!
//! **Invariant:** parsing has no effect; a session that ends without QUIT changes nothing.
//! **Invariant:** everything a client can make grow has a bound in [`Settings`] or is as large
//! as its maildrop: one bit for each message.
//! **Absent:** APOP, which needs every password readable on the server; LOGIN-DELAY, as
//! throttling sign-ins is the business of `auth`; a client.

mod capabilities;
mod command;
mod dot_stuffing;
mod error;
mod language;
mod listing;
mod maildrop;
mod marks;
mod reply;
mod retrieval;
mod server;
mod settings;
mod sign_in;
mod update;

pub use command::{Allowed, Command, Request, SyntaxError, parse_command};
pub use dot_stuffing::{DotStuffing, end_header, octets, top_of};
pub use server::Pop3Service;
pub use settings::Settings;
