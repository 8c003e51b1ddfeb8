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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{on_both_engines, on_both_engines_with};

    fn entry(account: Option<AccountId>, recipients: &[&str]) -> SpoolEntry {
        SpoolEntry {
            account,
            reverse_path: "julie@example.test".to_owned(),
            envelope_json: "{}".to_owned(),
            recipients: recipients
                .iter()
                .map(|path| SpoolRecipient {
                    forward_path: (*path).to_owned(),
                    parameters_json: "{}".to_owned(),
                })
                .collect(),
        }
    }

    #[test]
    fn what_was_accepted_stays_when_its_account_goes() {
        on_both_engines(|store| {
            let julie = store.account("julie");
            store
                .write(move |tx| {
                    let message = PreparedMessage::new(b"a: b\r\n\r\nbody".to_vec());
                    tx.spool(entry(Some(julie), &["a@x.test", "b@x.test"]), &message)?;
                    tx.spool(entry(None, &["c@x.test"]), &message)
                })
                .unwrap();
            store.write(move |tx| tx.remove_account(julie)).unwrap();
            let rows = store.read(|tx| {
                tx.sql.query_all(
                    "SELECT s.account_id, r.ordinal, r.forward_path FROM spool s \
                     JOIN spool_recipient r ON r.spool_id = s.id ORDER BY s.id, r.ordinal",
                    &[],
                    |row| Ok((row.opt_int(0)?, row.int(1)?, row.text(2)?.to_owned())),
                )
            });
            let row = |ordinal, path: &str| (None, ordinal, path.to_owned());
            assert_eq!(rows.unwrap(), [row(0, "a@x.test"), row(1, "b@x.test"), row(0, "c@x.test")]);
        });
    }

    #[test]
    fn what_cannot_be_sent_is_refused() {
        let small = |settings: &mut crate::Settings| settings.message_bytes_max = 10;
        on_both_engines_with(small, |store| {
            let refused = store.write(|tx| {
                tx.spool(entry(None, &[]), &PreparedMessage::new(b"a: b\r\n".to_vec()))
            });
            assert!(matches!(refused, Err(StorageError::Invalid(_))));
            let refused = store.write(|tx| {
                tx.spool(entry(None, &["a@x.test"]), &PreparedMessage::new(vec![b'x'; 11]))
            });
            assert!(matches!(refused, Err(StorageError::TooBig { .. })));
        });
    }
}
