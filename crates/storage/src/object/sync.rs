//! What changed in a collection since (RFC 6578 §3).

use ids::{CollectionId, ModSeq};

use super::{Object, read, select_object};
use crate::collection::Collection;
use crate::directory::book;
use crate::sql::Value;
use crate::{ReadTx, Result};

/// The answer to "what changed since".
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CollectionChanges {
    /// It is not known any more: read everything anew.
    TooOld,
    /// One transaction changed more than was asked for.
    TooMany,
    /// What changed.
    List {
        /// What came or changed, in the order of their changes.
        put: Vec<Object>,
        /// The names under which there is nothing any more.
        gone: Vec<String>,
        /// Up to here it is the whole truth.
        up_to: ModSeq,
        /// There is more after that.
        truncated: bool,
    },
}

impl ReadTx<'_> {
    /// What changed in a collection after `since`, or with `None` all that is in it; about `max`
    /// changes, the first ones, of whole transactions.
    pub fn collection_changes(
        &mut self,
        collection: &Collection,
        since: Option<ModSeq>,
        max: usize,
    ) -> Result<CollectionChanges> {
        if since
            .is_some_and(|since| since < collection.horizon || since > collection.highest_modseq)
        {
            return Ok(CollectionChanges::TooOld);
        }
        let limit = i64::try_from(max).unwrap_or(i64::MAX).saturating_add(1);
        let from = since.unwrap_or_default().get().cast_signed();
        let mut put = self.objects_put_after(collection.id, from, limit)?;
        let mut gone = match since {
            None => Vec::new(),
            Some(_) => self.objects_gone_after(collection.id, from, limit)?,
        };
        if put.len() + gone.len() <= max {
            let gone = gone.into_iter().map(|(name, _)| name).collect();
            let up_to = collection.highest_modseq;
            return Ok(CollectionChanges::List { put, gone, up_to, truncated: false });
        }
        let mut modseqs: Vec<ModSeq> = put.iter().map(|object| object.modseq).collect();
        modseqs.extend(gone.iter().map(|(_, modseq)| *modseq));
        modseqs.sort_unstable();
        // The first change that is too much, and all of its transaction, are left out.
        let Some(&beyond) = modseqs.get(max) else { return Ok(CollectionChanges::TooMany) };
        let up_to = modseqs.iter().rev().find(|modseq| **modseq < beyond).copied();
        let Some(up_to) = up_to else { return Ok(CollectionChanges::TooMany) };
        put.retain(|object| object.modseq <= up_to);
        gone.retain(|(_, modseq)| *modseq <= up_to);
        let gone = gone.into_iter().map(|(name, _)| name).collect();
        Ok(CollectionChanges::List { put, gone, up_to, truncated: true })
    }

    fn objects_put_after(
        &mut self,
        collection: CollectionId,
        from: i64,
        limit: i64,
    ) -> Result<Vec<Object>> {
        if let Some(organisation) = book::organisation_of(collection) {
            return self.directory_changed(organisation, from, limit);
        }
        self.sql.query_all(
            select_object!(
                "WHERE o.collection_id = ?1 AND o.modseq > ?2 ORDER BY o.modseq LIMIT ?3"
            ),
            &[Value::Int(collection.get()), Value::Int(from), Value::Int(limit)],
            read,
        )
    }

    /// Who never saw it need not hear that it is gone.
    fn objects_gone_after(
        &mut self,
        collection: CollectionId,
        from: i64,
        limit: i64,
    ) -> Result<Vec<(String, ModSeq)>> {
        if let Some(organisation) = book::organisation_of(collection) {
            return self.directory_gone(organisation, from, limit);
        }
        self.sql.query_all(
            "SELECT name, modseq FROM object_gone WHERE collection_id = ?1 AND modseq > ?2 \
             AND created_modseq <= ?2 ORDER BY modseq LIMIT ?3",
            &[Value::Int(collection.get()), Value::Int(from), Value::Int(limit)],
            |row| Ok((row.text(0)?.to_owned(), ModSeq::new(row.int(1)?.cast_unsigned()))),
        )
    }
}
