//! What one transaction did to one mailbox, with the rows a view needs to follow it.

use ids::{AccountId, CollectionId, ContentId, ModSeq, Timestamp, Uid, UidSet};
use message::flag::Flags;

/// A message as a view holds it.
#[derive(Debug, Clone)]
pub(crate) struct DeltaEntry {
    pub(crate) uid: Uid,
    pub(crate) content: ContentId,
    pub(crate) flags: Flags,
    pub(crate) internal_date: Timestamp,
    pub(crate) size_bytes: u32,
}

/// What one transaction did to one mailbox. Mutators append one per call, next to the
/// [`Change`](crate::Change) they record; a transaction may hold several for one mailbox, in order.
#[derive(Debug, Clone)]
pub(crate) struct MailboxDelta {
    pub(crate) account: AccountId,
    pub(crate) mailbox: CollectionId,
    pub(crate) modseq: ModSeq,
    /// New messages, ascending UIDs above every UID before.
    pub(crate) added: Vec<DeltaEntry>,
    /// The last UID given out, where messages added may be gone again; 0 where `added` says it.
    pub(crate) added_up_to: Uid,
    /// New flags of existing messages, ascending UIDs.
    pub(crate) flags: Vec<(Uid, Flags)>,
    /// The UIDs that were expunged.
    pub(crate) expunged: UidSet,
    /// The mailbox itself is gone.
    pub(crate) deleted: bool,
    /// Others may do more or less with the mailbox; nothing of it has changed.
    pub(crate) acl_changed: bool,
    /// Its owner has another access key for it; nothing of it has changed.
    pub(crate) url_key_reset: bool,
}

impl MailboxDelta {
    /// A delta that says nothing yet.
    pub(crate) fn new(account: AccountId, mailbox: CollectionId, modseq: ModSeq) -> Self {
        Self {
            account,
            mailbox,
            modseq,
            added: Vec::new(),
            added_up_to: Uid::new(0),
            flags: Vec::new(),
            expunged: UidSet::new(),
            deleted: false,
            acl_changed: false,
            url_key_reset: false,
        }
    }
}
