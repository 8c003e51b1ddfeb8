//! What was found of mail in the name of other domains, day by day, for reports to them
//! (RFC 7489 §7.2).
//!
//! **Invariants:** of a domain and a day at most [`ROWS_MAX`] kinds of messages are told apart, of
//! a day at most [`DOMAINS_MAX`] domains; a domain is told of a day once, whatever is found later.

use std::collections::HashMap;

use crate::sql::Value;
use crate::{ReadTx, Result, WriteTx};

/// LIMIT: rows of one domain and day. A report of so many is some 40 KB when packed.
const ROWS_MAX: i64 = 500;
/// LIMIT: domains of one day; who makes names up by the thousand is told of none of the later.
const DOMAINS_MAX: i64 = 20_000;
/// LIMIT: bytes of what is told of a message; what is longer is counted alone.
const DETAILS_BYTES_MAX: usize = 8_000;
/// LIMIT: days that are kept for a domain whose report cannot be sent.
const DAYS_MAX: i64 = 3;

/// Messages that are alike.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DmarcResult {
    /// Days since 1970, UTC.
    pub day: i64,
    /// Where the policy stands that counts for them.
    pub domain: String,
    /// What is told of them; empty where that are too many to be told apart.
    pub details: String,
}

/// How many there were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DmarcCount {
    /// All messages.
    pub messages: u64,
    /// Messages that were authentic: the domain's own for certain.
    pub genuine: u64,
    /// Messages among the authentic ones that were judged spam.
    pub spam: u64,
}

impl DmarcCount {
    /// Adds those of another.
    pub fn add(&mut self, other: Self) {
        self.messages = self.messages.saturating_add(other.messages);
        self.genuine = self.genuine.saturating_add(other.genuine);
        self.spam = self.spam.saturating_add(other.spam);
    }

    fn values(self) -> [Value<'static>; 3] {
        [self.messages, self.genuine, self.spam]
            .map(|count| Value::Int(i64::try_from(count).unwrap_or(i64::MAX)))
    }
}

impl ReadTx<'_> {
    /// Days and domains of which something is known from before a day, from behind one of them on.
    pub fn dmarc_result_domains(
        &mut self,
        before_day: i64,
        (day, domain): (i64, &str),
        max: usize,
    ) -> Result<Vec<(i64, String)>> {
        self.sql.query_all(
            "SELECT DISTINCT day, domain FROM dmarc_result WHERE day < ?1 \
             AND (day > ?2 OR (day = ?2 AND domain > ?3)) ORDER BY day, domain LIMIT ?4",
            &[
                Value::Int(before_day),
                Value::Int(day),
                Value::Text(domain),
                Value::Int(i64::try_from(max).unwrap_or(i64::MAX)),
            ],
            |row| Ok((row.int(0)?, row.text(1)?.to_owned())),
        )
    }

    /// What is known of a domain on a day.
    pub fn dmarc_results(
        &mut self,
        day: i64,
        domain: &str,
    ) -> Result<Vec<(DmarcResult, DmarcCount)>> {
        self.sql.query_all(
            "SELECT details, messages, genuine, spam FROM dmarc_result \
             WHERE day = ?1 AND domain = ?2 ORDER BY messages DESC, kind",
            &[Value::Int(day), Value::Text(domain)],
            |row| {
                let details = row.text(0)?.to_owned();
                let result = DmarcResult { day, domain: domain.to_owned(), details };
                let count = DmarcCount {
                    messages: row.int(1)?.cast_unsigned(),
                    genuine: row.int(2)?.cast_unsigned(),
                    spam: row.int(3)?.cast_unsigned(),
                };
                Ok((result, count))
            },
        )
    }
}

/// What may still be begun of a domain and a day.
#[derive(Debug, Clone, Copy)]
enum Room {
    /// So many more rows may be begun.
    Rows(i64),
    /// No row may be begun: the day was reported, or there are too many domains.
    None,
}

impl WriteTx<'_> {
    /// Adds messages to those that are alike.
    pub fn add_dmarc_results(&mut self, results: &[(DmarcResult, DmarcCount)]) -> Result<()> {
        let mut rooms: HashMap<(i64, &str), Room> = HashMap::new();
        let mut domains: HashMap<i64, i64> = HashMap::new();
        for (result, count) in results {
            let key = (result.day, result.domain.as_str());
            let room = match rooms.get(&key) {
                Some(room) => *room,
                None => self.dmarc_room(result.day, &result.domain, &mut domains)?,
            };
            rooms.insert(key, self.add_dmarc_result(result, *count, room)?);
        }
        Ok(())
    }

    /// What may be begun; `domains` are those of each day, as far as they were counted.
    fn dmarc_room(
        &mut self,
        day: i64,
        domain: &str,
        domains: &mut HashMap<i64, i64>,
    ) -> Result<Room> {
        let key = [Value::Int(day), Value::Text(domain)];
        let told = self.sql.query_one(
            "SELECT 1 FROM dmarc_told WHERE day = ?1 AND domain = ?2",
            &key,
            |row| row.int(0),
        )?;
        if told.is_some() {
            return Ok(Room::None);
        }
        let rows = self.sql.query_one(
            "SELECT COUNT(*) FROM dmarc_result WHERE day = ?1 AND domain = ?2",
            &key,
            |row| row.int(0),
        )?;
        if let Some(rows) = rows.filter(|rows| *rows > 0) {
            return Ok(Room::Rows(ROWS_MAX.saturating_sub(rows)));
        }
        let known = match domains.get(&day) {
            Some(known) => *known,
            None => {
                let counted = self.sql.query_one(
                    "SELECT COUNT(DISTINCT domain) FROM dmarc_result WHERE day = ?1",
                    &[Value::Int(day)],
                    |row| row.int(0),
                )?;
                counted.unwrap_or(0)
            }
        };
        domains.insert(day, known + 1);
        Ok(if known < DOMAINS_MAX { Room::Rows(ROWS_MAX) } else { Room::None })
    }

    /// Adds to one row, or begins it; what room is left.
    fn add_dmarc_result(
        &mut self,
        result: &DmarcResult,
        count: DmarcCount,
        room: Room,
    ) -> Result<Room> {
        let Room::Rows(rows) = room else { return Ok(room) };
        let fits = !result.details.is_empty() && result.details.len() <= DETAILS_BYTES_MAX;
        let hash = blake3::hash(result.details.as_bytes());
        let kind: &[u8] = if fits { hash.as_bytes() } else { &[] };
        if self.add_to_dmarc_row(result, kind, count)? {
            return Ok(room);
        }
        if rows > 0 && fits {
            self.begin_dmarc_row(result, kind, &result.details, count)?;
            return Ok(Room::Rows(rows - 1));
        }
        if !self.add_to_dmarc_row(result, &[], count)? {
            self.begin_dmarc_row(result, &[], "", count)?;
        }
        Ok(room)
    }

    fn add_to_dmarc_row(
        &mut self,
        result: &DmarcResult,
        kind: &[u8],
        count: DmarcCount,
    ) -> Result<bool> {
        let [messages, genuine, spam] = count.values();
        let added = self.sql.execute(
            "UPDATE dmarc_result SET messages = messages + ?4, genuine = genuine + ?5, \
             spam = spam + ?6 WHERE day = ?1 AND domain = ?2 AND kind = ?3",
            &[
                Value::Int(result.day),
                Value::Text(&result.domain),
                Value::Bytes(kind),
                messages,
                genuine,
                spam,
            ],
        )?;
        Ok(added > 0)
    }

    fn begin_dmarc_row(
        &mut self,
        result: &DmarcResult,
        kind: &[u8],
        details: &str,
        count: DmarcCount,
    ) -> Result<()> {
        let [messages, genuine, spam] = count.values();
        // Another daemon may have begun meanwhile.
        self.sql.execute(
            "INSERT INTO dmarc_result (day, domain, kind, details, messages, genuine, spam) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (day, domain, kind) \
             DO UPDATE SET messages = dmarc_result.messages + ?5, \
             genuine = dmarc_result.genuine + ?6, spam = dmarc_result.spam + ?7",
            &[
                Value::Int(result.day),
                Value::Text(&result.domain),
                Value::Bytes(kind),
                Value::Text(details),
                messages,
                genuine,
                spam,
            ],
        )?;
        Ok(())
    }

    /// Forgets what is known of a domain on a day, and remembers that it was told, or that nobody
    /// is to hear it. False where that was so already.
    pub fn end_dmarc_results(&mut self, day: i64, domain: &str) -> Result<bool> {
        let key = [Value::Int(day), Value::Text(domain)];
        let first = self.sql.execute(
            "INSERT INTO dmarc_told (day, domain) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
            &key,
        )?;
        self.sql.execute("DELETE FROM dmarc_result WHERE day = ?1 AND domain = ?2", &key)?;
        Ok(first > 0)
    }

    /// Forgets what is too old to be told.
    pub fn forget_dmarc_results(&mut self, today: i64) -> Result<()> {
        let oldest = [Value::Int(today - DAYS_MAX)];
        self.sql.execute("DELETE FROM dmarc_result WHERE day < ?1", &oldest)?;
        self.sql.execute("DELETE FROM dmarc_told WHERE day < ?1", &oldest)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::on_both_engines;

    fn result(day: i64, domain: &str, details: &str) -> DmarcResult {
        DmarcResult { day, domain: domain.to_owned(), details: details.to_owned() }
    }

    fn count(messages: u64) -> DmarcCount {
        DmarcCount { messages, genuine: messages / 2, spam: 1 }
    }

    #[test]
    fn messages_are_summed_up_and_a_day_is_told_once() {
        on_both_engines(|store| {
            let add = |results: Vec<(DmarcResult, DmarcCount)>| {
                store.write(move |tx| tx.add_dmarc_results(&results)).unwrap();
            };
            let (a, b) = (result(1, "a.test", "x"), result(1, "a.test", "y"));
            add(vec![
                (a.clone(), count(4)),
                (b.clone(), count(1)),
                (result(2, "b.test", "x"), count(1)),
            ]);
            add(vec![(a.clone(), count(2))]);
            let of = |day, domain: &'static str| {
                store.read(move |tx| tx.dmarc_results(day, domain)).unwrap()
            };
            let sum = DmarcCount { messages: 6, genuine: 3, spam: 2 };
            assert_eq!(of(1, "a.test"), [(a.clone(), sum), (b, count(1))]);
            let days = |before, after: (i64, &'static str)| {
                store.read(move |tx| tx.dmarc_result_domains(before, after, 9)).unwrap()
            };
            assert_eq!(days(2, (0, "")), [(1, "a.test".to_owned())]);
            assert_eq!(days(3, (1, "a.test")), [(2, "b.test".to_owned())]);
            let end = || store.write(|tx| tx.end_dmarc_results(1, "a.test")).unwrap();
            assert_eq!((end(), end()), (true, false));
            // What another daemon counted before midnight comes too late.
            add(vec![(a, count(2))]);
            assert_eq!(days(9, (0, "")), [(2, "b.test".to_owned())]);
            store.write(|tx| tx.forget_dmarc_results(5)).unwrap();
            assert_eq!(days(9, (0, "")).len(), 1);
            store.write(|tx| tx.forget_dmarc_results(6)).unwrap();
            assert_eq!(days(9, (0, "")), []);
        });
    }

    #[test]
    fn kinds_are_bounded() {
        on_both_engines(|store| {
            let many: Vec<_> = (0..ROWS_MAX + 50)
                .map(|n| (result(1, "a.test", &format!("{n}")), count(1)))
                .chain([(result(1, "a.test", &"x".repeat(DETAILS_BYTES_MAX + 1)), count(1))])
                .collect();
            let again = many.clone();
            store.write(move |tx| tx.add_dmarc_results(&many)).unwrap();
            store.write(move |tx| tx.add_dmarc_results(&again)).unwrap();
            let found = store.read(|tx| tx.dmarc_results(1, "a.test")).unwrap();
            assert_eq!(found.len() as i64, ROWS_MAX + 1);
            let of_none = found.iter().find(|(row, _)| row.details.is_empty()).unwrap();
            assert_eq!(of_none.1.messages, 102);
        });
    }
}
