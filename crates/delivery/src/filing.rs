//! Where a script stores a message, as storage is told.

use ids::AccountId;
use message::flag::{Flag, Flags};
use responder::{Fcc, FileInto, Place};
use storage::{Destination, Filing, MailboxName, ReadTx, Result, SpecialUse};

use crate::world::mailbox_id;

/// The flags of these names; what is none, or cannot be stored, is left out (RFC 5232 §2).
pub(crate) fn flags(names: &[String]) -> Flags {
    names.iter().filter_map(|name| Flag::parse(name.as_bytes()).ok()).collect()
}

/// The destination of `fileinto`.
pub(crate) fn destination(place: &Place) -> Destination {
    Destination::Mailbox {
        name: MailboxName::parse(&place.name).ok(),
        id: place.mailbox_id.as_deref().and_then(mailbox_id),
        special_use: place.special_use.as_deref().and_then(SpecialUse::parse_attribute),
        create: place.create,
    }
}

/// A filing of the message as it came.
pub(crate) fn file_into(action: &FileInto) -> Filing {
    Filing { message: None, destination: destination(&action.mailbox), flags: flags(&action.flags) }
}

/// A copy of what is sent.
pub(crate) fn copy(fcc: &Fcc) -> Filing {
    Filing { message: None, destination: destination(&fcc.mailbox), flags: flags(&fcc.flags) }
}

/// Whether one of several destinations is the mailbox of unwanted mail.
pub(crate) fn is_any_junk(
    tx: &mut ReadTx<'_>,
    account: AccountId,
    places: &[Destination],
) -> Result<bool> {
    let junk = tx.special_mailbox(account, SpecialUse::Junk)?;
    for place in places {
        let Destination::Mailbox { name, id, special_use, .. } = place else { continue };
        if *special_use == Some(SpecialUse::Junk) || (junk.is_some() && *id == junk) {
            return Ok(true);
        }
        if let (Some(name), Some(junk)) = (name, junk)
            && tx.find_mailbox(account, name)?.is_some_and(|found| found.id == junk)
        {
            return Ok(true);
        }
    }
    Ok(false)
}
