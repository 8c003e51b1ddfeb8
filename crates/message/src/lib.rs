//! Internet messages (RFC 5322, MIME): everything that is computed once from a message's bytes
//! on its way in, and the small languages around it: flags, dates, addresses, trace fields.
//!
//! **Invariants:** no input panics, takes more than linear time or recurses deeper than
//! [`Limits`] say; a message is never changed; what BODYSTRUCTURE tells and what the part index
//! finds are made in one walk and agree.
//! **Absent:** I/O, the clock, logs, and every protocol beyond the data items that FETCH sends
//! as they were computed here.

mod address_list;
mod charset;
mod decoded_shape;
mod encoding;
mod envelope;
mod error;
mod external;
mod fields;
mod header;
mod imap_string;
mod keys;
mod keys_column;
mod limits;
mod lines;
mod list;
mod message_id;
mod original_sender;
mod parameter;
mod part_index;
mod piecewise;
mod plain_type;
mod search;
mod seven_bit;
mod sort_text;
mod structure;
mod structure_part;
mod subject;
mod summary;
mod surrogate;
mod text;
pub mod varint;

pub mod address;
pub mod compose;
pub mod date;
pub mod flag;
pub mod xtext;

pub use address_list::{Item as ListItem, Listed, address_list, hidden_addresses};
pub use decoded_shape::{DecodedMeter, DecodedShape};
pub use encoding::{Encoding, decode_part, decoded_len};
pub use error::Error;
pub use external::{EXTERNAL_FIELD, authors, mark_external, without_external};
pub use header::{Field, decode_header_text, header_fields};
pub use keys::{Keys, decode_address_text};
pub use keys_column::KeysView;
pub use limits::Limits;
pub use list::ListMarks;
pub use original_sender::original_sender;
pub use parameter::{Parameter, Parameterized};
pub use part_index::{MessageRanges, Part, PartIndex, PartKind};
pub use piecewise::PieceDecoder;
pub use search::{
    SearchablePart, header_line, part_headers, part_text, searchable_text, searchable_text_of,
};
pub use seven_bit::{has_long_lines, to_seven_bit};
pub use sort_text::SortText;
pub use structure_part::{decoded_structure, part_structure};
pub use summary::Summary;
pub use surrogate::{InnerHeaders, Surrogates, surrogate_body, surrogate_header};
pub use text::{Collation, casemap, search_form};
