//! Why a command failed, as its one clear line.

use std::io::{self, Write};
use std::process::ExitCode;

/// A failed command: what is said on standard error, and the exit status.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It was asked for correctly and could not be done. Status 1.
    Failed(String),
    /// It was asked for wrongly in a way the argument parser cannot see. Status 2.
    Usage(String),
    /// Whoever read the output has had enough. Nothing is said. Status 0.
    OutputClosed,
}

impl Failure {
    /// A failure with its text.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self::Failed(text.into())
    }

    /// The daemon answered something else than what was asked: another version of it runs.
    pub(crate) fn unexpected() -> Self {
        Self::new("the running daemon is of another version; restart it")
    }

    /// What is said on standard error.
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Failed(text) | Self::Usage(text) => text,
            Self::OutputClosed => "",
        }
    }

    /// Says what went wrong, and gives the exit status.
    pub(crate) fn report(self) -> ExitCode {
        let (text, status) = match self {
            Self::Failed(text) => (text, 1),
            Self::Usage(text) => (text, 2),
            Self::OutputClosed => return ExitCode::SUCCESS,
        };
        // If standard error is gone too, the status has to say it alone.
        let _ = writeln!(io::stderr(), "{text}");
        ExitCode::from(status)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::OutputClosed
        } else {
            Self::Failed(error.to_string())
        }
    }
}
