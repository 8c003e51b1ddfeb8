//! The fuzz targets: replayed from their corpora in CI, run with libFuzzer by hand.

use std::process::Command;

use crate::shell;

/// Every target, named as its file in `fuzz/fuzz_targets/`.
const TARGETS: &[&str] = &[
    "message_summary",
    "mail_authenticity",
    "mail_report",
    "rewritten_path",
    "smtp_client",
    "imap_command",
    "imap_framer_session",
    "imap_url",
    "managesieve_command",
    "pop3_command",
    "pop3_message",
    "search_index",
    "sieve_script",
    "smtp_command",
    "smtp_data",
    "sasl_exchange",
    "config_file",
    "dav_body",
    "calendar_object",
    "card",
];

/// What cargo-fuzz passes to the compiler. `RUSTC_BOOTSTRAP` lets a stable compiler take the two
/// unstable flags, so that nobody needs another toolchain.
const RUSTFLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table -Zsanitizer=address -Ccodegen-units=1";

const TRIPLE: &str = "x86_64-unknown-linux-gnu";

/// Runs the targets over their corpora and over seeded mutations of them, without libFuzzer: an
/// instrumented build of everything costs more minutes than CI has.
pub(crate) fn replay() -> Result<(), String> {
    let args = ["test", "--ignore-rust-version", "--manifest-path", "fuzz/Cargo.toml"];
    let mut command = shell::cargo(&args);
    command.args(["--no-default-features", "--target-dir"]).arg(shell::target_dir());
    shell::run(command)
}

/// `[TARGET] [SECONDS]`: one target, or each in turn, for so many seconds.
pub(crate) fn run(args: &[&str]) -> Result<(), String> {
    let (targets, seconds) = match args {
        [] => (TARGETS.to_vec(), "60"),
        [seconds] if seconds.parse::<u32>().is_ok() => (TARGETS.to_vec(), *seconds),
        [target] => (vec![*target], "60"),
        [target, seconds] => (vec![*target], *seconds),
        _ => return Err("usage: cargo xtask fuzz [TARGET] [SECONDS]".to_owned()),
    };
    for target in targets {
        if !TARGETS.contains(&target) {
            return Err(format!("no such target: {target}; there are {}", TARGETS.join(" ")));
        }
        run_target(target, seconds)?;
    }
    Ok(())
}

fn run_target(target: &str, seconds: &str) -> Result<(), String> {
    let args =
        ["build", "--release", "--ignore-rust-version", "--manifest-path", "fuzz/Cargo.toml"];
    let mut build = shell::cargo(&args);
    build.args(["--target", TRIPLE, "--bin", target]);
    build.env("RUSTC_BOOTSTRAP", "1").env("RUSTFLAGS", RUSTFLAGS);
    shell::run(build)?;
    let found = shell::target_dir().join("fuzz-corpus").join(target);
    let failed = |error| format!("{}: {error}", found.display());
    std::fs::create_dir_all(&found).map_err(failed)?;
    let binary = format!("fuzz/target/{TRIPLE}/release/{target}");
    // New inputs go to the first folder; the committed corpus is only read.
    let mut fuzzer = Command::new(crate::tree::root().join(binary));
    fuzzer
        .arg(&found)
        .arg(format!("fuzz/corpus/{target}"))
        .arg(format!("-max_total_time={seconds}"))
        .args(["-max_len=65536", "-timeout=10", "-rss_limit_mb=2048"])
        .current_dir(crate::tree::root());
    shell::run(fuzzer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_is_listed() {
        let folder = crate::tree::root().join("fuzz/fuzz_targets");
        let files = std::fs::read_dir(folder).unwrap().flatten();
        let mut names: Vec<_> =
            files.filter_map(|file| Some(file.path().file_stem()?.to_str()?.to_owned())).collect();
        names.sort();
        let mut listed = TARGETS.to_vec();
        listed.sort_unstable();
        assert_eq!(names, listed);
    }
}
