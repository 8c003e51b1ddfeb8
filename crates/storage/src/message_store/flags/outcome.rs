//! What messages become by a change of flags: from the mailbox's view where that is known to be
//! what the rows say, else from the rows.

use std::collections::HashMap;

use ids::{Uid, UidSet};
use message::flag::{Flags, Keyword};

use super::FlagChange;
use crate::mailbox::Mailbox;
use crate::message_store::counts::Counts;
use crate::message_store::keywords::{FlagReader, KeywordLoad, check_keyword_bytes};
use crate::message_store::selection::{Run, Selection};
use crate::message_store::sweep::{FlagColumns, Sweeps};
use crate::view::Snapshot;
use crate::{AccountTx, Result, Rights};

/// What a message becomes; `after` is `None` where nothing changes.
#[derive(Debug, Clone)]
pub(super) struct Outcome {
    pub(super) uid: Uid,
    /// Changed after the instant asked for: left alone (RFC 7162 §3.1.3).
    pub(super) skipped: bool,
    pub(super) after: Option<Flags>,
    /// What it was, where somebody wants to know.
    pub(super) before: Option<Flags>,
}

/// A change as it was asked for.
pub(super) struct Asked<'c> {
    pub(super) change: &'c FlagChange,
    /// Messages may get keywords by it.
    pub(super) adds_keywords: bool,
    pub(super) rights: Rights,
    /// Messages changed later are left alone.
    pub(super) since: i64,
    /// Whether it is to be known what messages were before.
    pub(super) notes: bool,
}

impl Asked<'_> {
    /// Refuses what would be too many keywords, as soon as they are.
    fn count(&self, load: &mut KeywordLoad, outcome: &Outcome) -> Result<()> {
        match &outcome.after {
            Some(after) if self.adds_keywords => load.add(after).map(drop),
            _ => Ok(()),
        }
    }

    /// What a message becomes, and what that adds to the mailbox's numbers.
    fn outcome(&self, uid: Uid, modseq: i64, before: &Flags) -> Result<(Outcome, Counts)> {
        let skipped = modseq > self.since;
        let unchanged = (Outcome { uid, skipped, after: None, before: None }, Counts::default());
        if skipped {
            return Ok(unchanged);
        }
        let mut after = self.change.applied_to(before);
        if self.rights != Rights::ALL {
            after = self.rights.merged(before, &after);
        }
        if after == *before {
            return Ok(unchanged);
        }
        if after.keyword_bytes() > before.keyword_bytes() {
            check_keyword_bytes(&after)?;
        }
        let (now, then) = (Counts::of(after.system, 0), Counts::of(before.system, 0));
        let before = self.notes.then(|| before.clone());
        Ok((Outcome { uid, skipped, after: Some(after), before }, now.plus(then.negative())))
    }
}

impl AccountTx<'_, '_> {
    /// What the messages of `uids` become, and what that adds to the mailbox's numbers.
    pub(super) fn outcomes(
        &mut self,
        mailbox: &Mailbox,
        uids: &UidSet,
        asked: &Asked<'_>,
    ) -> Result<(Selection<Outcome>, Counts)> {
        let newest = mailbox.highest_modseq;
        if let Some(feed) = self.feed
            && let Some(snapshot) = feed.state_at(self.account, mailbox.id, newest)
        {
            return outcomes_in(&snapshot, uids, asked);
        }
        let sweeps = Sweeps::of(&mut *self.sql, mailbox)?;
        let (mut sum, mut flags) = (Counts::default(), FlagReader::default());
        let mut load = KeywordLoad::default();
        // Each distinct set of flags is changed once, by where its keywords are: the reader keeps
        // them there.
        let mut known: HashMap<(i64, *const Keyword), (Outcome, Counts)> = HashMap::new();
        let selection = self.select(
            mailbox,
            uids,
            "SELECT uid, flags, keywords, modseq FROM message \
             WHERE mailbox_id = ?1 AND uid BETWEEN ?2 AND ?3 ORDER BY uid",
            |uid, row| {
                let columns = FlagColumns {
                    system: row.int(1)?,
                    keywords: row.text(2)?,
                    modseq: row.int(3)?,
                };
                let columns = sweeps.resolve(uid.get().into(), columns);
                let before = flags.decode(columns.system, columns.keywords)?;
                let set = (columns.system, before.keywords().as_ptr());
                let (outcome, counts) = match known.get(&set) {
                    Some(known) if columns.modseq <= asked.since => known.clone(),
                    _ => asked.outcome(uid, columns.modseq, &before)?,
                };
                asked.count(&mut load, &outcome)?;
                if !outcome.skipped {
                    known.entry(set).or_insert_with(|| (outcome.clone(), counts));
                }
                sum = sum.plus(counts);
                Ok(Outcome { uid, ..outcome })
            },
        )?;
        Ok((selection, sum))
    }
}

/// The outcomes for messages of a view: each distinct set of flags is changed once.
fn outcomes_in(
    snapshot: &Snapshot,
    uids: &UidSet,
    asked: &Asked<'_>,
) -> Result<(Selection<Outcome>, Counts)> {
    let mut selection = Selection { rows: Vec::new(), runs: Vec::new() };
    let (mut sum, mut load) = (Counts::default(), KeywordLoad::default());
    // For fewer messages than there are sets, that is not worth the room.
    let sets = Some(snapshot.flag_sets()).filter(|sets| *sets as u64 <= uids.len());
    let mut known: Vec<Option<(Outcome, Counts)>> = vec![None; sets.unwrap_or(0)];
    let mut beside = 0;
    for range in uids.ranges() {
        for (seq, entry) in snapshot.between(range) {
            let (uid, modseq) = (entry.uid(), entry.modseq().get().cast_signed());
            let (outcome, counts) = match known.get_mut(entry.flag_set()) {
                Some(Some(known)) if modseq <= asked.since => known.clone(),
                Some(known) if modseq <= asked.since => {
                    known.insert(asked.outcome(uid, modseq, entry.flags())?).clone()
                }
                _ => asked.outcome(uid, modseq, entry.flags())?,
            };
            asked.count(&mut load, &outcome)?;
            selection.rows.push(Outcome { uid, ..outcome });
            sum = sum.plus(counts);
            match selection.runs.last_mut().filter(|_| seq == beside) {
                Some(run) => {
                    run.last = uid;
                    run.count += 1;
                }
                None => selection.runs.push(Run { first: uid, last: uid, count: 1 }),
            }
            beside = seq + 1;
        }
    }
    Ok((selection, sum))
}
