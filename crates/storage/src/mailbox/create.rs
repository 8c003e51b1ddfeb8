//! CREATE (RFC 9051 §6.3.4): a real mailbox; missing parents are ghosts by themselves (R-FOLD-2).
//! QUIRK(Outlook, 2016): creates children of parents that do not exist.

use ids::{Uid, UidValidity};

use super::{Mailbox, MailboxName, SpecialUse};
use crate::acl::is_reserved;
use crate::change::Fact;
use crate::sql::Value;
use crate::{AccountTx, LimitKind, QuotaResource, Result, StorageError};

impl AccountTx<'_, '_> {
    /// Creates a mailbox and subscribes to it. The name of a ghost becomes real (R-FOLD-2).
    ///
    /// QUIRK(Thunderbird, 128): shows only what is subscribed, and would hide what its user just
    /// made.
    ///
    /// # Errors
    /// [`StorageError::AlreadyExists`] for a real mailbox of that name, or where another mailbox
    /// has the special use; [`StorageError::OverQuota`] and [`StorageError::Limit`] where there may
    /// be no more of them; [`StorageError::Invalid`] for a name that is for the mailboxes of
    /// others.
    pub fn create_mailbox(
        &mut self,
        name: &MailboxName,
        special_use: Option<SpecialUse>,
    ) -> Result<Mailbox> {
        self.require_parent(name)?;
        if special_use.is_some() {
            self.require_own()?;
        }
        let mailbox = self.insert_mailbox(name, special_use, Uid::new(1))?;
        self.record_fact(Some(mailbox.id), Fact::MailboxCreated)?;
        self.subscribe_if_room(name)?;
        Ok(mailbox)
    }

    /// Adds the row, after every check; records nothing.
    pub(super) fn insert_mailbox(
        &mut self,
        name: &MailboxName,
        special_use: Option<SpecialUse>,
        uid_next: Uid,
    ) -> Result<Mailbox> {
        let account = self.account;
        if is_reserved(name) {
            return Err(StorageError::Invalid("this name is for the mailboxes of others"));
        }
        if self.find_mailbox(account, name)?.is_some() {
            return Err(StorageError::AlreadyExists("mailbox"));
        }
        self.check_special_use_free(name, special_use)?;
        let uid_validity = self.allot_uid_validity()?;
        let modseq = self.modseq(account)?;
        let now = self.now.as_micros();
        self.sql.execute(
            "INSERT INTO mailbox (account_id, name, uid_validity, uid_next, highest_modseq, \
             created_modseq, special_use, created) VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6, ?7)",
            &[
                Value::Int(account.get()),
                Value::Text(name.as_str()),
                Value::Int(i64::from(uid_validity.get())),
                Value::Int(i64::from(uid_next.get())),
                Value::Int(modseq.get().cast_signed()),
                Value::Text(special_use.map_or("", SpecialUse::column)),
                Value::Int(now),
            ],
        )?;
        let mailbox = self.find_mailbox(account, name)?.ok_or(StorageError::NotFound("mailbox"))?;
        self.inherit_acl(name, mailbox.id)?;
        Ok(mailbox)
    }

    /// Counts one more mailbox and gives it a UIDVALIDITY larger than any before in the account,
    /// and not below the clock: what a restored backup forgot is not given out again
    /// (RFC 9051 §2.3.1.1, R-FOLD-6).
    fn allot_uid_validity(&mut self) -> Result<UidValidity> {
        let account = Value::Int(self.account.get());
        let now = self.now.as_secs().clamp(1, i64::from(u32::MAX));
        let max = self.settings.mailboxes_max;
        let (count, uid_validity, quota) = self
            .sql
            .query_one(
                "UPDATE account SET mailbox_count = mailbox_count + 1, uid_validity_last = \
                 CASE WHEN uid_validity_last >= ?2 THEN uid_validity_last + 1 ELSE ?2 END \
                 WHERE id = ?1 RETURNING mailbox_count, uid_validity_last, \
                 quota_mailboxes",
                &[account, Value::Int(now)],
                |row| Ok((row.int(0)?.cast_unsigned(), row.int(1)?, row.int(2)?.cast_unsigned())),
            )?
            .ok_or(StorageError::NotFound("account"))?;
        if quota > 0 && count > quota {
            let (resource, used) = (QuotaResource::Mailboxes, count - 1);
            return Err(StorageError::OverQuota { resource, used, limit: quota });
        }
        if count > max {
            return Err(StorageError::Limit { kind: LimitKind::Mailboxes, max });
        }
        let max = u64::from(u32::MAX);
        u32::try_from(uid_validity)
            .map(UidValidity::new)
            .map_err(|_| StorageError::Limit { kind: LimitKind::Uids, max })
    }
}
