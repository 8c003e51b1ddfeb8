//! The numbers kept beside a mailbox, changed together with its messages.

use ids::{CollectionId, ModSeq, Uid, UidValidity};
use message::flag::SystemFlags;

use crate::sql::Value;
use crate::view::DeltaEntry;
use crate::{AccountTx, LimitKind, Result, StorageError};

/// LIMIT: RFC 9051 §2.3.1.1 has UIDs of 32 bits. The last is never given out, so that UIDNEXT,
/// which has 32 bits too, can always be told.
const UID_NEXT_MAX: u32 = u32::MAX;

/// What is added to a mailbox's numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) messages: i64,
    pub(super) unseen: i64,
    pub(super) deleted: i64,
    pub(super) bytes: i64,
}

impl Counts {
    /// The counts of a single message.
    pub(super) fn of(flags: SystemFlags, size_bytes: u32) -> Self {
        Self {
            messages: 1,
            unseen: i64::from(!flags.contains(SystemFlags::SEEN)),
            deleted: i64::from(flags.contains(SystemFlags::DELETED)),
            bytes: i64::from(size_bytes),
        }
    }

    pub(super) fn of_all(entries: &[DeltaEntry]) -> Self {
        entries.iter().fold(Self::default(), |sum, entry| {
            sum.plus(Self::of(entry.flags.system, entry.size_bytes))
        })
    }

    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            messages: self.messages + other.messages,
            unseen: self.unseen + other.unseen,
            deleted: self.deleted + other.deleted,
            bytes: self.bytes + other.bytes,
        }
    }

    pub(super) fn negative(self) -> Self {
        Self {
            messages: -self.messages,
            unseen: -self.unseen,
            deleted: -self.deleted,
            bytes: -self.bytes,
        }
    }
}

/// UIDs given out together.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reserved {
    pub(super) mailbox: CollectionId,
    pub(super) uid_validity: UidValidity,
    pub(super) first: Uid,
}

impl AccountTx<'_, '_> {
    /// Adds to the numbers of a mailbox whose messages changed.
    pub(super) fn add_counts(
        &mut self,
        mailbox: CollectionId,
        counts: Counts,
        modseq: ModSeq,
    ) -> Result<()> {
        self.sql.execute(
            "UPDATE mailbox SET message_count = message_count + ?2, \
             unseen_count = unseen_count + ?3, deleted_count = deleted_count + ?4, \
             size_bytes = size_bytes + ?5, highest_modseq = ?6 WHERE id = ?1",
            &[
                Value::Int(mailbox.get()),
                Value::Int(counts.messages),
                Value::Int(counts.unseen),
                Value::Int(counts.deleted),
                Value::Int(counts.bytes),
                Value::Int(modseq.get().cast_signed()),
            ],
        )?;
        Ok(())
    }

    /// Gives out as many UIDs as `counts` has messages, and counts those messages.
    pub(super) fn reserve_uids(
        &mut self,
        mailbox: CollectionId,
        counts: Counts,
        modseq: ModSeq,
    ) -> Result<Reserved> {
        self.reserve(
            concat!(
                "UPDATE mailbox SET uid_next = uid_next + ?2, message_count = message_count + ?2, ",
                "unseen_count = unseen_count + ?3, deleted_count = deleted_count + ?4, ",
                "size_bytes = size_bytes + ?5, highest_modseq = ?6 ",
                "WHERE account_id = ?1 AND id = ?7 RETURNING id, uid_validity, uid_next"
            ),
            "SELECT id, uid_validity, uid_next FROM mailbox WHERE account_id = ?1 AND id = ?2",
            Value::Int(mailbox.get()),
            counts,
            modseq,
        )
    }

    /// [`reserve_uids`](Self::reserve_uids) in INBOX, found in the same statement.
    pub(super) fn reserve_uids_in_inbox(
        &mut self,
        counts: Counts,
        modseq: ModSeq,
    ) -> Result<Reserved> {
        self.reserve(
            concat!(
                "UPDATE mailbox SET uid_next = uid_next + ?2, message_count = message_count + ?2, ",
                "unseen_count = unseen_count + ?3, deleted_count = deleted_count + ?4, ",
                "size_bytes = size_bytes + ?5, highest_modseq = ?6 ",
                "WHERE account_id = ?1 AND name = ?7 RETURNING id, uid_validity, uid_next"
            ),
            "SELECT id, uid_validity, uid_next FROM mailbox WHERE account_id = ?1 AND name = ?2",
            Value::Text("INBOX"),
            counts,
            modseq,
        )
    }

    fn reserve(
        &mut self,
        sql: &'static str,
        find: &'static str,
        mailbox: Value<'_>,
        counts: Counts,
        modseq: ModSeq,
    ) -> Result<Reserved> {
        let account = Value::Int(self.account.get());
        let (mailbox, uid_validity, uid_next) = self
            .sql
            .change_one(
                sql,
                &[
                    account,
                    Value::Int(counts.messages),
                    Value::Int(counts.unseen),
                    Value::Int(counts.deleted),
                    Value::Int(counts.bytes),
                    Value::Int(modseq.get().cast_signed()),
                    mailbox,
                ],
                (find, &[account, mailbox]),
                |row| Ok((CollectionId::new(row.int(0)?), row.int(1)?, row.int(2)?)),
            )?
            .ok_or(StorageError::NotFound("mailbox"))?;
        if uid_next > i64::from(UID_NEXT_MAX) {
            let max = u64::from(UID_NEXT_MAX) - 1;
            return Err(StorageError::Limit { kind: LimitKind::Uids, max });
        }
        let damaged = |_| StorageError::Corrupt("a mailbox has impossible UIDs".to_owned());
        Ok(Reserved {
            mailbox,
            uid_validity: UidValidity::new(u32::try_from(uid_validity).map_err(damaged)?),
            first: Uid::new(u32::try_from(uid_next - counts.messages).map_err(damaged)?),
        })
    }
}
