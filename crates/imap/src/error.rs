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
    /// The arguments make no sense in this session, and a code says why: BAD.
    #[error("{text}")]
    BadWith {
        /// The response code.
        code: Code<'static>,
        /// The text after it.
        text: &'static str,
    },
    /// Refused: NO with a code where one fits.
    #[error("{text}")]
    Refused {
        /// The response code, where one fits.
        code: Option<Code<'static>>,
        /// The text after it.
        text: &'static str,
    },
    /// A URL names nothing that can be read: NO with BADURL (RFC 4469 §4.1).
    #[error("bad URL")]
    BadUrl(String),
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
    /// `tag BAD [code] text`.
    Bad(Option<Code<'static>>, String),
    /// `tag NO [code] text`.
    No(Option<Code<'static>>, String),
    /// `tag NO [BADURL url] text`.
    BadUrl(String),
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
            Self::Bad(text) => Answer::Bad(None, text.to_owned()),
            Self::BadWith { code, text } => Answer::Bad(Some(code), text.to_owned()),
            Self::Refused { code, text } => Answer::No(code, text.to_owned()),
            Self::BadUrl(url) => Answer::BadUrl(url),
            Self::Storage(error) => storage_answer(error),
            Self::Disconnected(error) => lost(&error),
            Self::Bye(text) => Answer::Bye(text.to_owned()),
        }
    }
}

/// What is said where nothing more can be read: nothing to who is gone, but the end to who speaks
/// something else than was agreed, such as no DEFLATE after COMPRESS.
fn lost(error: &ConnectionError) -> Answer {
    match error.is_not_deflate() {
        true => Answer::Bye("What came cannot be read".to_owned()),
        false => Answer::Silence,
    }
}

fn storage_answer(error: StorageError) -> Answer {
    let no = |code, text: String| Answer::No(Some(code), text);
    match error {
        StorageError::NotFound(what) => no(Code::NonExistent, format!("No such {what}")),
        // RFC 9051 §7.1: ALREADYEXISTS is for CREATE, RENAME and the like.
        StorageError::AlreadyExists(what) => {
            no(Code::AlreadyExists, format!("{} exists already", capitalized(what)))
        }
        StorageError::NoPermission(what) => no(Code::NoPerm, capitalized(what)),
        StorageError::Maintenance => {
            no(Code::Unavailable, "This account is in maintenance; mail is still received".into())
        }
        StorageError::OverQuota { resource, used, limit } => {
            no(Code::OverQuota, format!("Over quota: {used} of {limit} {resource} are used"))
        }
        StorageError::TooBig { size_bytes, limit_bytes } => {
            no(Code::TooBig, format!("{size_bytes} bytes are more than the {limit_bytes} allowed"))
        }
        // RFC 5257 §4.5.
        StorageError::Limit { kind: LimitKind::AnnotationValue, max } => {
            no(Code::AnnotateTooBig, format!("A value has at most {max} bytes"))
        }
        StorageError::Limit {
            kind: kind @ (LimitKind::Annotations | LimitKind::AnnotationBytes),
            max,
        } => no(Code::AnnotateTooMany, format!("At most {max} {} allowed", limit_noun(kind))),
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
        // RFC 5530 §3: UNAVAILABLE is for what passes; OVERQUOTA would blame the account.
        fault @ (StorageError::Unavailable(_) | StorageError::NoSpace(_)) => {
            no(Code::Unavailable, fault.report())
        }
        fault @ StorageError::Corrupt(_) => no(Code::Corruption, fault.report()),
        fault @ StorageError::Internal(_) => no(Code::ServerBug, fault.report()),
    }
}

fn limit_noun(kind: LimitKind) -> &'static str {
    match kind {
        LimitKind::Aliases => "aliases are",
        LimitKind::Mailboxes => "mailboxes are",
        LimitKind::MailboxNameComponent => "bytes in one level of a mailbox name are",
        LimitKind::MailboxName => "bytes in a mailbox name are",
        LimitKind::MailboxDepth => "levels in a mailbox name are",
        LimitKind::ScheduledMessages => "messages to be sent later are",
        LimitKind::Keywords => "keywords in a mailbox are",
        LimitKind::KeywordBytes => "bytes of keywords are",
        LimitKind::CopiedMessages => "messages copied at once are",
        LimitKind::MessageIds => "message ids named in a mailbox are",
        LimitKind::Uids => "messages in the life of a mailbox are",
        LimitKind::Subscriptions => "subscriptions are",
        LimitKind::MetadataEntries => "annotations are",
        LimitKind::AnnotationValue => "bytes in the value of an annotation are",
        LimitKind::Annotations => "annotations of a message are",
        LimitKind::AnnotationBytes => "bytes of annotations of messages are",
        LimitKind::AclEntries => "entries in an access control list are",
        LimitKind::Teams => "teams are",
        LimitKind::TeamMembers => "members of a team are",
        LimitKind::Lists => "lists are",
        LimitKind::ListMembers => "members of a list are",
        LimitKind::MetadataBytes => "bytes of annotations are",
        LimitKind::AccessKeys => "app passwords or tokens are",
        LimitKind::SigningKeys => "keys of a domain are",
        LimitKind::Scripts => "scripts are",
        LimitKind::ScriptBytes => "bytes of scripts are",
        LimitKind::ValueLists => "lists of values are",
        LimitKind::ListValues => "values of a list are",
        LimitKind::Responders => "responders are",
        LimitKind::Exclusions => "addresses without an answer are",
        LimitKind::Redirections => "redirections are",
        LimitKind::SentMessages => "messages sent a day are",
        LimitKind::SentRecipients => "recipients of a message are",
        LimitKind::Outsiders => "people elsewhere with whom a calendar is shared are",
        LimitKind::OutsideLetters => "invitations to people elsewhere a day are",
        LimitKind::Confirmations => "addresses that have not answered yet are",
        LimitKind::Collections => "collections are",
        LimitKind::PushSubscriptions => "subscriptions to pushes are",
        LimitKind::CollectionDepth => "levels in a collection name are",
        LimitKind::CollectionName => "bytes in a collection name are",
        LimitKind::Objects => "objects in a collection are",
        LimitKind::OwnAlarms => "events of others with alarms of one's own are",
        LimitKind::DeadProperties => "properties are",
        LimitKind::Locks => "locks are",
    }
}

fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use super::*;
    use crate::render::{self, Status};
    use crate::types::{Language, Tag};
    use crate::url::URL_BYTES_MAX;

    fn bytes(error: CommandError) -> String {
        let tag = Tag::new(b"a1").unwrap();
        let mut out = Vec::new();
        match error.into_answer() {
            Answer::Bad(code, text) => {
                render::tagged(&mut out, &tag, Status::Bad, code.as_ref(), &text);
            }
            Answer::No(code, text) => {
                render::tagged(&mut out, &tag, Status::No, code.as_ref(), &text);
            }
            Answer::BadUrl(url) => {
                let code = Some(&Code::BadUrl(&url));
                render::tagged(&mut out, &tag, Status::No, code, "x");
            }
            Answer::Bye(text) => render::untagged(&mut out, Status::Bye, None, &text),
            Answer::Silence => {}
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_failure_has_its_answer() {
        let limit = |kind, max| CommandError::Storage(StorageError::Limit { kind, max });
        let quota =
            StorageError::OverQuota { resource: storage::QuotaResource::Bytes, used: 9, limit: 10 };
        let big = StorageError::TooBig { size_bytes: 11, limit_bytes: 10 };
        for (error, expect) in [
            (CommandError::Bad("Expected DONE"), "a1 BAD Expected DONE"),
            (refused(Code::TryCreate, "No such mailbox"), "a1 NO [TRYCREATE] No such mailbox"),
            (CommandError::Refused { code: None, text: "No" }, "a1 NO No"),
            (CommandError::BadUrl("/a/;UID=1".to_owned()), "a1 NO [BADURL \"/a/;UID=1\"] x"),
            (CommandError::BadUrl("a]\r\nb".to_owned()), "a1 NO [BADURL \"\"] x"),
            (CommandError::BadUrl("/".repeat(URL_BYTES_MAX + 1)), "a1 NO [BADURL \"\"] x"),
            (CommandError::Disconnected(ConnectionError::Closed), ""),
            (
                // What TLS says of a record that is broken.
                CommandError::Disconnected(std::io::Error::from(ErrorKind::InvalidData).into()),
                "",
            ),
            (CommandError::Bye("Enough"), "* BYE Enough"),
            (StorageError::NotFound("mailbox").into(), "a1 NO [NONEXISTENT] No such mailbox"),
            (
                StorageError::AlreadyExists("mailbox").into(),
                "a1 NO [ALREADYEXISTS] Mailbox exists already",
            ),
            (StorageError::NoPermission("not this").into(), "a1 NO [NOPERM] Not this"),
            (
                StorageError::Maintenance.into(),
                "a1 NO [UNAVAILABLE] This account is in maintenance; mail is still received",
            ),
            (quota.into(), "a1 NO [OVERQUOTA] Over quota: 9 of 10 bytes are used"),
            (big.into(), "a1 NO [TOOBIG] 11 bytes are more than the 10 allowed"),
            (
                limit(LimitKind::Mailboxes, 10_000),
                "a1 NO [LIMIT] At most 10000 mailboxes are allowed",
            ),
            (
                limit(LimitKind::MailboxDepth, 30),
                "a1 NO [LIMIT] At most 30 levels in a mailbox name are allowed",
            ),
            (StorageError::Conflict("it moved").into(), "a1 NO [INUSE] It moved"),
            (StorageError::InUse("children first").into(), "a1 NO [HASCHILDREN] Children first"),
            (
                StorageError::Expunged.into(),
                "a1 NO [EXPUNGEISSUED] Some messages have been expunged",
            ),
            (StorageError::Invalid("a bad name").into(), "a1 NO [CANNOT] A bad name"),
            (
                StorageError::Unavailable("/data: disk full".to_owned()).into(),
                "a1 NO [UNAVAILABLE] Temporarily unavailable, try again later",
            ),
            (
                StorageError::NoSpace("/data".to_owned()).into(),
                "a1 NO [UNAVAILABLE] The mail store has no room, try again later",
            ),
        ] {
            let expect = if expect.is_empty() { String::new() } else { format!("{expect}\r\n") };
            assert_eq!(bytes(error), expect);
        }
    }

    /// A text that was reworded here would be found in no table of `render::language`.
    #[test]
    fn what_people_read_with_numbers_is_said_in_german_too() {
        use LimitKind::{
            AclEntries, AnnotationValue, Annotations, Keywords, MailboxDepth, MailboxName,
            MailboxNameComponent, Mailboxes, MetadataEntries, Subscriptions,
        };
        let kinds = [
            AclEntries,
            AnnotationValue,
            Annotations,
            Keywords,
            MailboxDepth,
            MailboxName,
            MailboxNameComponent,
            Mailboxes,
            MetadataEntries,
            Subscriptions,
        ];
        let resources = {
            use storage::QuotaResource::{Bytes, Mailboxes, Messages};
            [Bytes, Messages, Mailboxes]
        };
        let limits = kinds.map(|kind| StorageError::Limit { kind, max: 10 });
        let quotas =
            resources.map(|resource| StorageError::OverQuota { resource, used: 9, limit: 10 });
        let others = [
            StorageError::TooBig { size_bytes: 11, limit_bytes: 10 },
            StorageError::Internal("x".to_owned()),
            StorageError::Corrupt("x".to_owned()),
        ];
        for error in limits.into_iter().chain(quotas).chain(others) {
            let Answer::No(_, text) = CommandError::from(error).into_answer() else {
                panic!("no NO");
            };
            assert_ne!(render::in_language(Language::German, &text), text);
        }
    }

    #[test]
    fn faults_of_ours_are_named_by_a_number_and_nothing_else() {
        for (error, start) in [
            (
                StorageError::Internal("SELECT secret".to_owned()),
                "a1 NO [SERVERBUG] Internal error ",
            ),
            (
                StorageError::Corrupt("row 7".to_owned()),
                "a1 NO [CORRUPTION] Stored data is damaged (",
            ),
        ] {
            let answer = bytes(error.into());
            assert!(answer.starts_with(start), "{answer}");
            assert!(!answer.contains("secret") && !answer.contains("row"), "{answer}");
        }
    }
}
