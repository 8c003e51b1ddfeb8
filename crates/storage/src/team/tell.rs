//! Telling sessions that who counts as a grantee has changed.

use std::collections::BTreeSet;

use ids::{AccountId, CollectionId};

use crate::change::Fact;
use crate::sql::Value;
use crate::{Result, WriteTx};

impl WriteTx<'_> {
    /// Locks the accounts whose mailboxes and collections are shared with a grantee, and those in
    /// `concerned`, and tells of a change of rights on each: sessions of others on these mailboxes
    /// wake, and read their rights anew. Those concerned learn that they see others.
    pub(crate) fn tell_of_grantee(&mut self, grantee: i64, concerned: &[AccountId]) -> Result<()> {
        let places = self.sql.query_all(
            "SELECT b.account_id, 0, b.id FROM acl x JOIN mailbox b ON b.id = x.mailbox_id \
             WHERE x.grantee = ?1 \
             UNION SELECT c.account_id, 1, c.id FROM collection_share s \
             JOIN collection c ON c.id = s.collection_id WHERE s.grantee = ?1 ORDER BY 1, 2, 3",
            &[Value::Int(grantee)],
            |row| {
                let (account, id) = (AccountId::new(row.int(0)?), CollectionId::new(row.int(2)?));
                Ok((account, row.int(1)? != 0, id))
            },
        )?;
        let owners = places.iter().map(|(account, ..)| *account);
        let accounts: BTreeSet<AccountId> = owners.chain(concerned.iter().copied()).collect();
        for account in &accounts {
            self.lock_usage(*account)?;
        }
        for account in concerned {
            self.record(*account, None, Fact::AccountUpdated)?;
        }
        for (account, is_collection, id) in places {
            match is_collection {
                true => {
                    self.account(account)?.touch_collection(id)?;
                    self.record(account, Some(id), Fact::CollectionUpdated)?;
                }
                false => self.record_acl(account, id)?,
            }
        }
        Ok(())
    }
}
