//! EXPUNGE (RFC 9051 §6.4.3), UID EXPUNGE (RFC 9051 §6.4.9) and what POP3 deletes (RFC 1939 §6).

use ids::{CollectionId, UidSet};
use message::flag::SystemFlags;

use super::copy::run_params;
use super::counts::Counts;
use super::sweep::{Sweeps, for_each_flags};
use crate::mailbox::Mailbox;
use crate::sql::Value;
use crate::{AccountTx, ReadTx, Result, Rights};

impl ReadTx<'_> {
    /// Bytes of the messages with `\Deleted` (RFC 9208 §4.1.4): what EXPUNGE would free.
    pub fn sum_deleted(&mut self, mailbox: CollectionId) -> Result<u64> {
        let sweeps = Sweeps::load(&mut *self.sql, mailbox)?;
        if !sweeps.is_empty() {
            return self.sum_deleted_swept(mailbox, &sweeps);
        }
        let sum = self.sql.query_one(
            "SELECT CAST(COALESCE(SUM(size_bytes), 0) AS BIGINT) FROM message \
             WHERE mailbox_id = ?1 AND (flags & 8) <> 0",
            &[Value::Int(mailbox.get())],
            |row| row.int(0),
        )?;
        Ok(sum.unwrap_or(0).cast_unsigned())
    }

    fn sum_deleted_swept(&mut self, mailbox: CollectionId, sweeps: &Sweeps) -> Result<u64> {
        let mut sum = 0;
        for_each_flags(&mut *self.sql, mailbox, sweeps, |flags, size_bytes| {
            if SystemFlags::from_bits(flags as u8).contains(SystemFlags::DELETED) {
                sum += size_bytes;
            }
        })?;
        Ok(sum.cast_unsigned())
    }
}

/// Statements on the messages from ?2 to ?3 of mailbox ?1 that meet a condition.
struct Statements {
    select: &'static str,
    keep: &'static str,
    delete: &'static str,
}

macro_rules! statements {
    ($condition:literal) => {
        Statements {
            select: concat!(
                "SELECT uid, size_bytes, flags FROM message ",
                "WHERE mailbox_id = ?1 AND uid BETWEEN ?2 AND ?3",
                $condition,
                " ORDER BY uid"
            ),
            keep: concat!(
                "INSERT INTO expunged (account_id, expunged_at, mailbox_id, uid, mailbox_name, ",
                "content_id, flags, keywords, internal_date) ",
                "SELECT CAST(?4 AS BIGINT), CAST(?5 AS BIGINT), mailbox_id, uid, ",
                "CAST(?6 AS TEXT), content_id, flags, keywords, internal_date FROM message ",
                "WHERE mailbox_id = ?1 AND uid BETWEEN ?2 AND ?3",
                $condition
            ),
            delete: concat!(
                "DELETE FROM message WHERE mailbox_id = ?1 AND uid BETWEEN ?2 AND ?3",
                $condition
            ),
        }
    };
}

// 8 is \Deleted (see the schema). Messages with it that are not in the set end a run; those
// without it do not, so each statement names it again.
const DELETED: Statements = statements!(" AND (flags & 8) <> 0");
/// A run of these holds no other message.
const ANY: Statements = statements!("");

impl AccountTx<'_, '_> {
    /// Removes the messages that have `\Deleted`, those of `uids` only if given, and says which.
    /// They can be brought back for a while (R-REST-1) and no longer count against the quota, but
    /// against a bound of their own.
    ///
    /// # Errors
    /// [`crate::StorageError::NotFound`] where the mailbox is gone,
    /// [`crate::StorageError::NoPermission`] to whom the right is missing.
    pub fn expunge(&mut self, mailbox: CollectionId, uids: Option<&UidSet>) -> Result<UidSet> {
        let mailbox = self.own_mailbox(mailbox)?;
        // RFC 4314 §4: `r` is implied, for the mailbox is open; the answer names messages.
        self.require(mailbox.id, Rights::READ | Rights::EXPUNGE)?;
        if mailbox.deleted == 0 {
            return Ok(UidSet::new());
        }
        let all = UidSet::all();
        self.take_out(&mailbox, uids.unwrap_or(&all), &DELETED)
    }

    /// Like [`expunge`](Self::expunge) for these messages whatever their flags are. UIDs that
    /// are not there are passed over.
    pub fn remove_messages(&mut self, mailbox: CollectionId, uids: &UidSet) -> Result<UidSet> {
        let mailbox = self.own_mailbox(mailbox)?;
        self.require(mailbox.id, Rights::REMOVING)?;
        self.take_out(&mailbox, uids, &ANY)
    }

    fn take_out(
        &mut self,
        mailbox: &Mailbox,
        uids: &UidSet,
        statements: &Statements,
    ) -> Result<UidSet> {
        self.settle_flags(mailbox)?;
        let selection = self.select(mailbox, uids, statements.select, |uid, row| {
            Ok((uid, row.int(1)?, row.int(2)?))
        })?;
        if selection.rows.is_empty() {
            return Ok(UidSet::new());
        }
        let mut counts = Counts::default();
        for &(_, bytes, flags) in &selection.rows {
            let flags = SystemFlags::from_bits(u8::try_from(flags).unwrap_or_default());
            counts = counts.plus(Counts { bytes, ..Counts::of(flags, 0) });
        }
        let account = Value::Int(self.account.get());
        let now = Value::Int(self.now.as_micros());
        let name = Value::Text(mailbox.name.as_str());
        let ranges = || selection.runs.iter().map(|run| run_params(mailbox.id.get(), run));
        self.sql.execute_many(
            statements.keep,
            &mut ranges()
                .map(|[mailbox, first, last]| vec![mailbox, first, last, account, now, name]),
        )?;
        self.sql.execute_many(statements.delete, &mut ranges().map(|params| params.to_vec()))?;
        self.drop_annotations(mailbox, &selection.runs)?;
        let modseq = self.count_expunged(counts.bytes, counts.messages)?;
        self.add_counts(mailbox.id, counts.negative(), modseq)?;
        let gone: UidSet = selection.rows.iter().map(|&(uid, ..)| uid).collect();
        self.record_expunged(mailbox.id, gone.clone())?;
        Ok(gone)
    }
}
