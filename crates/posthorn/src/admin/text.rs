//! Storage errors, put into words for operators.

use storage::{LimitKind, StorageError};

use super::Refusal;

/// What is said when a verb on `subject` failed.
pub(super) fn refusal(subject: &str, error: StorageError) -> Refusal {
    let text = match error {
        StorageError::Limit { kind, max } => limit(kind, max),
        StorageError::NotFound(_)
        | StorageError::AlreadyExists(_)
        | StorageError::NoPermission(_)
        | StorageError::Maintenance
        | StorageError::OverQuota { .. }
        | StorageError::TooBig { .. }
        | StorageError::Conflict(_)
        | StorageError::InUse(_)
        | StorageError::Expunged
        | StorageError::Invalid(_)
        | StorageError::NoSpace(_)
        | StorageError::Unavailable(_) => error.to_string(),
        StorageError::Corrupt(_) | StorageError::Internal(_) => {
            tracing::error!(%error, subject, "administration");
            error.to_string()
        }
    };
    Refusal(format!("{subject}: {text}"))
}

fn limit(kind: LimitKind, max: u64) -> String {
    match kind {
        LimitKind::Aliases => format!("an account has at most {max} aliases"),
        LimitKind::Mailboxes => format!("an account has at most {max} mailboxes"),
        LimitKind::MailboxNameComponent => {
            format!("one level of a mailbox name has at most {max} bytes")
        }
        LimitKind::MailboxName => format!("a mailbox name has at most {max} bytes"),
        LimitKind::MailboxDepth => format!("a mailbox name has at most {max} levels"),
        LimitKind::ScheduledMessages => {
            format!("an account has at most {max} messages to be sent later")
        }
        LimitKind::Keywords => format!("a mailbox knows at most {max} keywords"),
        LimitKind::KeywordBytes => format!("keywords are at most {max} bytes"),
        LimitKind::CopiedMessages => format!("at most {max} messages are copied at once"),
        LimitKind::MessageIds => {
            format!("the messages of a mailbox name at most {max} message ids")
        }
        LimitKind::Uids => "the UIDs of the mailbox are used up".to_owned(),
        LimitKind::AnnotationValue => format!("the value of an annotation has at most {max} bytes"),
        LimitKind::Annotations => format!("a message has at most {max} annotations"),
        LimitKind::AnnotationBytes => {
            format!("annotations of messages have at most {max} bytes together")
        }
        LimitKind::MetadataEntries => format!("a mailbox has at most {max} annotations"),
        LimitKind::AclEntries => format!("a mailbox is shared with at most {max}"),
        LimitKind::Outsiders => format!("a calendar is shared with at most {max} people elsewhere"),
        LimitKind::OutsideLetters => {
            format!("an account invites people elsewhere by at most {max} letters a day")
        }
        LimitKind::Teams => format!("an organisation has at most {max} teams"),
        LimitKind::Lists => format!("an organisation has at most {max} lists"),
        LimitKind::ListMembers => format!("a list has at most {max} members"),
        LimitKind::TeamMembers => format!("a team has at most {max} members"),
        LimitKind::MetadataBytes => format!("an account has at most {max} bytes of annotations"),
        LimitKind::Subscriptions => format!("an account has at most {max} subscriptions"),
        LimitKind::AccessKeys => format!("an account has at most {max} of them"),
        LimitKind::SigningKeys => format!("a domain has at most {max} keys"),
        LimitKind::Scripts => format!("an account has at most {max} scripts"),
        LimitKind::ScriptBytes => format!("the scripts of an account have at most {max} bytes"),
        LimitKind::ValueLists => format!("at most {max} lists of values are kept"),
        LimitKind::ListValues => format!("a list has at most {max} values"),
        LimitKind::Responders => format!("an account has at most {max} responders"),
        LimitKind::Exclusions => format!("at most {max} addresses and domains are excluded"),
        LimitKind::Redirections => format!("an account has at most {max} redirections"),
        LimitKind::SentMessages => format!("an account sends at most {max} messages a day"),
        LimitKind::SentRecipients => format!("a message has at most {max} recipients"),
        LimitKind::Confirmations => {
            format!("at most {max} addresses can be asked before one of them answers")
        }
        LimitKind::Collections => format!("an account has at most {max} collections"),
        LimitKind::PushSubscriptions => {
            format!("an account has at most {max} subscriptions to pushes")
        }
        LimitKind::CollectionDepth => format!("a collection name has at most {max} levels"),
        LimitKind::CollectionName => format!("a collection name has at most {max} bytes"),
        LimitKind::Objects => format!("a collection has at most {max} objects"),
        LimitKind::OwnAlarms => {
            format!("an account has alarms of its own in at most {max} events of others")
        }
        LimitKind::DeadProperties => format!("a resource has at most {max} such properties"),
        LimitKind::Locks => format!("an account has at most {max} locks"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_named() {
        let error = StorageError::Limit { kind: LimitKind::Aliases, max: 50 };
        let Refusal(text) = refusal("julie@example.test", error);
        assert_eq!(text, "julie@example.test: an account has at most 50 aliases");
    }

    #[test]
    fn the_subject_comes_first() {
        let Refusal(text) = refusal("x.test", StorageError::NotFound("domain"));
        assert_eq!(text, "x.test: domain does not exist");
    }
}
