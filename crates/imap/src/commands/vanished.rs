//! What was expunged while a client was away: VANISHED (EARLIER) (RFC 7162 §3.2.10.1).

use std::sync::Arc;

use ids::{AccountId, ModSeq, Uid};
use storage::{ReadTx, Snapshot};

use super::{Ctx, numbers_of};
use crate::error::Result;
use crate::types::NumberSet;

/// What a client knows of a mailbox, and the UIDs for which it asks to hear of expunges
/// (RFC 7162 §3.2.6).
#[derive(Debug)]
pub(super) struct Asked {
    /// The client knows every change up to this modification sequence.
    pub(super) since: ModSeq,
    /// The UIDs it asks about.
    pub(super) uids: NumberSet,
    /// It knows of everything expunged up to this UID.
    pub(super) matched_to: u32,
}

/// The UIDs asked about that are gone, none of which the session shows.
pub(super) async fn expunged_since(
    ctx: &Ctx<'_>,
    account: AccountId,
    known: Arc<Snapshot>,
    asked: Asked,
) -> Result<NumberSet> {
    if asked.since == known.highest_modseq() || asked.uids.is_empty() {
        return Ok(NumberSet::new());
    }
    let gone = ctx.shared.store.read(move |tx| find_expunged(tx, account, &known, &asked));
    Ok(gone.await?)
}

fn find_expunged(
    tx: &mut ReadTx<'_>,
    account: AccountId,
    known: &Snapshot,
    asked: &Asked,
) -> storage::Result<NumberSet> {
    let Some(last) = known.uid_next().get().checked_sub(1).filter(|last| *last > 0) else {
        return Ok(NumberSet::new());
    };
    let mut candidates = NumberSet::new();
    candidates.insert_range(asked.matched_to.saturating_add(1), last);
    let candidates = candidates.intersection(&asked.uids);
    // A client that has seen what never was: the store was set back to a backup. All it knows is
    // in doubt.
    let since = Some(asked.since).filter(|since| *since <= known.highest_modseq());
    let logged = match since {
        Some(since) => tx.expunged_since(account, known.mailbox(), since)?,
        None => None,
    };
    let gone = match logged {
        Some(expunged) => candidates.intersection(&numbers_of(&expunged)),
        // RFC 7162 §3.2.6: where the server no longer knows, everything that is not there is
        // reported.
        None => candidates,
    };
    Ok(gone.difference(&shown(known, &gone)))
}

/// The UIDs of `uids` that the session shows, perhaps expunged meanwhile: VANISHED without EARLIER
/// will tell of them.
fn shown(known: &Snapshot, uids: &NumberSet) -> NumberSet {
    let mut shown = NumberSet::new();
    for &(low, high) in uids.ranges() {
        let first = known.first_seq_from(Uid::new(low));
        let entries = known.entries(first..=known.exists());
        for (_, entry) in entries.take_while(|(_, entry)| entry.uid().get() <= high) {
            shown.insert(entry.uid().get());
        }
    }
    shown
}
