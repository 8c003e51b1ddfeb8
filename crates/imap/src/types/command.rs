//! A parsed command: one variant per command of the wire, and the arguments that have no file of
//! their own.

use super::{
    AclArgs, AnnotateArgs, AppendArgs, EnableItems, EsearchArgs, FetchArgs, ListArgs, MailboxName,
    MetadataArgs, NotifyArgs, QuotaArgs, ReplaceArgs, ResetKeyArgs, SearchArgs, Secret, SelectArgs,
    SequenceSet, SetMetadataArgs, SortArgs, SpecialUses, StatusItems, StoreArgs, Tag, ThreadArgs,
    UrlToAuthorize, UrlToFetch,
};

/// Whether numbers are sequence numbers or UIDs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Addressing {
    /// Message sequence numbers.
    Seq,
    /// Unique identifiers.
    Uid,
}

/// `AUTHENTICATE mechanism [initial-response]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthenticateArgs {
    /// The SASL mechanism, in capitals.
    pub mechanism: String,
    /// Decoded initial response (RFC 4959 §3); `=` gives an empty one.
    pub initial_response: Option<Secret>,
}

/// `LOGIN user password`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginArgs {
    /// The user name, in UTF-8.
    pub user: String,
    /// The password's bytes.
    pub password: Secret,
}

/// `CREATE mailbox [(USE (…))]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateArgs {
    /// What to create.
    pub mailbox: MailboxName,
    /// The special uses that the new mailbox is for (RFC 6154 §3).
    pub special_uses: SpecialUses,
}

/// `RENAME from to`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenameArgs {
    /// The name it has.
    pub from: MailboxName,
    /// The name it gets.
    pub to: MailboxName,
}

/// `COPY set mailbox` and `MOVE set mailbox`, and their UID forms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyArgs {
    /// The messages that are copied or moved.
    pub set: SequenceSet,
    /// What the numbers in `set` are.
    pub by: Addressing,
    /// The target mailbox.
    pub mailbox: MailboxName,
}

/// What a client says of itself (RFC 2971 §3.1); empty for NIL.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IdParams(pub Vec<(String, Option<String>)>);

impl IdParams {
    /// The value of `field`, in any case, if it was sent.
    pub fn find(&self, field: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(name, _)| name.eq_ignore_ascii_case(field))?;
        value.as_deref()
    }
}

/// A command with its arguments, one variant for each.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// `CAPABILITY`.
    Capability,
    /// `NOOP`.
    Noop,
    /// `LOGOUT`.
    Logout,
    /// `ID` (RFC 2971 §3.1).
    Id(IdParams),
    /// `STARTTLS`.
    StartTls,
    /// `AUTHENTICATE`.
    Authenticate(AuthenticateArgs),
    /// `LOGIN`.
    Login(LoginArgs),
    /// `ENABLE`.
    Enable(EnableItems),
    /// `SELECT`.
    Select(SelectArgs),
    /// `EXAMINE`.
    Examine(SelectArgs),
    /// `CREATE`.
    Create(CreateArgs),
    /// `DELETE`.
    Delete(MailboxName),
    /// `RENAME`.
    Rename(RenameArgs),
    /// `SUBSCRIBE`.
    Subscribe(MailboxName),
    /// `UNSUBSCRIBE`.
    Unsubscribe(MailboxName),
    /// `LIST`.
    List(ListArgs),
    /// `LSUB` (RFC 3501 §6.3.9).
    Lsub(ListArgs),
    /// `XLIST`: LIST with special uses, from before RFC 6154; Outlook sends it.
    Xlist(ListArgs),
    /// `NAMESPACE`.
    Namespace,
    /// `STATUS mailbox (items)`.
    Status(MailboxName, StatusItems),
    /// `GETQUOTA`, `GETQUOTAROOT`, `SETQUOTA` (RFC 9208 §4.1).
    Quota(QuotaArgs),
    /// `GETMETADATA` (RFC 5464 §4.2).
    Metadata(MetadataArgs),
    /// `SETMETADATA` (RFC 5464 §4.3).
    SetMetadata(SetMetadataArgs),
    /// `SETACL`, `DELETEACL`, `GETACL`, `LISTRIGHTS`, `MYRIGHTS` (RFC 4314 §3).
    Acl(AclArgs),
    /// `RESETKEY` (RFC 4467 §7).
    ResetKey(ResetKeyArgs),
    /// `GENURLAUTH` (RFC 4467 §7).
    GenUrlAuth(Vec<UrlToAuthorize>),
    /// `URLFETCH` (RFC 4467 §7).
    UrlFetch(Vec<UrlToFetch>),
    /// `APPEND`.
    Append(AppendArgs),
    /// `REPLACE` and `UID REPLACE` (RFC 8508 §3); boxed, as it is larger than most.
    Replace(Box<ReplaceArgs>),
    /// `IDLE`.
    Idle,
    /// `COMPRESS DEFLATE` (RFC 4978 §3).
    Compress,
    /// `NOTIFY` (RFC 5465 §3.1).
    Notify(NotifyArgs),
    /// `UNAUTHENTICATE` (RFC 8437 §3).
    Unauthenticate,
    /// `CHECK` (RFC 3501 §6.4.1).
    Check,
    /// `CLOSE`.
    Close,
    /// `UNSELECT`.
    Unselect,
    /// `EXPUNGE`.
    Expunge,
    /// `UID EXPUNGE set` (RFC 4315 §2.1).
    UidExpunge(SequenceSet),
    /// `SEARCH` and `UID SEARCH`.
    Search(SearchArgs),
    /// `SORT` and `UID SORT` (RFC 5256 §3).
    Sort(SortArgs),
    /// `LANGUAGE ranges` (RFC 5255 §3.2).
    Language(Vec<String>),
    /// `COMPARATOR order` (RFC 5255 §4.7).
    Comparator(Vec<String>),
    /// `ESEARCH` (RFC 7377 §2).
    Esearch(EsearchArgs),
    /// `CANCELUPDATE tags` (RFC 5267 §4.3.5).
    CancelUpdate(Vec<Tag>),
    /// `THREAD` and `UID THREAD` (RFC 5256 §3).
    Thread(ThreadArgs),
    /// `FETCH` and `UID FETCH`.
    Fetch(FetchArgs),
    /// `STORE` and `UID STORE`.
    Store(StoreArgs),
    /// `STORE … ANNOTATION` (RFC 5257 §4.5).
    Annotate(AnnotateArgs),
    /// `COPY` and `UID COPY`.
    Copy(CopyArgs),
    /// `MOVE` and `UID MOVE`.
    Move(CopyArgs),
}
