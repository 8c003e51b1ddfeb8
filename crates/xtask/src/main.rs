//! The project's own chores, reached as `cargo xtask <chore>`.
//!
//! `cargo xtask ci` is the one entry for people and for CI; the other chores are its parts.
//!
//! **Invariant:** depends on nothing but the standard library and on none of our crates, so that
//! it builds in seconds and still runs when they do not compile.
//! **Absent:** any knowledge of what Posthorn does.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line program")]

mod ci;
mod fuzz;
mod rfc;
mod run_dev;
mod setup;
mod shell;
mod test;
mod tidy;
mod tree;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask CHORE

  ci                fmt, tidy, rfc --check, clippy, replay of fuzz corpora, then test
  test [--quick]    installs what tests need, then end-to-end, crash and cargo tests
  setup [--bench]   installs what tests (and benchmarks) need: Debian packages, a Python venv
  tidy              crate arrows, purity, names, sizes, paths in docs/ARCHITECTURE.md
  rfc [--check]     checks RFC citations and writes docs/rfc-coverage.md
  fuzz [TARGET] [SECONDS]
                    runs one fuzz target, or all of them, with libFuzzer
  run-dev           starts a server with two accounts on high ports";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let outcome = match args.as_slice() {
        ["ci"] => ci::run(),
        ["test"] => test::run(test::Extent::Full),
        ["test", "--quick"] => test::run(test::Extent::Quick),
        ["setup"] => setup::run(setup::Purpose::Tests),
        ["setup", "--bench"] => setup::run(setup::Purpose::Benchmarks),
        ["tidy"] => tidy::run(),
        ["rfc"] => rfc::run(rfc::Mode::Write),
        ["rfc", "--check"] => rfc::run(rfc::Mode::Check),
        ["fuzz", rest @ ..] => fuzz::run(rest),
        ["run-dev", rest @ ..] => run_dev::run(rest),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("xtask: {reason}");
            ExitCode::FAILURE
        }
    }
}
