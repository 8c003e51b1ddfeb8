//! What can be wrong with a script, before it runs and while it does.

use std::fmt;

/// A place in a script. Columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    /// The first line is 1.
    pub line: u32,
    /// The first column is 1.
    pub column: u32,
}

impl Default for Position {
    fn default() -> Self {
        Self { line: 1, column: 1 }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// A mistake that keeps a script from being used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {mistake}")]
pub struct ScriptError {
    /// Where in the script the mistake is.
    pub at: Position,
    /// What the mistake is.
    pub mistake: Mistake,
}

/// What is wrong with a script.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Mistake {
    /// The text is no Sieve (RFC 5228 §8).
    #[error("{0}")]
    Syntax(&'static str),
    /// A bound of [`crate::Limits`] is exceeded.
    #[error("{0}")]
    TooMuch(&'static str),
    /// No extension has a command, test or tag of this name.
    #[error("unknown {kind} \"{name}\"")]
    Unknown {
        /// A command, a test, a tag, a capability.
        kind: &'static str,
        /// The name as the script has it.
        name: String,
    },
    /// It exists, and the script did not ask for it.
    #[error("{what} needs require \"{capability}\"")]
    NotRequired {
        /// The command, test, tag or comparator.
        what: String,
        /// What `require` has to name.
        capability: &'static str,
    },
    /// Arguments of the wrong kind, number or combination.
    #[error("{0}")]
    Arguments(String),
    /// An argument whose value makes no sense.
    #[error("{0}")]
    Value(String),
    /// A command where it may not stand.
    #[error("{0}")]
    Misplaced(&'static str),
}

/// Something in a script that is not what its author may think. The script can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{at}: warning: {text}")]
pub struct Warning {
    /// Where in the script it is.
    pub at: Position,
    /// What is to be said about it.
    pub text: String,
}

impl Mistake {
    /// The mistake at its place.
    pub(crate) fn at(self, at: Position) -> ScriptError {
        ScriptError { at, mistake: self }
    }
}

/// A run that ended without a result: the message is to be kept, and the owner told
/// (RFC 5228 §2.10.6, R-FILT-2).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {trouble}")]
pub struct Failure {
    /// The command that was running.
    pub at: Position,
    /// The included script it stands in, if it is one.
    pub script: Option<String>,
    /// What went wrong.
    pub trouble: Trouble,
}

/// The reason why a run ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// A bound of [`crate::Limits`] is exceeded.
    #[error("{0}")]
    TooMuch(&'static str),
    /// Actions that exclude each other (RFC 5228 §2.10.4).
    #[error("{0}")]
    Conflict(&'static str),
    /// A value made while running makes no sense.
    #[error("{0}")]
    Value(String),
    /// The script said so itself (RFC 5463 §5).
    #[error("{0}")]
    Raised(String),
    /// An included script is not there or cannot be used.
    #[error("{0}")]
    Include(String),
    /// Something that makes no sense for the event that started the script.
    #[error("{0}")]
    NotHere(&'static str),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_tell_their_place() {
        let at = Position { line: 3, column: 7 };
        for (mistake, expect) in [
            (Mistake::Syntax("a string has no end"), "line 3, column 7: a string has no end"),
            (
                Mistake::Unknown { kind: "command", name: "kep".into() },
                "line 3, column 7: unknown command \"kep\"",
            ),
            (
                Mistake::NotRequired { what: "fileinto".into(), capability: "fileinto" },
                "line 3, column 7: fileinto needs require \"fileinto\"",
            ),
        ] {
            assert_eq!(mistake.at(at).to_string(), expect);
        }
        let trouble = Trouble::TooMuch("too many steps");
        let failure = Failure { at, script: None, trouble };
        assert_eq!(failure.to_string(), "line 3, column 7: too many steps");
    }
}
