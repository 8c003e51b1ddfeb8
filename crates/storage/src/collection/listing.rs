//! What a folder tells of the folders in it: that they came and went (RFC 6578 §3.5).
//!
//! In names that went, a slash at the end tells a folder from a file.

use super::Home;
use crate::change::Fact;
use crate::sql::Value;
use crate::{AccountTx, Collection, Result};

impl AccountTx<'_, '_> {
    /// The folder that one of this name is in, and what it is called there.
    fn folder_above(&mut self, name: &str) -> Result<Option<(Collection, String)>> {
        let Some((above, leaf)) = name.rsplit_once('/') else { return Ok(None) };
        let account = self.account;
        let found = self.find_collection(account, Home::Files, above)?;
        Ok(found.map(|above| (above, format!("{leaf}/"))))
    }

    /// A folder of this name came.
    pub(super) fn tell_folder_came(&mut self, name: &str) -> Result<()> {
        let Some((above, name)) = self.folder_above(name)? else { return Ok(()) };
        self.sql.execute(
            "DELETE FROM object_gone WHERE collection_id = ?1 AND name = ?2",
            &[Value::Int(above.id.get()), Value::Text(&name)],
        )?;
        self.touch_collection(above.id)?;
        self.record_fact(Some(above.id), Fact::ObjectPut { name })
    }

    /// A folder of this name went.
    pub(super) fn tell_folder_went(&mut self, name: &str) -> Result<()> {
        let Some((above, name)) = self.folder_above(name)? else { return Ok(()) };
        let modseq = self.touch_collection(above.id)?.get().cast_signed();
        let now = self.now.as_micros();
        self.sql.execute(
            "INSERT INTO object_gone (collection_id, name, modseq, created_modseq, at) \
             VALUES (?1, ?2, ?3, ?3, ?4) ON CONFLICT (collection_id, name) \
             DO UPDATE SET modseq = excluded.modseq, at = excluded.at, \
             created_modseq = excluded.created_modseq",
            &[Value::Int(above.id.get()), Value::Text(&name), Value::Int(modseq), Value::Int(now)],
        )?;
        self.record_fact(Some(above.id), Fact::ObjectDeleted { name })
    }
}
