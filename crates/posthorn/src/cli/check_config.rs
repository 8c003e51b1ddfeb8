//! `posthorn check-config`

use std::path::Path;

use super::{Failure, Output, load_config};

pub(super) fn run(config: &Path, output: &mut Output) -> Result<(), Failure> {
    load_config(config)?;
    output.line("ok")
}
