//! When messages came into the mailbox they are in (RFC 8514 §3). Views do not hold it: it is
//! seldom asked for, and would cost every message in memory.

use std::ops::{Range, RangeInclusive};

use ids::{CollectionId, Timestamp, Uid};

use crate::sql::Value;
use crate::{ReadTx, Result, StorageError};

impl ReadTx<'_> {
    /// When the messages of a range came into the mailbox, by UID.
    pub fn load_save_dates(
        &mut self,
        mailbox: CollectionId,
        uids: RangeInclusive<Uid>,
    ) -> Result<Vec<(Uid, Timestamp)>> {
        self.sql.query_all(
            "SELECT uid, save_date FROM message \
             WHERE mailbox_id = ?1 AND uid BETWEEN ?2 AND ?3 ORDER BY uid",
            &[
                Value::Int(mailbox.get()),
                Value::Int(uids.start().get().into()),
                Value::Int(uids.end().get().into()),
            ],
            |row| Ok((uid(row.int(0)?)?, Timestamp::from_micros(row.int(1)?))),
        )
    }

    /// The messages that came into the mailbox within a span of seconds.
    pub fn find_saved(&mut self, mailbox: CollectionId, secs: Range<i64>) -> Result<Vec<Uid>> {
        let micros = |secs: i64| Value::Int(secs.saturating_mul(1_000_000));
        self.sql.query_all(
            "SELECT uid FROM message WHERE mailbox_id = ?1 \
             AND save_date >= ?2 AND save_date < ?3 ORDER BY uid",
            &[Value::Int(mailbox.get()), micros(secs.start), micros(secs.end)],
            |row| uid(row.int(0)?),
        )
    }
}

fn uid(column: i64) -> Result<Uid> {
    u32::try_from(column)
        .map(Uid::new)
        .map_err(|_| StorageError::Corrupt("an impossible UID".to_owned()))
}
