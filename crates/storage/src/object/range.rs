//! Which objects of a calendar may be in a time range (RFC 4791 §9.9).

use std::ops::Range;

use ids::CollectionId;

use super::spans::{self, Said};
use super::{Object, read};
use crate::collection::Components;
use crate::sql::{Row, Value};
use crate::{ReadTx, Result};

/// How sure it is that an object is in a time range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Match {
    /// An occurrence overlaps the range.
    Yes,
    /// It has to be looked at: a time zone, or a rule beyond what is listed, decides.
    Maybe,
}

/// An object that may be in a time range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ranged {
    /// The object.
    pub object: Object,
    /// How sure it is.
    pub is: Match,
}

/// Seconds between the first and the last occurrence of an object that the index of long ones may
/// lack: 31 days, and what halving rounds off.
const SHORT_SECS: i64 = 2_678_400 + 8;

macro_rules! select_ranged {
    ($condition:literal) => {
        concat!(
            "SELECT o.id, o.name, o.uid, o.component, o.media_type, o.hash, o.size_bytes, \
             o.modseq, o.created, o.modified, o.schedule_modseq, o.attachments, \
             o.first_at, o.last_at, o.spans FROM object o WHERE o.collection_id = ?1 AND o.first_at <= ?2 AND ",
            $condition
        )
    };
}

impl ReadTx<'_> {
    /// The objects of a calendar that are one of `components` and may be in the seconds from the
    /// start of the window up to its end. Every object that is, is among them.
    pub fn find_in_range(
        &mut self,
        collection: CollectionId,
        components: Components,
        window: &Range<i64>,
    ) -> Result<Vec<Ranged>> {
        let mut found = Vec::new();
        let mut each = |row: &dyn Row| {
            found.extend(ranged(row, components, window)?);
            Ok(())
        };
        // What ends later than this was there before the window, or is one of the long ones.
        let soon = window.end.saturating_add(SHORT_SECS);
        let (id, end) = (Value::Int(collection.get()), Value::Int(window.end));
        self.sql.query(
            select_ranged!("o.last_at >= ?3 AND o.last_at <= ?4"),
            &[id, end, Value::Int(window.start), Value::Int(soon)],
            &mut each,
        )?;
        self.sql.query(
            select_ranged!(
                "o.last_at > ?3 AND o.component <> 0 AND o.last_at / 2 - o.first_at / 2 > 1339200"
            ),
            &[id, end, Value::Int(soon.max(window.start.saturating_sub(1)))],
            &mut each,
        )?;
        Ok(found)
    }
}

/// What a row says of the window; `None` for an object that is not in it, or of another kind.
fn ranged(row: &dyn Row, components: Components, window: &Range<i64>) -> Result<Option<Ranged>> {
    if !components.contains(Components::from_column(row.int(3)?)) {
        return Ok(None);
    }
    let said = match row.opt_bytes(14)? {
        Some(packed) => spans::ask(packed, window.start, window.end),
        None => Said::Unknown,
    };
    let is = match said {
        Said::No => return Ok(None),
        Said::Yes => Match::Yes,
        Said::Unknown => Match::Maybe,
    };
    Ok(Some(Ranged { object: read(row)?, is }))
}
