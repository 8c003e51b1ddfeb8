//! IMAP capabilities switched off for one account, for a program of its holder that misbehaves.

use crate::sql::Value;
use crate::{AccountTx, Result, StorageError};

/// LIMIT: more than there are.
const NAMES_MAX: usize = 200;
/// LIMIT: bytes of the name of a capability; the longest one known has half as many.
const NAME_BYTES_MAX: usize = 64;

impl AccountTx<'_, '_> {
    /// Switches capabilities off for the sessions that sign in from now on, those before included
    /// only if named again. Whether there are such capabilities is the protocol's business.
    ///
    /// # Errors
    /// [`StorageError::Invalid`] where these are no names.
    pub fn set_capabilities_off(&mut self, names: &[String]) -> Result<()> {
        let is_name = |name: &String| {
            let fits = (1..=NAME_BYTES_MAX).contains(&name.len());
            fits && name.bytes().all(|byte| byte.is_ascii_graphic())
        };
        if names.len() > NAMES_MAX || !names.iter().all(is_name) {
            return Err(StorageError::Invalid("not the names of capabilities"));
        }
        let mut names: Vec<String> = names.iter().map(|name| name.to_ascii_uppercase()).collect();
        names.sort_unstable();
        names.dedup();
        self.set_column(
            "UPDATE account SET capabilities_off = ?2 WHERE id = ?1 AND capabilities_off <> ?2",
            Value::Text(&names.join(" ")),
        )
    }
}
