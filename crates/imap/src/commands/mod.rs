//! The commands: [`table`] says what each may do; beside it, one file per command runs it.

pub mod table;
