//! IMAP4rev1 (RFC 3501) and IMAP4rev2 (RFC 9051), server side.
//!
//! Folded in or beside them: RFC 2177 IDLE, 2342 NAMESPACE, 2971 ID, 3348 CHILDREN, 3502
//! MULTIAPPEND, 3516 BINARY, 3691 UNSELECT, 4315 UIDPLUS, 4731 ESEARCH, 4959 SASL-IR, 4978
//! COMPRESS=DEFLATE, 4467 URLAUTH, 4469 CATENATE, 5032 WITHIN, 5161 ENABLE, 5182 SEARCHRES, 5255
//! I18NLEVEL=2 and LANGUAGE, 5256 SORT and THREAD, 5257 ANNOTATE, 5258 LIST-EXTENDED, 5267
//! CONTEXT and ESORT, 5465 NOTIFY, 5819 LIST-STATUS, 5957 SORT=DISPLAY, 6154 SPECIAL-USE, 6203
//! SEARCH=FUZZY, 6851 MOVE, 6855 UTF8=ACCEPT, 7162 CONDSTORE and QRESYNC, 7377 MULTISEARCH, 7888
//! LITERAL+, 7889 APPENDLIMIT, 8437 UNAUTHENTICATE, 8438 STATUS=SIZE, 8474 OBJECTID, 8970 PREVIEW,
//! 9394 PARTIAL, 9585 INPROGRESS, 9586 UIDONLY, 9738 MESSAGELIMIT.
//!
//! Bytes become values in [`parse`], values become bytes in [`render`]; what lies between is
//! [`types`], which cannot hold an invalid value. A command takes one fixed road: the
//! [`parse::Framer`] cuts it off the stream, [`parse::parse_command`] reads tag and name,
//! finds the row in [`commands::table`], and parses the arguments up to the end of the line.
//! Only then does anything have an effect.
//!
//! **Invariant:** `types`, `parse` and `render` do no I/O, read no clock and know no storage.
//! **Invariant:** everything a client can make grow has a bound in [`parse::Limits`].
//! **Absent:** a client; RFC 2060 and older.

mod capabilities;
pub mod commands;
mod error;
pub mod mutf7;
pub mod parse;
pub mod render;
mod server;
mod session;
mod settings;
pub mod types;
pub mod url;
mod view;

pub use capabilities::is_capability;
pub use server::ImapService;
pub use settings::{ClientRule, Settings};
