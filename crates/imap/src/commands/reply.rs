//! The tagged OK of a command that succeeded: its response code and text. Failures are
//! [`crate::error::CommandError`].

use std::borrow::Cow;

use ids::UidValidity;

use crate::render::Code;
use crate::types::NumberSet;

/// What is said after `tag OK`.
#[derive(Debug, Default)]
pub(crate) struct Reply {
    /// The response code, if there is one.
    pub(crate) code: Option<ReplyCode>,
    /// The text; empty: the command's name and "completed".
    pub(crate) text: &'static str,
    /// Whether the tagged response was sent already, as STARTTLS must.
    pub(crate) is_sent: bool,
}

/// A response code that owns what it names.
#[derive(Debug)]
pub(crate) enum ReplyCode {
    /// A response code without data of its own.
    Plain(Code<'static>),
    /// APPENDUID (RFC 4315 §3).
    AppendUid(UidValidity, NumberSet),
    /// COPYUID (RFC 4315 §3): source UIDs, then target UIDs.
    CopyUid(UidValidity, NumberSet, NumberSet),
    /// MODIFIED (RFC 7162 §3.1.3).
    Modified(NumberSet),
    /// CAPABILITY (RFC 9051 §7.1).
    Capability(Vec<Cow<'static, str>>),
    /// MAILBOXID (RFC 8474 §4.1).
    MailboxId(String),
}

impl ReplyCode {
    /// The code in the form that the renderer takes.
    pub(crate) fn as_code(&self) -> Code<'_> {
        match self {
            Self::Plain(code) => *code,
            Self::AppendUid(validity, uids) => Code::AppendUid(*validity, uids),
            Self::CopyUid(validity, from, to) => Code::CopyUid(*validity, from, to),
            Self::Modified(set) => Code::Modified(set),
            Self::Capability(names) => Code::Capability(names),
            Self::MailboxId(id) => Code::MailboxId(id),
        }
    }
}

impl Reply {
    /// OK with the usual text.
    pub(crate) fn done() -> Self {
        Self::default()
    }

    /// OK with a code and the usual text.
    pub(crate) fn with_code(code: ReplyCode) -> Self {
        Self { code: Some(code), ..Self::default() }
    }

    /// The tagged response was sent already.
    pub(crate) fn silent() -> Self {
        Self { is_sent: true, ..Self::default() }
    }
}
