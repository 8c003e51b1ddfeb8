//! Who may have the data of an attachment (RFC 8607 §3.12.2).

use ids::{AccountId, CollectionId, Timestamp};

use super::is_ours;
use crate::sql::{Row, Value};
use crate::{CollectionRights, ReadTx, Result, StorageError};

/// LIMIT: calendars that are looked at for one that somebody may read: as many as people can be
/// invited.
const CALENDARS_MAX: i64 = 1_000;

/// An attachment whose data can be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// The media type, without parameters.
    pub media_type: String,
    /// What it is called; may be empty.
    pub filename: String,
    /// The size in bytes.
    pub size_bytes: u64,
    /// When it came.
    pub created: Timestamp,
    /// Names what never changes, for an etag.
    pub managed_id: String,
    blob: i64,
}

fn read(row: &dyn Row) -> Result<Attachment> {
    Ok(Attachment {
        managed_id: row.text(0)?.to_owned(),
        media_type: row.text(1)?.to_owned(),
        filename: row.text(2)?.to_owned(),
        size_bytes: row.int(3)?.cast_unsigned(),
        created: Timestamp::from_micros(row.int(4)?),
        blob: row.int(5)?,
    })
}

macro_rules! select_attachment {
    ($rest:literal) => {
        concat!(
            "SELECT a.managed_id, a.media_type, a.filename, a.size_bytes, a.created, a.blob_id ",
            "FROM attachment a ",
            $rest
        )
    };
}

impl ReadTx<'_> {
    /// The attachment that an object names which `actor` may read.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] where there is no such object; [`StorageError::Expunged`] where
    /// there is one, and the attachment is gone.
    pub fn load_attachment(&mut self, actor: AccountId, managed_id: &str) -> Result<Attachment> {
        if !is_ours(managed_id) || !self.reads_attachment(actor, managed_id)? {
            return Err(StorageError::NotFound("attachment"));
        }
        let found = self.sql.query_one(
            select_attachment!("WHERE a.managed_id = ?1"),
            &[Value::Text(managed_id)],
            read,
        )?;
        // RFC 8607 §3.12.5: 410, and objects that name it stay as they are.
        found.ok_or(StorageError::Expunged)
    }

    /// Whether an object names it in a calendar that `actor` may read.
    fn reads_attachment(&mut self, actor: AccountId, managed_id: &str) -> Result<bool> {
        let calendars = self.sql.query_all(
            "SELECT DISTINCT c.id, CASE WHEN c.account_id = ?2 THEN 0 ELSE 1 END \
             FROM attachment_use u JOIN object o ON o.id = u.object_id \
             JOIN collection c ON c.id = o.collection_id WHERE u.managed_id = ?1 \
             ORDER BY 2, 1 LIMIT ?3",
            &[Value::Text(managed_id), Value::Int(actor.get()), Value::Int(CALENDARS_MAX)],
            |row| Ok(CollectionId::new(row.int(0)?)),
        )?;
        for calendar in calendars {
            let calendar = self.load_collection(calendar)?;
            if self.collection_rights(actor, &calendar)?.contains(CollectionRights::READ) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The attachment that a token leads to, which people elsewhere were sent: as long as the
    /// object names it that invites them. R-ADDR-12: nothing of an account that is blocked, or in
    /// maintenance.
    ///
    /// # Errors
    /// [`StorageError::Maintenance`] where nothing of the account is shown now.
    pub fn find_public_attachment(&mut self, token: &str) -> Result<Option<Attachment>> {
        if !is_ours(token) {
            return Ok(None);
        }
        let owner = self.sql.query_one(
            "SELECT a.account_id FROM attachment a JOIN account o ON o.id = a.account_id \
             WHERE a.token = ?1 AND a.unnamed_since IS NULL AND o.blocked = 0",
            &[Value::Text(token)],
            |row| Ok(AccountId::new(row.int(0)?)),
        )?;
        let Some(owner) = owner else { return Ok(None) };
        if self.is_in_maintenance(owner)? {
            return Err(StorageError::Maintenance);
        }
        self.sql.query_one(select_attachment!("WHERE a.token = ?1"), &[Value::Text(token)], read)
    }

    /// The data of an attachment.
    pub fn load_attachment_data(&mut self, attachment: &Attachment) -> Result<Vec<u8>> {
        let blobs = self.blobs;
        blobs.load(&mut *self.sql, attachment.blob)
    }

    /// The token of an attachment.
    pub(crate) fn attachment_token(&mut self, managed_id: &str) -> Result<Option<String>> {
        self.sql.query_one(
            "SELECT token FROM attachment WHERE managed_id = ?1 AND account_id IS NOT NULL",
            &[Value::Text(managed_id)],
            |row| Ok(row.text(0)?.to_owned()),
        )
    }
}
