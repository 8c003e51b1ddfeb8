//! Why a command failed, and the one place that makes a reply of it.

use auth::{AuthError, Ended};
use net::ConnectionError;
use storage::StorageError;

use crate::command::SyntaxError;
use crate::reply::Code;

/// Why a command failed. It has changed nothing, and the session goes on, except where the
/// variant says otherwise.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    /// The line is no command.
    #[error(transparent)]
    Syntax(#[from] SyntaxError),
    /// A known command that makes no sense now.
    #[error("{0}")]
    Refused(&'static str),
    /// No message has this number.
    #[error("no such message")]
    NoSuchMessage {
        /// How many there are.
        count: u32,
    },
    /// The message was deleted in this session.
    #[error("message {0} is deleted")]
    Deleted(u32),
    /// Another session expunged the message.
    #[error("message {0} was expunged")]
    Expunged(u32),
    /// Nobody was signed in.
    #[error(transparent)]
    SignIn(#[from] AuthError),
    /// A SASL exchange came to no end.
    #[error("SASL: {0:?}")]
    Sasl(sasl::Failure),
    /// Large messages on their way to other clients take all the memory there is.
    #[error("no memory for a large message")]
    NoMemory,
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
    /// The maildrop can no longer be followed.
    MaildropLost,
    /// Too many commands in a minute before sign-in.
    TooFast,
    /// Too many failed commands before sign-in.
    TooManyErrors,
    /// A line without an end.
    EndlessLine,
    /// More came with STLS, which whoever is between may have put there (RFC 3207 §4).
    Injected,
    /// Nothing came for too long, or nobody signed in. RFC 1939 §3: the connection is closed
    /// without a response.
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
    /// `-ERR [code] text`.
    Err(Option<Code>, String),
    /// `-ERR [code] text`, and the connection ends.
    Bye(Option<Code>, String),
    /// The end without a word.
    Silence,
}

impl CommandError {
    /// The answer. Faults of ours are logged under the id that stands in the answer; what a peer
    /// did wrong is not an error of ours.
    pub(crate) fn into_answer(self) -> Answer {
        let plain = |text: String| Answer::Err(None, text);
        match self {
            Self::Syntax(error) => plain(error.to_string()),
            Self::Refused(text) => plain(text.to_owned()),
            Self::NoSuchMessage { count } => {
                plain(format!("No such message, there are {count} in the maildrop"))
            }
            Self::Deleted(number) => plain(format!("Message {number} is deleted")),
            Self::Expunged(number) => {
                plain(format!("Message {number} was expunged by another program"))
            }
            Self::SignIn(error) => {
                let (code, text) = sign_in_answer(&error);
                Answer::Err(Some(code), text.to_owned())
            }
            Self::Sasl(failure) => {
                let (code, text) = sasl_answer(failure);
                Answer::Err(code, text.to_owned())
            }
            Self::NoMemory => {
                let text = "Too much mail is being retrieved, try again later";
                Answer::Err(Some(Code::SysTemp), text.to_owned())
            }
            Self::Storage(error) => {
                let (code, text) = storage_answer(&error);
                Answer::Err(Some(code), text)
            }
            Self::Disconnected(ConnectionError::TimedOut) => Farewell::Silent.into_answer(),
            Self::Disconnected(ConnectionError::LineTooLong) => {
                plain(SyntaxError::LineTooLong.to_string())
            }
            Self::Disconnected(ConnectionError::Flood) => Farewell::EndlessLine.into_answer(),
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
            Self::ShuttingDown => (Some(Code::SysTemp), "Server is shutting down"),
            Self::Credentials(why) => match why {
                AuthError::Wrong | AuthError::Blocked | AuthError::Throttled { .. } => {
                    (Some(Code::Auth), "Credentials have changed, sign in again")
                }
                AuthError::Maintenance | AuthError::Unavailable => {
                    let (code, text) = sign_in_answer(&why);
                    (Some(code), text)
                }
            },
            Self::MaildropLost => (Some(Code::SysTemp), "Maildrop has to be opened again"),
            Self::TooFast => (None, "Too many commands before sign-in"),
            Self::TooManyErrors => (None, "Too many errors before sign-in"),
            Self::EndlessLine => (None, "Line has no end"),
            Self::Injected => (None, "Nothing may come before the handshake"),
            Self::Silent => return Answer::Silence,
        };
        Answer::Bye(code, text.to_owned())
    }
}

/// RFC 3206 §4 and §5: whether new credentials are needed, or merely patience.
fn sign_in_answer(error: &AuthError) -> (Code, &'static str) {
    match error {
        AuthError::Wrong => (Code::Auth, "Wrong address or password"),
        AuthError::Blocked => (Code::Auth, "This account is blocked"),
        AuthError::Maintenance => {
            (Code::SysTemp, "This account is in maintenance; mail is still received")
        }
        // Not LOGIN-DELAY, which is about sign-ins that succeeded (RFC 2449 §8.1.1); and not
        // AUTH, on which programs throw the stored password away.
        AuthError::Throttled { .. } => (Code::SysTemp, "Too many failed sign-ins, try again later"),
        AuthError::Unavailable => (Code::SysTemp, "Sign-in is temporarily unavailable"),
    }
}

fn sasl_answer(failure: sasl::Failure) -> (Option<Code>, &'static str) {
    match failure {
        sasl::Failure::Cancelled => (None, "Cancelled"),
        sasl::Failure::NotBase64 => (None, "Response is not base64"),
        sasl::Failure::Malformed => (None, "Malformed response"),
        sasl::Failure::TooLong => (None, "Response too long"),
        sasl::Failure::ChannelBinding => (None, "Channel binding does not fit"),
        sasl::Failure::Refused => {
            let (code, text) = sign_in_answer(&AuthError::Wrong);
            (Some(code), text)
        }
    }
}

fn storage_answer(error: &StorageError) -> (Code, String) {
    let text = error.report();
    match error {
        StorageError::Unavailable(_) | StorageError::NoSpace(_) => (Code::SysTemp, text),
        StorageError::Corrupt(_) | StorageError::Internal(_) => (Code::SysPerm, text),
        // Nothing that POP3 asks for can be refused so, but where the account goes meanwhile.
        StorageError::NotFound(_)
        | StorageError::AlreadyExists(_)
        | StorageError::NoPermission(_)
        | StorageError::Maintenance
        | StorageError::OverQuota { .. }
        | StorageError::TooBig { .. }
        | StorageError::Limit { .. }
        | StorageError::Conflict(_)
        | StorageError::InUse(_)
        | StorageError::Expunged
        | StorageError::Invalid(_) => (Code::SysPerm, format!("Refused: {text}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reply::render_err;

    fn bytes(error: CommandError) -> String {
        let mut out = Vec::new();
        match error.into_answer() {
            Answer::Err(code, text) => render_err(&mut out, code, &text),
            Answer::Bye(code, text) => {
                render_err(&mut out, code, &text);
                out.extend_from_slice(b"bye");
            }
            Answer::Silence => out.extend_from_slice(b"bye"),
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_failure_has_its_answer() {
        use CommandError::*;
        let throttled = AuthError::Throttled { retry_after_secs: 5 };
        for (error, expect) in [
            (Syntax(SyntaxError::UnknownCommand), "-ERR Unknown command\r\n"),
            (Refused("Sign in first"), "-ERR Sign in first\r\n"),
            (NoSuchMessage { count: 2 }, "-ERR No such message, there are 2 in the maildrop\r\n"),
            (Deleted(2), "-ERR Message 2 is deleted\r\n"),
            (Expunged(2), "-ERR Message 2 was expunged by another program\r\n"),
            (SignIn(AuthError::Wrong), "-ERR [AUTH] Wrong address or password\r\n"),
            (SignIn(AuthError::Blocked), "-ERR [AUTH] This account is blocked\r\n"),
            (
                SignIn(AuthError::Maintenance),
                "-ERR [SYS/TEMP] This account is in maintenance; mail is still received\r\n",
            ),
            (
                SignIn(throttled.clone()),
                "-ERR [SYS/TEMP] Too many failed sign-ins, try again later\r\n",
            ),
            (
                SignIn(AuthError::Unavailable),
                "-ERR [SYS/TEMP] Sign-in is temporarily unavailable\r\n",
            ),
            (Sasl(sasl::Failure::Cancelled), "-ERR Cancelled\r\n"),
            (Sasl(sasl::Failure::NotBase64), "-ERR Response is not base64\r\n"),
            (Sasl(sasl::Failure::Malformed), "-ERR Malformed response\r\n"),
            (Sasl(sasl::Failure::TooLong), "-ERR Response too long\r\n"),
            (Sasl(sasl::Failure::ChannelBinding), "-ERR Channel binding does not fit\r\n"),
            (Sasl(sasl::Failure::Refused), "-ERR [AUTH] Wrong address or password\r\n"),
            (NoMemory, "-ERR [SYS/TEMP] Too much mail is being retrieved, try again later\r\n"),
            (
                Storage(StorageError::Unavailable("/data: disk full".to_owned())),
                "-ERR [SYS/TEMP] Temporarily unavailable, try again later\r\n",
            ),
            (
                Storage(StorageError::NoSpace("/data".to_owned())),
                "-ERR [SYS/TEMP] The mail store has no room, try again later\r\n",
            ),
            (
                Storage(StorageError::NotFound("mailbox")),
                "-ERR [SYS/PERM] Refused: mailbox does not exist\r\n",
            ),
            (Disconnected(ConnectionError::Closed), "bye"),
            (Disconnected(ConnectionError::TimedOut), "bye"),
            (Disconnected(ConnectionError::LineTooLong), "-ERR Line too long\r\n"),
            (Disconnected(ConnectionError::Flood), "-ERR Line has no end\r\nbye"),
            (Ended(Farewell::ShuttingDown), "-ERR [SYS/TEMP] Server is shutting down\r\nbye"),
            (
                Ended(Farewell::Credentials(AuthError::Wrong)),
                "-ERR [AUTH] Credentials have changed, sign in again\r\nbye",
            ),
            (
                Ended(Farewell::Credentials(AuthError::Maintenance)),
                "-ERR [SYS/TEMP] This account is in maintenance; mail is still received\r\nbye",
            ),
            (
                Ended(Farewell::MaildropLost),
                "-ERR [SYS/TEMP] Maildrop has to be opened again\r\nbye",
            ),
            (Ended(Farewell::TooFast), "-ERR Too many commands before sign-in\r\nbye"),
            (Ended(Farewell::TooManyErrors), "-ERR Too many errors before sign-in\r\nbye"),
            (Ended(Farewell::Silent), "bye"),
        ] {
            assert_eq!(bytes(error), expect);
        }
    }

    #[test]
    fn faults_of_ours_are_named_by_a_number_and_nothing_else() {
        for (error, start) in [
            (StorageError::Internal("SELECT secret".to_owned()), "-ERR [SYS/PERM] Internal error "),
            (StorageError::Corrupt("row 7".to_owned()), "-ERR [SYS/PERM] Stored data is damaged ("),
        ] {
            let answer = bytes(error.into());
            assert!(answer.starts_with(start), "{answer}");
            assert!(!answer.contains("secret") && !answer.contains("row"), "{answer}");
        }
    }
}
