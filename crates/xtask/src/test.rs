//! All tests: end to end, crash, then cargo's.
//!
//! One private PostgreSQL serves the whole run. Cargo's tests come last, so that the output ends
//! with their counts.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use crate::{setup, shell};

/// How much is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Everything.
    Full,
    /// Fewer messages and rounds end to end; cargo's tests are the same.
    Quick,
}

/// Installs what is missing, builds, and runs all tests.
pub(crate) fn run(extent: Extent) -> Result<(), String> {
    setup::run(setup::Purpose::Tests)?;
    shell::run(shell::cargo(&[
        "build",
        "--ignore-rust-version",
        "-p",
        "posthorn",
        "-p",
        "testkit",
    ]))?;
    let postgres = SharedPostgres::start()?;
    let scenarios = run_scenarios(extent, &postgres);
    let crashes = run_crashes(extent, &postgres);
    let oracle = run_oracle(&postgres);
    let mut cargo =
        shell::cargo(&["test", "--workspace", "--ignore-rust-version", "--no-fail-fast"]);
    cargo.env("POSTHORN_TEST_POSTGRES", &postgres.url);
    let cargo = shell::run(cargo);
    // Everything has run, so that one failure does not hide another.
    let failed: Vec<String> =
        [scenarios, crashes, oracle, cargo].into_iter().filter_map(Result::err).collect();
    if failed.is_empty() { Ok(()) } else { Err(failed.join("; ")) }
}

/// The end-to-end scenarios with foreign programs.
fn run_scenarios(extent: Extent, postgres: &SharedPostgres) -> Result<(), String> {
    let mut command = python("tests/e2e/run", postgres);
    if extent == Extent::Quick {
        command.arg("--quick");
    }
    shell::run(command)
}

/// A few rounds of the crash test on both engines.
fn run_crashes(extent: Extent, postgres: &SharedPostgres) -> Result<(), String> {
    let rounds = if extent == Extent::Quick { "2" } else { "5" };
    for engine in ["sqlite", "postgres"] {
        let mut command = python("tests/crash/run", postgres);
        command.args(["--rounds", rounds, "--engine", engine]);
        shell::run(command)?;
        let mut command = python("tests/crash/queue.py", postgres);
        let (messages, kills) = if extent == Extent::Quick { ("200", "5") } else { ("2000", "30") };
        command.args(["--messages", messages, "--kills", kills, "--engine", engine]);
        // A far server that takes no time at all has every kill meet many messages at their end.
        command.args(["--pause", "0.05"]);
        shell::run(command)?;
        let mut command = python("tests/crash/dav.py", postgres);
        command.args(["--rounds", rounds, "--engine", engine]);
        shell::run(command)?;
    }
    let mut command = python("tests/crash/disk", postgres);
    command.args(["--engine", "sqlite"]);
    shell::run(command)
}

/// Some recurrence rules, compared with another library.
fn run_oracle(postgres: &SharedPostgres) -> Result<(), String> {
    let mut command = python("tests/ical/oracle.py", postgres);
    command.args(["--rules", "500", "--objects", "0"]);
    shell::run(command)
}

fn python(script: &str, postgres: &SharedPostgres) -> Command {
    let mut command = shell::command(&setup::venv_python().to_string_lossy(), &["-u", script]);
    let built = shell::target_dir().join("debug");
    command
        .env("POSTHORN_BINARY", built.join("posthorn"))
        .env("POSTHORN_TESTKIT", built.join("testkit"))
        .env("POSTHORN_TEST_POSTGRES", &postgres.url);
    command
}

/// The server of the run. It stops when the pipe to it closes, which is when this value goes or
/// this process ends.
struct SharedPostgres {
    server: Child,
    url: String,
}

impl SharedPostgres {
    fn start() -> Result<Self, String> {
        let program = shell::target_dir().join("debug/testkit");
        let mut server = Command::new(&program)
            .arg("postgres")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{}: {error}", program.display()))?;
        let mut url = String::new();
        if let Some(stdout) = server.stdout.take() {
            let read = BufReader::new(stdout).read_line(&mut url);
            read.map_err(|error| format!("testkit postgres: {error}"))?;
        }
        let url = url.trim().to_owned();
        if url.is_empty() {
            return Err("the PostgreSQL of the tests did not start".to_owned());
        }
        Ok(Self { server, url })
    }
}

impl Drop for SharedPostgres {
    fn drop(&mut self) {
        drop(self.server.stdin.take());
        let _ = self.server.wait();
    }
}
