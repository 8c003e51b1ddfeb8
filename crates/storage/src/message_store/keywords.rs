//! How many keywords one mailbox may know: sessions announce all of them (RFC 9051 §7.3.5), and
//! programs draw a menu of them.

use std::collections::BTreeSet;

use ids::CollectionId;
use message::flag::{Flags, Keyword};

use super::sweep::Sweeps;
use crate::sql::Value;
use crate::{AccountTx, LimitKind, Result, StorageError};

impl AccountTx<'_, '_> {
    /// Refuses messages whose keywords would be too many new ones for the mailbox. Keywords that
    /// are in use there already are always fine.
    pub(super) fn check_keywords<'f>(
        &mut self,
        mailbox: CollectionId,
        added: impl Iterator<Item = &'f Flags>,
    ) -> Result<()> {
        let added: BTreeSet<&Keyword> = added.flat_map(Flags::keywords).collect();
        if added.is_empty() {
            return Ok(());
        }
        let max = self.settings.keywords_max;
        let too_many = |known: &BTreeSet<Keyword>| {
            let new = added.iter().filter(|keyword| !known.contains(**keyword)).count();
            new > 0 && (known.len() + new) as u64 > max
        };
        if too_many(&self.keywords_in_use(mailbox)?) {
            // Some of them may be in use by what sweeps have replaced.
            let mailbox = self.load_mailbox(mailbox)?;
            self.settle_flags(&mailbox)?;
            if mailbox.sweeps == 0 || too_many(&self.keywords_in_use(mailbox.id)?) {
                return Err(StorageError::Limit { kind: LimitKind::Keywords, max });
            }
        }
        Ok(())
    }

    /// Steps through the distinct values in the index instead of reading every message.
    fn keywords_in_use(&mut self, mailbox: CollectionId) -> Result<BTreeSet<Keyword>> {
        let sweeps = Sweeps::load(&mut *self.sql, mailbox)?;
        let mut known = BTreeSet::new();
        for keywords in sweeps.keywords() {
            known.extend(decode(0, keywords)?.keywords().iter().cloned());
        }
        self.sql.query(
            "WITH RECURSIVE used (keywords) AS ( \
               SELECT MIN(keywords) FROM message WHERE mailbox_id = ?1 AND keywords <> '' \
               UNION ALL \
               SELECT (SELECT MIN(m.keywords) FROM message m WHERE m.mailbox_id = ?1 \
                       AND m.keywords <> '' AND m.keywords > used.keywords) \
               FROM used WHERE used.keywords IS NOT NULL) \
             SELECT keywords FROM used WHERE keywords IS NOT NULL",
            &[Value::Int(mailbox.get())],
            &mut |row| {
                known.extend(decode(0, row.text(0)?)?.keywords().iter().cloned());
                Ok(())
            },
        )?;
        Ok(known)
    }
}

/// Flags as two columns hold them.
pub(crate) fn decode(system: i64, keywords: &str) -> Result<Flags> {
    u8::try_from(system)
        .ok()
        .and_then(|system| Flags::decode(system, keywords).ok())
        .ok_or_else(|| StorageError::Corrupt("a message has impossible flags".to_owned()))
}
