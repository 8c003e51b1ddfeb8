//! Special uses as IMAP names them (RFC 6154 §2) and as storage keeps them.

use storage::SpecialUse as Stored;

use crate::types::SpecialUse;

/// What storage keeps for an attribute; `None` for those no mailbox of ours can be created for.
pub(super) fn to_storage(attribute: SpecialUse) -> Option<Stored> {
    Some(match attribute {
        SpecialUse::Archive => Stored::Archive,
        SpecialUse::Drafts => Stored::Drafts,
        SpecialUse::Junk => Stored::Junk,
        SpecialUse::Sent => Stored::Sent,
        SpecialUse::Trash => Stored::Trash,
        // \All and \Flagged are views over other mailboxes, which no mailbox here is; \Important
        // (RFC 8457 §3) would need a keyword kept in step.
        SpecialUse::All | SpecialUse::Flagged | SpecialUse::Important => return None,
    })
}

/// The attribute of a stored special use.
pub(super) fn from_storage(stored: Stored) -> SpecialUse {
    match stored {
        Stored::All => SpecialUse::All,
        Stored::Archive => SpecialUse::Archive,
        Stored::Drafts => SpecialUse::Drafts,
        Stored::Flagged => SpecialUse::Flagged,
        Stored::Junk => SpecialUse::Junk,
        Stored::Sent => SpecialUse::Sent,
        Stored::Trash => SpecialUse::Trash,
    }
}
