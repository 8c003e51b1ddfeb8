//! `posthorn serve`

use std::path::Path;

use super::{Failure, Output, load_config};
use crate::daemon;

pub(super) fn run(path: &Path, output: &mut Output) -> Result<(), Failure> {
    let config = load_config(path)?;
    daemon::run(config, path, output, |_| Ok(()))
}
