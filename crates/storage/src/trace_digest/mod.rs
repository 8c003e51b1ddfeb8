//! Digests of what is told of messages (`spool::trace`, `reception`): which addresses and
//! Message-IDs may stand in a stretch of rows. A search by one of them leaves out the stretches in
//! which it is not.
//!
//! **Invariants:** a digest holds all that stands in its rows, and may hold more (a Bloom filter);
//! nothing is ever added to a stretch that has one. They are made behind whoever writes rows, and
//! a search reads what has none: without them all is found, too, only later.

#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::ops::Range;

use ids::Timestamp;

use crate::reception::text;
use crate::sql::{Row, Value};
use crate::{ReadTx, Result, Store, WriteTx};

/// Rows of a stretch, less one.
const ROWS_BEFORE_LAST: Value<'_> = Value::Int(4095);
/// LIMIT: rows that one statement gives back.
const ROWS: usize = 512;
const ROWS_LIMIT: Value<'_> = Value::Int(512);
/// LIMIT: digests that a search reads at a time: of some ten kilobytes each as a rule, and of 80
/// KiB ([`KEYS_MAX`]) at most, 2.5 MiB together.
const DIGESTS: usize = 32;
const DIGESTS_LIMIT: Value<'_> = Value::Int(32);
/// LIMIT: texts of a stretch; where there are more, mail of thousands of recipients each, its
/// digest holds everything.
const KEYS_MAX: usize = 65_536;
/// Bits per key of a filter: one stretch in a hundred is read in vain.
const BITS_PER_KEY: usize = 10;
const HASHES: u64 = 7;
/// LIMIT: digests that are made at a time; whoever has them made does other things, too.
const MADE_MAX: u64 = 64;
/// Rows may be committed later than those with a higher number, as long as a transaction takes; and
/// clocks of several daemons differ.
const SETTLED_SECS: i64 = 10 * 60;

/// The log whose rows are digested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TraceLog {
    /// `spool_trace`.
    Spool,
    /// `reception`.
    Reception,
}

impl TraceLog {
    const ALL: [Self; 2] = [Self::Spool, Self::Reception];

    /// The log as a column holds it.
    pub(crate) fn column(self) -> i64 {
        match self {
            Self::Spool => 0,
            Self::Reception => 1,
        }
    }

    /// Number and instant of the last row of the stretch that begins at ?1.
    fn last_row(self) -> &'static str {
        match self {
            Self::Spool => {
                "SELECT id, at FROM spool_trace WHERE id >= ?1 ORDER BY id LIMIT 1 OFFSET ?2"
            }
            Self::Reception => {
                "SELECT id, at FROM reception WHERE id >= ?1 ORDER BY id LIMIT 1 OFFSET ?2"
            }
        }
    }

    /// The keys in the rows from ?1 to ?2.
    fn rows(self) -> &'static str {
        match self {
            Self::Spool => {
                "SELECT id, reverse_path, forward_path FROM spool_trace \
                 WHERE id >= ?1 AND id <= ?2 ORDER BY id LIMIT ?3"
            }
            Self::Reception => {
                "SELECT id, trace FROM reception \
                 WHERE id >= ?1 AND id <= ?2 ORDER BY id LIMIT ?3"
            }
        }
    }

    /// The query for whether there is a row of that number and instant.
    fn find_row(self) -> &'static str {
        match self {
            Self::Spool => "SELECT id FROM spool_trace WHERE id = ?1 AND at = ?2",
            Self::Reception => "SELECT id FROM reception WHERE id = ?1 AND at = ?2",
        }
    }

    /// Adds what a search may look for in a row. One that cannot be read is told of where it is
    /// looked for.
    fn add_keys(self, row: &dyn Row, keys: &mut Keys) {
        match self {
            Self::Spool => {
                let (Ok(reverse_path), Ok(forward_path)) = (row.text(1), row.text(2)) else {
                    keys.is_too_much = true;
                    return;
                };
                keys.add(reverse_path);
                keys.add(forward_path);
            }
            Self::Reception => {
                let Ok((reception, _)) = row.text(1).and_then(text::read) else {
                    keys.is_too_much = true;
                    return;
                };
                keys.add(&reception.reverse_path);
                keys.add(&reception.message_id);
                reception.forward_paths.iter().for_each(|path| keys.add(path));
            }
        }
    }
}

/// A text by which is searched, in any case of its ASCII letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key(u64, u64);

impl Key {
    fn of(text: &str) -> Self {
        let hash = blake3::hash(text.to_ascii_lowercase().as_bytes());
        let number = |half: &[u8]| half.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        let mut halves = hash.as_bytes().chunks_exact(8).map(number);
        // An odd step reaches other places each time.
        Self(halves.next().unwrap_or(0), halves.next().unwrap_or(0) | 1)
    }

    /// The bits of the key in a filter of so many bytes.
    fn bits(self, bytes: usize) -> impl Iterator<Item = (usize, u8)> {
        let bits = (bytes as u64).saturating_mul(8).max(1);
        (0..HASHES).map(move |n| {
            let bit = self.0.wrapping_add(n.wrapping_mul(self.1)) % bits;
            ((bit / 8) as usize, 1 << (bit % 8))
        })
    }
}

/// The keys that occur in a stretch of rows.
#[derive(Debug, Default)]
struct Keys {
    found: HashSet<Key>,
    is_too_much: bool,
}

impl Keys {
    fn add(&mut self, text: &str) {
        if self.is_too_much {
            return;
        }
        self.found.insert(Key::of(text));
        if self.found.len() > KEYS_MAX {
            (self.found, self.is_too_much) = (HashSet::new(), true);
        }
    }

    fn digest(&self) -> Vec<u8> {
        if self.is_too_much {
            return vec![0xff];
        }
        let mut digest = vec![0; (self.found.len() * BITS_PER_KEY).div_ceil(8)];
        for key in &self.found {
            for (byte, bit) in key.bits(digest.len()) {
                if let Some(byte) = digest.get_mut(byte) {
                    *byte |= bit;
                }
            }
        }
        digest
    }
}

fn may_hold(digest: &[u8], key: Key) -> bool {
    key.bits(digest.len()).all(|(byte, bit)| digest.get(byte).is_some_and(|byte| byte & bit != 0))
}

/// A digest that was made.
struct Digest {
    first: i64,
    last: i64,
    /// The instant of the last row.
    at: i64,
    bits: Vec<u8>,
}

impl Store {
    /// Makes digests of what has been told of messages for some minutes, so that searches are quick
    /// however much that is; some of them, or none where `ended` says so. How many were made: where
    /// any were, there may be more to make.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`](crate::StorageError::Unavailable) where the data can't be read
    /// or written now; a later call goes on.
    pub fn digest_traces(&self, ended: &dyn Fn() -> bool) -> Result<u64> {
        let mut made = 0;
        for log in TraceLog::ALL {
            while made < MADE_MAX && !ended() && self.digest_next(log)? {
                made += 1;
            }
        }
        Ok(made)
    }

    fn digest_next(&self, log: TraceLog) -> Result<bool> {
        let settled = self.now().plus_secs(-SETTLED_SECS);
        let Some(digest) = self.read_blocking(|tx| tx.make_digest(log, settled))? else {
            return Ok(false);
        };
        let put = self.write_blocking("trace digest", move |tx| tx.put_digest(log, &digest))?;
        Ok(put.value)
    }
}

impl ReadTx<'_> {
    /// The newest part of `within` in which `wanted` may stand, up to where it does not: of one
    /// step of digests, since a search reads that much at a time, too.
    pub(crate) fn next_stretch(
        &mut self,
        log: TraceLog,
        wanted: &str,
        within: Range<i64>,
    ) -> Result<Option<Range<i64>>> {
        // A Message-ID is kept as far as there is room for it.
        let keys = [Key::of(wanted), Key::of(text::message_id(wanted))];
        // Between the two it may stand.
        let (start, mut below, mut end) = (within.start, within.end, within.end);
        while below > start {
            let digests = self.sql.query_all(
                "SELECT first_id, last_id, bits FROM trace_digest \
                 WHERE log = ?1 AND first_id < ?2 ORDER BY first_id DESC LIMIT ?3",
                &[Value::Int(log.column()), Value::Int(below), DIGESTS_LIMIT],
                |row| {
                    let bits = row.bytes(2)?;
                    let holds = keys.iter().any(|key| may_hold(bits, *key));
                    Ok((row.int(0)?, row.int(1)?.saturating_add(1), holds))
                },
            )?;
            let are_all = digests.len() < DIGESTS;
            for (first, digested, holds) in digests {
                // What is behind has no digest.
                below = below.min(digested.max(start));
                if !holds && below < end {
                    return Ok(Some(below..end));
                }
                below = first.max(start);
                if !holds {
                    end = below;
                }
                if below <= start {
                    break;
                }
            }
            if are_all {
                below = start;
            }
            if below < end {
                return Ok(Some(below..end));
            }
        }
        Ok(None)
    }

    /// The next digest, where all of its rows are from before `settled`.
    fn make_digest(&mut self, log: TraceLog, settled: Timestamp) -> Result<Option<Digest>> {
        let last = self.sql.query_one(
            "SELECT last_id FROM trace_digest WHERE log = ?1 ORDER BY first_id DESC LIMIT 1",
            &[Value::Int(log.column())],
            |row| row.int(0),
        )?;
        let first = last.map_or(0, |last| last.saturating_add(1));
        let last =
            self.sql.query_one(log.last_row(), &[Value::Int(first), ROWS_BEFORE_LAST], |row| {
                Ok((row.int(0)?, row.int(1)?))
            })?;
        let Some((last, at)) = last.filter(|(_, at)| *at < settled.as_micros()) else {
            return Ok(None);
        };
        let (mut keys, mut next) = (Keys::default(), first);
        loop {
            let (mut rows, mut newest) = (0, next);
            let params = [Value::Int(next), Value::Int(last), ROWS_LIMIT];
            self.sql.query(log.rows(), &params, &mut |row| {
                (rows, newest) = (rows + 1, row.int(0)?);
                log.add_keys(row, &mut keys);
                Ok(())
            })?;
            if rows < ROWS {
                return Ok(Some(Digest { first, last, at, bits: keys.digest() }));
            }
            next = newest.saturating_add(1);
        }
    }
}

impl WriteTx<'_> {
    /// Keeps a digest, unless another daemon made it, or its rows have gone meanwhile.
    fn put_digest(&mut self, log: TraceLog, digest: &Digest) -> Result<bool> {
        let last = [Value::Int(digest.last), Value::Int(digest.at)];
        if self.sql.query_one(log.find_row(), &last, |row| row.int(0))?.is_none() {
            return Ok(false);
        }
        let put = self.sql.execute(
            "INSERT INTO trace_digest (log, first_id, last_id, bits) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (log, first_id) DO NOTHING",
            &[
                Value::Int(log.column()),
                Value::Int(digest.first),
                Value::Int(digest.last),
                Value::Bytes(&digest.bits),
            ],
        )?;
        Ok(put > 0)
    }
}
