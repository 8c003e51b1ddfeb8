//! What changed in a collection since a sync-token (RFC 6578 §3), a bounded number at a time.

use ids::{CollectionId, ModSeq};

use super::{Object, read, select_object};
use crate::collection::{Collection, CollectionKind};
use crate::directory::book;
use crate::sql::Value;
use crate::{ReadTx, Result};

/// The answer to "what changed since".
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CollectionChanges {
    /// The token is not known any more: the client has to read everything anew.
    TooOld,
    /// A single transaction changed more than was asked for, and its changes cannot be split.
    TooMany,
    /// The changes since the token.
    List {
        /// What came or changed, in the order of their changes.
        put: Vec<Object>,
        /// Folders in it that came.
        folders: Vec<Collection>,
        /// The names under which there is nothing any more; those of folders end with a slash.
        gone: Vec<String>,
        /// Up to here it is the whole truth.
        up_to: ModSeq,
        /// Whether there is more after `up_to`.
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
        let mut folders = self.folders_come_after(collection, from)?;
        let mut gone = match since {
            None => Vec::new(),
            Some(_) => self.objects_gone_after(collection.id, from, limit)?,
        };
        let (mut up_to, truncated) =
            (collection.highest_modseq, put.len() + folders.len() + gone.len() > max);
        if truncated {
            let mut modseqs: Vec<ModSeq> = put.iter().map(|object| object.modseq).collect();
            modseqs.extend(folders.iter().map(|(_, modseq)| *modseq));
            modseqs.extend(gone.iter().map(|(_, modseq)| *modseq));
            let Some(last) = last_whole(modseqs, max) else {
                return Ok(CollectionChanges::TooMany);
            };
            put.retain(|object| object.modseq <= last);
            folders.retain(|(_, modseq)| *modseq <= last);
            gone.retain(|(_, modseq)| *modseq <= last);
            up_to = last;
        }
        let folders = folders.into_iter().map(|(id, _)| self.load_collection(id));
        let folders = folders.collect::<Result<Vec<Collection>>>()?;
        let gone = gone.into_iter().map(|(name, _)| name).collect();
        Ok(CollectionChanges::List { put, folders, gone, up_to, truncated })
    }

    /// The folders that came into this one after `from`, in the order they came.
    fn folders_come_after(
        &mut self,
        collection: &Collection,
        from: i64,
    ) -> Result<Vec<(CollectionId, ModSeq)>> {
        if collection.kind != CollectionKind::Folder {
            return Ok(Vec::new());
        }
        // '0' is the character after '/'.
        let (begin, end) = (format!("{}/", collection.name), format!("{}0", collection.name));
        let below = self.sql.query_all(
            "SELECT id, created_modseq, name FROM collection WHERE account_id = ?1 AND home = 3 \
             AND name >= ?2 AND name < ?3 AND created_modseq > ?4 ORDER BY created_modseq, id",
            &[
                Value::Int(collection.account.get()),
                Value::Text(&begin),
                Value::Text(&end),
                Value::Int(from),
            ],
            |row| {
                let is_direct = !row.text(2)?.get(begin.len()..).unwrap_or_default().contains('/');
                let modseq = ModSeq::new(row.int(1)?.cast_unsigned());
                Ok(is_direct.then_some((CollectionId::new(row.int(0)?), modseq)))
            },
        )?;
        Ok(below.into_iter().flatten().collect())
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

    /// RFC 6578 §3.5.2: also what came and went since: who brought it knows of it all the same.
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
             ORDER BY modseq LIMIT ?3",
            &[Value::Int(collection.get()), Value::Int(from), Value::Int(limit)],
            |row| Ok((row.text(0)?.to_owned(), ModSeq::new(row.int(1)?.cast_unsigned()))),
        )
    }
}

/// The last transaction of which all is among the first `max` changes: the first change that is too
/// much, and all of its transaction, are left out.
fn last_whole(mut modseqs: Vec<ModSeq>, max: usize) -> Option<ModSeq> {
    modseqs.sort_unstable();
    let beyond = *modseqs.get(max)?;
    modseqs.into_iter().rev().find(|modseq| *modseq < beyond)
}
