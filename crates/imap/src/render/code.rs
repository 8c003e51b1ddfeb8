//! Response codes (RFC 9051 §7.1), with their brackets, data and a closing space.

use std::borrow::Cow;

use ids::{ModSeq, Uid, UidValidity};

use super::{FlagsResponse, number, number_set, permanent_flags, string};
use crate::types::{NumberSet, Tag};
use crate::url::URL_BYTES_MAX;

/// A response code (RFC 9051 §7.1, RFC 5530 §3, and those of the extensions served).
#[derive(Debug, Clone, Copy)]
pub enum Code<'a> {
    /// `ALERT`: the text must be shown to the person.
    Alert,
    /// `ALREADYEXISTS`.
    AlreadyExists,
    /// `ANNOTATE TOOBIG` (RFC 5257 §4.5): a value is too long.
    AnnotateTooBig,
    /// `ANNOTATE TOOMANY` (RFC 5257 §4.5).
    AnnotateTooMany,
    /// `ANNOTATIONS` (RFC 5257 §4.1): the longest value; `None`: nothing can be changed.
    Annotations(Option<u64>),
    /// `APPENDUID`: where APPEND put the messages.
    AppendUid(UidValidity, &'a NumberSet),
    /// `AUTHENTICATIONFAILED`.
    AuthenticationFailed,
    /// `AUTHORIZATIONFAILED`.
    AuthorizationFailed,
    /// `BADEVENT` (RFC 5465 §8) with the events known here.
    BadEvent,
    /// `BADCHARSET` with the charsets read here.
    BadCharset,
    /// `BADCOMPARATOR` (RFC 5255 §4.9).
    BadComparator,
    /// `BADURL` (RFC 4469 §4.1): the URL that names nothing.
    BadUrl(&'a str),
    /// `CANNOT`: what was asked can never be.
    Cannot,
    /// `CAPABILITY`, the list without the word.
    Capability(&'a [Cow<'static, str>]),
    /// `CLIENTBUG`.
    ClientBug,
    /// `CLOSED` (RFC 7162 §3.2.11): the mailbox open before is closed.
    Closed,
    /// `COMPRESSIONACTIVE` (RFC 4978 §3).
    CompressionActive,
    /// `CONTACTADMIN`.
    ContactAdmin,
    /// `COPYUID`: UIDs there, here, and there again.
    CopyUid(UidValidity, &'a NumberSet, &'a NumberSet),
    /// `CORRUPTION`.
    Corruption,
    /// `EXPIRED`.
    Expired,
    /// `EXPUNGEISSUED`.
    ExpungeIssued,
    /// `HASCHILDREN`.
    HasChildren,
    /// `HIGHESTMODSEQ`.
    HighestModSeq(ModSeq),
    /// `INPROGRESS` (RFC 9585 §4): the command that runs, how much of it is done, and how much
    /// there is.
    InProgress(&'a Tag, Option<(u32, u32)>),
    /// `INUSE`.
    InUse,
    /// `LIMIT`.
    Limit,
    /// `MAILBOXID` (RFC 8474 §4.1).
    MailboxId(&'a str),
    /// `MESSAGELIMIT` (RFC 9738 §3.1): how many messages a command works on, and the lowest UID it
    /// worked on.
    MessageLimit(u32, Option<Uid>),
    /// `METADATA LONGENTRIES` (RFC 5464 §4.2.1): the largest value that was left out.
    MetadataLongEntries(u64),
    /// `METADATA MAXSIZE` (RFC 5464 §4.3): the largest value taken.
    MetadataMaxSize(u64),
    /// `METADATA TOOMANY` (RFC 5464 §4.3).
    MetadataTooMany,
    /// `MODIFIED` (RFC 7162 §3.1.3): what STORE left alone.
    Modified(&'a NumberSet),
    /// `NOMODSEQ`.
    NoModSeq,
    /// `NONEXISTENT`.
    NonExistent,
    /// `NOPERM`.
    NoPerm,
    /// `NOUPDATE` (RFC 5267 §4.3.1): the results of this command are not followed.
    NoUpdate(&'a Tag),
    /// `NOTSAVED` (RFC 5182 §2.5).
    NotSaved,
    /// `NOTIFICATIONOVERFLOW` (RFC 5465 §5.8).
    NotificationOverflow,
    /// `OVERQUOTA`.
    OverQuota,
    /// `PARSE`.
    Parse,
    /// `PERMANENTFLAGS`; the flag says whether new keywords may be made.
    PermanentFlags(FlagsResponse<'a>, bool),
    /// `PRIVACYREQUIRED`.
    PrivacyRequired,
    /// `READ-ONLY`.
    ReadOnly,
    /// `READ-WRITE`.
    ReadWrite,
    /// `SERVERBUG`.
    ServerBug,
    /// `TOOBIG` (RFC 7889 §4).
    TooBig,
    /// `TRYCREATE`.
    TryCreate,
    /// `UIDREQUIRED` (RFC 9586 §3): sequence numbers mean nothing any more.
    UidRequired,
    /// `UIDNEXT`.
    UidNext(Uid),
    /// `UIDNOTSTICKY`.
    UidNotSticky,
    /// `UIDVALIDITY`.
    UidValidity(UidValidity),
    /// `UNAVAILABLE`.
    Unavailable,
    /// `UNKNOWN-CTE`.
    UnknownCte,
    /// `UNSEEN` (RFC 3501 §7.1): sequence number of the first message not seen.
    Unseen(u32),
    /// `URLMECH` (RFC 4467 §8): the mechanisms that authorize URLs.
    UrlMech,
    /// `USEATTR` (RFC 6154 §3): the special use cannot be given.
    UseAttr,
}

/// `resp-text-code` (RFC 9051 §9), without its brackets.
pub fn code(out: &mut Vec<u8>, code: &Code<'_>) {
    if let Some(word) = word(code) {
        out.extend_from_slice(word.as_bytes());
        return;
    }
    match *code {
        Code::AppendUid(validity, uids) => {
            out.extend_from_slice(b"APPENDUID ");
            number(out, validity.get());
            out.push(b' ');
            number_set(out, uids);
        }
        Code::Annotations(Some(bytes)) => with_number(out, b"ANNOTATIONS ", bytes),
        Code::BadUrl(url) => {
            // RFC 4469 §5: `url-resp-text` can't hold everything that a client may send.
            let fits = |byte: u8| (0x20..0x7f).contains(&byte) && !b"]\\\"".contains(&byte);
            out.extend_from_slice(b"BADURL \"");
            let is_told = url.len() <= URL_BYTES_MAX && url.bytes().all(fits);
            out.extend_from_slice(if is_told { url.as_bytes() } else { b"" });
            out.push(b'"');
        }
        Code::CopyUid(validity, from, to) => {
            out.extend_from_slice(b"COPYUID ");
            number(out, validity.get());
            out.push(b' ');
            number_set(out, from);
            out.push(b' ');
            number_set(out, to);
        }
        Code::Capability(names) => {
            out.extend_from_slice(b"CAPABILITY");
            words(out, names);
        }
        Code::InProgress(tag, counts) => in_progress(out, tag, counts),
        Code::MessageLimit(messages, lowest) => {
            with_number(out, b"MESSAGELIMIT ", messages.into());
            if let Some(uid) = lowest {
                with_number(out, b" ", uid.get().into());
            }
        }
        Code::MailboxId(id) => {
            out.extend_from_slice(b"MAILBOXID (");
            out.extend_from_slice(id.as_bytes());
            out.push(b')');
        }
        Code::NoUpdate(tag) => {
            out.extend_from_slice(b"NOUPDATE ");
            string(out, tag.as_bytes());
        }
        Code::Modified(set) => {
            out.extend_from_slice(b"MODIFIED ");
            number_set(out, set);
        }
        Code::PermanentFlags(known, new_keywords) => permanent_flags(out, known, new_keywords),
        Code::HighestModSeq(modseq) => with_number(out, b"HIGHESTMODSEQ ", modseq.get()),
        Code::MetadataLongEntries(bytes) => with_number(out, b"METADATA LONGENTRIES ", bytes),
        Code::MetadataMaxSize(bytes) => with_number(out, b"METADATA MAXSIZE ", bytes),
        Code::UidNext(uid) => with_number(out, b"UIDNEXT ", uid.get().into()),
        Code::UidValidity(validity) => with_number(out, b"UIDVALIDITY ", validity.get().into()),
        Code::Unseen(seq) => with_number(out, b"UNSEEN ", seq.into()),
        _ => {}
    }
}

/// The whole of a code that is one word or a fixed text.
fn word(code: &Code<'_>) -> Option<&'static str> {
    Some(match code {
        Code::Alert => "ALERT",
        Code::AlreadyExists => "ALREADYEXISTS",
        Code::AnnotateTooBig => "ANNOTATE TOOBIG",
        Code::AnnotateTooMany => "ANNOTATE TOOMANY",
        Code::Annotations(None) => "ANNOTATIONS READ-ONLY",
        Code::AuthenticationFailed => "AUTHENTICATIONFAILED",
        Code::AuthorizationFailed => "AUTHORIZATIONFAILED",
        Code::BadCharset => "BADCHARSET (US-ASCII UTF-8)",
        Code::BadComparator => "BADCOMPARATOR",
        Code::Cannot => "CANNOT",
        Code::ClientBug => "CLIENTBUG",
        Code::Closed => "CLOSED",
        Code::CompressionActive => "COMPRESSIONACTIVE",
        Code::ContactAdmin => "CONTACTADMIN",
        Code::Corruption => "CORRUPTION",
        Code::Expired => "EXPIRED",
        Code::ExpungeIssued => "EXPUNGEISSUED",
        Code::HasChildren => "HASCHILDREN",
        Code::InUse => "INUSE",
        Code::Limit => "LIMIT",
        Code::MetadataTooMany => "METADATA TOOMANY",
        Code::NoModSeq => "NOMODSEQ",
        Code::NonExistent => "NONEXISTENT",
        Code::NoPerm => "NOPERM",
        Code::NotSaved => "NOTSAVED",
        Code::BadEvent => {
            "BADEVENT (MessageNew MessageExpunge FlagChange AnnotationChange MailboxName \
             SubscriptionChange MailboxMetadataChange ServerMetadataChange)"
        }
        Code::NotificationOverflow => "NOTIFICATIONOVERFLOW",
        Code::OverQuota => "OVERQUOTA",
        Code::Parse => "PARSE",
        Code::PrivacyRequired => "PRIVACYREQUIRED",
        Code::ReadOnly => "READ-ONLY",
        Code::ReadWrite => "READ-WRITE",
        Code::ServerBug => "SERVERBUG",
        Code::TooBig => "TOOBIG",
        Code::TryCreate => "TRYCREATE",
        Code::UidNotSticky => "UIDNOTSTICKY",
        Code::UidRequired => "UIDREQUIRED",
        Code::Unavailable => "UNAVAILABLE",
        Code::UnknownCte => "UNKNOWN-CTE",
        Code::UrlMech => "URLMECH INTERNAL",
        Code::UseAttr => "USEATTR",
        Code::Annotations(Some(_))
        | Code::AppendUid(..)
        | Code::BadUrl(_)
        | Code::Capability(_)
        | Code::CopyUid(..)
        | Code::HighestModSeq(_)
        | Code::InProgress(..)
        | Code::MailboxId(_)
        | Code::MessageLimit(..)
        | Code::MetadataLongEntries(_)
        | Code::MetadataMaxSize(_)
        | Code::Modified(_)
        | Code::NoUpdate(_)
        | Code::PermanentFlags(..)
        | Code::UidNext(_)
        | Code::UidValidity(_)
        | Code::Unseen(_) => return None,
    })
}

/// `"INPROGRESS" SP "(" inprogress-tag SP inprogress-state ")"` (RFC 9585 §5). RFC 9585 §4: a
/// tag with `]` is NIL, for it would end the code for many a client.
fn in_progress(out: &mut Vec<u8>, tag: &Tag, counts: Option<(u32, u32)>) {
    out.extend_from_slice(b"INPROGRESS (");
    match tag.as_bytes().contains(&b']') {
        true => out.extend_from_slice(b"NIL"),
        false => string(out, tag.as_bytes()),
    }
    match counts {
        Some((done, goal)) => {
            with_number(out, b" ", done.into());
            with_number(out, b" ", goal.into());
        }
        None => out.extend_from_slice(b" NIL NIL"),
    }
    out.push(b')');
}

fn with_number(out: &mut Vec<u8>, name: &[u8], value: u64) {
    out.extend_from_slice(name);
    number(out, value);
}

pub(super) fn words(out: &mut Vec<u8>, names: &[impl AsRef<str>]) {
    for name in names {
        out.push(b' ');
        out.extend_from_slice(name.as_ref().as_bytes());
    }
}
