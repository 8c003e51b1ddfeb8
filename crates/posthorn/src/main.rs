//! The one binary: command line, wiring, signals.
//!
//! `cli` reads arguments and prints results, one file per command. `admin` is the one
//! implementation of every verb an operator has; it runs in the daemon when one owns the data
//! directory and in the command's own process when none does (`control` decides which).
//! `daemon` opens the store and the listeners and keeps them going until SIGTERM. `bench`
//! measures any mail server.
//!
//! **Invariants:** a data directory belongs to one process at a time, the one that holds the
//! lock in it; a password reaches a verb over standard input, a terminal or the control socket
//! and is never logged.
//! **Absent:** rules about accounts or mail; those are decided in `storage`.

mod admin;
mod bench;
mod cli;
mod control;
mod daemon;
mod quickstart;
mod seal_key;
mod sts;

use std::process::ExitCode;

// The system's allocator is slow for many small allocations on several threads and keeps what
// was freed; sessions come and go by the thousand here. Without transparent huge pages (`no_thp`):
// each of them stays whole in memory for the few sessions in it that live long.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::run()
}
