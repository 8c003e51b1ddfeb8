//! What can be wrong with a configuration file.

use std::fmt;
use std::path::PathBuf;

/// One thing that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The line it stands on, counted from 1.
    pub line: usize,
    /// The dotted key, such as `limits.message`; empty where no key is the matter, as in a file
    /// that is not TOML at all.
    pub key: String,
    /// What is wrong, in one line.
    pub text: String,
}

/// Everything that is wrong with one file, in the order of its lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems {
    /// The file as it was named when it was read.
    pub file: PathBuf,
    /// The problems; never empty.
    pub list: Vec<Problem>,
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.list.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            let Problem { line, key, text } = problem;
            write!(f, "{}:{line}:", self.file.display())?;
            if !key.is_empty() {
                write!(f, "{key}:")?;
            }
            write!(f, " {text}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
