//! Who was answered automatically, so that nobody is answered again too soon (R-RESP-3,
//! RFC 5230 §4.2).
//!
//! Responders and scripts share it (R-RESP-6): whom a script answered gets no answer of a
//! responder for 7 days, and the other way round. Each responder has its own besides, and so has
//! each handle of a script.

use ids::Timestamp;

use super::ResponderId;
use crate::sql::Value;
use crate::{AccountTx, Address, Result};

/// R-RESP-3: how long whoever was answered gets no other answer, at least.
pub const ANSWER_WINDOW_SECS: u64 = 7 * 86_400;

/// What sent an automatic answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AnswerSource {
    /// A responder, which has to be active.
    Responder(ResponderId),
    /// A `vacation` of a script, by the hash of its handle.
    Script([u8; 32]),
}

/// The outcome of a claim to answer.
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

/// Seconds as the columns count.
fn micros(secs: i64) -> i64 {
    secs.saturating_mul(1_000_000)
}

/// A sender as it is remembered: case and details do not make another one of it (R-RESP-3), nor do
/// tags that servers put around it, another each day.
pub(crate) fn remembered(sender: &str) -> String {
    let sender = message::original_sender(sender);
    match Address::parse(&sender) {
        Ok(address) => {
            let local = address.base_local().unwrap_or_else(|| address.local().to_owned());
            format!("{local}@{}", address.domain())
        }
        Err(_) => sender.to_lowercase(),
    }
}

impl AccountTx<'_, '_> {
    /// Claims the right to answer a sender, if the source's last answer is at least `window_secs`
    /// ago, which are no fewer than [`ANSWER_WINDOW_SECS`], and the last one of the other kind of
    /// source at least those. The account is locked, so that of a thousand claims at once one is
    /// granted.
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
        let window = window_secs.max(ANSWER_WINDOW_SECS);
        let window = i64::try_from(window).unwrap_or(i64::MAX).min(i64::from(u32::MAX));
        let (source, sender) = (source.column(), remembered(sender));
        let now = self.now;
        if let Some(due) = self.next_answer(&source, &sender, window)?
            && now < due
        {
            return Ok(Claimed::Until(due));
        }
        let account = self.account;
        self.sql.execute(
            "INSERT INTO answered (account_id, source, sender, at, expires) \
             VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (account_id, source, sender) \
             DO UPDATE SET at = ?4, expires = ?5",
            &[
                Value::Int(account.get()),
                Value::Bytes(&source),
                Value::Text(&sender),
                Value::Int(now.as_micros()),
                Value::Int(now.plus_secs(window).as_micros()),
            ],
        )?;
        Ok(Claimed::Now)
    }

    /// When a sender may be answered again; `None` where nothing is remembered.
    fn next_answer(
        &mut self,
        source: &[u8],
        sender: &str,
        window: i64,
    ) -> Result<Option<Timestamp>> {
        let account = self.account;
        let due = self.sql.query_one(
            // The two kinds of sources differ in length.
            "SELECT MAX(CASE WHEN source = ?3 THEN at + ?4 ELSE at + ?5 END) FROM answered \
             WHERE account_id = ?1 AND sender = ?2 \
             AND (source = ?3 OR LENGTH(source) <> LENGTH(?3))",
            &[
                Value::Int(account.get()),
                Value::Text(sender),
                Value::Bytes(source),
                Value::Int(micros(window)),
                Value::Int(micros(ANSWER_WINDOW_SECS.cast_signed())),
            ],
            |row| row.opt_int(0),
        )?;
        Ok(due.flatten().map(Timestamp::from_micros))
    }

    /// Forgets whom a responder answered (R-RESP-4), and whom scripts did, as it goes by that too.
    pub(super) fn forget_answered(&mut self, responder: ResponderId) -> Result<()> {
        let account = self.account;
        self.sql.execute(
            "DELETE FROM answered WHERE account_id = ?1 AND (source = ?2 OR LENGTH(source) = 32)",
            &[
                Value::Int(account.get()),
                Value::Bytes(&AnswerSource::Responder(responder).column()),
            ],
        )?;
        Ok(())
    }

    /// Forgets whom a responder answered that is there no more.
    pub(super) fn drop_answered(&mut self, responder: ResponderId) -> Result<()> {
        let account = self.account;
        self.sql.execute(
            "DELETE FROM answered WHERE account_id = ?1 AND source = ?2",
            &[
                Value::Int(account.get()),
                Value::Bytes(&AnswerSource::Responder(responder).column()),
            ],
        )?;
        Ok(())
    }
}
