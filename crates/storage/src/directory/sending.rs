//! What an account may send (R-ADDR-11): messages a day, recipients a message, to how many
//! addresses it sends on. The store has limits for all, an account may have its own.
//!
//! **Invariant:** a message is counted in the transaction that takes it, so of two for the last
//! place one is refused, and one that is not taken does not count.
//!
//! What scripts of an account send on counts too, in a row of its own (`sent_on`): that is written
//! where the account is locked already, and the row of what the account sends itself is locked
//! before any account. Either count reads the other's row without waiting for it.

use ids::AccountId;

use crate::sql::Value;
use crate::{AccountTx, LimitKind, ReadTx, Result, StorageError, WriteTx};

const DAY_SECS: i64 = 24 * 60 * 60;

/// Limits of an account of its own; absent ones are those of the store, 0 is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SendingLimits {
    /// Messages a day, by UTC.
    pub messages_max: Option<u64>,
    /// Recipients of one message.
    pub recipients_max: Option<u64>,
    /// Redirections (R-ADDR-10); those there are stay.
    pub redirections_max: Option<u64>,
}

/// What an account has sent, and what it may.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SendingUse {
    /// Messages of today, with what scripts sent on.
    pub sent: u64,
    /// The limits set for the account itself.
    pub limits: SendingLimits,
}

struct Row {
    day: i64,
    sent: u64,
    limits: SendingLimits,
}

fn read(row: &dyn crate::sql::Row) -> Result<Row> {
    let limit = |at: usize| Ok::<_, StorageError>(u64::try_from(row.int(at)?).ok());
    let limits = SendingLimits {
        messages_max: limit(2)?,
        recipients_max: limit(3)?,
        redirections_max: row.opt_int(4)?.map(i64::cast_unsigned),
    };
    Ok(Row { day: row.int(0)?, sent: row.int(1)?.cast_unsigned(), limits })
}

impl ReadTx<'_> {
    /// What an account has sent on the day of `now`, and what limits it has of its own.
    pub fn sending_of(&mut self, account: AccountId, now: ids::Timestamp) -> Result<SendingUse> {
        let found = self.sql.query_one(
            "SELECT day, sent, messages_max, recipients_max, redirections_max FROM sending \
             WHERE account_id = ?1",
            &[Value::Int(account.get())],
            read,
        )?;
        let today = day_of(now);
        let sent_on = self.sent_on(account, today)?;
        let (sent, limits) = match found {
            Some(row) => (if row.day == today { row.sent } else { 0 }, row.limits),
            None => (0, SendingLimits::default()),
        };
        Ok(SendingUse { sent: sent + sent_on, limits })
    }

    fn sent_on(&mut self, account: AccountId, day: i64) -> Result<u64> {
        let found = self.sql.query_one(
            "SELECT sent FROM sent_on WHERE account_id = ?1 AND day = ?2",
            &[Value::Int(account.get()), Value::Int(day)],
            |row| Ok(row.int(0)?.cast_unsigned()),
        )?;
        Ok(found.unwrap_or(0))
    }
}

fn day_of(now: ids::Timestamp) -> i64 {
    now.as_secs().div_euclid(DAY_SECS)
}

impl AccountTx<'_, '_> {
    /// How many of so many messages may be sent on today.
    pub(crate) fn may_send_on(&mut self, wanted: u64) -> Result<u64> {
        if wanted == 0 {
            return Ok(0);
        }
        let (account, now) = (self.account, self.now);
        let used = self.sending_of(account, now)?;
        match used.limits.messages_max.unwrap_or(self.settings.sent_messages_max) {
            0 => Ok(wanted),
            max => Ok(wanted.min(max.saturating_sub(used.sent))),
        }
    }

    /// Counts messages that are sent on.
    pub(crate) fn count_sent_on(&mut self, sent: u64) -> Result<()> {
        if sent == 0 {
            return Ok(());
        }
        let (account, today) = (self.account, day_of(self.now));
        self.sql.execute(
            "INSERT INTO sent_on (account_id, day, sent) VALUES (?1, ?2, ?3) \
             ON CONFLICT (account_id) DO UPDATE SET \
             sent = CASE WHEN sent_on.day = ?2 THEN sent_on.sent + ?3 ELSE ?3 END, day = ?2",
            &[Value::Int(account.get()), Value::Int(today), Value::Int(sent.cast_signed())],
        )?;
        Ok(())
    }
}

impl WriteTx<'_> {
    /// Counts one message that an account sends to so many recipients, or refuses it. It comes
    /// before any account is locked: who counts holds the account's count until the commit.
    ///
    /// # Errors
    /// [`StorageError::Limit`] with the number of messages a day, or of recipients, that is
    /// exceeded.
    pub fn count_sent(&mut self, account: AccountId, recipients: u64) -> Result<()> {
        let today = day_of(self.now);
        let key = [Value::Int(account.get()), Value::Int(today)];
        let counted = self.sql.change_one(
            "INSERT INTO sending (account_id, day, sent, messages_max, recipients_max) \
             VALUES (?1, ?2, 1, -1, -1) ON CONFLICT (account_id) DO UPDATE SET \
             sent = CASE WHEN sending.day = ?2 THEN sending.sent + 1 ELSE 1 END, day = ?2 \
             RETURNING day, sent + COALESCE((SELECT o.sent FROM sent_on o \
             WHERE o.account_id = ?1 AND o.day = ?2), 0), messages_max, recipients_max, \
             redirections_max",
            &key,
            (
                "SELECT day, sent + COALESCE((SELECT o.sent FROM sent_on o \
                 WHERE o.account_id = ?1 AND o.day = ?2), 0), messages_max, recipients_max, \
                 redirections_max FROM sending WHERE account_id = ?1",
                &key,
            ),
            read,
        )?;
        let row = counted.ok_or(StorageError::NotFound("account"))?;
        let of_all = self.settings;
        let recipients_max = row.limits.recipients_max.unwrap_or(of_all.sent_recipients_max);
        if recipients_max > 0 && recipients > recipients_max {
            let kind = LimitKind::SentRecipients;
            return Err(StorageError::Limit { kind, max: recipients_max });
        }
        let messages_max = row.limits.messages_max.unwrap_or(of_all.sent_messages_max);
        if messages_max > 0 && row.sent > messages_max {
            return Err(StorageError::Limit { kind: LimitKind::SentMessages, max: messages_max });
        }
        Ok(())
    }

    /// Holds an account's count until the commit, for what may come to be counted.
    pub(crate) fn lock_sent(&mut self, account: AccountId) -> Result<()> {
        self.sql.execute(
            "INSERT INTO sending (account_id, day, sent, messages_max, recipients_max) \
             VALUES (?1, 0, 0, -1, -1) ON CONFLICT (account_id) DO UPDATE SET sent = sending.sent",
            &[Value::Int(account.get())],
        )?;
        Ok(())
    }

    /// Whether [`count_sent`](Self::count_sent) would take another message.
    pub(crate) fn may_send(&mut self, account: AccountId) -> Result<bool> {
        let now = self.now;
        let used = self.sending_of(account, now)?;
        let max = used.limits.messages_max.unwrap_or(self.settings.sent_messages_max);
        Ok(max == 0 || used.sent < max)
    }

    /// Gives an account limits of its own.
    pub fn set_sending_limits(&mut self, account: AccountId, limits: SendingLimits) -> Result<()> {
        self.load_account(account)?;
        let column = |limit: Option<u64>| match limit {
            None => Value::Int(-1),
            Some(limit) => Value::Int(i64::try_from(limit).unwrap_or(i64::MAX)),
        };
        self.sql.execute(
            "INSERT INTO sending \
             (account_id, day, sent, messages_max, recipients_max, redirections_max) \
             VALUES (?1, 0, 0, ?2, ?3, ?4) ON CONFLICT (account_id) DO UPDATE SET \
             messages_max = ?2, recipients_max = ?3, redirections_max = ?4",
            &[
                Value::Int(account.get()),
                column(limits.messages_max),
                column(limits.recipients_max),
                limits.redirections_max.map_or(Value::Null, |_| column(limits.redirections_max)),
            ],
        )?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ids::Clock;
    use testkit::ManualClock;

    use super::*;
    use crate::testing::on_both_engines_with;

    #[test]
    fn messages_are_counted_by_day_and_refused_beyond_the_limit() {
        let clock = Arc::new(ManualClock::default());
        let change = |settings: &mut crate::Settings| {
            settings.clock = clock.clone();
            (settings.sent_messages_max, settings.sent_recipients_max) = (2, 3);
        };
        on_both_engines_with(change, |store| {
            let (julie, paul) = (store.account("julie"), store.account("paul"));
            let send = |account, recipients| {
                let sent = store.write(move |tx| tx.count_sent(account, recipients));
                sent.map_err(|error| error.to_string())
            };
            let limits = move |account, messages_max, recipients_max| {
                let limits =
                    SendingLimits { messages_max, recipients_max, ..SendingLimits::default() };
                store.write(move |tx| tx.set_sending_limits(account, limits)).unwrap();
            };
            let sending = |account| {
                let now = clock.now();
                store.read(move |tx| tx.sending_of(account, now)).unwrap()
            };
            assert_eq!(send(julie, 1), Ok(()));
            // What is refused does not count.
            let refused = send(julie, 4).unwrap_err();
            assert_eq!(refused, "limit of 3 reached: SentRecipients");
            assert_eq!(sending(julie).sent, 1);
            assert_eq!(send(julie, 3), Ok(()));
            let refused = send(julie, 1).unwrap_err();
            assert_eq!(refused, "limit of 2 reached: SentMessages");
            assert_eq!(send(paul, 1), Ok(()));
            limits(julie, Some(3), Some(0));
            assert_eq!(send(julie, 1000), Ok(()));
            assert!(send(julie, 1).is_err());
            assert_eq!(sending(julie).limits.messages_max, Some(3));
            limits(julie, None, None);
            assert!(send(julie, 1).is_err());
            clock.advance_secs(DAY_SECS);
            assert_eq!(sending(julie), SendingUse::default());
            assert_eq!(send(julie, 1), Ok(()));
            limits(paul, Some(0), None);
            for _ in 0..5 {
                assert_eq!(send(paul, 1), Ok(()));
            }
            // What is configured anew holds from the next transaction on.
            let mut settings = (*store.inner().settings()).clone();
            settings.sent_messages_max = 1;
            store.inner().replace_settings(settings);
            let refused = send(julie, 1).unwrap_err();
            assert_eq!(refused, "limit of 1 reached: SentMessages");
            store.write(move |tx| tx.remove_account(paul)).unwrap();
        });
    }
}
