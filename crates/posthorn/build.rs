//! Tells the binary which commit it was built from, if it was built in a repository.

use std::process::Command;

fn main() {
    let commit = Command::new("git")
        .args(["rev-parse", "--short=12", "HEAD"])
        .output()
        .ok()
        .filter(|output| output.status.success())
        .and_then(|output| String::from_utf8(output.stdout).ok())
        .unwrap_or_default();
    println!("cargo::rustc-env=POSTHORN_COMMIT={}", commit.trim());
    // The log of HEAD grows with every commit and every switch of branches.
    let log = Command::new("git")
        .args(["rev-parse", "--git-path", "logs/HEAD"])
        .output()
        .ok()
        .and_then(|output| String::from_utf8(output.stdout).ok())
        .unwrap_or_default();
    if !log.is_empty() {
        println!("cargo::rerun-if-changed={}", log.trim());
    }
    println!("cargo::rerun-if-changed=build.rs");
}
