//! Delivery of received mail into an account.

use super::PreparedMessage;
use super::append::{Append, Appended, message_counts};
use crate::mailbox::MailboxName;
use crate::sql::Value;
use crate::{AccountTx, Result};
use ids::CollectionId;

/// Where received mail goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delivery {
    /// The detail of the recipient's address (R-ADDR-6): the mailbox of that name takes the
    /// message if it exists and the account asks for it; else INBOX does, as without a detail.
    pub mailbox: Option<String>,
}

impl AccountTx<'_, '_> {
    /// Delivers a message: into INBOX, or the mailbox its address named. It comes unseen, its
    /// internal date is now.
    pub fn deliver(&mut self, message: &PreparedMessage, delivery: Delivery) -> Result<Appended> {
        self.require_own()?;
        self.check_room(message)?;
        let named = match &delivery.mailbox {
            Some(detail) => self.detail_mailbox(detail)?,
            None => None,
        };
        let append = Append::default();
        let counts = message_counts(message, &append.flags);
        let modseq = self.add_usage(counts.bytes, 1)?;
        let place = match named {
            Some(mailbox) => self.reserve_uids(mailbox, counts, modseq)?,
            None => self.reserve_uids_in_inbox(counts, modseq)?,
        };
        self.insert_message(place, message, append)
    }

    /// The mailbox of this name, else one that differs in ASCII case only: senders and forms
    /// write addresses in lower case.
    fn detail_mailbox(&mut self, detail: &str) -> Result<Option<CollectionId>> {
        let Ok(name) = MailboxName::parse(detail) else { return Ok(None) };
        let account = Value::Int(self.account.get());
        // Columns fold ASCII only; PostgreSQL folds a parameter as the database's locale says.
        let folded = name.as_str().to_ascii_lowercase();
        self.sql.query_one(
            "SELECT m.id FROM mailbox m JOIN account a ON a.id = m.account_id \
             WHERE m.account_id = ?1 AND a.plus_to_mailbox <> 0 AND lower(m.name) = ?3 \
             ORDER BY CASE WHEN m.name = ?2 THEN 0 ELSE 1 END, m.name LIMIT 1",
            &[account, Value::Text(name.as_str()), Value::Text(&folded)],
            |row| Ok(CollectionId::new(row.int(0)?)),
        )
    }
}
