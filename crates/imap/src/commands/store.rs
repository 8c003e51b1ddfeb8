//! STORE and UID STORE (RFC 9051 §6.4.6), with UNCHANGEDSINCE (RFC 7162 §3.1.3).

use ids::{Uid, UidSet};
use storage::{FlagChange, Stored};

use super::{Ctx, Reply, ReplyCode, numbers_of, require_writable, uids_of};
use crate::error::{CommandError, Result};
use crate::render::FetchWriter;
use crate::session::{Enabled, Selected, Updates};
use crate::types::{Addressing, EnableItem, NumberSet, StoreAction, StoreArgs};

pub(super) async fn run(ctx: &mut Ctx<'_>, args: StoreArgs) -> Result<Reply> {
    let user = ctx.user()?;
    require_writable(ctx)?;
    if args.unchanged_since.is_some() {
        // RFC 7162 §3.1: the modifier makes the client one that knows CONDSTORE.
        ctx.enabled.switch_on(EnableItem::CondStore);
    }
    let selected = ctx.selected()?;
    let seqs = selected
        .seqs_of(&args.set, args.by)
        .ok_or(CommandError::Bad("No such sequence number"))?;
    let uids = uids_of(selected.known(), &seqs);
    let mailbox = selected.known().mailbox();
    let change = match args.action {
        StoreAction::Add => FlagChange::Add(args.flags),
        StoreAction::Remove => FlagChange::Remove(args.flags),
        StoreAction::Replace => FlagChange::Replace(args.flags),
    };
    let (set, since) = (uids.clone(), args.unchanged_since);
    let stored: Stored = ctx
        .shared
        .store
        .account_write(user.account, "imap store", move |tx| {
            tx.store_flags(mailbox, &set, change, since)
        })
        .await?
        .value;
    let enabled = *ctx.enabled;
    let conditional = args.unchanged_since.is_some();
    let answer = Answer { silent: args.silent, by: args.by, conditional, enabled };
    let out = answer.tell(ctx.selected()?, &stored);
    ctx.connection.write(&out).await?;
    if stored.skipped.is_empty() {
        return Ok(Reply::done());
    }
    // RFC 7162 §3.1.3: MODIFIED names what was not changed, in the numbers of the command.
    let skipped = match args.by {
        Addressing::Uid => numbers_of(&stored.skipped),
        Addressing::Seq => seqs_in(ctx.selected()?, &stored.skipped),
    };
    Ok(Reply {
        text: "Conditional STORE failed for some",
        ..Reply::with_code(ReplyCode::Modified(skipped))
    })
}

fn seqs_in(selected: &Selected, uids: &UidSet) -> NumberSet {
    uids.iter().filter_map(|uid: Uid| selected.known().seq_of(uid)).collect()
}

/// How the messages stored to are answered for.
struct Answer {
    silent: bool,
    by: Addressing,
    conditional: bool,
    enabled: Enabled,
}

impl Answer {
    /// The untagged responses. Changes of others come along, expunges excepted.
    fn tell(&self, selected: &mut Selected, stored: &Stored) -> Vec<u8> {
        let mut out = Vec::new();
        let own = Some(stored.modseq);
        selected.tell_updates_but(Updates::WithoutExpunge, self.enabled, own, &mut out);
        // RFC 7162 §3.1.3: with CONDSTORE the new MODSEQ is told even when silent.
        let modseq = self.enabled.condstore() || self.conditional;
        if self.silent && !modseq {
            return out;
        }
        let known = selected.known();
        for range in stored.applied.ranges() {
            let first = known.first_seq_from(*range.start());
            let past = range.end().get().checked_add(1);
            let end = past.map_or(known.exists() + 1, |uid| known.first_seq_from(Uid::new(uid)));
            for (seq, entry) in known.entries(first..=end.saturating_sub(1)) {
                let mut fetch = FetchWriter::begin(&mut out, seq);
                if self.by == Addressing::Uid || self.enabled.condstore() {
                    // RFC 9051 §6.4.9: UID commands answer with UIDs.
                    fetch.uid(entry.uid());
                }
                if !self.silent {
                    fetch.flags_rendered(entry.flags_rendered());
                }
                if modseq {
                    fetch.modseq(entry.modseq());
                }
                fetch.finish();
            }
        }
        out
    }
}
