//! STORE (RFC 9051 §6.4.6), conditional too (RFC 7162 §3.1.3).

mod alike;

use ids::{CollectionId, ModSeq, Uid, UidSet};
use message::flag::{Flags, SystemFlags};

use super::copy::run_params;
use super::counts::Counts;
use super::keywords::decode;
use super::selection::{Run, Selection};
use crate::acl::check_rights;
use crate::change::Fact;
use crate::mailbox::Mailbox;
use crate::sql::Value;
use crate::{AccountTx, Result, Rights, StorageError};

/// How flags are changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FlagChange {
    /// `+FLAGS`
    Add(Flags),
    /// `-FLAGS`
    Remove(Flags),
    /// `FLAGS`
    Replace(Flags),
}

/// What [`AccountTx::store_flags`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Messages that are now as asked for, those included that were so before.
    pub applied: UidSet,
    /// Messages that changed after `unless_changed_since` and were left alone.
    pub skipped: UidSet,
    /// What the changed messages carry now; the mailbox's highest where none changed.
    pub modseq: ModSeq,
}

impl FlagChange {
    fn flags(&self) -> &Flags {
        match self {
            Self::Add(flags) | Self::Remove(flags) | Self::Replace(flags) => flags,
        }
    }

    /// What `before` becomes.
    pub fn applied_to(&self, before: &Flags) -> Flags {
        match self {
            Self::Add(flags) => before.union(flags),
            Self::Remove(flags) => before.difference(flags),
            Self::Replace(flags) => flags.clone(),
        }
    }

    /// The change as far as `rights` allow it; an error where they allow none of it
    /// (RFC 4314 §4).
    fn within(self, rights: Rights) -> Result<Self> {
        let (system, keywords) = rights.changeable();
        let is_empty =
            |flags: &Flags| flags.system == SystemFlags::EMPTY && flags.keywords().is_empty();
        let refused = || match system == SystemFlags::EMPTY && !keywords {
            true => check_rights(rights, Rights::WRITE),
            false => Err(StorageError::NoPermission("you have no right to change these flags")),
        };
        let permitted = |flags: Flags| {
            let asked = !is_empty(&flags);
            let flags = rights.permitted(flags);
            match asked && is_empty(&flags) {
                true => refused().map(|()| flags),
                false => Ok(flags),
            }
        };
        Ok(match self {
            Self::Add(flags) => Self::Add(permitted(flags)?),
            Self::Remove(flags) => Self::Remove(permitted(flags)?),
            Self::Replace(flags) => {
                if system == SystemFlags::EMPTY && !keywords {
                    refused()?;
                }
                Self::Replace(permitted(flags)?)
            }
        })
    }

    /// For changes of system flags alone: the bits kept and the bits set, the same whatever a
    /// message had before.
    fn mask(&self) -> Option<(SystemFlags, SystemFlags)> {
        match self {
            Self::Add(flags) if flags.keywords().is_empty() => {
                Some((SystemFlags::ALL, flags.system))
            }
            Self::Remove(flags) if flags.keywords().is_empty() => {
                Some((SystemFlags::ALL.difference(flags.system), SystemFlags::EMPTY))
            }
            _ => None,
        }
    }
}

/// What a message becomes; `None` where nothing changes.
struct Outcome {
    uid: Uid,
    modseq: i64,
    after: Option<Flags>,
    counts: Counts,
}

impl AccountTx<'_, '_> {
    /// Changes flags of messages. UIDs that are not there are passed over. Messages that changed
    /// after `unless_changed_since` are left alone (RFC 7162 §3.1.3); a message that already is
    /// as asked for keeps its modseq.
    pub fn store_flags(
        &mut self,
        mailbox: CollectionId,
        uids: &UidSet,
        change: FlagChange,
        unless_changed_since: Option<ModSeq>,
    ) -> Result<Stored> {
        let mailbox = self.own_mailbox(mailbox)?;
        let rights = self.rights(mailbox.id)?;
        let change = change.within(rights)?;
        let since = unless_changed_since
            .map_or(i64::MAX, |since| i64::try_from(since.get()).unwrap_or(i64::MAX));
        if !matches!(change, FlagChange::Remove(_)) {
            self.check_keywords(mailbox.id, std::iter::once(change.flags()))?;
        }
        if let Some(stored) = self.store_flags_alike(&mailbox, uids, &change, since)? {
            return Ok(stored);
        }
        let selection = self.select(
            &mailbox,
            uids,
            "SELECT uid, flags, keywords, modseq FROM message \
             WHERE mailbox_id = ?1 AND uid BETWEEN ?2 AND ?3 ORDER BY uid",
            |uid, row| {
                let modseq = row.int(3)?;
                let before = decode(row.int(1)?, row.text(2)?)?;
                Ok(outcome(uid, modseq, &before, &change, rights, modseq > since))
            },
        )?;
        let (mut applied, mut skipped) = (UidSet::new(), UidSet::new());
        for row in &selection.rows {
            match row.modseq > since {
                true => skipped.insert(row.uid),
                false => applied.insert(row.uid),
            }
        }
        if selection.rows.iter().all(|row| row.after.is_none()) {
            return Ok(Stored { applied, skipped, modseq: mailbox.highest_modseq });
        }
        let account = self.account;
        let modseq = self.modseq(account)?;
        match change.mask() {
            Some(mask) => self.update_masked(&mailbox, &selection.runs, mask, modseq, since)?,
            None => self.update_equal_runs(&mailbox, &selection, modseq)?,
        }
        let rows = selection.rows;
        let counts = rows.iter().fold(Counts::default(), |sum, row| sum.plus(row.counts));
        let changed = rows.into_iter().filter_map(|row| Some((row.uid, row.after?)));
        self.record_flags(&mailbox, changed.collect(), counts, modseq)?;
        Ok(Stored { applied, skipped, modseq })
    }

    /// One statement per run of messages: each keeps its other flags.
    fn update_masked(
        &mut self,
        mailbox: &Mailbox,
        runs: &[Run],
        (kept, set): (SystemFlags, SystemFlags),
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
        let mut equal_runs: Vec<(Run, &Flags, String)> = Vec::new();
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
                    equal_runs.push((run, after, after.encode_keywords()));
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

    fn record_flags(
        &mut self,
        mailbox: &Mailbox,
        changed: Vec<(Uid, Flags)>,
        counts: Counts,
        modseq: ModSeq,
    ) -> Result<()> {
        self.add_counts(mailbox.id, counts, modseq)?;
        let uids: UidSet = changed.iter().map(|(uid, _)| *uid).collect();
        self.record_fact(Some(mailbox.id), Fact::FlagsChanged(uids))?;
        let mut delta = self.new_delta(mailbox.id)?;
        delta.flags = changed;
        self.deltas.push(delta);
        Ok(())
    }
}

fn outcome(
    uid: Uid,
    modseq: i64,
    before: &Flags,
    change: &FlagChange,
    rights: Rights,
    skip: bool,
) -> Outcome {
    let unchanged = Outcome { uid, modseq, after: None, counts: Counts::default() };
    if skip {
        return unchanged;
    }
    let mut after = change.applied_to(before);
    if rights != Rights::ALL {
        after = rights.merged(before, &after);
    }
    if after == *before {
        return unchanged;
    }
    let (now, then) = (Counts::of(after.system, 0), Counts::of(before.system, 0));
    Outcome { after: Some(after), counts: now.plus(then.negative()), ..unchanged }
}
