//! STORE and UID STORE (RFC 9051 §6.4.6), with UNCHANGEDSINCE (RFC 7162 §3.1.3).

use std::sync::Arc;

use ids::{ModSeq, Uid, UidSet};
use storage::{Entry, FlagChange, Snapshot, Stored};

use super::{Ctx, Reply, ReplyCode, numbers_of, own_modseq, require_writable, uids_of};
use crate::error::{CommandError, Result, refused};
use crate::render::Code;
use crate::session::{Enabled, Selected, Updates, begin_fetch};
use crate::types::{Addressing, NumberSet, StoreAction, StoreArgs};

/// LIMIT: the answer is handed over in pieces of this size.
const PIECE_BYTES: usize = 32 * 1024;

pub(super) async fn run(ctx: &mut Ctx<'_>, args: StoreArgs) -> Result<Reply> {
    require_writable(ctx)?;
    let selected = ctx.selected()?;
    let seqs =
        selected.seqs_of(&args.set, args.by).ok_or(CommandError::Bad("No such sequence number"))?;
    let uids = uids_of(selected.known(), &seqs);
    let before = selected.known().clone();
    let mailbox = before.mailbox();
    let change = match args.action {
        StoreAction::Add => FlagChange::Add(args.flags),
        StoreAction::Remove => FlagChange::Remove(args.flags),
        StoreAction::Replace => FlagChange::Replace(args.flags),
    };
    if args.unchanged_since.is_some() {
        // RFC 7162 §3.1: the modifier makes the client one that knows CONDSTORE.
        ctx.enable_condstore();
    }
    let (set, since, asked) = (uids.clone(), args.unchanged_since, change.clone());
    let committed = ctx
        .change_selected("imap store", move |tx| tx.store_flags(mailbox, &set, asked, since))
        .await?;
    let own = own_modseq(&committed);
    let stored: Stored = committed.value;
    let (silent, enabled) = (args.silent, *ctx.enabled);
    let answer = Answer { silent, by: args.by, enabled, before, change, own };
    answer.tell(ctx, &stored).await?;
    if !stored.skipped.is_empty() {
        return modified(ctx.selected()?, args.by, &stored);
    }
    if stored.applied.is_empty() && !uids.is_empty() && args.by == Addressing::Seq {
        // Nothing was stored, as others have expunged all of them: the client must not believe
        // otherwise (RFC 9051 §7.1, EXPUNGEISSUED).
        return Err(refused(
            Code::ExpungeIssued,
            "The messages have been deleted by another session",
        ));
    }
    Ok(Reply::done())
}

/// RFC 7162 §3.1.3: MODIFIED names what was not changed, in the numbers of the command.
fn modified(selected: &Selected, by: Addressing, stored: &Stored) -> Result<Reply> {
    let skipped = match by {
        Addressing::Uid => numbers_of(&stored.skipped),
        Addressing::Seq => seqs_in(selected, &stored.skipped),
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
    enabled: Enabled,
    /// What the client knew when it asked for `change`.
    before: Arc<Snapshot>,
    change: FlagChange,
    own: Option<ModSeq>,
}

impl Answer {
    /// The untagged responses. Changes of others come along, expunges excepted.
    async fn tell(&self, ctx: &mut Ctx<'_>, stored: &Stored) -> Result<()> {
        let mut out = Vec::new();
        let selected = ctx.selected()?;
        selected.tell_updates_but(Updates::WithoutExpunge, self.enabled, self.own, &mut out);
        let (known, recent) = (selected.known().clone(), selected.recent().clone());
        for range in stored.applied.ranges() {
            let first = known.first_seq_from(*range.start());
            let past = range.end().get().checked_add(1);
            let end = past.map_or(known.exists() + 1, |uid| known.first_seq_from(Uid::new(uid)));
            for (seq, entry) in known.entries(first..=end.saturating_sub(1)) {
                self.render(&mut out, seq, &entry, recent.contains(entry.uid()));
                if out.len() >= PIECE_BYTES {
                    ctx.connection.write(&out).await?;
                    out.clear();
                }
            }
        }
        ctx.connection.write(&out).await?;
        Ok(())
    }

    /// Whether a message has other flags than a client can know that asked for silence: another
    /// session changed them in between (RFC 9051 §6.4.6).
    fn is_surprise(&self, entry: &Entry<'_>) -> bool {
        // What this command left as it was has been told with the changes of others.
        if self.own != Some(entry.modseq()) {
            return false;
        }
        let known = self.before.seq_of(entry.uid()).and_then(|seq| self.before.by_seq(seq));
        known.is_none_or(|known| self.change.applied_to(known.flags()) != *entry.flags())
    }

    fn render(&self, out: &mut Vec<u8>, seq: u32, entry: &Entry<'_>, recent: bool) {
        let tells_flags = !self.silent || self.is_surprise(entry);
        // RFC 7162 §3.1.3: who knows CONDSTORE is told the new MODSEQ even when silent.
        if !tells_flags && !self.enabled.condstore() {
            return;
        }
        let mut fetch = begin_fetch(out, seq, entry, self.enabled);
        let tells_uid = self.by == Addressing::Uid || self.enabled.condstore();
        if tells_uid && !self.enabled.uid_only() {
            // RFC 9051 §6.4.9: UID commands answer with UIDs.
            fetch.uid(entry.uid());
        }
        if tells_flags {
            fetch.flags_rendered(entry.flags_rendered(), recent);
        }
        if self.enabled.condstore() {
            fetch.modseq(entry.modseq());
        }
        fetch.finish();
    }
}
