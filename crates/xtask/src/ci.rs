//! What CI runs, and what to run before landing.

use crate::{fuzz, rfc, shell, test, tidy};

/// Cheap checks first; the tests last, so that the output ends with their counts.
pub(crate) fn run() -> Result<(), String> {
    shell::run(shell::cargo(&["fmt", "--all", "--check"]))?;
    tidy::run()?;
    rfc::run(rfc::Mode::Check)?;
    let clippy = ["clippy", "--ignore-rust-version", "--workspace", "--all-targets"];
    let mut clippy = shell::cargo(&clippy);
    clippy.args(["--", "-D", "warnings"]);
    shell::run(clippy)?;
    fuzz::replay()?;
    test::run(test::Extent::Full)
}
