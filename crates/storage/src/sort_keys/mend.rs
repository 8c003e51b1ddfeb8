//! Making damaged blocks anew as soon as somebody comes upon one.

use ids::{AccountId, CollectionId};

use super::blocks::{self, Block};
use super::columns::Kind;
use super::update::{Change, read_keys, write};
use crate::sql::Value;
use crate::{ReadTx, Result, StorageError, Store};

/// Puts blocks of what the messages say in the place of those of a mailbox that cannot be read.
/// Blocks for as long as that takes.
pub(super) fn mend(store: &Store, mailbox: CollectionId) -> Result<()> {
    let (account, all) = store.read_blocking(|tx| {
        let sql = "SELECT account_id FROM mailbox WHERE id = ?1";
        let account = tx.sql.query_one(sql, &[Value::Int(mailbox.get())], |row| row.int(0))?;
        Ok((account.map(AccountId::new), blocks::list(&mut *tx.sql, mailbox, 0)?))
    })?;
    let Some(account) = account else { return Ok(()) };
    for block in all.iter().filter(|block| block.is_current()) {
        let Some((change, cause)) = store.read_blocking(|tx| anew(tx, mailbox, block))? else {
            continue;
        };
        // Where it can't be written now, whoever comes next finds it once more.
        if store.sort_key_cache().is_news(block.id) {
            tracing::error!(cause, "stored sort keys are damaged and made anew");
        }
        write(store, account, mailbox, change)?;
    }
    Ok(())
}

/// What becomes of a block that cannot be read, and why.
fn anew(
    tx: &mut ReadTx<'_>,
    mailbox: CollectionId,
    block: &Block,
) -> Result<Option<(Change, String)>> {
    let cause = match blocks::read(&mut *tx.sql, block, &Kind::ALL) {
        Ok(_) => return Ok(None),
        Err(StorageError::Corrupt(cause)) => cause,
        Err(other) => return Err(other),
    };
    let all = blocks::list(&mut *tx.sql, mailbox, 0)?;
    let Some(at) = all.iter().position(|other| other.id == block.id) else { return Ok(None) };
    // Its own bounds may be what is damaged: it reaches from the block before it to the next.
    let before = at.checked_sub(1).and_then(|at| all.get(at));
    let first = before.map_or(1, |before| before.last + 1);
    let last = all.get(at + 1).map_or(block.last, |next| next.first - 1);
    let keys = read_keys(&mut *tx.sql, mailbox, (first, last), u32::MAX)?;
    let made = (!keys.uids().is_empty()).then_some(((first, last), keys));
    let known = all.iter().map(|block| block.id).collect();
    Ok(Some((Change { known, replaced: vec![block.id], block: made }, cause)))
}
