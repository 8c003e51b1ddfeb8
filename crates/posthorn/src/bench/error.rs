//! Why a measurement ended early.

use std::io;

/// What went wrong between the client and the server measured.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BenchError {
    /// The connection could not be made, or broke.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The server said no, or said something that is no answer.
    #[error("the server answered {step} with: {reply}")]
    Refused {
        /// The command, or what was waited for.
        step: String,
        /// The reply that came, shortened.
        reply: String,
    },
    /// The server said yes and left something out, so its time means nothing.
    #[error("{step}: expected {expected}, the server sent {came}")]
    Incomplete {
        /// The command that failed.
        step: String,
        /// How many there had to be.
        expected: u64,
        /// How many there were.
        came: u64,
    },
    /// What was asked for cannot be measured.
    #[error("{0}")]
    Plan(String),
}

impl BenchError {
    /// A refusal with the server's words, as far as they fit on a line.
    pub(super) fn refused(step: &str, reply: &[u8]) -> Self {
        // LIMIT: one clear line on a terminal.
        const SHOWN_MAX: usize = 200;
        let shown = reply.get(..SHOWN_MAX).unwrap_or(reply);
        Self::Refused { step: step.to_owned(), reply: shown.escape_ascii().to_string() }
    }

    /// The connection ended where an answer was due.
    pub(super) fn closed() -> Self {
        Self::Io(io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed the connection"))
    }

    /// Fails when a count differs from what it has to be.
    pub(super) fn unless_equal(step: &str, expected: u64, came: u64) -> Result<(), Self> {
        if expected == came {
            return Ok(());
        }
        Err(Self::Incomplete { step: step.to_owned(), expected, came })
    }
}
