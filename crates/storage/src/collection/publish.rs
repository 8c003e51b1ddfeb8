//! Calendars that anybody may read who knows where (R-SHARE-4).
//!
//! **Invariant:** a token is of one calendar, and of none once it was taken back.

use super::{Collection, CollectionKind, read, select_collection};
use crate::change::Fact;
use crate::sql::Value;
use crate::{AccountTx, CollectionRights, ReadTx, Result, StorageError};

/// LIMIT: characters of a token: 128 random bits have 22 in base64, and nobody needs four times
/// that.
const TOKEN_CHARS: std::ops::RangeInclusive<usize> = 22..=88;

impl ReadTx<'_> {
    /// The token of a calendar that is public.
    pub fn public_token(&mut self, calendar: &Collection) -> Result<Option<String>> {
        self.sql.query_one(
            "SELECT token FROM public_calendar WHERE collection_id = ?1",
            &[Value::Int(calendar.id.get())],
            |row| Ok(row.text(0)?.to_owned()),
        )
    }

    /// The calendar of a token. R-ADDR-12: nothing of an account that is blocked, or in
    /// maintenance.
    ///
    /// # Errors
    /// [`StorageError::Maintenance`] where nothing of the account is shown now.
    pub fn find_public_calendar(&mut self, token: &str) -> Result<Option<Collection>> {
        let found = self.sql.query_one(
            select_collection!(
                "JOIN public_calendar p ON p.collection_id = c.id \
                 JOIN account a ON a.id = c.account_id WHERE p.token = ?1 AND a.blocked = 0"
            ),
            &[Value::Text(token)],
            read,
        )?;
        match found {
            Some(found) if self.is_in_maintenance(found.account)? => Err(StorageError::Maintenance),
            found => Ok(found),
        }
    }
}

impl AccountTx<'_, '_> {
    /// Makes a calendar public under a token that nobody guesses; one that is public already keeps
    /// its own. Which one it is.
    ///
    /// # Errors
    /// [`StorageError::Invalid`] where it is no calendar, or one that is subscribed to, or the
    /// token none; [`StorageError::NoPermission`] where the actor may not share it.
    pub fn publish_calendar(&mut self, calendar: &Collection, token: &str) -> Result<String> {
        let found = self.require_still_there(calendar, CollectionRights::SHARE)?;
        if found.kind != CollectionKind::Calendar || found.source.is_some() {
            return Err(StorageError::Invalid("only a calendar can be public"));
        }
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if !TOKEN_CHARS.contains(&token.len()) || !token.bytes().all(is_plain) {
            return Err(StorageError::Invalid("this is no token"));
        }
        if let Some(there) = self.public_token(&found)? {
            return Ok(there);
        }
        let now = self.now.as_micros();
        self.sql.execute(
            "INSERT INTO public_calendar (collection_id, token, created) VALUES (?1, ?2, ?3)",
            &[Value::Int(found.id.get()), Value::Text(token), Value::Int(now)],
        )?;
        self.touch_collection(found.id)?;
        self.record_fact(Some(found.id), Fact::CollectionUpdated)?;
        Ok(token.to_owned())
    }

    /// Takes the token back; it leads nowhere from then on. Whether there was one.
    pub fn unpublish_calendar(&mut self, calendar: &Collection) -> Result<bool> {
        let found = self.require_still_there(calendar, CollectionRights::SHARE)?;
        let gone = self.sql.execute(
            "DELETE FROM public_calendar WHERE collection_id = ?1",
            &[Value::Int(found.id.get())],
        )?;
        if gone > 0 {
            self.touch_collection(found.id)?;
            self.record_fact(Some(found.id), Fact::CollectionUpdated)?;
        }
        Ok(gone > 0)
    }
}
