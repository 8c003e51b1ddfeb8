//! The QRESYNC parameter of SELECT (RFC 7162 §3.2.5): what changed while the client was away.

use ids::{AccountId, ModSeq};
use storage::Snapshot;

use super::super::Ctx;
use super::super::vanished::{Asked, expunged_since};
use crate::error::Result;
use crate::render;
use crate::types::{NumberSet, QresyncParams, SeqMatch};

/// LIMIT: the answer is handed over in pieces of this size.
const PIECE_BYTES: usize = 32 * 1024;

/// What QRESYNC (RFC 7162 §3.2.5) tells a client on SELECT of the time since it was last here.
pub(super) struct Resync {
    since: ModSeq,
    /// The UIDs it asks about.
    uids: NumberSet,
    /// The UIDs among them that were expunged.
    gone: NumberSet,
}

impl Resync {
    /// Looks up what is gone.
    pub(super) async fn load(
        ctx: &Ctx<'_>,
        account: AccountId,
        known: &std::sync::Arc<Snapshot>,
        params: &QresyncParams,
    ) -> Result<Self> {
        let uids = match &params.known_uids {
            Some(set) => set.resolve_uids(0),
            // RFC 7162 §3.2.5.1: without a list it is everything below UIDNEXT.
            None => {
                let mut all = NumberSet::new();
                all.insert_range(1, known.uid_next().get().saturating_sub(1));
                all
            }
        };
        let matched_to = params.seq_match.as_ref().map_or(0, |pairs| matched_to(known, pairs));
        let asked = Asked { since: params.modseq, uids: uids.clone(), matched_to };
        let gone = expunged_since(ctx, account, known.clone(), asked).await?;
        // See `find_expunged`: what never was is no beginning.
        let since = match params.modseq > known.highest_modseq() {
            true => ModSeq::default(),
            false => params.modseq,
        };
        Ok(Self { since, uids, gone })
    }

    /// Tells it. The mailbox is selected.
    pub(super) async fn tell(self, ctx: &mut Ctx<'_>) -> Result<()> {
        let enabled = *ctx.enabled;
        let mut out = Vec::new();
        // RFC 7162 §3.2.6: before any FETCH, or the numbers in those would be misread.
        render::vanished(&mut out, &self.gone, true);
        let selected = ctx.selected()?;
        let (known, seqs) = (selected.known().clone(), selected.seqs_of_uids(&self.uids));
        let entries = seqs.ranges().iter().flat_map(|&(first, last)| known.entries(first..=last));
        for (seq, entry) in entries.filter(|(_, entry)| entry.modseq() > self.since) {
            ctx.selected()?.tell_message(&mut out, seq, &entry, enabled);
            if out.len() >= PIECE_BYTES {
                ctx.connection.write(&out).await?;
                out.clear();
            }
        }
        ctx.connection.write(&out).await?;
        Ok(())
    }
}

/// RFC 7162 §3.2.5.2: where a sequence number still has its UID, the client knows of everything
/// expunged up to there.
fn matched_to(known: &Snapshot, pairs: &SeqMatch) -> u32 {
    let (seqs, uids) = (pairs.seqs.seqs_within(known.exists()), pairs.uids.resolve_uids(0));
    let pairs = seqs.iter().zip(uids.iter());
    let is_there =
        |&(seq, uid): &(u32, u32)| known.by_seq(seq).is_some_and(|entry| entry.uid().get() == uid);
    pairs.filter(is_there).last().map_or(0, |(_, uid)| uid)
}
