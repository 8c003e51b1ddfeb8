//! STORE and UID STORE (RFC 9051 §6.4.6), with UNCHANGEDSINCE (RFC 7162 §3.1.3).

pub(super) mod annotation;

use std::sync::Arc;

use ids::{ModSeq, Uid, UidSet};
use storage::{Entry, Extent, FlagChange, Snapshot, Stored};

use super::{
    Ctx, Reply, ReplyCode, message_limit, numbers_of, own_modseq, require_writable, uids_of,
};
use crate::error::{CommandError, Result, refused};
use crate::render::Code;
use crate::session::{Enabled, OwnChange, Selected, Updates, begin_fetch};
use crate::types::{Addressing, NumberSet, StoreAction, StoreArgs};

/// LIMIT: the answer is handed over in pieces of this size.
const PIECE_BYTES: usize = 32 * 1024;

pub(super) async fn run(ctx: &mut Ctx<'_>, args: StoreArgs) -> Result<Reply> {
    require_writable(ctx)?;
    let (limit, seqs) = (ctx.message_limit(), ctx.seqs_of(&args.set, args.by)?);
    let selected = ctx.selected()?;
    let (seqs, reached) = message_limit::cut(limit, selected.known(), seqs);
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
    let extent = Extent::of_flags(uids.len());
    let committed = ctx
        .change_selected(("imap store", extent), move |tx| {
            tx.store_flags(mailbox, &set, asked, since)
        })
        .await?;
    let own = own_modseq(&committed);
    let stored: Stored = committed.value;
    let (silent, enabled) = (args.silent, *ctx.enabled);
    // RFC 9738 §3.1: where not all is told, the highest comes first.
    let descending = reached.is_some();
    let answer = Answer { silent, by: args.by, enabled, before, change, own, descending };
    answer.tell(ctx, &stored).await?;
    if !stored.skipped.is_empty() {
        let reply = modified(ctx.selected()?, args.by, &stored)?;
        return Ok(message_limit::reply(ctx, reached, reply));
    }
    if stored.applied.is_empty() && !uids.is_empty() && args.by == Addressing::Seq {
        return Err(none_left());
    }
    Ok(message_limit::reply(ctx, reached, Reply::done()))
}

/// Nothing was stored, as others have expunged all of the messages: the client must not believe
/// otherwise (RFC 9051 §7.1, EXPUNGEISSUED).
fn none_left() -> CommandError {
    refused(Code::ExpungeIssued, "The messages have been deleted by another session")
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
    descending: bool,
}

impl Answer {
    /// The untagged responses. Changes of others come along, expunges excepted.
    async fn tell(&self, ctx: &mut Ctx<'_>, stored: &Stored) -> Result<()> {
        let mut out = Vec::new();
        let own = self.own.map_or(OwnChange::Nothing, OwnChange::Flags);
        ctx.tell_updates(Updates::WithoutExpunge, own, &mut out).await?;
        let selected = ctx.selected()?;
        let (known, recent) = (selected.known().clone(), selected.recent().clone());
        let mut surprises = Surprises { answer: self, last: None };
        if self.descending {
            // No more than the limit.
            let uids: Vec<Uid> = stored.applied.iter().collect();
            for (seq, entry) in uids.iter().rev().filter_map(|uid| known.by_uid(*uid)) {
                let before = self.before.by_uid(entry.uid()).map(|(_, before)| before);
                let tells_flags = !self.silent || surprises.hold(before.as_ref(), &entry);
                self.render(&mut out, seq, &entry, tells_flags, &recent);
            }
            return Ok(ctx.connection.write(&out).await?);
        }
        for range in stored.applied.ranges() {
            let mut before = self.before.between(range.clone()).peekable();
            for (seq, entry) in known.between(range) {
                while before.next_if(|(_, before)| before.uid() < entry.uid()).is_some() {}
                let before = before.next_if(|(_, before)| before.uid() == entry.uid());
                let before = before.as_ref().map(|(_, before)| before);
                let tells_flags = !self.silent || surprises.hold(before, &entry);
                self.render(&mut out, seq, &entry, tells_flags, &recent);
                if out.len() >= PIECE_BYTES {
                    ctx.connection.write(&out).await?;
                    out.clear();
                }
            }
        }
        ctx.connection.write(&out).await?;
        Ok(())
    }

    fn render(
        &self,
        out: &mut Vec<u8>,
        seq: u32,
        entry: &Entry<'_>,
        tells_flags: bool,
        recent: &UidSet,
    ) {
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
            let recent = !recent.is_empty() && recent.contains(entry.uid());
            fetch.flags_rendered(entry.flags_rendered(), recent);
        }
        if self.enabled.condstore() {
            fetch.modseq(entry.modseq());
        }
        fetch.finish();
    }
}

/// Messages that have other flags than a client can know that asked for silence: another session
/// changed them in between (RFC 9051 §6.4.6), or rights left nothing of the change (RFC 4314 §4).
struct Surprises<'a> {
    answer: &'a Answer,
    /// The last sets of flags compared, before and after: mostly the next ones are the same.
    last: Option<(usize, usize, bool)>,
}

impl Surprises<'_> {
    /// Whether one of them is a message that the client knew as `before` and that is now `entry`.
    fn hold(&mut self, before: Option<&Entry<'_>>, entry: &Entry<'_>) -> bool {
        // What others have changed, and this command left as it was, has been told already.
        let is_unchanged = before.is_some_and(|before| before.modseq() == entry.modseq());
        if self.answer.own != Some(entry.modseq()) && !is_unchanged {
            return false;
        }
        let Some(before) = before else { return true };
        let sets = (before.flag_set(), entry.flag_set());
        if let Some((was, is, surprise)) = self.last
            && (was, is) == sets
        {
            return surprise;
        }
        let surprise = self.answer.change.applied_to(before.flags()) != *entry.flags();
        self.last = Some((sets.0, sets.1, surprise));
        surprise
    }
}
