//! Internet messages (RFC 5322, MIME): everything that is computed once from a message's bytes
//! on its way in, and the small languages around it: flags, dates, addresses, trace fields.
//!
//! **Invariants:** no input panics, takes more than linear time or recurses deeper than
//! its limits say; a message is never changed; what BODYSTRUCTURE tells and what the part index
//! finds are made in one walk and agree.
//! **Absent:** I/O, the clock, logs, and every protocol beyond the data items that FETCH sends
//! as they were computed here.

mod encoding;
mod error;
mod header;

pub mod address;
pub mod compose;
pub mod date;
pub mod flag;

pub use encoding::{Encoding, decode_part, decoded_len};
pub use error::Error;
pub use header::{Field, decode_header_text, header_fields};
