//! The change feed: what a committed transaction did, as typed facts.
//!
//! One [`ModSeq`] per write transaction and account, whatever kind of object was touched: IMAP's
//! HIGHESTMODSEQ, a DAV sync-token and a JMAP state are three spellings of it.

use ids::{AccountId, CollectionId, ModSeq, UidSet};

use crate::MetadataEntry;

/// One fact of a committed transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The account whose data changed.
    pub account: AccountId,
    /// The transaction's modification sequence in that account.
    pub modseq: ModSeq,
    /// The collection concerned; `None` for facts of the account itself.
    pub collection: Option<CollectionId>,
    /// The fact itself.
    pub fact: Fact,
}

/// What happened. Facts only: nothing here asks anybody to do anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// A mailbox came into being.
    MailboxCreated,
    /// A mailbox (or one above it) was renamed; its id and UIDs stay. Carries the old name.
    MailboxRenamed {
        /// The name before.
        from: String,
    },
    /// A mailbox and all its messages are gone. Carries its last name.
    MailboxDeleted {
        /// The name it had.
        name: String,
    },
    /// Others may do more or less with a mailbox than before.
    AclChanged,
    /// The owner of a mailbox has another access key for it, or none any more (RFC 4467 §2.2).
    UrlKeyReset,
    /// Special use or another attribute of a mailbox changed.
    MailboxUpdated,
    /// A name was subscribed to or unsubscribed from.
    SubscriptionChanged {
        /// The mailbox name.
        name: String,
        /// Whether it is subscribed to now.
        subscribed: bool,
    },
    /// An annotation of a mailbox, or of the server where no collection is named, was set or
    /// removed. Facts about private ones are those of the account that sees them.
    MetadataChanged {
        /// The name of the entry.
        entry: MetadataEntry,
    },
    /// Messages were added under these UIDs.
    MessagesAdded(UidSet),
    /// Flags or keywords of these messages changed.
    FlagsChanged(UidSet),
    /// Annotations of these messages changed (RFC 5257), some of them perhaps such as only one
    /// account sees.
    AnnotationsChanged(UidSet),
    /// These messages were expunged.
    MessagesExpunged(UidSet),
    /// A calendar, address book or folder came into being.
    CollectionCreated,
    /// Its properties, its name or who may do what with it changed.
    CollectionUpdated,
    /// A collection was deleted with all that was in it.
    CollectionDeleted {
        /// The name it had.
        name: String,
    },
    /// An object came or changed.
    ObjectPut {
        /// The name of the object.
        name: String,
    },
    /// An object is gone.
    ObjectDeleted {
        /// The name it had.
        name: String,
    },
    /// The password changed, or the account was blocked: sessions signed in before must end
    /// (R-ADDR-8, R-ADDR-12).
    CredentialsChanged,
    /// Another Sieve script became the active one, or none.
    ScriptActivated {
        /// The name of the active script; empty: none is active.
        name: String,
    },
    /// Another attribute of the account (quota, name, maintenance …) changed.
    AccountUpdated,
}

/// The answer to "what happened since".
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changes {
    /// Everything since, in commit order.
    List(Vec<Change>),
    /// The log no longer reaches back that far (below the recorded horizon): read everything anew.
    TooOld,
}
