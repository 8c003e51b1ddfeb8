//! Finding the messages of a UID set in a mailbox, and the runs in which they lie: verbs on many
//! messages write one statement per run, not one per message.

use std::ops::RangeInclusive;

use ids::{ContentId, Timestamp, Uid, UidSet};

use super::keywords::FlagReader;
use crate::mailbox::Mailbox;
use crate::sql::{Row, Value};
use crate::view::DeltaEntry;
use crate::{AccountTx, LimitKind, Result, StorageError};

/// Messages that stand side by side: between `first` and `last` there is no other one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) first: Uid,
    pub(super) last: Uid,
    pub(super) count: u32,
}

/// The messages found, ascending, and their runs.
#[derive(Debug)]
pub(super) struct Selection<T> {
    pub(super) rows: Vec<T>,
    pub(super) runs: Vec<Run>,
}

/// Reads `uid, content_id, size_bytes, flags, keywords, internal_date`.
pub(crate) fn delta_entry(row: &dyn Row, flags: &mut FlagReader) -> Result<DeltaEntry> {
    Ok(DeltaEntry {
        uid: uid_column(row)?,
        content: ContentId::new(row.int(1)?),
        size_bytes: u32::try_from(row.int(2)?).map_err(|_| impossible())?,
        flags: flags.decode(row.int(3)?, row.text(4)?)?,
        internal_date: Timestamp::from_micros(row.int(5)?),
    })
}

fn uid_column(row: &dyn Row) -> Result<Uid> {
    u32::try_from(row.int(0)?).map(Uid::new).map_err(|_| impossible())
}

fn impossible() -> StorageError {
    StorageError::Corrupt("a message row has impossible numbers".to_owned())
}

impl AccountTx<'_, '_> {
    /// Runs `sql` (parameters: mailbox, first UID, last UID; column 0: the UID; ascending) over
    /// `uids` and keeps what `map` makes of each row in the set.
    pub(super) fn select<T>(
        &mut self,
        mailbox: &Mailbox,
        uids: &UidSet,
        sql: &'static str,
        mut map: impl FnMut(Uid, &dyn Row) -> Result<T>,
    ) -> Result<Selection<T>> {
        let mut selection = Selection { rows: Vec::new(), runs: Vec::new() };
        for range in scan_ranges(mailbox, uids) {
            let mut beside = false;
            let params = [
                Value::Int(mailbox.id.get()),
                Value::Int(i64::from(range.start().get())),
                Value::Int(i64::from(range.end().get())),
            ];
            self.sql.query(sql, &params, &mut |row| {
                let uid = uid_column(row)?;
                if !uids.contains(uid) {
                    beside = false;
                    return Ok(());
                }
                match selection.runs.last_mut().filter(|_| beside) {
                    Some(run) => {
                        run.last = uid;
                        run.count += 1;
                    }
                    None => selection.runs.push(Run { first: uid, last: uid, count: 1 }),
                }
                beside = true;
                selection.rows.push(map(uid, row)?);
                Ok(())
            })?;
        }
        Ok(selection)
    }

    /// The messages themselves; refuses more than `max`.
    pub(super) fn select_entries(
        &mut self,
        mailbox: &Mailbox,
        uids: &UidSet,
        max: u64,
    ) -> Result<Selection<DeltaEntry>> {
        let (mut flags, mut count) = (FlagReader::default(), 0);
        self.select(
            mailbox,
            uids,
            "SELECT uid, content_id, size_bytes, flags, keywords, internal_date FROM message \
             WHERE mailbox_id = ?1 AND uid BETWEEN ?2 AND ?3 ORDER BY uid",
            |_, row| {
                count += 1;
                match count > max {
                    true => Err(StorageError::Limit { kind: LimitKind::CopiedMessages, max }),
                    false => delta_entry(row, &mut flags),
                }
            },
        )
    }
}

/// The ranges to read: those of the set, or, where it is in many pieces, all from its first to
/// its last UID. A look-up costs about as much as reading 16 rows more.
fn scan_ranges(mailbox: &Mailbox, uids: &UidSet) -> Vec<RangeInclusive<Uid>> {
    let ranges: Vec<_> = uids.ranges().collect();
    let (Some(first), Some(last)) = (ranges.first(), ranges.last()) else { return ranges };
    let hull = *first.start()..=*last.end();
    let span = u64::from(hull.end().get() - hull.start().get());
    match span.min(u64::from(mailbox.messages)) <= 16 * ranges.len() as u64 {
        true => vec![hull],
        false => ranges,
    }
}
