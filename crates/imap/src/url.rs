//! IMAP URLs (RFC 5092): where a message or a part of one lies, and who may read it by that alone
//! (RFC 4467).
//!
//! **Invariant:** what [`ImapUrl::parse`] gives, written with `Display`, parses to the same.
//! **Absent:** relative references other than those that begin with `/` or name a message of the
//! selected mailbox; RFC 5092 §7.2 forbids the others.

mod escape;
mod parse;
mod render;

use std::num::NonZeroU32;

pub(crate) use parse::URL_BYTES_MAX;

/// `iserver` (RFC 5092 §11).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UrlServer {
    /// `enc-user`: the user to sign in as, decoded.
    pub user: Option<String>,
    /// `;AUTH=`: by which mechanism; `*` is any.
    pub auth: Option<String>,
    /// Name or address, as written.
    pub host: String,
    /// The port, if it is not the usual one.
    pub port: Option<u16>,
}

/// `partial-range` (RFC 5092 §11).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UrlRange {
    /// The offset of the first octet, from 0.
    pub offset: u32,
    /// How many; all the rest where absent.
    pub length: Option<NonZeroU32>,
}

/// `access` (RFC 5092 §11): who may use an authorized URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UrlAccess {
    /// `submit+user`: a submission server on behalf of that user, and the user.
    Submit(String),
    /// `user+user`: that user.
    User(String),
    /// `authuser`: everybody who signed in.
    AuthUser,
    /// `anonymous`: everybody.
    Anonymous,
}

/// `iurlauth` (RFC 5092 §11).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UrlAuth {
    /// `;EXPIRE=`, as written: RFC 3339 `date-time`.
    pub expire: Option<String>,
    /// Who may use the URL.
    pub access: UrlAccess,
    /// Mechanism and token, without which it is no authorization yet.
    pub verifier: Option<(String, String)>,
}

/// An IMAP URL.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImapUrl {
    /// The server; `None` where the URL is relative to this one.
    pub server: Option<UrlServer>,
    /// The mailbox; `None` is the selected one.
    pub mailbox: Option<String>,
    /// `;UIDVALIDITY=`.
    pub uid_validity: Option<NonZeroU32>,
    /// `?`: a search program, decoded.
    pub search: Option<String>,
    /// `;UID=`.
    pub uid: Option<NonZeroU32>,
    /// `;SECTION=`: what stands between the brackets of `BODY[…]`.
    pub section: Option<String>,
    /// `;PARTIAL=`.
    pub partial: Option<UrlRange>,
    /// `;EXPIRE=` and `;URLAUTH=`.
    pub url_auth: Option<UrlAuth>,
}

#[cfg(test)]
mod tests;
