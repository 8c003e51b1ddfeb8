//! One file per report, or per kind of them.

pub(crate) mod address_book;
pub(crate) mod calendar;
pub(crate) mod expand;
pub(crate) mod free_busy;
pub(crate) mod multiget;
pub(super) mod pieces;
pub(crate) mod principal;
pub(crate) mod sync;
pub(crate) mod sync_home;
