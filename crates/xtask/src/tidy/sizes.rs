//! Files that have grown too large to read.

use crate::tree::{Finding, Source};

/// LIMIT: the house style splits files above 800 lines; most have 150 to 250.
const LINES_MAX: usize = 800;

/// Checks the length of every source file.
pub(super) fn check(sources: &[Source]) -> Vec<Finding> {
    sources
        .iter()
        .filter_map(|source| {
            let lines = source.text.lines().count();
            (lines > LINES_MAX).then(|| {
                Finding::new(&source.path, format!("{lines} lines; split above {LINES_MAX}"))
            })
        })
        .collect()
}
