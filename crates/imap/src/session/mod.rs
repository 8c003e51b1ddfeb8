//! What a session knows, and what of it the client has been told.
//!
//! **Invariant:** sequence numbers mean positions in [`Selected::known`], which changes only where
//! the client is told so (RFC 9051 §5.2, §7.5.1).
//! **Absent:** I/O. Functions here append to a buffer; `server.rs` sends it.

mod annotation_news;
mod contexts;
mod enabled;
mod keywords;
mod modseq;
mod news;
mod own_change;
mod recent;
mod responses;
mod selected;
mod state;
mod switched_off;
mod untold;

pub(crate) use annotation_news::AnnotationNews;
pub(crate) use contexts::{Context, Contexts, Missed};
pub(crate) use enabled::Enabled;
use modseq::ToldModSeq;
use news::News;
pub(crate) use own_change::OwnChange;
use recent::Recent;
pub(crate) use responses::begin_fetch;
pub(crate) use selected::{Access, Selected, Tenure, Updates, seqs_of_uids};
pub(crate) use state::{State, User};
pub(crate) use switched_off::SwitchedOff;
