//! Who is in the directory since when: called by every verb after which a card is another.

use ids::{AccountId, DomainId, Timestamp};

use crate::sql::Value;
use crate::{Result, WriteTx};

impl WriteTx<'_> {
    /// Something of an account changed that its card tells, or whether it is in the directory.
    pub(crate) fn touch_directory(&mut self, account: AccountId) -> Result<()> {
        if !self.is_in_directory(account)? {
            return self.leave_directory(account);
        }
        let organisation = self.organisation_of(account)?;
        let modseq = self.next_of_directory(organisation)?;
        let now = self.now.as_micros();
        self.sql.execute(
            "INSERT INTO directory_entry (organisation, account_id, modseq, created_modseq, changed) \
             VALUES (?1, ?2, ?3, ?3, ?4) ON CONFLICT (organisation, account_id) \
             DO UPDATE SET modseq = ?3, changed = ?4, gone = 0",
            &[
                Value::Int(organisation.get()),
                Value::Int(account.get()),
                Value::Int(modseq),
                Value::Int(now),
            ],
        )?;
        Ok(())
    }

    /// An account goes, or is somebody else's from now on.
    pub(crate) fn leave_directory(&mut self, account: AccountId) -> Result<()> {
        let id = Value::Int(account.get());
        let organisations = self.sql.query_all(
            "SELECT organisation FROM directory_entry WHERE account_id = ?1 AND gone = 0",
            &[id],
            |row| Ok(DomainId::new(row.int(0)?)),
        )?;
        let now = Value::Int(self.now.as_micros());
        for organisation in organisations {
            let modseq = Value::Int(self.next_of_directory(organisation)?);
            self.sql.execute(
                "UPDATE directory_entry SET modseq = ?3, changed = ?4, gone = 1 \
                 WHERE organisation = ?1 AND account_id = ?2",
                &[Value::Int(organisation.get()), id, modseq, now],
            )?;
        }
        Ok(())
    }

    /// The accounts of one organisation are of another from now on.
    pub(crate) fn move_directory(&mut self, from: DomainId) -> Result<()> {
        let accounts = self.sql.query_all(
            "SELECT account_id FROM directory_entry WHERE organisation = ?1 AND gone = 0 ORDER BY 1",
            &[Value::Int(from.get())],
            |row| Ok(AccountId::new(row.int(0)?)),
        )?;
        for account in accounts {
            self.leave_directory(account)?;
            self.touch_directory(account)?;
        }
        Ok(())
    }

    fn next_of_directory(&mut self, organisation: DomainId) -> Result<i64> {
        let next = self.sql.query_one(
            "UPDATE domain SET directory_modseq = directory_modseq + 1 WHERE id = ?1 \
             RETURNING directory_modseq",
            &[Value::Int(organisation.get())],
            |row| row.int(0),
        )?;
        next.ok_or(crate::StorageError::NotFound("domain"))
    }

    /// Forgets who left before `before`; how many that were. Sync-tokens from before then are
    /// refused.
    pub(crate) fn purge_directory(&mut self, before: Timestamp) -> Result<u64> {
        let before = Value::Int(before.as_micros());
        self.sql.execute(
            "UPDATE domain SET directory_horizon = (SELECT MAX(e.modseq) FROM directory_entry e \
             WHERE e.organisation = domain.id AND e.gone = 1 AND e.changed < ?1) \
             WHERE id IN (SELECT organisation FROM directory_entry WHERE gone = 1 AND changed < ?1)",
            &[before],
        )?;
        self.sql.execute("DELETE FROM directory_entry WHERE gone = 1 AND changed < ?1", &[before])
    }
}
