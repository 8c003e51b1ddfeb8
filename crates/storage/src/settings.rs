//! What the binary decides about a store. Plain values with defaults.

use std::path::PathBuf;
use std::sync::Arc;

use ids::Clock;

use crate::{AttachmentSettings, Letters, SchedulingSettings, ShareNotices};

/// Where the rows live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Database {
    /// SQLite in `data_dir/posthorn.db`.
    Sqlite,
    /// PostgreSQL, or what speaks its protocol: `postgresql://user@host:port/name`.
    Postgres(String),
}

/// Where blobs above [`Settings::inline_bytes_max`] live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Blobs {
    /// Beside the rows: append-only packs in `data_dir/blobs` with SQLite, rows with PostgreSQL.
    Database,
    /// An object store: `s3://bucket?endpoint=…&region=…` or `file:///path`.
    ObjectStore(String),
}

/// Everything a store is opened with.
#[derive(Clone)]
pub struct Settings {
    /// The data directory; created if absent.
    pub data_dir: PathBuf,
    /// The database engine, and where it is.
    pub database: Database,
    /// The place of large blobs.
    pub blobs: Blobs,
    /// Stored (compressed) blobs up to this many bytes live in a row. Default 16 KiB.
    pub inline_bytes_max: usize,
    /// Connections (SQLite) or pooled connections (PostgreSQL) for reading. Default 4.
    pub readers: usize,
    /// Concurrent write transactions with PostgreSQL; SQLite always has one writer. Default 8.
    pub writers: usize,
    /// Write transactions that may share one commit. Default 512.
    pub batch_max: usize,
    /// Write transactions that may wait; above it writers wait for a place. Default 4096.
    pub queue_max: usize,
    /// Memory for the messages of write transactions that wait or run; above it writers wait for
    /// room. One that brings more takes all of it. Default 256 MiB.
    pub queue_bytes_max: u64,
    /// Days an expunged message can be brought back (R-REST-1). Default 30.
    pub expunged_retention_days: u32,
    /// Days the change log reaches back. Default 60.
    pub change_log_days: u32,
    /// Days a message stays in a schedule inbox that no program takes out. Default 30.
    pub inbox_days: u32,
    /// Days it can be said what happened to a message. Default 14.
    pub trace_days: u32,
    /// Whether it is noted what becomes of messages at their reception. Default yes.
    pub trace_receptions: bool,
    /// Bytes that expunged messages take of one account, with 512 for each; beyond it the oldest go
    /// before their time. As much as its quota, where that is more. An account without a quota has
    /// no such bound. Default 1 GiB.
    pub expunged_bytes_max: u64,
    /// Days it can be said what happened to an account (R-SMTP-5). Default 90.
    pub activity_days: u32,
    /// Messages of one account that are held to be sent later (R-SMTP-4).
    pub scheduled_messages_max: u64,
    /// Largest message in bytes (R-ADDR-11). Default 50 MiB.
    pub message_bytes_max: u64,
    /// Messages that an account without a limit of its own may send a day (R-ADDR-11); 0 is no
    /// limit, the default.
    pub sent_messages_max: u64,
    /// Recipients that one such message may have; 0 is no limit, the default.
    pub sent_recipients_max: u64,
    /// Messages side by side from which on a change of their flags is one row first, and written
    /// into theirs later. Default 64.
    pub sweep_messages_min: u64,
    /// Whether it is noted what moving messages into Junk and out of it says of them.
    pub lessons: bool,
    /// Mailboxes per account (R-FOLD-5). Default 10,000.
    pub mailboxes_max: u64,
    /// Keywords one mailbox may know. Default 1,000.
    pub keywords_max: u64,
    /// Bytes of one annotation (RFC 5464 §4.1: at least 1,024). Default 32 KiB.
    pub metadata_value_bytes_max: u64,
    /// Annotations of one mailbox, or of the server, shared ones and those of one account each
    /// (RFC 5464 §4.1: at least 10). Default 100.
    pub metadata_entries_max: u64,
    /// Bytes of all annotations in the space of one account. Default 10 MiB.
    pub metadata_bytes_max: u64,
    /// Bytes of the value of one annotation of a message (RFC 5257 §4.1: at least 1,024). Default
    /// 32 KiB.
    pub annotation_value_bytes_max: u64,
    /// Annotations of one message, shared ones and those of one account each (RFC 5257 §4.1: at
    /// least 10). Default 50.
    pub annotations_max: u64,
    /// Bytes of the annotations that one account sets in the mailboxes of one account, and of
    /// the shared ones there. Default 32 MiB.
    pub annotation_bytes_max: u64,
    /// Entries of the access control list of one mailbox, and accounts with which one account is
    /// shared as a whole. Default 1,000.
    pub acl_entries_max: u64,
    /// Outsiders with whom one calendar may be shared. Default 100.
    pub outsiders_max: u64,
    /// Letters that invite them, of one account on one day. Default 50.
    pub outside_letters_max: u64,
    /// Whether they are told by a letter that they may do something else with it, or nothing any
    /// more. Default no.
    pub tells_of_sharing: bool,
    /// Mailboxes of others that an account is shown; what was shared with it comes before what
    /// is there for anyone. Default 10,000.
    pub shared_mailboxes_max: u64,
    /// Teams of one organisation. Default 1,000.
    pub teams_max: u64,
    /// Accounts in one team. Default 10,000.
    pub team_members_max: u64,
    /// Lists of one organisation. Default 1,000.
    pub lists_max: u64,
    /// Members of one list. Default 10,000.
    pub list_members_max: u64,
    /// Sieve scripts of one account. Default 100.
    pub scripts_max: u64,
    /// Bytes of one script. Default 1 MiB.
    pub script_bytes_max: u64,
    /// Bytes of all scripts of one account. Default 4 MiB.
    pub scripts_bytes_max: u64,
    /// Redirections of one account (R-ADDR-10). Default 10.
    pub redirections_max: u64,
    /// Calendars, address books and folders of one account. Default 1,000.
    pub collections_max: u64,
    /// Objects in one collection. Default 200,000.
    pub objects_max: u64,
    /// Objects that one request copies, in one transaction. Default 10,000.
    pub copied_objects_max: u64,
    /// Bytes that what was replaced or deleted takes of one account; beyond it the oldest goes
    /// before its time. As much as its quota, where that is more. Default 1 GiB.
    pub version_bytes_max: u64,
    /// Properties of one calendar, address book or object that mean nothing to the server.
    /// Default 100.
    pub dead_properties_max: u64,
    /// What managed attachments of calendar objects are bound by.
    pub attachments: AttachmentSettings,
    /// What scheduling of meetings is bound by.
    pub scheduling: SchedulingSettings,
    /// Composes the mail that tells people elsewhere of meetings, and invites them to calendars;
    /// without it, they are told nothing, and cannot be invited.
    pub letters: Option<Arc<dyn Letters>>,
    /// Renders what clients are told of sharing; without it, they are told nothing.
    pub share_notices: Option<Arc<dyn ShareNotices>>,
    /// Messages whose view may stay in memory with no session open. Default 4,000,000.
    pub view_cache_messages_max: usize,
    /// Bytes of sort keys that may stay in memory from one SORT or THREAD to the next. Default
    /// 128 MiB.
    pub sort_keys_bytes_max: usize,
    /// Whether new messages are indexed for searching. Default true.
    pub search_index: bool,
    /// Text of one message, header and body each, that is indexed; a longer one is looked at by
    /// each search. Default 4 MiB.
    pub index_text_bytes_max: usize,
    /// Media types of attachments whose texts are indexed, in lower case, `text/*` for all of a
    /// kind; others are looked at by each search. Default `text/*`.
    pub index_attachments: Vec<String>,
    /// Memory for a part of the index being made. Default 32 MiB.
    pub index_memory_bytes: usize,
    /// Memory for what searches read of the index, from one to the next. Default 128 MiB.
    pub index_cache_bytes: usize,
    /// Memory that envelopes, structures and headers read before may take. Default 64 MiB.
    pub content_cache_bytes: u64,
    /// The clock that tells the time.
    pub clock: Arc<dyn Clock>,
}

impl Settings {
    /// Defaults for SQLite in `data_dir`.
    pub fn new(data_dir: impl Into<PathBuf>, clock: Arc<dyn Clock>) -> Self {
        Self {
            data_dir: data_dir.into(),
            database: Database::Sqlite,
            blobs: Blobs::Database,
            inline_bytes_max: 16 * 1024,
            readers: 4,
            writers: 8,
            batch_max: 512,
            queue_max: 4096,
            queue_bytes_max: 256 * 1024 * 1024,
            expunged_retention_days: 30,
            expunged_bytes_max: 1024 * 1024 * 1024,
            change_log_days: 60,
            inbox_days: 30,
            trace_days: 14,
            trace_receptions: true,
            activity_days: 90,
            // LIMIT: what one person writes ahead; a mailing has other tools.
            scheduled_messages_max: 1000,
            message_bytes_max: 50 * 1024 * 1024,
            sent_messages_max: 0,
            sent_recipients_max: 0,
            sweep_messages_min: 64,
            lessons: false,
            mailboxes_max: 10_000,
            keywords_max: 1_000,
            metadata_value_bytes_max: 32 * 1024,
            metadata_entries_max: 100,
            metadata_bytes_max: 10 * 1024 * 1024,
            annotation_value_bytes_max: 32 * 1024,
            annotations_max: 50,
            annotation_bytes_max: 32 * 1024 * 1024,
            acl_entries_max: 1_000,
            outsiders_max: 100,
            outside_letters_max: 50,
            tells_of_sharing: false,
            shared_mailboxes_max: 10_000,
            teams_max: 1_000,
            team_members_max: 10_000,
            lists_max: 1_000,
            list_members_max: 10_000,
            scripts_max: 100,
            script_bytes_max: 1 << 20,
            scripts_bytes_max: 4 << 20,
            redirections_max: 10,
            collections_max: 1_000,
            objects_max: 200_000,
            copied_objects_max: 10_000,
            version_bytes_max: 1024 * 1024 * 1024,
            dead_properties_max: 100,
            attachments: AttachmentSettings::default(),
            scheduling: SchedulingSettings::default(),
            letters: None,
            share_notices: None,
            view_cache_messages_max: 4_000_000,
            sort_keys_bytes_max: 128 * 1024 * 1024,
            search_index: true,
            index_text_bytes_max: 4 * 1024 * 1024,
            index_attachments: vec!["text/*".to_owned()],
            index_memory_bytes: 32 * 1024 * 1024,
            index_cache_bytes: 128 * 1024 * 1024,
            content_cache_bytes: 64 * 1024 * 1024,
            clock,
        }
    }
}
