//! Starts a server on high ports with accounts to try things out.

use crate::shell;

/// Starts `posthorn quickstart` in `target/dev` with two accounts; further arguments are passed
/// on. Ends with Ctrl-C; the next start goes on with the same data.
pub(crate) fn run(args: &[&str]) -> Result<(), String> {
    let dir = shell::target_dir().join("dev").to_string_lossy().into_owned();
    let mut all = vec!["run", "--ignore-rust-version", "-p", "posthorn", "--", "quickstart"];
    all.extend(["--dir", &dir]);
    all.extend(["--account", "julie@example.test:julie", "--account", "max@example.test:max"]);
    all.extend(args);
    shell::run(shell::cargo(&all))
}
