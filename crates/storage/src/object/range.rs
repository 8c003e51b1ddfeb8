//! Which objects of a calendar may be in a time range (RFC 4791 §9.9).

use std::ops::Range;

use ids::CollectionId;

use super::spans::{self, Said};
use super::{Object, read};
use crate::collection::Components;
use crate::sql::Value;
use crate::{ReadTx, Result};

/// How sure it is that an object is in a time range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Match {
    /// One of its occurrences is.
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
        self.sql.query(
            "SELECT o.id, o.name, o.uid, o.component, o.media_type, o.hash, o.size_bytes, \
             o.modseq, o.created, o.modified, o.schedule_modseq, o.attachments, \
             o.first_at, o.last_at, o.spans FROM object o \
             WHERE o.collection_id = ?1 AND o.last_at >= ?2 AND o.first_at <= ?3",
            &[Value::Int(collection.get()), Value::Int(window.start), Value::Int(window.end)],
            &mut |row| {
                let component = Components::from_column(row.int(3)?);
                if !components.contains(component) {
                    return Ok(());
                }
                let said = match row.opt_bytes(14)? {
                    Some(packed) => spans::ask(packed, window.start, window.end),
                    None => Said::Unknown,
                };
                let is = match said {
                    Said::No => return Ok(()),
                    Said::Yes => Match::Yes,
                    Said::Unknown => Match::Maybe,
                };
                found.push(Ranged { object: read(row)?, is });
                Ok(())
            },
        )?;
        Ok(found)
    }
}
