//! Why a command failed, and the one place that makes a response of it.

use auth::{AuthError, Ended};
use net::ConnectionError;
use storage::{LimitKind, StorageError};

use crate::parse::SyntaxError;
use crate::render::Code;

/// Why a command failed. It has changed nothing, and the session goes on, except where the variant
/// says otherwise.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    /// The line is no command.
    #[error(transparent)]
    Syntax(#[from] SyntaxError),
    /// A known command that makes no sense now.
    #[error("{1}")]
    Refused(Option<Code>, &'static str),
    /// Mistakes of a script, a line each.
    #[error("{0}")]
    Script(String),
    /// Nobody was signed in.
    #[error(transparent)]
    SignIn(#[from] AuthError),
    /// A SASL exchange came to no end.
    #[error("SASL: {0:?}")]
    Sasl(sasl::Failure),
    /// Storage refused or failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The connection is gone; there is nobody to answer.
    #[error(transparent)]
    Disconnected(#[from] ConnectionError),
    /// The session must end.
    #[error("the session ends")]
    Ended(Farewell),
}

/// The result of running a command.
pub(crate) type Result<T> = std::result::Result<T, CommandError>;

/// What is said last to a client that did not ask for the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Farewell {
    /// The daemon ends.
    ShuttingDown,
    /// The credentials are no longer good (R-ADDR-8, R-ADDR-12).
    Credentials(AuthError),
    /// Too many commands in a minute before sign-in.
    TooFast,
    /// Too many failed commands before sign-in.
    TooManyErrors,
    /// A line or literal beyond every bound.
    Endless,
    /// More came with STARTTLS, which whoever is between may have put there (RFC 5804 §2.2).
    Injected,
    /// Nothing came for too long, or nobody signed in.
    Silent,
}

impl From<Ended> for CommandError {
    fn from(why: Ended) -> Self {
        Self::Ended(match why {
            Ended::ShuttingDown => Farewell::ShuttingDown,
            Ended::Credentials(why) => Farewell::Credentials(why),
            Ended::SignInLate | Ended::Late => Farewell::Silent,
        })
    }
}

/// How a failed command is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// `NO (code) text`.
    No(Option<Code>, String),
    /// `BYE (code) text`, and the end.
    Bye(Option<Code>, String),
    /// The end without a word.
    Silence,
}

impl CommandError {
    /// The answer. Faults of ours are logged; what a peer did wrong is not an error of ours.
    pub(crate) fn into_answer(self) -> Answer {
        match self {
            Self::Syntax(error) => Answer::No(None, error.to_string()),
            Self::Refused(code, text) => Answer::No(code, text.to_owned()),
            Self::Script(text) => Answer::No(None, text),
            Self::SignIn(error) => {
                let (code, text) = sign_in_text(&error);
                Answer::No(code, text.to_owned())
            }
            Self::Sasl(failure) => Answer::No(None, sasl_text(failure).to_owned()),
            Self::Storage(error) => {
                let (code, text) = storage_answer(error);
                Answer::No(code, text)
            }
            Self::Disconnected(ConnectionError::TimedOut) => Farewell::Silent.into_answer(),
            // A literal may have been announced at the end that was thrown away: what follows
            // would be the text of a script, taken for commands.
            Self::Disconnected(ConnectionError::LineTooLong | ConnectionError::Flood) => {
                Farewell::Endless.into_answer()
            }
            Self::Disconnected(
                ConnectionError::Closed
                | ConnectionError::PlaintextBeforeTls
                | ConnectionError::Handshake(_)
                | ConnectionError::Io(_),
            ) => Answer::Silence,
            Self::Ended(farewell) => farewell.into_answer(),
        }
    }
}

impl Farewell {
    pub(crate) fn into_answer(self) -> Answer {
        let (code, text) = match self {
            Self::ShuttingDown => (Some(Code::TryLater), "Server is shutting down"),
            Self::Credentials(AuthError::Wrong | AuthError::Blocked) => {
                (None, "Credentials have changed, sign in again")
            }
            Self::Credentials(why) => sign_in_text(&why),
            Self::TooFast => (Some(Code::TryLater), "Too many commands, slow down"),
            Self::TooManyErrors => (None, "Too many errors"),
            Self::Endless => (Some(Code::QuotaMaxSize), "Too much to read"),
            Self::Injected => (None, "Nothing may come before the handshake"),
            Self::Silent => (None, "Nothing came for too long"),
        };
        Answer::Bye(code, text.to_owned())
    }
}

fn sign_in_text(error: &AuthError) -> (Option<Code>, &'static str) {
    match error {
        AuthError::Wrong => (None, "Wrong name or password"),
        AuthError::Blocked => (None, "Sign-in is not permitted"),
        AuthError::Maintenance => (Some(Code::TryLater), "The account is in maintenance"),
        AuthError::Throttled { .. } => (Some(Code::TryLater), "Too many failures, try later"),
        AuthError::Unavailable => (Some(Code::TryLater), "Sign-in cannot be checked now"),
    }
}

fn sasl_text(failure: sasl::Failure) -> &'static str {
    match failure {
        sasl::Failure::Cancelled => "Authentication cancelled",
        sasl::Failure::TooLong => "The response is too long",
        _ => "The exchange failed",
    }
}

fn storage_answer(error: StorageError) -> (Option<Code>, String) {
    match error {
        StorageError::NotFound(what) => (Some(Code::Nonexistent), format!("No such {what}")),
        StorageError::AlreadyExists(what) => {
            (Some(Code::AlreadyExists), format!("There is {what} already"))
        }
        StorageError::InUse(what) => (Some(Code::Active), format!("Not done: {what}")),
        StorageError::TooBig { limit_bytes, .. } => {
            (Some(Code::QuotaMaxSize), format!("A script has at most {limit_bytes} bytes"))
        }
        StorageError::Limit { kind: LimitKind::Scripts, max } => {
            (Some(Code::QuotaMaxScripts), format!("At most {max} scripts are kept"))
        }
        StorageError::Limit { kind: LimitKind::ScriptBytes, max } => {
            (Some(Code::Quota), format!("All scripts have at most {max} bytes"))
        }
        StorageError::Limit { max, .. } => (Some(Code::Quota), format!("A limit of {max}")),
        StorageError::OverQuota { .. } => (Some(Code::Quota), "Over quota".to_owned()),
        StorageError::NoPermission(what) | StorageError::Invalid(what) => {
            (None, format!("Not possible: {what}"))
        }
        StorageError::Maintenance => {
            (Some(Code::TryLater), "The account is in maintenance".to_owned())
        }
        StorageError::Conflict(_) | StorageError::Expunged => {
            (Some(Code::TryLater), "It changed meanwhile, try again".to_owned())
        }
        fault @ (StorageError::Unavailable(_)
        | StorageError::NoSpace(_)
        | StorageError::Corrupt(_)
        | StorageError::Internal(_)) => (Some(Code::TryLater), fault.report()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn storage_says_no_in_the_words_of_the_protocol() {
        let limit = |kind| StorageError::Limit { kind, max: 3 };
        for (error, expect) in [
            (StorageError::NotFound("script"), Some(Code::Nonexistent)),
            (StorageError::AlreadyExists("a script of this name"), Some(Code::AlreadyExists)),
            (StorageError::InUse("the script is active"), Some(Code::Active)),
            (StorageError::TooBig { size_bytes: 2, limit_bytes: 1 }, Some(Code::QuotaMaxSize)),
            (limit(LimitKind::Scripts), Some(Code::QuotaMaxScripts)),
            (limit(LimitKind::ScriptBytes), Some(Code::Quota)),
            (StorageError::Invalid("x"), None),
            (StorageError::Unavailable(String::new()), Some(Code::TryLater)),
            (StorageError::Internal(String::new()), Some(Code::TryLater)),
        ] {
            assert_eq!(storage_answer(error).0, expect);
        }
    }

    /// A client told that its credentials have changed throws its password away.
    #[test]
    fn sessions_end_with_the_reason_they_end_for() {
        let changed = Answer::Bye(None, "Credentials have changed, sign in again".to_owned());
        let later = |text: &str| Answer::Bye(Some(Code::TryLater), text.to_owned());
        for (why, expect) in [
            (Ended::Credentials(AuthError::Wrong), changed.clone()),
            (Ended::Credentials(AuthError::Blocked), changed),
            (Ended::Credentials(AuthError::Maintenance), later("The account is in maintenance")),
            (Ended::Credentials(AuthError::Unavailable), later("Sign-in cannot be checked now")),
            (Ended::ShuttingDown, later("Server is shutting down")),
            (Ended::SignInLate, Answer::Bye(None, "Nothing came for too long".to_owned())),
        ] {
            assert_eq!(CommandError::from(why).into_answer(), expect);
        }
    }
}
