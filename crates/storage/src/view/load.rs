//! Views and deltas read from the database: when a mailbox is first opened, and when the feed
//! brings changes of another daemon.

use ids::{AccountId, CollectionId, ContentId, ModSeq, Timestamp, Uid, UidSet, UidValidity};

use super::delta::{DeltaEntry, MailboxDelta};
use super::snapshot::Snapshot;
use crate::message_store::{FlagColumns, FlagReader, Sweeps};
use crate::sql::{Row, Sql, Value};
use crate::{Change, Fact, Result, StorageError};

/// Rows of `message` in the order [`entry`] reads them.
macro_rules! select_messages {
    ($tail:literal) => {
        concat!(
            "SELECT uid, content_id, size_bytes, flags, keywords, internal_date, modseq ",
            "FROM message WHERE mailbox_id = ?1 ",
            $tail
        )
    };
}

/// A mailbox of `account` as it is in this snapshot of the database.
pub(crate) fn load_snapshot(
    sql: &mut (dyn Sql + '_),
    account: AccountId,
    mailbox: CollectionId,
) -> Result<Snapshot> {
    let (mut snapshot, is_swept) = sql
        .query_one(
            "SELECT m.uid_validity, m.uid_next, m.highest_modseq, a.modseq, m.recent_uid, m.sweeps \
             FROM mailbox m JOIN account a ON a.id = m.account_id \
             WHERE m.id = ?1 AND m.account_id = ?2",
            &[Value::Int(mailbox.get()), Value::Int(account.get())],
            |row| {
                let snapshot = Snapshot::empty(
                    mailbox,
                    UidValidity::new(narrow(row.int(0)?)?),
                    Uid::new(narrow(row.int(1)?)?),
                    ModSeq::new(row.int(2)? as u64),
                    ModSeq::new(row.int(3)? as u64),
                    Uid::new(narrow(row.int(4)?)?),
                );
                Ok((snapshot, row.int(5)? != 0))
            },
        )?
        .ok_or(StorageError::NotFound("mailbox"))?;
    let sweeps = if is_swept { Sweeps::load(sql, mailbox)? } else { Sweeps::default() };
    let mut flags = FlagReader::default();
    sql.query(select_messages!("ORDER BY uid"), &[Value::Int(mailbox.get())], &mut |row| {
        let (entry, modseq) = entry(row, &sweeps, &mut flags)?;
        snapshot.push_loaded(&entry, modseq);
        Ok(())
    })?;
    Ok(snapshot)
}

/// The delta of one logged change, with the rows as they are now: later changes follow in the
/// log and are then no news.
pub(crate) fn load_delta_rows(
    sql: &mut (dyn Sql + '_),
    change: &Change,
) -> Result<Option<MailboxDelta>> {
    let Some(mailbox) = change.collection else { return Ok(None) };
    let mut delta = MailboxDelta::new(change.account, mailbox, change.modseq);
    match &change.fact {
        Fact::MessagesAdded(uids) => {
            // Some may be gone again: their UIDs are used all the same.
            delta.added_up_to = uids.ranges().last().map_or(delta.added_up_to, |last| *last.end());
            for_each_message(sql, mailbox, uids, |entry, _| delta.added.push(entry))?;
        }
        Fact::FlagsChanged(uids) | Fact::AnnotationsChanged(uids) => {
            for_each_message(sql, mailbox, uids, |entry, _| {
                delta.flags.push((entry.uid, entry.flags));
            })?;
        }
        Fact::MessagesExpunged(uids) => delta.expunged = uids.clone(),
        Fact::MailboxDeleted { .. } => delta.deleted = true,
        Fact::AclChanged => delta.acl_changed = true,
        Fact::UrlKeyReset => delta.url_key_reset = true,
        _ => return Ok(None),
    }
    Ok(Some(delta))
}

fn for_each_message(
    sql: &mut (dyn Sql + '_),
    mailbox: CollectionId,
    uids: &UidSet,
    mut each: impl FnMut(DeltaEntry, ModSeq),
) -> Result<()> {
    let sweeps = Sweeps::load(sql, mailbox)?;
    let mut flags = FlagReader::default();
    for range in uids.ranges() {
        sql.query(
            select_messages!("AND uid BETWEEN ?2 AND ?3 ORDER BY uid"),
            &[
                Value::Int(mailbox.get()),
                Value::Int(range.start().get().into()),
                Value::Int(range.end().get().into()),
            ],
            &mut |row| {
                let (entry, modseq) = entry(row, &sweeps, &mut flags)?;
                each(entry, modseq);
                Ok(())
            },
        )?;
    }
    Ok(())
}

fn entry(row: &dyn Row, sweeps: &Sweeps, flags: &mut FlagReader) -> Result<(DeltaEntry, ModSeq)> {
    let columns = FlagColumns { system: row.int(3)?, keywords: row.text(4)?, modseq: row.int(6)? };
    let FlagColumns { system, keywords, modseq } = sweeps.resolve(row.int(0)?, columns);
    let entry = DeltaEntry {
        uid: Uid::new(narrow(row.int(0)?)?),
        content: ContentId::new(row.int(1)?),
        flags: flags.decode(system, keywords)?,
        internal_date: Timestamp::from_micros(row.int(5)?),
        size_bytes: narrow(row.int(2)?)?,
    };
    Ok((entry, ModSeq::new(modseq.cast_unsigned())))
}

fn narrow(value: i64) -> Result<u32> {
    u32::try_from(value).map_err(|_| damaged("number out of range"))
}

fn damaged(what: &str) -> StorageError {
    StorageError::Corrupt(format!("message row: {what}"))
}
