//! How many keywords one mailbox may know: sessions announce all of them (RFC 9051 §7.3.5), and
//! programs draw a menu of them; and how long those of one message may be.

use std::collections::{BTreeSet, HashMap};

use ids::CollectionId;
use message::flag::{Flags, Keyword};

use super::sweep::Sweeps;
use crate::sql::Value;
use crate::{AccountTx, LimitKind, Result, StorageError};

/// LIMIT: bytes of the keywords of one message, which its row holds: 300 keywords of 50 bytes.
const MESSAGE_KEYWORD_BYTES_MAX: u64 = 16 * 1024;

/// Refuses a message with more bytes of keywords than there may be.
pub(super) fn check_keyword_bytes(flags: &Flags) -> Result<()> {
    let max = MESSAGE_KEYWORD_BYTES_MAX;
    match flags.keyword_bytes() as u64 > max {
        true => Err(StorageError::Limit { kind: LimitKind::KeywordBytes, max }),
        false => Ok(()),
    }
}

/// Flags read from many rows: equal keywords are held once.
#[derive(Debug, Default)]
pub(crate) struct FlagReader(HashMap<String, Flags>);

impl FlagReader {
    /// Flags as two columns hold them.
    pub(crate) fn decode(&mut self, system: i64, keywords: &str) -> Result<Flags> {
        let mut flags = decode(system, "")?;
        if keywords.is_empty() {
            return Ok(flags);
        }
        let Some(known) = self.0.get(keywords) else {
            let flags = decode(system, keywords)?;
            self.0.insert(keywords.to_owned(), flags.clone());
            return Ok(flags);
        };
        flags.share_keywords_of(known);
        Ok(flags)
    }
}

impl AccountTx<'_, '_> {
    /// Refuses messages whose keywords would be too many new ones for the mailbox. Keywords that
    /// are in use there already are always fine.
    pub(super) fn check_keywords<'f>(
        &mut self,
        mailbox: CollectionId,
        added: impl Iterator<Item = &'f Flags>,
    ) -> Result<()> {
        let (mut last, mut keywords) = (&Flags::default(), BTreeSet::new());
        for flags in added {
            if !flags.has_keywords_of(last) {
                keywords.extend(flags.keywords());
                last = flags;
            }
        }
        let added: BTreeSet<&Keyword> = keywords;
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
