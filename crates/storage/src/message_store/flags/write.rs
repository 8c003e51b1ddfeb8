//! How changed flags are written: as one sweep where they are of many messages side by side, else
//! with one statement per run of messages.

use std::collections::HashMap;
use std::rc::Rc;

use ids::ModSeq;
use message::flag::{Flags, Keyword, SystemFlags};

use super::outcome::Outcome;
use crate::mailbox::Mailbox;
use crate::message_store::copy::run_params;
use crate::message_store::selection::{Run, Selection};
use crate::message_store::sweep::Change;
use crate::sql::Value;
use crate::{AccountTx, Result};

/// System flags kept and set.
type Mask = (SystemFlags, SystemFlags);

impl AccountTx<'_, '_> {
    /// Writes what the messages of `selection` become. `mask` says it of all of them where it can
    /// be said so.
    pub(super) fn write_flags(
        &mut self,
        mailbox: &Mailbox,
        selection: &Selection<Outcome>,
        mask: Option<Mask>,
        modseq: ModSeq,
        since: i64,
    ) -> Result<()> {
        if mailbox.highest_modseq < modseq
            && let [run] = selection.runs.as_slice()
            && u64::from(run.count) >= self.settings.sweep_messages_min
            && let Some(change) = common_change(&selection.rows, mask)
        {
            return self.sweep_flags(mailbox, (run.first, run.last), &change, modseq);
        }
        match mask {
            // What the rows say is not all, where there are sweeps.
            Some(mask) if mailbox.sweeps == 0 => {
                self.update_masked(mailbox, &selection.runs, mask, modseq, since)
            }
            _ => self.update_equal_runs(mailbox, selection, modseq),
        }
    }

    /// One statement per run of messages: each keeps its other flags.
    fn update_masked(
        &mut self,
        mailbox: &Mailbox,
        runs: &[Run],
        (kept, set): Mask,
        modseq: ModSeq,
        since: i64,
    ) -> Result<()> {
        let tail = [
            Value::Int(i64::from(kept.bits())),
            Value::Int(i64::from(set.bits())),
            Value::Int(modseq.get().cast_signed()),
            Value::Int(since),
        ];
        let mut rows = runs.iter().map(|run| {
            let mut params = run_params(mailbox.id.get(), run).to_vec();
            params.extend(tail);
            params
        });
        self.sql.execute_many(
            "UPDATE message SET flags = (flags & ?4) | ?5, modseq = ?6 \
             WHERE mailbox_id = ?1 AND uid BETWEEN ?2 AND ?3 \
             AND ((flags & ?4) | ?5) <> flags AND modseq <= ?7",
            &mut rows,
        )?;
        Ok(())
    }

    /// One statement per run of messages that change and end up with equal flags.
    fn update_equal_runs(
        &mut self,
        mailbox: &Mailbox,
        selection: &Selection<Outcome>,
        modseq: ModSeq,
    ) -> Result<()> {
        let mut equal_runs: Vec<(Run, &Flags, Rc<str>)> = Vec::new();
        // Each text once, by where the keywords are: most share them, and they may be long.
        let mut texts: HashMap<*const Keyword, Rc<str>> = HashMap::new();
        let mut rows = selection.rows.as_slice();
        for run in &selection.runs {
            let (side_by_side, rest) = rows.split_at(rows.len().min(run.count as usize));
            rows = rest;
            for equal in side_by_side.chunk_by(|left, right| left.after == right.after) {
                if let [first, ..] = equal
                    && let [.., last] = equal
                    && let Some(after) = &first.after
                {
                    let count = equal.len() as u32;
                    let run = Run { first: first.uid, last: last.uid, count };
                    let text = texts
                        .entry(after.keywords().as_ptr())
                        .or_insert_with(|| after.encode_keywords().into());
                    equal_runs.push((run, after, text.clone()));
                }
            }
        }
        let modseq = Value::Int(modseq.get().cast_signed());
        let mut rows = equal_runs.iter().map(|(run, after, keywords)| {
            let mut params = run_params(mailbox.id.get(), run).to_vec();
            let flags = Value::Int(i64::from(after.system.bits()));
            params.extend([flags, Value::Text(keywords), modseq]);
            params
        });
        self.sql.execute_many(
            "UPDATE message SET flags = ?4, keywords = ?5, modseq = ?6 \
             WHERE mailbox_id = ?1 AND uid BETWEEN ?2 AND ?3",
            &mut rows,
        )?;
        Ok(())
    }
}

/// The change that makes of every message what it becomes, if there is one.
fn common_change(rows: &[Outcome], mask: Option<Mask>) -> Option<Change> {
    let first = rows.first()?.after.as_ref();
    if let Some(after) = first
        && rows.iter().all(|row| row.after.as_ref() == first)
    {
        return Some(Change::Equal(after.clone()));
    }
    let (kept, added) = mask?;
    rows.iter().all(|row| !row.skipped).then_some(Change::Mask(kept, added))
}
