//! Sweeps: a change of the flags of many messages side by side, kept as one row in place of
//! theirs, as in a mailbox whose messages are all marked read.
//!
//! **Invariant:** what a message's flags are is said by its row and, in the order of their
//! modification sequences, by the sweeps over its UID that are newer. So a row written later
//! counts for itself, and a message added later is in no sweep. Whoever reads flags from rows
//! asks [`Sweeps::resolve`], or has the sweeps written into the rows first.

use ids::{CollectionId, ModSeq, Uid};
use message::flag::{Flags, SystemFlags};

use crate::mailbox::Mailbox;
use crate::sql::{Row, Sql, Value};
use crate::{AccountTx, Result, StorageError, WriteTx};

/// LIMIT: sweeps that one mailbox may have. Each is looked at for each row that is read.
const SWEEPS_MAX: u32 = 8;

/// What a sweep does to the flags of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    /// The system flags kept and those added; keywords stay. A message that has such flags
    /// already is left alone.
    Mask(SystemFlags, SystemFlags),
    /// All of the messages get these flags, in place of others.
    Equal(Flags),
}

/// One row of `flag_sweep`.
#[derive(Debug, Clone)]
struct Sweep {
    modseq: i64,
    first: i64,
    last: i64,
    kept: i64,
    added: i64,
    keywords: Option<String>,
}

/// The flags of a message as columns hold them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FlagColumns<'r> {
    pub(crate) system: i64,
    pub(crate) keywords: &'r str,
    pub(crate) modseq: i64,
}

/// The sweeps of one mailbox, in the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct Sweeps(Vec<Sweep>);

impl Sweeps {
    /// Loads the sweeps of a mailbox.
    pub(crate) fn load(sql: &mut (dyn Sql + '_), mailbox: CollectionId) -> Result<Self> {
        let read = |row: &dyn Row| {
            Ok(Sweep {
                modseq: row.int(0)?,
                first: row.int(1)?,
                last: row.int(2)?,
                kept: row.int(3)?,
                added: row.int(4)?,
                keywords: row.opt_text(5)?.map(str::to_owned),
            })
        };
        let rows = sql.query_all(
            "SELECT modseq, first_uid, last_uid, kept, added, keywords FROM flag_sweep \
             WHERE mailbox_id = ?1 ORDER BY modseq",
            &[Value::Int(mailbox.get())],
            read,
        )?;
        Ok(Self(rows))
    }

    /// Loads the sweeps of a mailbox, which knows whether there are any.
    pub(crate) fn of(sql: &mut (dyn Sql + '_), mailbox: &Mailbox) -> Result<Self> {
        match mailbox.sweeps {
            0 => Ok(Self::default()),
            _ => Self::load(sql, mailbox.id),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first UID that any of the sweeps is about.
    pub(crate) fn first(&self) -> Option<i64> {
        self.0.iter().map(|sweep| sweep.first).min()
    }

    /// The flags of the message `uid` whose row says `row`.
    pub(crate) fn resolve<'r>(&'r self, uid: i64, row: FlagColumns<'r>) -> FlagColumns<'r> {
        let mut now = row;
        for sweep in &self.0 {
            if (sweep.first..=sweep.last).contains(&uid) && now.modseq < sweep.modseq {
                now = sweep.applied_to(now);
            }
        }
        now
    }

    /// Every set of keywords that messages got.
    pub(super) fn keywords(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|sweep| sweep.keywords.as_deref())
    }
}

/// Hands the system flags and the size of every message of a mailbox to `each`.
pub(crate) fn for_each_flags(
    sql: &mut (dyn Sql + '_),
    mailbox: CollectionId,
    sweeps: &Sweeps,
    mut each: impl FnMut(i64, i64),
) -> Result<()> {
    sql.query(
        "SELECT uid, flags, modseq, size_bytes FROM message WHERE mailbox_id = ?1",
        &[Value::Int(mailbox.get())],
        &mut |row| {
            let columns = FlagColumns { system: row.int(1)?, keywords: "", modseq: row.int(2)? };
            each(sweeps.resolve(row.int(0)?, columns).system, row.int(3)?);
            Ok(())
        },
    )
}

impl Sweep {
    fn applied_to<'r>(&'r self, before: FlagColumns<'r>) -> FlagColumns<'r> {
        let (system, modseq) = ((before.system & self.kept) | self.added, self.modseq);
        match &self.keywords {
            Some(keywords) => FlagColumns { system, keywords, modseq },
            None if system == before.system => before,
            None => FlagColumns { system, modseq, ..before },
        }
    }
}

impl WriteTx<'_> {
    /// Writes the sweeps of a mailbox into its rows, where there are any.
    pub(crate) fn settle_flags(&mut self, mailbox: &Mailbox) -> Result<()> {
        let sweeps = Sweeps::of(&mut *self.sql, mailbox)?;
        self.settle_up_to(mailbox.id, &sweeps, i64::from(u32::MAX))
    }

    /// Like `settle_flags`, for messages up to UID `end`: no sweep is about them afterwards.
    pub(crate) fn settle_up_to(
        &mut self,
        mailbox: CollectionId,
        sweeps: &Sweeps,
        end: i64,
    ) -> Result<()> {
        let mailbox = Value::Int(mailbox.get());
        let mut gone = 0;
        for sweep in sweeps.0.iter().filter(|sweep| sweep.first <= end) {
            self.write_into_rows(mailbox, sweep, end)?;
            let (modseq, rest) = (Value::Int(sweep.modseq), Value::Int(end.saturating_add(1)));
            if sweep.last <= end {
                gone += self.sql.execute(
                    "DELETE FROM flag_sweep WHERE mailbox_id = ?1 AND modseq = ?2",
                    &[mailbox, modseq],
                )?;
            } else {
                self.sql.execute(
                    "UPDATE flag_sweep SET first_uid = ?3 WHERE mailbox_id = ?1 AND modseq = ?2",
                    &[mailbox, modseq, rest],
                )?;
            }
        }
        if gone > 0 {
            self.sql.execute(
                "UPDATE mailbox SET sweeps = sweeps - ?2 WHERE id = ?1",
                &[mailbox, Value::Int(gone.cast_signed())],
            )?;
        }
        Ok(())
    }

    fn write_into_rows(&mut self, mailbox: Value<'_>, sweep: &Sweep, end: i64) -> Result<()> {
        let (first, last) = (Value::Int(sweep.first), Value::Int(sweep.last.min(end)));
        let (kept, added) = (Value::Int(sweep.kept), Value::Int(sweep.added));
        let modseq = Value::Int(sweep.modseq);
        match &sweep.keywords {
            None => self.sql.execute(
                "UPDATE message SET flags = (flags & ?4) | ?5, modseq = ?6 \
                 WHERE mailbox_id = ?1 AND uid BETWEEN ?2 AND ?3 \
                 AND ((flags & ?4) | ?5) <> flags AND modseq < ?6",
                &[mailbox, first, last, kept, added, modseq],
            )?,
            Some(keywords) => self.sql.execute(
                "UPDATE message SET flags = ?4, keywords = ?5, modseq = ?6 \
                 WHERE mailbox_id = ?1 AND uid BETWEEN ?2 AND ?3 AND modseq < ?6",
                &[mailbox, first, last, added, Value::Text(keywords), modseq],
            )?,
        };
        Ok(())
    }
}

impl AccountTx<'_, '_> {
    /// Changes the flags of all messages from `first` to `last` without touching their rows.
    /// Nothing else may have happened to the mailbox in this transaction: what was written in it
    /// is as new as the sweep.
    pub(super) fn sweep_flags(
        &mut self,
        mailbox: &Mailbox,
        (first, last): (Uid, Uid),
        change: &Change,
        modseq: ModSeq,
    ) -> Result<()> {
        if mailbox.highest_modseq >= modseq {
            let text = format!("mailbox {} was changed before it was swept", mailbox.id);
            return Err(StorageError::Internal(text));
        }
        let id = Value::Int(mailbox.id.get());
        let (first, last) = (Value::Int(first.get().into()), Value::Int(last.get().into()));
        let (mut others, mut covered) = (mailbox.sweeps, 0);
        if others > 0 && matches!(change, Change::Equal(_)) {
            // Every message they are about gets its flags from the new one.
            covered = self.sql.execute(
                "DELETE FROM flag_sweep \
                 WHERE mailbox_id = ?1 AND first_uid >= ?2 AND last_uid <= ?3",
                &[id, first, last],
            )?;
            others -= u32::try_from(covered).unwrap_or(u32::MAX).min(others);
        }
        if others >= SWEEPS_MAX {
            let sweeps = Sweeps::load(&mut *self.sql, mailbox.id)?;
            self.settle_up_to(mailbox.id, &sweeps, i64::from(u32::MAX))?;
        }
        let (kept, added, keywords) = match change {
            Change::Mask(kept, added) => (*kept, *added, None),
            Change::Equal(flags) => {
                (SystemFlags::EMPTY, flags.system, Some(flags.encode_keywords()))
            }
        };
        self.sql.execute(
            "INSERT INTO flag_sweep (mailbox_id, modseq, first_uid, last_uid, kept, added, keywords) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            &[
                id,
                Value::Int(modseq.get().cast_signed()),
                first,
                last,
                Value::Int(kept.bits().into()),
                Value::Int(added.bits().into()),
                keywords.as_deref().map_or(Value::Null, Value::Text),
            ],
        )?;
        self.sql.execute(
            "UPDATE mailbox SET sweeps = sweeps + 1 - ?2 WHERE id = ?1",
            &[id, Value::Int(covered.cast_signed())],
        )?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
