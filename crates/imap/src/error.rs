//! Why a command failed, and the one place that makes a reply of it.

use net::ConnectionError;
use storage::{LimitKind, StorageError};

use crate::render::Code;

/// Why a command failed. It has changed nothing, and the session goes on, except where the
/// variant says otherwise.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    /// The arguments make no sense in this session: BAD.
    #[error("{0}")]
    Bad(&'static str),
    /// Refused: NO with a code where one fits.
    #[error("{text}")]
    Refused {
        /// The response code.
        code: Option<Code<'static>>,
        /// The text after it.
        text: &'static str,
    },
    /// Storage refused or failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The connection is gone; there is nobody to answer.
    #[error(transparent)]
    Disconnected(#[from] ConnectionError),
    /// The session must end; the text goes into BYE.
    #[error("{0}")]
    Bye(&'static str),
}

/// The result of running a command.
pub(crate) type Result<T> = std::result::Result<T, CommandError>;

/// How a failed command is answered.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// `tag BAD text`.
    Bad(String),
    /// `tag NO [code] text`.
    No(Option<Code<'static>>, String),
    /// `* BYE text`, and the end.
    Bye(String),
    /// The end without a word.
    Silence,
}

/// NO with a code.
pub(crate) fn refused(code: Code<'static>, text: &'static str) -> CommandError {
    CommandError::Refused { code: Some(code), text }
}

impl CommandError {
    /// The answer. Faults of ours are logged under the id that stands in the answer; what a peer
    /// did wrong is not an error of ours.
    pub(crate) fn into_answer(self) -> Answer {
        match self {
            Self::Bad(text) => Answer::Bad(text.to_owned()),
            Self::Refused { code, text } => Answer::No(code, text.to_owned()),
            Self::Storage(error) => storage_answer(error),
            Self::Disconnected(_) => Answer::Silence,
            Self::Bye(text) => Answer::Bye(text.to_owned()),
        }
    }
}

fn storage_answer(error: StorageError) -> Answer {
    let no = |code, text: String| Answer::No(Some(code), text);
    match error {
        StorageError::NotFound(what) => no(Code::NonExistent, format!("No such {what}")),
        // RFC 9051 §7.1: ALREADYEXISTS is for CREATE, RENAME and the like.
        StorageError::AlreadyExists(what) => {
            no(Code::AlreadyExists, format!("There is such a {what} already"))
        }
        StorageError::NoPermission(what) => no(Code::NoPerm, capitalized(what)),
        StorageError::OverQuota { used_bytes, quota_bytes } => {
            no(Code::OverQuota, format!("Over quota: {used_bytes} of {quota_bytes} bytes are used"))
        }
        StorageError::TooBig { size_bytes, limit_bytes } => {
            no(Code::TooBig, format!("{size_bytes} bytes are more than the {limit_bytes} allowed"))
        }
        StorageError::Limit { kind, max } => {
            no(Code::Limit, format!("At most {max} {} allowed", limit_noun(kind)))
        }
        StorageError::Conflict(what) => no(Code::InUse, capitalized(what)),
        // RFC 9051 §7.1: HASCHILDREN, "the mailbox delete operation failed because … children".
        StorageError::InUse(what) => no(Code::HasChildren, capitalized(what)),
        StorageError::Expunged => {
            no(Code::ExpungeIssued, "Some messages have been expunged".to_owned())
        }
        StorageError::Invalid(what) => no(Code::Cannot, capitalized(what)),
        StorageError::Unavailable(detail) => {
            tracing::warn!(detail, "storage is unavailable");
            no(Code::Unavailable, "Temporarily unavailable, try again later".to_owned())
        }
        StorageError::Corrupt(detail) => {
            let id = fault_id();
            tracing::error!(id, detail, "stored data is damaged");
            no(Code::Corruption, format!("Stored data is damaged ({id})"))
        }
        StorageError::Internal(detail) => {
            let id = fault_id();
            tracing::error!(id, detail, "internal error");
            no(Code::ServerBug, format!("Internal error {id}"))
        }
    }
}

fn limit_noun(kind: LimitKind) -> &'static str {
    match kind {
        LimitKind::Aliases => "aliases are",
        LimitKind::Mailboxes => "mailboxes are",
        LimitKind::MailboxNameComponent => "bytes in one level of a mailbox name are",
        LimitKind::MailboxName => "bytes in a mailbox name are",
        LimitKind::MailboxDepth => "levels in a mailbox name are",
        LimitKind::Keywords => "keywords in a mailbox are",
        LimitKind::Uids => "messages in the life of a mailbox are",
        LimitKind::Subscriptions => "subscriptions are",
    }
}

fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// A short name for one fault, so that a user's report leads to the log line.
fn fault_id() -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(1);
    // Spreads consecutive numbers, so that two reports are told apart at a glance.
    format!("{:08x}", NEXT.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b1))
}
