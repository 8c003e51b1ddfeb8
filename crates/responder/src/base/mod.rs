//! The base of the language: the controls, tests and actions of RFC 5228 that no extension adds.

pub(crate) mod actions;
pub(crate) mod address;
pub(crate) mod control;
pub(crate) mod envelope;
pub(crate) mod exists;
pub(crate) mod header;
pub(crate) mod size;
