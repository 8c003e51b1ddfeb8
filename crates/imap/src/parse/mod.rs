//! Bytes to types.
//!
//! [`Framer`] finds where a command ends and owns its literals and every size limit;
//! [`parse_command`] reads what it cut off, through a cursor over borrowed bytes.
//!
//! **Invariant:** no byte sequence panics or recurses deeper than [`Limits::depth_max`], and the
//! work is linear in the bytes read.
//! **Invariant:** parsing has no effect; a command that fails to parse did nothing.
//! **Absent:** the session's state: whether a command is allowed now is asked afterwards.
#![deny(clippy::indexing_slicing)]

mod acl;
mod annotation;
mod announced;
mod append;
mod auth;
pub(crate) mod class;
mod command;
mod error;
mod esearch;
mod fetch;
mod flag;
mod framer;
mod id;
mod lexer;
mod limits;
mod list;
mod mailbox;
mod mailbox_filter;
mod metadata;
mod notify;
mod purpose;
mod quota;
mod search;
mod search_return;
mod section;
mod select;
mod sequence_set;
mod sort;
mod status;
mod store;
mod url_auth;

pub(crate) use acl::{acl, delete_acl, list_rights, my_rights, set_acl};
pub(crate) use append::{append, replace, uid_replace};
pub use auth::{SaslLine, parse_sasl_line};
pub(crate) use auth::{authenticate, compress, enable, login};
pub use command::{Request, parse_command, parse_head};
pub(crate) use command::{bare, copy, r#move, uid_copy, uid_expunge, uid_move};
pub use error::{ParseError, Rejection};
pub(crate) use esearch::esearch;
pub(crate) use fetch::{fetch, uid_fetch};
pub use framer::{Frame, Framer, Step};
pub(crate) use id::id;
pub(crate) use lexer::Cursor;
pub use limits::{Dialect, Limits};
pub(crate) use list::{list, lsub, xlist};
pub(crate) use mailbox::{create, delete, rename, subscribe, unsubscribe};
pub(crate) use metadata::{metadata, set_metadata};
pub(crate) use notify::notify;
pub(crate) use quota::{quota, quota_root, set_quota};
pub(crate) use search::{cancel_update, comparator, language, search, uid_search};
pub use section::parse_section;
pub(crate) use select::{examine, select};
pub use sequence_set::parse_sequence_set;
pub(crate) use sort::{sort, thread, uid_sort, uid_thread};
pub(crate) use status::status;
pub(crate) use store::{store, uid_store};
pub(crate) use url_auth::{gen_url_auth, reset_key, url_fetch};

/// The result of a parse function.
pub(crate) type Parsed<T> = Result<T, ParseError>;

#[cfg(test)]
mod tests;
