//! Reports whose signer could not be asked for when they came: the messages, until that is known.
//!
//! **Invariant:** at most [`MESSAGES_MAX`] wait, and [`OF_SOURCE_MAX`] of one reporter (on
//! PostgreSQL a few more, where several daemons put some off at the same instant); each for the
//! time that [`PAUSES_SECS`] add up to, and [`AFTER_LAST_SECS`] where its last look did not come to
//! an end. Whoever takes one has it until it is due again, so that of several daemons one looks at
//! it.

use ids::Timestamp;

use crate::sql::Value;
use crate::{ReadTx, Result, WriteTx};

/// LIMIT: bytes of a message that is kept: those of the large providers have some ten thousand.
pub const WAITING_REPORT_BYTES_MAX: usize = 1024 * 1024;
/// LIMIT: messages that wait at a time; more are not kept.
const MESSAGES_MAX: i64 = 64;
/// LIMIT: of those, the ones of one reporter, who may be anybody.
const OF_SOURCE_MAX: i64 = 4;
/// How long a message waits before each further look at it; together some seventeen hours.
const PAUSES_SECS: [i64; 5] = [5 * 60, 15 * 60, 60 * 60, 4 * 60 * 60, 12 * 60 * 60];
/// When a message is due once more whose last look a crash or a shutdown cut off.
const AFTER_LAST_SECS: i64 = 60 * 60;

/// A message that was taken to be looked at again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingReport {
    /// The id among reports that wait to be read.
    pub id: i64,
    /// When it came.
    pub received: Timestamp,
    /// The message as it came.
    pub message: Vec<u8>,
    /// Whether it waits no more, should it not be known now either.
    pub is_last: bool,
}

impl ReadTx<'_> {
    /// When the first of the messages that wait is due.
    pub fn waiting_report_due(&mut self) -> Result<Option<Timestamp>> {
        self.sql.query_one("SELECT due FROM waiting_report ORDER BY due LIMIT 1", &[], |row| {
            Ok(Timestamp::from_micros(row.int(0)?))
        })
    }
}

impl WriteTx<'_> {
    /// Keeps a message of who reports from `source` to be looked at again; whether there was room
    /// for it.
    pub fn put_waiting_report(&mut self, source: &str, message: &[u8]) -> Result<bool> {
        if message.len() > WAITING_REPORT_BYTES_MAX {
            return Ok(false);
        }
        let waiting = self.sql.query_one(
            "SELECT COUNT(*), COUNT(CASE WHEN source = ?1 THEN 1 END) FROM waiting_report",
            &[Value::Text(source)],
            |row| Ok((row.int(0)?, row.int(1)?)),
        )?;
        let (all, of_source) = waiting.unwrap_or_default();
        if all >= MESSAGES_MAX || of_source >= OF_SOURCE_MAX {
            return Ok(false);
        }
        let [first, ..] = PAUSES_SECS;
        let now = self.now;
        self.sql.execute(
            "INSERT INTO waiting_report (received, due, tries, source, message) \
             VALUES (?1, ?2, 0, ?3, ?4)",
            &[
                Value::Int(now.as_micros()),
                Value::Int(now.plus_secs(first).as_micros()),
                Value::Text(source),
                Value::Bytes(message),
            ],
        )?;
        Ok(true)
    }

    /// Takes the message that is due first, where one is.
    pub fn take_waiting_report(&mut self) -> Result<Option<WaitingReport>> {
        let now = self.now;
        let found = self.sql.query_one(
            "SELECT id, received, due, tries, message FROM waiting_report \
             WHERE due <= ?1 ORDER BY due LIMIT 1",
            &[Value::Int(now.as_micros())],
            |row| {
                let received = Timestamp::from_micros(row.int(1)?);
                let (id, message) = (row.int(0)?, row.bytes(4)?.to_vec());
                let report = WaitingReport { id, received, message, is_last: false };
                Ok((report, row.int(2)?, row.int(3)?))
            },
        )?;
        let Some((mut report, due, tries)) = found else { return Ok(None) };
        let tried = usize::try_from(tries).unwrap_or(usize::MAX).saturating_add(1);
        report.is_last = tried >= PAUSES_SECS.len();
        // Its last look may be cut off; then it is due once more.
        let after_last = (tried == PAUSES_SECS.len()).then_some(AFTER_LAST_SECS);
        let pause = PAUSES_SECS.get(tried).copied().or(after_last);
        // Another daemon may have taken it meanwhile.
        let taken = match pause {
            Some(pause) => self.sql.execute(
                "UPDATE waiting_report SET due = ?3, tries = tries + 1 WHERE id = ?1 AND due = ?2",
                &[
                    Value::Int(report.id),
                    Value::Int(due),
                    Value::Int(now.plus_secs(pause).as_micros()),
                ],
            )?,
            None => self.sql.execute(
                "DELETE FROM waiting_report WHERE id = ?1 AND due = ?2",
                &[Value::Int(report.id), Value::Int(due)],
            )?,
        };
        Ok((taken > 0).then_some(report))
    }

    /// It is known of a message what it is: it waits no more.
    pub fn end_waiting_report(&mut self, id: i64) -> Result<()> {
        self.sql.execute("DELETE FROM waiting_report WHERE id = ?1", &[Value::Int(id)])?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ids::Clock;
    use testkit::ManualClock;

    use super::*;
    use crate::testing::on_both_engines_with;

    #[test]
    fn a_message_is_taken_at_its_times_and_then_no_more() {
        let clock = Arc::new(ManualClock::default());
        on_both_engines_with(
            |settings| settings.clock = clock.clone(),
            |store| {
                let take = || store.write(|tx| tx.take_waiting_report()).unwrap();
                let due = || store.read(|tx| tx.waiting_report_due()).unwrap();
                assert_eq!((due(), take()), (None, None));
                let received = clock.now();
                assert!(store.write(|tx| tx.put_waiting_report("a.test", b"one")).unwrap());
                for (at, pause) in PAUSES_SECS.into_iter().enumerate() {
                    assert_eq!(due(), Some(clock.now().plus_secs(pause)));
                    clock.advance_secs(pause - 1);
                    assert_eq!(take(), None);
                    clock.advance_secs(1);
                    let taken = take().unwrap();
                    assert_eq!(taken.message, b"one");
                    assert_eq!(taken.received, received);
                    assert_eq!(taken.is_last, at + 1 == PAUSES_SECS.len());
                    // Nobody else has it.
                    assert_eq!(take(), None);
                }
                // Its last look was cut off.
                assert_eq!(due(), Some(clock.now().plus_secs(AFTER_LAST_SECS)));
                clock.advance_secs(AFTER_LAST_SECS);
                assert!(take().unwrap().is_last);
                assert_eq!(due(), None);
                assert!(store.write(|tx| tx.put_waiting_report("a.test", b"two")).unwrap());
                clock.advance_secs(PAUSES_SECS[0]);
                let id = take().unwrap().id;
                store.write(move |tx| tx.end_waiting_report(id)).unwrap();
                assert_eq!(due(), None);
            },
        );
    }

    #[test]
    fn few_and_small_ones_wait() {
        crate::testing::on_both_engines(|store| {
            let put = |source: i64, message: Vec<u8>| {
                let source = format!("{source}.test");
                store.write(move |tx| tx.put_waiting_report(&source, &message)).unwrap()
            };
            assert!(!put(0, vec![b'x'; WAITING_REPORT_BYTES_MAX + 1]));
            assert!(put(0, vec![b'x'; WAITING_REPORT_BYTES_MAX]));
            assert!((1..OF_SOURCE_MAX).all(|_| put(0, b"x".to_vec())));
            assert!(!put(0, b"x".to_vec()));
            assert!((OF_SOURCE_MAX..MESSAGES_MAX).all(|n| put(n, b"x".to_vec())));
            assert!(!put(1, b"x".to_vec()));
        });
    }
}
