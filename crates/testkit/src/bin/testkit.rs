//! The testkit for programs that are not written in Rust: the end-to-end and crash tests.
//!
//! `testkit postgres [--durable]` starts a private server, prints its URL, and stops it when its
//! standard input closes. `testkit corpus SEED COUNT DIR` writes messages as
//! `DIR/NUMBER.KIND.eml`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line program")]

use std::io::Read;
use std::process::ExitCode;

use testkit::{Durability, Postgres};

const USAGE: &str = "usage: testkit postgres [--durable]\n       testkit corpus SEED COUNT DIR";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let outcome = match args.as_slice() {
        ["postgres"] => serve_postgres(Durability::Relaxed),
        ["postgres", "--durable"] => serve_postgres(Durability::Full),
        ["corpus", seed, count, dir] => write_corpus(seed, count, dir),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("testkit: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn serve_postgres(durability: Durability) -> Result<(), String> {
    let server = Postgres::start(durability);
    println!("{}", server.url());
    let mut rest = Vec::new();
    std::io::stdin().read_to_end(&mut rest).map_err(|error| error.to_string())?;
    Ok(())
}

fn write_corpus(seed: &str, count: &str, dir: &str) -> Result<(), String> {
    let seed = seed.parse().map_err(|_| format!("not a number: {seed}"))?;
    let count: usize = count.parse().map_err(|_| format!("not a number: {count}"))?;
    let failed = |error: std::io::Error| format!("{dir}: {error}");
    std::fs::create_dir_all(dir).map_err(failed)?;
    for (index, message) in testkit::corpus::Corpus::new(seed).take(count).enumerate() {
        let name = format!("{dir}/{index:05}.{:?}.eml", message.kind);
        std::fs::write(name, message.bytes).map_err(failed)?;
    }
    Ok(())
}
