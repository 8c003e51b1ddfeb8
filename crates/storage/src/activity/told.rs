//! Letters to owners about events of their accounts: whether one may be written now, and its
//! delivery into INBOX, past the rules of the account.

use message::flag::Flags;

use super::{ActivityNotice, ActivityPolicy};
use crate::sql::Value;
use crate::{AccountTx, PreparedMessage, Result, StorageError};

const DAY_SECS: i64 = 24 * 60 * 60;

/// LIMIT: letters a day about new places; a telephone on a journey sees many.
const NEW_PLACES_TOLD_MAX: i64 = 5;

impl AccountTx<'_, '_> {
    /// Puts a letter into INBOX, unless the owner was told not long ago, or has no room. No rule of
    /// the account sees it, so that it goes nowhere else.
    pub fn tell_activity(
        &mut self,
        notice: &ActivityNotice,
        policy: &ActivityPolicy,
        letter: Vec<u8>,
    ) -> Result<()> {
        if !self.may_tell(notice, policy)? {
            return Ok(());
        }
        let message = PreparedMessage::new(letter);
        match self.check_quota(message.size().cast_signed(), 1) {
            Ok(()) => self.deliver_into(None, &message, Flags::default()).map(drop),
            Err(StorageError::OverQuota { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Counts a letter, if it may be written.
    fn may_tell(&mut self, notice: &ActivityNotice, policy: &ActivityPolicy) -> Result<bool> {
        let (kind, max, secs) = match notice {
            ActivityNotice::NewPlace(_) => (1, NEW_PLACES_TOLD_MAX, DAY_SECS),
            ActivityNotice::WrongPasswords(..) => (2, 1, policy.told_again_secs),
        };
        let key = [Value::Int(self.account.get()), Value::Int(kind)];
        let before = self.sql.query_one(
            "SELECT at, count FROM activity_told WHERE account_id = ?1 AND kind = ?2",
            &key,
            |row| Ok((ids::Timestamp::from_micros(row.int(0)?), row.int(1)?)),
        )?;
        let now = self.now;
        let (at, count) = match before {
            Some((at, count)) if now < at.plus_secs(secs) => (at, count),
            _ => (now, 0),
        };
        if count >= max {
            return Ok(false);
        }
        let [account, kind] = key;
        self.sql.execute(
            "INSERT INTO activity_told (account_id, kind, at, count) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (account_id, kind) DO UPDATE SET at = ?3, count = ?4",
            &[account, kind, Value::Int(at.as_micros()), Value::Int(count + 1)],
        )?;
        Ok(true)
    }
}
