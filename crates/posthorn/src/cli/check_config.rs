//! `posthorn check-config`

use std::path::Path;

use super::named_files::problems;
use super::{Failure, Output, parse_config};

pub(super) fn run(path: &Path, output: &mut Output) -> Result<(), Failure> {
    let bytes = std::fs::read(path)
        .map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
    let config = parse_config(&bytes, path)?;
    let problems = problems(&config, &String::from_utf8_lossy(&bytes), path);
    match problems {
        Some(problems) => Err(Failure::new(problems.to_string())),
        None => output.line("ok"),
    }
}
