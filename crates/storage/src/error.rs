//! What can go wrong, by meaning. Every protocol maps these to its own replies, once.

use std::io::ErrorKind;
use std::sync::atomic::{AtomicU32, Ordering};

/// The result of every storage verb.
///
/// # Errors
/// What the engine says can come of each of them: [`StorageError::Unavailable`],
/// [`StorageError::NoSpace`] of one that writes, [`StorageError::Corrupt`] where a row is not what
/// it must be, [`StorageError::Internal`]. A verb names under its own `# Errors` what it refuses
/// besides.
pub type Result<T> = std::result::Result<T, StorageError>;

/// A rule that limits how much there may be. Carried by [`StorageError::Limit`] so that every
/// front end names the same limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitKind {
    /// R-ADDR-2: aliases of one account.
    Aliases,
    /// R-FOLD-5: mailboxes of one account.
    Mailboxes,
    /// R-FOLD-5: bytes of one component of a mailbox name.
    MailboxNameComponent,
    /// R-FOLD-5: bytes of a whole mailbox name.
    MailboxName,
    /// R-FOLD-5: levels of a mailbox name.
    MailboxDepth,
    /// R-SMTP-4: messages of one account that are held to be sent later.
    ScheduledMessages,
    /// Keywords in use in one mailbox.
    Keywords,
    /// Bytes of the keywords of one message, of all that one command is about, or of all sets of
    /// them in one mailbox.
    KeywordBytes,
    /// Messages that one command copies.
    CopiedMessages,
    /// Message ids that the messages of one mailbox name.
    MessageIds,
    /// UIDs of one mailbox are used up (RFC 9051 §2.3.1.1).
    Uids,
    /// Subscriptions of one account.
    Subscriptions,
    /// Annotations of one mailbox, or of the server, that one account sees.
    MetadataEntries,
    /// Bytes of all annotations of one account.
    MetadataBytes,
    /// Bytes of the value of one annotation of a message.
    AnnotationValue,
    /// Annotations of one message that one account sees.
    Annotations,
    /// Bytes of the annotations of one message, or of all messages of an account.
    AnnotationBytes,
    /// Entries of the access control list of one mailbox.
    AclEntries,
    /// Outsiders with whom one calendar is shared.
    Outsiders,
    /// Letters that invite people elsewhere, of one account on one day.
    OutsideLetters,
    /// Teams of one organisation.
    Teams,
    /// Accounts in one team.
    TeamMembers,
    /// Lists of one organisation.
    Lists,
    /// Members of one list, or of all that are on it.
    ListMembers,
    /// Calendars, address books and folders of one account.
    Collections,
    /// WebDAV-Push: those of one account.
    PushSubscriptions,
    /// Levels of folders, or of the home of calendars.
    CollectionDepth,
    /// Bytes of the name of a collection or object.
    CollectionName,
    /// Objects in one collection.
    Objects,
    /// Objects of others in which one account has alarms of its own.
    OwnAlarms,
    /// Properties of one resource that mean nothing to the server.
    DeadProperties,
    /// Write locks on what is one account's.
    Locks,
    /// R-ADDR-9: app passwords of one account; access tokens are counted apart.
    AccessKeys,
    /// Keys that sign mail of one domain.
    SigningKeys,
    /// R-FILT-1: scripts of one account.
    Scripts,
    /// Bytes of all scripts of one account.
    ScriptBytes,
    /// Lists of values of one account, or of everybody.
    ValueLists,
    /// Values of one list.
    ListValues,
    /// R-RESP-1: responders of one account.
    Responders,
    /// R-RESP-2: addresses and domains that get no answer.
    Exclusions,
    /// R-ADDR-10: redirections of one account.
    Redirections,
    /// R-ADDR-11: messages that one account sends on one day.
    SentMessages,
    /// R-ADDR-11: recipients of one message that an account sends.
    SentRecipients,
    /// Addresses that one account has asked and that did not answer yet.
    Confirmations,
}

/// Why a storage verb changed nothing.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// What was named does not exist.
    #[error("{0} does not exist")]
    NotFound(&'static str),
    /// What should be created exists already.
    #[error("{0} exists already")]
    AlreadyExists(&'static str),
    /// The account may not do this (R-ADDR-7, R-ADDR-12).
    #[error("not permitted: {0}")]
    NoPermission(&'static str),
    /// R-ADDR-12: the account whose mail it is about is in maintenance.
    #[error("this account is in maintenance; mail is still received")]
    Maintenance,
    /// A quota of the account's would be exceeded (R-ADDR-11).
    #[error("over quota: {used} of {limit} {resource} are used")]
    OverQuota {
        /// What there is too much of.
        resource: crate::QuotaResource,
        /// The amount in use before this write.
        used: u64,
        /// The most that the account may use.
        limit: u64,
    },
    /// One object is larger than allowed; both numbers are in bytes.
    #[error("{size_bytes} bytes are more than the {limit_bytes} allowed")]
    TooBig {
        /// Size of the refused object.
        size_bytes: u64,
        /// The largest size allowed.
        limit_bytes: u64,
    },
    /// A number of things would be exceeded.
    #[error("limit of {max} reached: {kind:?}")]
    Limit {
        /// The limit that was reached.
        kind: LimitKind,
        /// The largest number allowed.
        max: u64,
    },
    /// What was to be changed has changed meanwhile.
    #[error("changed meanwhile: {0}")]
    Conflict(&'static str),
    /// Something else depends on what was to be removed, such as children of a ghost (R-FOLD-2).
    #[error("in use: {0}")]
    InUse(&'static str),
    /// The message has been expunged.
    #[error("the message has been expunged")]
    Expunged,
    /// A value breaks a rule of the data model; the text says which and is safe to show.
    #[error("invalid: {0}")]
    Invalid(&'static str),
    /// The store can't take or give data now: read-only, connection lost, shutting
    /// down. Nothing was changed; the same call may succeed later.
    #[error("storage is unavailable: {0}")]
    Unavailable(String),
    /// There is no room for it: a full disk, a full database. Nothing was changed; the same call
    /// succeeds once there is.
    #[error("there is no room: {0}")]
    NoSpace(String),
    /// Stored data breaks an invariant or does not match its checksum.
    #[error("stored data is damaged: {0}")]
    Corrupt(String),
    /// A fault of ours or of the engine.
    #[error("internal storage error: {0}")]
    Internal(String),
}

impl StorageError {
    /// The text for who asked. What is no fault of theirs goes to the log in full, and a fault of
    /// ours under the id that stands in the text.
    pub fn report(&self) -> String {
        match self {
            Self::Unavailable(detail) => {
                tracing::warn!(detail, "storage is unavailable");
                "Temporarily unavailable, try again later".to_owned()
            }
            Self::NoSpace(detail) => {
                tracing::error!(detail, "storage has no room");
                "The mail store has no room, try again later".to_owned()
            }
            Self::Corrupt(detail) => {
                let id = fault_id();
                tracing::error!(id, detail, "stored data is damaged");
                format!("Stored data is damaged ({id})")
            }
            Self::Internal(detail) => {
                let id = fault_id();
                tracing::error!(id, detail, "internal error");
                format!("Internal error {id}")
            }
            refused @ (Self::NotFound(_)
            | Self::AlreadyExists(_)
            | Self::NoPermission(_)
            | Self::Maintenance
            | Self::OverQuota { .. }
            | Self::TooBig { .. }
            | Self::Limit { .. }
            | Self::Conflict(_)
            | Self::InUse(_)
            | Self::Expunged
            | Self::Invalid(_)) => refused.to_string(),
        }
    }

    /// What the operating system says about reading or writing `what`.
    pub(crate) fn of_io(what: &str, cause: &std::io::Error) -> Self {
        let text = format!("{what}: {cause}");
        match cause.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::NoSpace(text),
            _ => Self::Unavailable(text),
        }
    }
}

/// A short name for one fault, so that a user's report leads to the log line.
fn fault_id() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    // Spreads consecutive numbers, so that two reports are told apart at a glance.
    format!("{:08x}", NEXT.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_of_ours_are_named_by_a_number_and_nothing_else() {
        for (error, start) in [
            (StorageError::Internal("SELECT secret".to_owned()), "Internal error "),
            (StorageError::Corrupt("row 7".to_owned()), "Stored data is damaged ("),
            (StorageError::Unavailable("secret".to_owned()), "Temporarily unavailable, try"),
            (StorageError::NoSpace("secret".to_owned()), "The mail store has no room"),
        ] {
            let text = error.report();
            assert!(text.starts_with(start), "{text}");
            assert!(!text.contains("secret") && !text.contains("row"), "{text}");
        }
        assert_ne!(fault_id(), fault_id());
    }
}
