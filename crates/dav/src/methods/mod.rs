//! One file per method, named as on the wire, beside what several of them share: the If header,
//! preconditions, and which privileges a method needs.

pub(crate) mod acl;
pub(crate) mod attachments;
pub(crate) mod copy_move;
pub(crate) mod delete;
pub(crate) mod get;
pub(crate) mod if_header;
pub(crate) mod lock;
pub(crate) mod mkcol;
pub(crate) mod options;
pub(crate) mod post;
pub(crate) mod preconditions;
pub(crate) mod privilege;
pub(crate) mod propfind;
pub(crate) mod proppatch;
pub(crate) mod proxies;
mod publish;
pub(crate) mod push;
pub(crate) mod put;
pub(crate) mod report;
pub(crate) mod share;
