//! Who was answered automatically, so that nobody is answered again too soon (R-RESP-3,
//! RFC 5230 §4.2). Responders and scripts share it.

use ids::Timestamp;

use super::ResponderId;
use crate::sql::Value;
use crate::{AccountTx, Address, Result};

/// What answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AnswerSource {
    /// A responder, which has to be active.
    Responder(ResponderId),
    /// A `vacation` of a script, by the hash of its handle.
    Script([u8; 32]),
}

/// What became of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claimed {
    /// The answer is to be sent, by who claimed it.
    Now,
    /// The sender was answered; the next answer is due at this instant.
    Until(Timestamp),
    /// What was to answer is not active any more.
    Never,
}

impl AnswerSource {
    /// As stored: the two kinds differ in length.
    pub(super) fn column(&self) -> Vec<u8> {
        match self {
            Self::Responder(id) => id.get().to_be_bytes().to_vec(),
            Self::Script(hash) => hash.to_vec(),
        }
    }
}

/// A sender as it is remembered: case and details do not make another one of it (R-RESP-3).
pub(crate) fn remembered(sender: &str) -> String {
    match Address::parse(sender) {
        Ok(address) => {
            let local = address.base_local().unwrap_or_else(|| address.local().to_owned());
            format!("{local}@{}", address.domain())
        }
        Err(_) => sender.to_lowercase(),
    }
}

impl AccountTx<'_, '_> {
    /// Claims the right to answer a sender, if the last answer is at least `window_secs` ago. The
    /// account is locked, so that of a thousand claims at once one is granted.
    pub fn claim_answer(
        &mut self,
        source: AnswerSource,
        sender: &str,
        window_secs: u64,
    ) -> Result<Claimed> {
        if let AnswerSource::Responder(id) = source
            && !self.is_active_responder(id)?
        {
            return Ok(Claimed::Never);
        }
        let now = self.now;
        let window = i64::try_from(window_secs).unwrap_or(i64::MAX).min(i64::from(u32::MAX));
        let due = now.plus_secs(window);
        let (source, sender) = (source.column(), remembered(sender));
        let key = [Value::Int(self.account.get()), Value::Bytes(&source), Value::Text(&sender)];
        let [account, column, address] = key;
        let claimed = self.sql.execute(
            "INSERT INTO answered (account_id, source, sender, at, expires) \
             VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (account_id, source, sender) \
             DO UPDATE SET at = ?4, expires = ?5 WHERE answered.at <= ?6",
            &[
                account,
                column,
                address,
                Value::Int(now.as_micros()),
                Value::Int(due.as_micros()),
                Value::Int(now.plus_secs(-window).as_micros()),
            ],
        )?;
        if claimed > 0 {
            return Ok(Claimed::Now);
        }
        let at = self.sql.query_one(
            "SELECT at FROM answered WHERE account_id = ?1 AND source = ?2 AND sender = ?3",
            &key,
            |row| Ok(Timestamp::from_micros(row.int(0)?)),
        )?;
        Ok(Claimed::Until(at.unwrap_or(now).plus_secs(window)))
    }

    /// Forgets whom a source answered (R-RESP-4).
    pub(super) fn forget_answered(&mut self, source: AnswerSource) -> Result<()> {
        let account = self.account;
        self.sql.execute(
            "DELETE FROM answered WHERE account_id = ?1 AND source = ?2",
            &[Value::Int(account.get()), Value::Bytes(&source.column())],
        )?;
        Ok(())
    }
}
