//! What the house style asks for and a program can check.

mod architecture;
mod arrows;
mod markers;
mod names;
mod purity;
mod sizes;

use crate::tree::{self, Finding};

/// Runs every check and prints all findings.
pub(crate) fn run() -> Result<(), String> {
    let sources = tree::rust_sources()?;
    let mut findings: Vec<Finding> = Vec::new();
    findings.extend(arrows::check(&tree::crate_names()?)?);
    findings.extend(purity::check(&sources));
    findings.extend(names::check(&tree::crate_names()?, &sources));
    findings.extend(sizes::check(&sources));
    findings.extend(markers::check(&sources));
    findings.extend(architecture::check()?);
    tree::report("tidy", &findings)
}
