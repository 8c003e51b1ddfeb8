//! SUBSCRIBE and UNSUBSCRIBE (RFC 9051 §6.3.7, §6.3.8): names, whether or not they exist
//! (R-FOLD-7).

use super::MailboxName;
use crate::change::Fact;
use crate::sql::Value;
use crate::{AccountTx, LimitKind, Result, StorageError};

impl AccountTx<'_, '_> {
    /// Subscribes to a name; one that is subscribed to already is no error. The name may be a
    /// ghost's or nobody's: RFC 9051 §6.3.7 lets a server take it, and a name stays subscribed
    /// when its mailbox goes.
    ///
    /// # Errors
    /// [`StorageError::Limit`] beyond what an account may have.
    pub fn subscribe(&mut self, name: &MailboxName) -> Result<()> {
        self.require_own()?;
        match self.subscribe_if_room(name)? {
            true => Ok(()),
            false => Err(StorageError::Limit {
                kind: LimitKind::Subscriptions,
                max: self.subscriptions_max(),
            }),
        }
    }

    /// Unsubscribes from a name; whether it was subscribed to. One that was not is no error
    /// (R-FOLD-7: no program is led into a loop).
    pub fn unsubscribe(&mut self, name: &MailboxName) -> Result<bool> {
        self.require_own()?;
        let account = Value::Int(self.account.get());
        let removed = self.sql.execute(
            "DELETE FROM subscription WHERE account_id = ?1 AND name = ?2",
            &[account, Value::Text(name.as_str())],
        )?;
        if removed == 0 {
            return Ok(false);
        }
        self.record_subscription(name, false)?;
        Ok(true)
    }

    /// Subscribes unless there are too many subscriptions; whether the name is subscribed to now.
    pub(crate) fn subscribe_if_room(&mut self, name: &MailboxName) -> Result<bool> {
        let account = Value::Int(self.account.get());
        let name_column = Value::Text(name.as_str());
        let added = self.sql.execute(
            "INSERT INTO subscription (account_id, name) VALUES (?1, ?2) \
             ON CONFLICT (account_id, name) DO NOTHING",
            &[account, name_column],
        )?;
        if added == 0 {
            return Ok(true);
        }
        let count = self
            .sql
            .query_one("SELECT subscription_count FROM account WHERE id = ?1", &[account], |row| {
                Ok(row.int(0)?.cast_unsigned())
            })?
            .unwrap_or_default();
        if count >= self.subscriptions_max() {
            self.sql.execute(
                "DELETE FROM subscription WHERE account_id = ?1 AND name = ?2",
                &[account, name_column],
            )?;
            return Ok(false);
        }
        self.record_subscription(name, true)?;
        Ok(true)
    }

    /// Counts a row of `subscription` that came or went, and tells of it.
    pub(super) fn record_subscription(
        &mut self,
        name: &MailboxName,
        subscribed: bool,
    ) -> Result<()> {
        let more = if subscribed { 1 } else { -1 };
        let account = Value::Int(self.account.get());
        self.sql.execute(
            "UPDATE account SET subscription_count = subscription_count + ?2 WHERE id = ?1",
            &[account, Value::Int(more)],
        )?;
        let name = name.as_str().to_owned();
        self.record_fact(None, Fact::SubscriptionChanged { name, subscribed })
    }

    /// LIMIT: every mailbox there can be, and as many names of mailboxes that are gone.
    fn subscriptions_max(&self) -> u64 {
        self.settings.mailboxes_max.saturating_mul(2)
    }
}
