//! Finding receptions: by the instant that a number holds, or by having the database look at each,
//! the newest first, but for the stretches of which a digest says that it is not there.

use ids::{SpoolId, Timestamp};

use super::{ReceptionRow, text};
use crate::sql::{Dialect, Row, Value};
use crate::trace_digest::TraceLog;
use crate::{ReadTx, Result};

/// LIMIT: rows that one statement gives back.
const ROWS: usize = 5000;
const ROWS_LIMIT: Value<'_> = Value::Int(5000);
/// LIMIT: rows that one statement of a search looks at, so that no snapshot is kept for long.
const STEP: i64 = 200_000;
/// The rows in which a text stands, in any case of its ASCII letters: a database that looks at a
/// million of them takes a fraction of what handing them all out would.
const LIKE_SQLITE: &str = "SELECT id, at, trace FROM reception WHERE id >= ?1 AND id < ?2 \
                           AND trace LIKE ?4 ESCAPE '!' ORDER BY id DESC LIMIT ?3";
const LIKE_POSTGRES: &str = "SELECT id, at, trace FROM reception WHERE id >= ?1 AND id < ?2 \
                             AND (trace COLLATE \"C\") ILIKE ?4 ESCAPE '!' ORDER BY id DESC LIMIT ?3";
/// How far the order of numbers may be from that of instants: transactions that are under way at
/// once, and clocks of several daemons.
const SLACK_SECS: i64 = 60;
/// LIMIT: how long a message may take from its first byte to its row.
const RECEIVING_SECS: i64 = 24 * 60 * 60;
/// Bits of a message's number below its instant in microseconds.
const ORDINAL_BITS: u32 = 12;

/// Where a search goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceptionCursor(pub(super) i64);

impl ReceptionCursor {
    /// The newest reception.
    pub const NEWEST: Self = Self(i64::MAX);
}

/// What one step of a search found.
#[derive(Debug, PartialEq, Eq)]
pub struct ReceptionSlice {
    /// The newest first.
    pub rows: Vec<ReceptionRow>,
    /// `None`: there is nothing more.
    pub next: Option<ReceptionCursor>,
}

/// Id, instant and text of a row.
type Raw = (i64, Timestamp, String);

fn raw(row: &dyn Row) -> Result<Raw> {
    Ok((row.int(0)?, Timestamp::from_micros(row.int(1)?), row.text(2)?.to_owned()))
}

fn row_of(at: Timestamp, text: &str) -> Result<ReceptionRow> {
    let (reception, dispositions) = text::read(text)?;
    Ok(ReceptionRow { at, reception, dispositions })
}

/// What LIKE finds a text by. One of which rows are to be compared as they are finds all.
fn pattern(wanted: &str) -> String {
    if !wanted.is_ascii() || wanted.contains(|char: char| char.is_ascii_control()) {
        return "%".to_owned();
    }
    let mut pattern = String::with_capacity(wanted.len() + 8);
    pattern.push('%');
    for char in wanted.chars() {
        if matches!(char, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(char);
    }
    pattern.push('%');
    pattern
}

impl ReadTx<'_> {
    /// Of the receptions after `since`, some next ones from `cursor` on, as far as they are of a
    /// message with this Message-ID, or from or to this address.
    pub fn find_receptions(
        &mut self,
        wanted: &str,
        since: Timestamp,
        cursor: ReceptionCursor,
    ) -> Result<ReceptionSlice> {
        let oldest = self.first_id_since(since.plus_secs(-SLACK_SECS))?;
        let below = cursor.0.min(self.last_reception()?.saturating_add(1));
        let stretch = self.next_stretch(TraceLog::Reception, wanted, oldest..below)?;
        let Some(stretch) = stretch else {
            return Ok(ReceptionSlice { rows: Vec::new(), next: None });
        };
        let below = stretch.end;
        let from = below.saturating_sub(STEP).max(stretch.start);
        let like = match self.sql.dialect() {
            Dialect::Sqlite => LIKE_SQLITE,
            Dialect::Postgres => LIKE_POSTGRES,
        };
        let found = self.sql.query_all(
            like,
            &[
                Value::Int(from),
                Value::Int(below),
                ROWS_LIMIT,
                Value::Text(&pattern(text::message_id(wanted))),
            ],
            raw,
        )?;
        let next = match found.last() {
            Some((id, ..)) if found.len() >= ROWS => Some(ReceptionCursor(*id)),
            _ => (from > oldest).then_some(ReceptionCursor(from)),
        };
        let message_id = text::message_id(wanted);
        let mut rows = Vec::new();
        for (_, at, text) in found {
            if at < since {
                continue;
            }
            let row = row_of(at, &text)?;
            let is_meant = |path: &String| path.eq_ignore_ascii_case(wanted);
            let reception = &row.reception;
            if (reception.message_id == message_id && !message_id.is_empty())
                || is_meant(&reception.reverse_path)
                || reception.forward_paths.iter().any(is_meant)
            {
                rows.push(row);
            }
        }
        Ok(ReceptionSlice { rows, next })
    }

    fn last_reception(&mut self) -> Result<i64> {
        let last = self.sql.query_one(
            "SELECT id FROM reception ORDER BY id DESC LIMIT 1",
            &[],
            |row| row.int(0),
        )?;
        Ok(last.unwrap_or_default())
    }

    /// The reception of the message with this number. One that came in several attempts has a
    /// number each time.
    pub fn reception(&mut self, message: u64) -> Result<Option<ReceptionRow>> {
        let began = Timestamp::from_micros((message >> ORDINAL_BITS).cast_signed());
        let until = began.plus_secs(RECEIVING_SECS);
        let number = format!("{message:016x}");
        self.first_reception(began, until, |_, text| text.starts_with(&number))
    }

    /// The reception that put something into the spool, which was accepted at that instant.
    pub fn reception_of_spooled(
        &mut self,
        spool: SpoolId,
        accepted: Timestamp,
    ) -> Result<Option<ReceptionRow>> {
        let names_it = |at, text: &str| {
            let row = (at == accepted).then(|| row_of(at, text).ok()).flatten();
            row.is_some_and(|row| row.spooled().any(|one| one == spool))
        };
        self.first_reception(accepted, accepted, names_it)
    }

    /// The first reception between two instants that is meant.
    fn first_reception(
        &mut self,
        from: Timestamp,
        until: Timestamp,
        is_meant: impl Fn(Timestamp, &str) -> bool,
    ) -> Result<Option<ReceptionRow>> {
        let mut next = self.first_id_since(from.plus_secs(-SLACK_SECS))?;
        let until = until.plus_secs(SLACK_SECS);
        loop {
            let found = self.sql.query_all(
                "SELECT id, at, trace FROM reception WHERE id >= ?1 ORDER BY id LIMIT ?2",
                &[Value::Int(next), ROWS_LIMIT],
                raw,
            )?;
            for (_, at, text) in &found {
                if is_meant(*at, text) {
                    return row_of(*at, text).map(Some);
                }
            }
            match found.last() {
                Some((id, at, _)) if *at <= until => next = id + 1,
                _ => return Ok(None),
            }
        }
    }

    /// Where the rows of an instant begin: halved again and again, since ids ascend with time.
    fn first_id_since(&mut self, at: Timestamp) -> Result<i64> {
        let ends = self.sql.query_one(
            "SELECT COALESCE((SELECT id FROM reception ORDER BY id LIMIT 1), 0), \
             COALESCE((SELECT id FROM reception ORDER BY id DESC LIMIT 1), 0)",
            &[],
            |row| Ok((row.int(0)?, row.int(1)?)),
        )?;
        let (mut low, mut high) = ends.unwrap_or_default();
        while low < high {
            let middle = low + (high - low) / 2;
            let found = self.sql.query_one(
                "SELECT at FROM reception WHERE id >= ?1 ORDER BY id LIMIT 1",
                &[Value::Int(middle)],
                |row| Ok(Timestamp::from_micros(row.int(0)?)),
            )?;
            match found {
                Some(found) if found < at => low = middle + 1,
                _ => high = middle,
            }
        }
        Ok(low)
    }
}
