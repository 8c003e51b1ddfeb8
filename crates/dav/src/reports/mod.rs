//! One file per report (RFC 3253 §3.6), or per kind of them, beside what they share: reading
//! objects in bounded pieces.

pub(crate) mod address_book;
pub(crate) mod calendar;
pub(crate) mod expand;
pub(crate) mod free_busy;
pub(crate) mod multiget;
pub(super) mod pieces;
pub(crate) mod principal;
pub(crate) mod sync;
pub(crate) mod sync_home;
