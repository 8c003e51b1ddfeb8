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
    pub fn subscribe(&mut self, name: &MailboxName) -> Result<()> {
        match self.subscribe_if_room(name)? {
            true => Ok(()),
            false => Err(StorageError::Limit {
                kind: LimitKind::Subscriptions,
                max: self.subscriptions_max(),
            }),
        }
    }

    /// Unsubscribes from a name; one that is not subscribed to is no error (R-FOLD-7: no program
    /// is led into a loop).
    pub fn unsubscribe(&mut self, name: &MailboxName) -> Result<()> {
        let account = Value::Int(self.account.get());
        let removed = self.sql.execute(
            "DELETE FROM subscription WHERE account_id = ?1 AND name = ?2",
            &[account, Value::Text(name.as_str())],
        )?;
        if removed == 0 {
            return Ok(());
        }
        self.record_subscription(name, false)
    }

    /// Subscribes unless there are too many subscriptions; whether the name is subscribed to now.
    pub(super) fn subscribe_if_room(&mut self, name: &MailboxName) -> Result<bool> {
        let account = Value::Int(self.account.get());
        let name_column = Value::Text(name.as_str());
        let (count, subscribed) = self
            .sql
            .query_one(
                "SELECT COUNT(*), COUNT(CASE WHEN name = ?2 THEN 1 END) FROM subscription \
                 WHERE account_id = ?1",
                &[account, name_column],
                |row| Ok((row.int(0)?.cast_unsigned(), row.int(1)? > 0)),
            )?
            .unwrap_or_default();
        if subscribed || count >= self.subscriptions_max() {
            return Ok(subscribed);
        }
        self.sql.execute(
            "INSERT INTO subscription (account_id, name) VALUES (?1, ?2)",
            &[account, name_column],
        )?;
        self.record_subscription(name, true)?;
        Ok(true)
    }

    pub(super) fn record_subscription(
        &mut self,
        name: &MailboxName,
        subscribed: bool,
    ) -> Result<()> {
        let name = name.as_str().to_owned();
        self.record_fact(None, Fact::SubscriptionChanged { name, subscribed })
    }

    /// LIMIT: every mailbox there can be, and as many names of mailboxes that are gone.
    fn subscriptions_max(&self) -> u64 {
        self.settings.mailboxes_max.saturating_mul(2)
    }
}
