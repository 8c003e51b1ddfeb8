//! What is attached goes along with what is brought into another account (RFC 4918 §9.8, §9.9).
//!
//! Each account has attachments of its own: the data is kept once, and counted for who names it.

use std::collections::{BTreeMap, BTreeSet};

use ids::AccountId;

use super::is_ours;
use crate::object::PreparedObject;
use crate::sql::Value;
use crate::{AccountTx, Result, StorageError};

/// What an attachment is known by in the account that it comes into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttachmentPlace {
    /// 32 hexadecimal digits in lower case that nobody guesses.
    pub managed_id: String,
    /// A secret of the same form that opens the data to whoever has it.
    pub token: String,
    /// The URL of the data for those who sign in.
    pub uri: String,
}

/// Makes one for a file of this name; `None` where that cannot be done.
pub type AttachmentPlaces = dyn Fn(&str) -> Option<AttachmentPlace> + Send;

/// An attachment that comes along with an object to another account.
struct Row {
    id: i64,
    account: Option<AccountId>,
    filename: String,
}

impl AccountTx<'_, '_> {
    /// What an object that comes from another account is to be here, where its attachments have
    /// other names (RFC 8607 §3.12.2), and these. `None` where it stays as it is. Whoever asks may
    /// read the object, and so what is attached to it.
    pub(crate) fn bring_attachments(
        &mut self,
        object: &PreparedObject,
        places: &AttachmentPlaces,
    ) -> Result<Option<(PreparedObject, Vec<String>)>> {
        if object.managed().is_empty() {
            return Ok(None);
        }
        let mut brought = BTreeMap::new();
        for id in object.managed() {
            let Some(row) = self.find_row(id)? else { continue };
            if row.account == Some(self.account) && self.is_own() {
                continue;
            }
            let place = places(&row.filename);
            let place = place.ok_or_else(|| StorageError::Unavailable("no names".to_owned()))?;
            self.copy_attachment(&row, &place)?;
            brought.insert(id.clone(), place);
        }
        // RFC 8607 §4.3: what is gone, or of another server, nobody manages here.
        let mut unmanaged = BTreeSet::new();
        for id in object.managed().iter().filter(|id| !brought.contains_key(*id)) {
            if self.find_row(id)?.is_none() {
                unmanaged.insert(id.clone());
            }
        }
        let limits = self.settings.scheduling.objects;
        let Some(read) = object.read_again(&limits.ical) else { return Ok(None) };
        let changed = read.with_managed(|id, line| match brought.get(id) {
            Some(place) => {
                line.set_parameter("MANAGED-ID", &*place.managed_id);
                line.set_value(&*place.uri);
            }
            None if unmanaged.contains(id) => line.remove_parameter("MANAGED-ID"),
            None => {}
        });
        let Some(changed) = changed else { return Ok(None) };
        let ids = brought.into_values().map(|place| place.managed_id).collect();
        match PreparedObject::calendar(changed.render(), &limits) {
            Ok(prepared) => Ok(Some((prepared, ids))),
            Err(_) => Err(StorageError::Invalid("what is attached cannot be named here")),
        }
    }

    fn find_row(&mut self, id: &str) -> Result<Option<Row>> {
        self.sql.query_one(
            "SELECT id, account_id, filename FROM attachment WHERE managed_id = ?1",
            &[Value::Text(id)],
            |row| {
                let account = row.opt_int(1)?.map(AccountId::new);
                Ok(Row { id: row.int(0)?, account, filename: row.text(2)?.to_owned() })
            },
        )
    }

    /// Another one with the same data; kept once an object of the account names it.
    fn copy_attachment(&mut self, row: &Row, place: &AttachmentPlace) -> Result<()> {
        if !is_ours(&place.managed_id) || !is_ours(&place.token) {
            return Err(StorageError::Invalid("this is no attachment"));
        }
        let (account, creator, now) = (self.account, self.actor, self.now.as_micros());
        self.sql.execute(
            "INSERT INTO attachment (account_id, creator, managed_id, token, blob_id, size_bytes, \
             media_type, filename, created, unnamed_since) \
             SELECT CAST(?2 AS BIGINT), CAST(?3 AS BIGINT), CAST(?4 AS TEXT), CAST(?5 AS TEXT), \
             blob_id, size_bytes, media_type, filename, CAST(?6 AS BIGINT), 0 \
             FROM attachment WHERE id = ?1",
            &[
                Value::Int(row.id),
                Value::Int(account.get()),
                Value::Int(creator.get()),
                Value::Text(&place.managed_id),
                Value::Text(&place.token),
                Value::Int(now),
            ],
        )?;
        Ok(())
    }

    /// Takes back what came along with an object that was refused.
    pub(crate) fn take_attachments_back(&mut self, ids: &[String]) -> Result<()> {
        for id in ids {
            self.sql.execute("DELETE FROM attachment WHERE managed_id = ?1", &[Value::Text(id)])?;
        }
        Ok(())
    }
}
