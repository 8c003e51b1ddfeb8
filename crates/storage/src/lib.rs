//! Accounts, mailboxes, messages, calendars, address books, blobs and the change feed on two
//! engines.
//!
//! Protocols see domain verbs on [`ReadTx`], [`WriteTx`] and [`AccountTx`]; rules that limit or
//! relate data are decided there, inside the transaction that writes.
//!
//! **Invariants:** a write's future completes only after its commit is on stable storage; one
//! [`ModSeq`](ids::ModSeq) per write transaction and account; changes are published after commit
//! in commit order; message bytes come back bit for bit.
//! **Absent:** SQL or engine types outside `sql/` and `engine/`; any knowledge of a protocol.

mod acl;
mod acme;
mod activity;
mod address;
mod attachment;
mod blob;
mod change;
mod change_log;
mod check;
mod collection;
mod directory;
mod dmarc_result;
mod engine;
mod error;
mod feed;
mod greylist;
mod lease;
mod lesson;
mod list;
mod lock;
mod mail_report;
mod mailbox;
mod maintain;
mod message_store;
mod metadata;
mod migrate;
#[cfg(test)]
mod model_tests;
mod object;
mod push;
mod reception;
mod rules;
mod scheduling;
mod search;
mod settings;
mod sort_keys;
mod spool;
mod sql;
mod statistics;
mod store;
#[cfg(test)]
mod store_tests;
mod sts_policy;
mod team;
#[cfg(test)]
mod testing;
mod tls_result;
mod trace_digest;
mod tx;
mod url_key;
mod view;

pub use acl::{AclChange, AclEntry, Place, Rights, Share, ShareRights, SharedWith, Sharee};
pub use acme::{AcmeCertificate, AcmeState};
pub use activity::{Activity, ActivityKind, ActivityNotice, ActivityPolicy, Place as SignInPlace};
pub use address::Address;
pub use attachment::{
    Attachment, AttachmentAction, AttachmentData, AttachmentOutcome, AttachmentPlace,
    AttachmentPlaces, AttachmentSettings, NewAttachment,
};
pub use change::{Change, Changes, Fact};
pub use check::{Finding, Repaired};
pub use collection::{
    Collection, CollectionChange, CollectionKind, CollectionName, CollectionRights,
    CollectionShare, Components, CopyDepth, DeadProperty, Guest, Home, HomeChange, HomeChanges,
    HomeLook, HomeMember, HomeView, Invite, NewCollection, ObjectName, Outsider, Proxy,
    ShareLetter, ShareLetterNews, ShareNews, ShareNotice, ShareNotices, ShareState,
};
pub use directory::{
    ACCESS_KEYS_MAX, ALIASES_MAX, AccessKey, AccessKeyKind, Account, AuthorsElsewhere, Authorship,
    Credentials, DirectoryQuestion, Domain, Grant, MadePasswordLink, NewAccessKey, NewAccount,
    PASSWORD_LINK_HOURS_MAX, PasswordLink, Protocol, Protocols, QuotaResource, Quotas, Recipient,
    Resolution, Role, ScramVerifier, ScriptUses, Sending, SendingLimits, SendingUse, SigningKey,
    SigningState, Withdrawn,
};
pub use dmarc_result::{DmarcCount, DmarcResult};
pub use engine::Extent;
pub use error::{LimitKind, Result, StorageError};
pub use feed::{Lagged, Subscription};
pub use greylist::{GreylistTimes, Greylisted, Triplet};
pub use lesson::{Lesson, LessonKind, LessonNotices};
pub use list::{ListChange, ListMember, MailList, NewList, Post, Poster, Posting};
pub use lock::Lock;
pub use mail_report::{MailReport, WAITING_REPORT_BYTES_MAX, WaitingReport};
pub use mailbox::{Mailbox, MailboxEntry, MailboxName, MailboxTree, SpecialUse};
pub use maintain::Maintained;
pub use message_store::{
    ANNOTATION_ENTRY_BYTES_MAX, Annotation, AnnotationChanges, AnnotationKey, Append, Appended,
    Content, Copied, Delivery, FlagChange, Placement, PreparedMessage, Stored, TextStream,
    ThreadId, Want,
};
pub use metadata::{Metadata, MetadataEntry, MetadataScope};
pub use object::{
    CollectionChanges, Condition, Duplicates, EtagCondition, Imported, LostCollection, Match,
    MeetingPlace, Object, ObjectFault, ObjectId, ObjectLimits, ObjectVersion, PreparedObject,
    PutOutcome, Ranged, RestorePlan, RestoreStep, Restored, Scheduled,
};
pub use push::{
    ChangedCollections, DuePush, NewPush, PUSH_RESOURCE_BYTES_MAX, PushNotices, PushOutcome,
    PushRegistration, PushTriggers, PushesUnderWay, QuietPushes, SealedPushKey, UpToDate,
};
pub use reception::{Disposition, Reception, ReceptionCursor, ReceptionRow, ReceptionSlice};
pub use rules::{
    ANSWER_WINDOW_SECS, ActiveResponder, ActiveScript, Agreement, AnswerClaim, AnswerSource,
    Arrival, ArrivalParameters, CarriedOut, Claimed, Confirmed, DeliveryPlan, Destination,
    EventCause, EventId, EventNotices, EventOutcome, EventScript, Filing, LocalTime, MailboxEvent,
    Notice, Outgoing, Overwrite, Purpose, Redirection, Responder, ResponderBody, ResponderId,
    Rules, Script, ScriptAuthor, ScriptName, SeenMark, Sorter, Sorting, ValueListId, ValueListName,
    Verdict, Weekdays,
};
pub use scheduling::{
    Answering, CalendarFate, CalendarLetter, CalendarMail, CalendarWishes, Letters,
    MailedInvitations, SchedulingSettings, Transfer, TransferKind, Unreadable,
};
pub use search::{
    Asked, Found, Indexed, Near, Ranking, SearchField, SearchTerm, Sought, length_of,
};
pub use settings::{Blobs, Database, Settings};
pub use sort_keys::{MailboxKeys, SortKeys, SortWant, ThreadRow};
pub use spool::{
    Claim, ClaimedMessage, ClaimedRecipient, Deadline, DestinationBacklog, Fate, MailParameters,
    Overdue, OverdueCursor, OverdueSlice, RcptParameters, Settlement, SpoolChange, SpoolEntry,
    SpoolFilter, SpoolNotices, SpoolRecipient, SpoolRow, SpoolRowRecipient, SpoolTerms,
    SpoolTotals, TraceEvent, TraceRow, Urgency, WhenLate, spool_destination,
};
pub use statistics::{BATCH_SIZES, COMMIT_MICROS, StatisticsSnapshot};
pub use store::Store;
pub use sts_policy::StsPolicyRow;
pub use team::{Team, TeamName};
pub use tls_result::TlsResult;
pub use tx::{AccountTx, Committed, ReadTx, WriteTx};
pub use url_key::UrlKey;
pub use view::{Diff, Entry, MailboxView, Snapshot, ViewState};
