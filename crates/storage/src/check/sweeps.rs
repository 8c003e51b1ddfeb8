//! Invariants on flags where rows alone do not tell them: mailboxes with sweeps.

use ids::CollectionId;
use message::flag::SystemFlags;

use super::Findings;
use super::names::is_canonical;
use crate::message_store::{Sweeps, for_each_flags};
use crate::{ReadTx, Result};

pub(super) fn check(tx: &mut ReadTx<'_>, findings: &mut Findings) -> Result<()> {
    tx.sql.query("SELECT mailbox_id, kept, added, keywords FROM flag_sweep", &[], &mut |row| {
        let (mailbox, kept, added) = (row.int(0)?, row.int(1)?, row.int(2)?);
        if !is_canonical(added, row.opt_text(3)?.unwrap_or_default()) || !is_canonical(kept, "") {
            findings.add("flags-canonical", || format!("mailbox {mailbox} sweep"));
        }
        Ok(())
    })?;
    let swept = tx.sql.query_all(
        "SELECT id, unseen_count, deleted_count FROM mailbox WHERE sweeps <> 0",
        &[],
        |row| Ok((CollectionId::new(row.int(0)?), (row.int(1)?, row.int(2)?))),
    )?;
    for (mailbox, told) in swept {
        let sweeps = Sweeps::load(&mut *tx.sql, mailbox)?;
        let mut counted = (0, 0);
        for_each_flags(&mut *tx.sql, mailbox, &sweeps, |flags, _| {
            let flags = SystemFlags::from_bits(flags as u8);
            counted.0 += i64::from(!flags.contains(SystemFlags::SEEN));
            counted.1 += i64::from(flags.contains(SystemFlags::DELETED));
        })?;
        if counted != told {
            findings.add("mailbox-counts", || format!("mailbox {mailbox}"));
        }
    }
    Ok(())
}
