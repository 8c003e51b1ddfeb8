//! Invariants on texts that only the code that writes them can judge.

use message::flag::{Flags, SystemFlags};

use super::Findings;
use crate::mailbox::check_stored_name;
use crate::{ReadTx, Result};

// The number that the statement has.
const _: () = assert!(SystemFlags::ALL.bits() == 31, "flags-canonical");

pub(super) fn check(tx: &mut ReadTx<'_>, findings: &mut Findings) -> Result<()> {
    tx.sql.query("SELECT id, name FROM mailbox", &[], &mut |row| {
        let id = row.int(0)?;
        if !check_stored_name(row.text(1)?) {
            findings.add("names-valid", || format!("mailbox {id}"));
        }
        Ok(())
    })?;
    tx.sql.query("SELECT account_id, name FROM subscription", &[], &mut |row| {
        let account = row.int(0)?;
        if !check_stored_name(row.text(1)?) {
            findings.add("subscription-names-valid", || format!("account {account}"));
        }
        Ok(())
    })?;
    tx.sql.query(
        "SELECT mailbox_id, uid, flags, keywords FROM message \
         WHERE keywords <> '' OR flags < 0 OR flags > 31",
        &[],
        &mut |row| {
            let (mailbox, uid) = (row.int(0)?, row.int(1)?);
            if !is_canonical(row.int(2)?, row.text(3)?) {
                findings.add("flags-canonical", || format!("mailbox {mailbox} UID {uid}"));
            }
            Ok(())
        },
    )
}

pub(super) fn is_canonical(system: i64, keywords: &str) -> bool {
    u8::try_from(system).ok().and_then(|bits| Flags::decode(bits, keywords).ok()).is_some_and(
        |flags| i64::from(flags.system.bits()) == system && flags.encode_keywords() == keywords,
    )
}
