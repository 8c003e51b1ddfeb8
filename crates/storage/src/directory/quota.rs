//! Storage quota (R-ADDR-11): how much mail an account may keep. What it keeps is counted in the
//! transactions that add and remove messages; a copy counts like an original, expunged messages
//! that can still be brought back do not count.

use super::account::bytes_column;
use crate::sql::Value;
use crate::{AccountTx, Result};

impl AccountTx<'_, '_> {
    /// Sets the quota; 0 lifts it. One below what is used keeps everything and lets nothing in.
    pub fn set_quota(&mut self, quota_bytes: u64) -> Result<()> {
        let quota_bytes = bytes_column(quota_bytes)?;
        self.set_column(
            "UPDATE account SET quota_bytes = ?2 WHERE id = ?1 AND quota_bytes <> ?2",
            Value::Int(quota_bytes),
        )?;
        self.quota_bytes = quota_bytes;
        Ok(())
    }
}
