//! The spool: mail accepted for elsewhere. A message stands here from the moment its sender was
//! told 250 until the sending side has brought it out.
//!
//! **Absent:** retries, schedules and reports, which belong to the sending side.

use ids::{AccountId, SpoolId};

use crate::message_store::PreparedMessage;
use crate::sql::Value;
use crate::{Result, StorageError, WriteTx};

/// An envelope to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpoolEntry {
    /// Who submitted it; `None` for mail of the server itself.
    pub account: Option<AccountId>,
    /// MAIL FROM; empty for the null sender (RFC 5321 §4.5.5).
    pub reverse_path: String,
    /// The parameters of MAIL FROM, as JSON.
    pub envelope_json: String,
    /// Whom it goes to; at least one.
    pub recipients: Vec<SpoolRecipient>,
}

/// One recipient of a spooled message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpoolRecipient {
    /// RCPT TO.
    pub forward_path: String,
    /// Its parameters (NOTIFY, ORCPT), as JSON.
    pub parameters_json: String,
}

impl WriteTx<'_> {
    /// Takes a message into the spool. It does not count against anybody's storage quota.
    pub fn spool(&mut self, entry: SpoolEntry, message: &PreparedMessage) -> Result<SpoolId> {
        if entry.recipients.is_empty() {
            return Err(StorageError::Invalid("a spooled message has no recipient"));
        }
        self.check_message_size(message)?;
        let content = self.put_content(message)?;
        let now = self.now.as_micros();
        let id = self
            .sql
            .query_one(
                "INSERT INTO spool (account_id, reverse_path, envelope, content_id, created) \
                 VALUES (?1, ?2, ?3, ?4, ?5) RETURNING id",
                &[
                    entry.account.map_or(Value::Null, |account| Value::Int(account.get())),
                    Value::Text(&entry.reverse_path),
                    Value::Text(&entry.envelope_json),
                    Value::Int(content.get()),
                    Value::Int(now),
                ],
                |row| row.int(0),
            )?
            .ok_or_else(|| StorageError::Internal("an inserted row has no id".to_owned()))?;
        let mut rows = entry.recipients.iter().zip(0i64..).map(|(recipient, ordinal)| {
            vec![
                Value::Int(id),
                Value::Int(ordinal),
                Value::Text(&recipient.forward_path),
                Value::Text(&recipient.parameters_json),
            ]
        });
        self.sql.execute_many(
            "INSERT INTO spool_recipient (spool_id, ordinal, forward_path, parameters) \
             VALUES (?1, ?2, ?3, ?4)",
            &mut rows,
        )?;
        Ok(SpoolId::new(id))
    }
}
