//! How many keywords one mailbox may know: sessions announce all of them (RFC 9051 §7.3.5), and
//! programs draw a menu of them; and how long those of one message may be.

use std::collections::{BTreeSet, HashMap, HashSet};

use ids::CollectionId;
use message::flag::{Flags, Keyword, SystemFlags};

use super::sweep::Sweeps;
use crate::sql::Value;
use crate::{AccountTx, LimitKind, Result, StorageError};

/// LIMIT: bytes of the keywords of one message, which its row holds: 300 keywords of 50 bytes.
const MESSAGE_KEYWORD_BYTES_MAX: u64 = 16 * 1024;

/// LIMIT: bytes of the keywords of all messages that one command is about: so much it writes, and
/// as much again into an index.
const COMMAND_KEYWORD_BYTES_MAX: u64 = 128 * 1024 * 1024;

/// LIMIT: bytes of the different sets of keywords that one command brings: views hold each of them.
const DISTINCT_KEYWORD_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// LIMIT: bytes of the different sets of keywords that a mailbox has already where more are to
/// come, whichever: all of them are read.
const MAILBOX_KEYWORD_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// The keywords that messages are about to get.
#[derive(Default)]
pub(super) struct KeywordLoad {
    /// Their bytes by where they are, for most messages share theirs.
    known: HashMap<*const Keyword, u64>,
    /// Each of them once, and kept where it is.
    distinct: HashSet<Flags>,
    distinct_bytes: u64,
    bytes: u64,
}

impl KeywordLoad {
    /// Adds those of a message; whether no message before had the same. Refuses what is too much.
    pub(super) fn add(&mut self, flags: &Flags) -> Result<bool> {
        if flags.keywords().is_empty() {
            return Ok(false);
        }
        let at = flags.keywords().as_ptr();
        let (bytes, is_new) = match self.known.get(&at) {
            Some(bytes) => (*bytes, false),
            None => {
                let mut set = flags.clone();
                set.system = SystemFlags::EMPTY;
                let (bytes, is_new) = (set.keyword_bytes() as u64, self.distinct.insert(set));
                if is_new {
                    self.known.insert(at, bytes);
                    self.distinct_bytes += bytes;
                }
                (bytes, is_new)
            }
        };
        self.bytes += bytes;
        require_below(self.bytes, COMMAND_KEYWORD_BYTES_MAX)?;
        require_below(self.distinct_bytes, DISTINCT_KEYWORD_BYTES_MAX)?;
        Ok(is_new)
    }
}

fn require_below(bytes: u64, max: u64) -> Result<()> {
    match bytes > max {
        true => Err(StorageError::Limit { kind: LimitKind::KeywordBytes, max }),
        false => Ok(()),
    }
}

/// Refuses a message with more bytes of keywords than there may be.
pub(super) fn check_keyword_bytes(flags: &Flags) -> Result<()> {
    require_below(flags.keyword_bytes() as u64, MESSAGE_KEYWORD_BYTES_MAX)
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
    /// are in use there already are always fine, but where there are very many sets of them.
    pub(super) fn check_keywords<'f>(
        &mut self,
        mailbox: CollectionId,
        added: impl Iterator<Item = &'f Flags>,
    ) -> Result<()> {
        let (mut load, mut keywords) = (KeywordLoad::default(), BTreeSet::new());
        for flags in added {
            if load.add(flags)? {
                keywords.extend(flags.keywords());
            }
        }
        let added: BTreeSet<&Keyword> = keywords;
        if added.is_empty() {
            return Ok(());
        }
        let refused = match self.check_new_keywords(mailbox, &added) {
            Err(refused @ StorageError::Limit { .. }) => refused,
            other => return other,
        };
        // Some of them may be in use by what sweeps have replaced.
        let mailbox = self.load_mailbox(mailbox)?;
        if mailbox.sweeps == 0 {
            return Err(refused);
        }
        self.settle_flags(&mailbox)?;
        self.check_new_keywords(mailbox.id, &added)
    }

    fn check_new_keywords(
        &mut self,
        mailbox: CollectionId,
        added: &BTreeSet<&Keyword>,
    ) -> Result<()> {
        let max = self.settings.keywords_max;
        let used = self.keywords_in_use(mailbox, added)?;
        let new = used.missing.len();
        match new > 0 && (used.known.len() + new) as u64 > max {
            true => Err(StorageError::Limit { kind: LimitKind::Keywords, max }),
            false => Ok(()),
        }
    }

    /// Steps through the distinct values in the index instead of reading every message. Refuses
    /// more of them than there may be where more are to come.
    fn keywords_in_use<'a>(
        &mut self,
        mailbox: CollectionId,
        added: &BTreeSet<&'a Keyword>,
    ) -> Result<InUse<'a>> {
        let sweeps = Sweeps::load(&mut *self.sql, mailbox)?;
        let mut used = InUse { missing: added.clone(), ..InUse::default() };
        for keywords in sweeps.keywords() {
            used.read(keywords)?;
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
            &mut |row| used.read(row.text(0)?),
        )?;
        Ok(used)
    }
}

/// LIMIT: spellings that are remembered: one keyword may have very many.
const SPELT_MAX: usize = 16 * 1024;

/// The keywords that a mailbox has, as far as it is asked.
#[derive(Default)]
struct InUse<'a> {
    /// As they are spelt somewhere: those need not be looked at again.
    spelt: HashSet<String>,
    known: BTreeSet<Keyword>,
    /// Those asked for that were not found. Once there are none, nobody asks what else there is.
    missing: BTreeSet<&'a Keyword>,
    bytes: u64,
}

impl InUse<'_> {
    fn read(&mut self, keywords: &str) -> Result<()> {
        if self.missing.is_empty() {
            return Ok(());
        }
        self.bytes += keywords.len() as u64;
        require_below(self.bytes, MAILBOX_KEYWORD_BYTES_MAX)?;
        for name in keywords.split(' ') {
            if self.spelt.contains(name) {
                continue;
            }
            for keyword in decode(0, name)?.keywords() {
                self.missing.remove(keyword);
                self.known.insert(keyword.clone());
            }
            if self.spelt.len() < SPELT_MAX {
                self.spelt.insert(name.to_owned());
            }
        }
        Ok(())
    }
}

/// Flags as two columns hold them.
pub(crate) fn decode(system: i64, keywords: &str) -> Result<Flags> {
    u8::try_from(system)
        .ok()
        .and_then(|system| Flags::decode(system, keywords).ok())
        .ok_or_else(|| StorageError::Corrupt("a message has impossible flags".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn long(numbers: std::ops::Range<usize>) -> Flags {
        let keywords = numbers.map(|number| format!("{number:064}"));
        let keywords = keywords.map(|name| Keyword::parse(name.as_bytes()).unwrap());
        Flags::new(Default::default(), keywords.collect())
    }

    fn refused(outcome: Result<bool>) -> Option<u64> {
        match outcome {
            Err(StorageError::Limit { kind: LimitKind::KeywordBytes, max }) => Some(max),
            other => other.map(|_| None).unwrap(),
        }
    }

    #[test]
    fn one_command_is_about_so_many_bytes_of_keywords() {
        let shared = long(0..252);
        let fit = COMMAND_KEYWORD_BYTES_MAX / shared.keyword_bytes() as u64;
        let mut load = KeywordLoad::default();
        assert!(load.add(&shared).unwrap());
        for _ in 1..fit {
            assert!(!load.add(&shared.clone()).unwrap());
        }
        assert_eq!(refused(load.add(&Flags::default())), None);
        assert_eq!(refused(load.add(&shared)), Some(COMMAND_KEYWORD_BYTES_MAX));
    }

    #[test]
    fn different_sets_of_keywords_have_a_bound_of_their_own() {
        let fit = DISTINCT_KEYWORD_BYTES_MAX as usize / long(0..252).keyword_bytes();
        let sets: Vec<Flags> = (0..=fit).map(|first| long(first..first + 252)).collect();
        let mut load = KeywordLoad::default();
        let (last, others) = sets.split_last().unwrap();
        for set in others {
            assert!(load.add(set).unwrap());
            // Equal ones are one, wherever they are.
            let mut other = Flags::new(SystemFlags::SEEN, set.keywords().to_vec());
            assert!(!load.add(&other).unwrap());
            other.system = SystemFlags::EMPTY;
            assert!(!load.add(&other).unwrap());
        }
        assert_eq!(refused(load.add(last)), Some(DISTINCT_KEYWORD_BYTES_MAX));
    }

    #[test]
    fn equal_keywords_are_read_once() {
        let mut reader = FlagReader::default();
        let one = reader.decode(1, "a b").unwrap();
        let other = reader.decode(3, "a b").unwrap();
        assert_eq!(one.keywords().as_ptr(), other.keywords().as_ptr());
        assert_eq!((one.system.bits(), other.system.bits()), (1, 3));
        assert_eq!(reader.decode(1, "").unwrap().keywords(), []);
    }
}
