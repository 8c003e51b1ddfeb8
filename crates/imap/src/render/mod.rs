//! Types to bytes.
//!
//! Every function appends to an output buffer and allocates nothing else. Names mirror
//! [`crate::parse`].
//!
//! **Invariant:** what a mailbox, a message or a client's word brings in cannot end a line: text
//! that does not fit a quoted string goes out as a literal.
//! **Absent:** replies chosen by state; the session decides what is sent and when.

mod acl;
mod annotation;
mod code;
mod fetch;
mod flag;
mod language;
mod list;
mod metadata;
mod number;
mod quota;
mod response;
mod search;
mod section;
mod sequence_set;
mod status;
mod string;
mod thread;
mod url_auth;

pub use acl::{acl, list_rights, my_rights};
pub use annotation::AnnotationItem;
pub use code::{Code, code};
pub use fetch::FetchWriter;
pub use flag::{FlagsResponse, flags, flags_response, permanent_flags};
pub use language::{in_language, language, prefix_in};
pub use list::{ListItem, Namespace, id_response, list_item, lsub_item, namespaces, xlist_item};
pub use metadata::{metadata, metadata_changed};
pub use number::number;
pub use quota::{QuotaLine, quota, quota_root};
pub(crate) use response::render_rejection_in;
pub use response::{
    Status, capability, continuation, enabled, exists, expunge, recent, render_rejection, tagged,
    untagged, vanished,
};
pub use search::{ContextUpdate, Correlated, Esearch, comparator, context_update, esearch, found};
pub use section::{partial, section, section_binary};
pub use sequence_set::{number_set, sequence_set};
pub use status::{StatusValues, status};
pub use string::{astring, literal8_or_string, mailbox, nstring, string};
pub use thread::{ThreadPart, thread};
pub use url_auth::{
    gen_url_auth, url_fetch_announced, url_fetch_begin, url_fetch_data, url_fetch_end,
    url_fetch_error,
};
