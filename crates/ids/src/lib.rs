//! The small value types every crate shares: identifiers, counters, instants.
//!
//! Nothing here does I/O or reads a clock. A function that takes two numbers takes two of
//! these, so that an account can never be passed where a mailbox is meant.
//!
//! **Invariant:** every type round-trips through its `get`/`new` pair unchanged.
//! **Absent:** anything that knows storage, a protocol or the wall clock.

mod blob_id;
mod time;
mod uid_set;

pub use blob_id::BlobId;
pub use time::{Clock, Timestamp};
pub use uid_set::UidSet;

macro_rules! row_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(i64);

        impl $name {
            /// Wraps the number a row is stored under.
            pub const fn new(raw: i64) -> Self {
                Self(raw)
            }
            /// The number the row is stored under.
            pub const fn get(self) -> i64 {
                self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

row_id!(
    /// One account: a person or a shared function (`product.md`, Terms).
    AccountId
);
row_id!(
    /// A domain of an organisation, or a domain alias.
    DomainId
);
row_id!(
    /// A mailbox, calendar or address book. Unique in the whole store, never reused; a renamed
    /// collection keeps its id. For mailboxes it is RFC 8474 MAILBOXID.
    CollectionId
);
row_id!(
    /// One distinct message text with everything computed from it. Copies share it, so it is
    /// also RFC 8474 EMAILID.
    ContentId
);
row_id!(
    /// An entry of the outgoing mail spool.
    SpoolId
);
row_id!(
    /// One daemon that works on the queue, from its start to its end. Never used again.
    QueueDaemonId
);
row_id!(
    /// One team of accounts of an organisation. Never the number of an account, so that a grantee
    /// is either.
    TeamId
);
row_id!(
    /// A list: an address whose mail goes to several others.
    ListId
);
row_id!(
    /// An app password or access token of an account.
    AccessKeyId
);

macro_rules! counter {
    ($(#[$doc:meta])* $name:ident, $raw:ty) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name($raw);

        impl $name {
            /// Wraps the raw number.
            pub const fn new(raw: $raw) -> Self {
                Self(raw)
            }
            /// The raw number.
            pub const fn get(self) -> $raw {
                self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

counter!(
    /// Message unique identifier in one mailbox (RFC 9051 §2.3.1.1): 1 to 4,294,967,295 for a
    /// stored message; 0 means "before the first".
    Uid,
    u32
);
counter!(
    /// Unique identifier validity of a mailbox (RFC 9051 §2.3.1.1), 1 to 4,294,967,295.
    UidValidity,
    u32
);
counter!(
    /// Modification sequence (RFC 7162 §3.1): one per write transaction, one counter per account
    /// for every kind of object. 63 bits; 0 means "before the first change".
    ModSeq,
    u64
);
