//! The invariant of stored keys, and giving up what breaks it.

use ids::CollectionId;

use super::blocks;
use super::columns::Kind;
use super::update::read_keys;
use crate::sql::Sql;
use crate::{Result, StorageError, WriteTx};

/// Hands each block that is not what its messages make it, and its mailbox, to `wrong`.
pub(crate) fn check(
    sql: &mut (dyn Sql + '_),
    wrong: &mut dyn FnMut(i64, CollectionId),
) -> Result<()> {
    let mailboxes = sql.query_all("SELECT DISTINCT mailbox_id FROM sort_block", &[], |row| {
        Ok(CollectionId::new(row.int(0)?))
    })?;
    for mailbox in mailboxes {
        for block in blocks::list(sql, mailbox, 0)? {
            // What another version wrote, nobody reads.
            if !block.is_current() {
                continue;
            }
            let mut stored = match blocks::read(sql, &block, &Kind::ALL) {
                Ok(stored) => stored,
                Err(StorageError::Corrupt(_)) => {
                    wrong(block.id, mailbox);
                    continue;
                }
                Err(other) => return Err(other),
            };
            let made = read_keys(sql, mailbox, (block.first, block.last), u32::MAX)?;
            // Those of messages that are gone do no harm.
            stored.retain(made.uids().iter().copied());
            if Kind::ALL.iter().any(|kind| stored.encode(*kind) != made.encode(*kind)) {
                wrong(block.id, mailbox);
            }
        }
    }
    Ok(())
}

/// Gives up all that is stored of mailboxes with a block that is wrong; how many those are.
pub(crate) fn repair(tx: &mut WriteTx<'_>) -> Result<u64> {
    let mut wrong = Vec::new();
    check(&mut *tx.sql, &mut |_, mailbox| wrong.push(mailbox))?;
    let blocks = wrong.len() as u64;
    wrong.dedup();
    for mailbox in wrong {
        blocks::delete_of(&mut *tx.sql, mailbox)?;
    }
    Ok(blocks)
}
