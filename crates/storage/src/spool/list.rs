//! The spool as operators see it: entries, their recipients, and totals.

use ids::{AccountId, SpoolId, Timestamp};

use super::Urgency;
use crate::sql::{Row, Value};
use crate::{ReadTx, Result};

/// Which messages are meant: those to which all of this applies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SpoolFilter {
    /// The entry with this id.
    pub id: Option<SpoolId>,
    /// With this MAIL FROM; empty for the null sender.
    pub reverse_path: Option<String>,
    /// With this RCPT TO among others.
    pub forward_path: Option<String>,
    /// With a recipient at this destination.
    pub destination: Option<String>,
    /// With a recipient that is held, or that is not.
    pub held: Option<bool>,
    /// Held to be sent later than that (R-SMTP-4).
    pub begins_after: Option<Timestamp>,
}

/// A message of the spool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpoolRow {
    /// The id of the spool entry.
    pub id: SpoolId,
    /// The account that submitted the message; `None`: it came from elsewhere.
    pub account: Option<AccountId>,
    /// MAIL FROM; empty for the null sender.
    pub reverse_path: String,
    /// When it was accepted.
    pub created: Timestamp,
    /// When it was to be sent, where that was not at once.
    pub begins: Option<Timestamp>,
    /// By when it was to be there.
    pub deadline: Option<Timestamp>,
    /// Bytes of its text.
    pub size_bytes: u64,
    /// The recipients that the message has not reached yet.
    pub recipients: Vec<SpoolRowRecipient>,
}

/// A recipient of a spooled message, as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpoolRowRecipient {
    /// The forward-path, as in RCPT TO.
    pub forward_path: String,
    /// The destination of the recipient.
    pub destination: String,
    /// Whether an operator holds it.
    pub held: bool,
    /// Whether a daemon works on it now.
    pub owned: bool,
    /// Whether it goes before or behind others.
    pub urgency: Urgency,
    /// When it is tried next.
    pub due: Timestamp,
    /// How often it was tried.
    pub attempts: u64,
    /// When it was tried last.
    pub attempted: Option<Timestamp>,
    /// What that came to, or what was said to others where it was put off for that.
    pub answer: String,
}

/// How much there is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SpoolTotals {
    /// How many messages there are.
    pub messages: u64,
    /// Recipients that were not tried yet, though their message might go.
    pub fresh: u64,
    /// Recipients of messages that are to be sent later, not tried yet.
    pub scheduled: u64,
    /// Recipients that were tried or put off for what was said to others, and wait for the next
    /// time.
    pub deferred: u64,
    /// Recipients that a daemon works on.
    pub owned: u64,
    /// Recipients that are held.
    pub held: u64,
    /// When the oldest message was accepted.
    pub oldest: Option<Timestamp>,
    /// The instant since which the first message may go; later than now where all are to be sent
    /// later.
    pub since: Option<Timestamp>,
}

/// Says of a text that it may be any; no path is that.
const ANY: &str = "*";

impl SpoolFilter {
    /// Parameters ?2 to ?7 of the statements that select by it.
    pub(super) fn params(&self) -> [Value<'_>; 6] {
        [
            Value::Int(self.id.map_or(0, SpoolId::get)),
            Value::Text(self.reverse_path.as_deref().unwrap_or(ANY)),
            Value::Text(self.forward_path.as_deref().unwrap_or(ANY)),
            Value::Text(self.destination.as_deref().unwrap_or(ANY)),
            Value::Int(self.held.map_or(2, i64::from)),
            Value::Int(self.begins_after.map_or(-1, Timestamp::as_micros)),
        ]
    }
}

/// The next messages after ?1 that a filter (?2 to ?7) means.
const SELECT: &str = "SELECT s.id FROM spool s WHERE s.id > ?1 AND (?2 = 0 OR s.id = ?2) \
     AND (?3 = '*' OR s.reverse_path = ?3) AND s.begins > ?7 AND EXISTS (SELECT 1 FROM spool_recipient r \
     WHERE r.spool_id = s.id AND (?4 = '*' OR r.forward_path = ?4) \
     AND (?5 = '*' OR r.destination = ?5) AND (?6 = 2 OR r.held = ?6)) ORDER BY s.id LIMIT ?8";

/// The first message was accepted first. The last by the index `spool_age`, whose expression this
/// is.
const WHOLE: &str = "SELECT (SELECT COUNT(*) FROM spool), \
     (SELECT created FROM spool ORDER BY id LIMIT 1), \
     (SELECT MIN(CASE WHEN begins > created THEN begins ELSE created END) FROM spool)";
/// A pass over the rows without a sort: half a second for a million of them (SQLite, measured).
const BY_STATE: &str = "SELECT COUNT(CASE WHEN held <> 0 THEN 1 END), \
     COUNT(CASE WHEN held = 0 AND owner <> 0 THEN 1 END), \
     COUNT(CASE WHEN held = 0 AND owner = 0 AND (attempts > 0 OR answer <> '') THEN 1 END), \
     COUNT(*) FROM spool_recipient";
/// Of those counted as not tried yet. By the index `spool_begins`, which has what `begins <> 0`
/// says. SQLite knows nothing of how much there is, and takes a cross join as it stands.
pub(super) const SCHEDULED: &str = "SELECT COUNT(*) FROM spool s CROSS JOIN spool_recipient r \
     WHERE r.spool_id = s.id AND s.begins <> 0 AND s.begins > ?1 AND r.held = 0 AND r.owner = 0 AND r.attempts = 0 \
     AND r.answer = ''";

impl ReadTx<'_> {
    /// The next messages that a filter means, after `after`; at most `limit`.
    pub(super) fn select_spooled(
        &mut self,
        filter: &SpoolFilter,
        after: SpoolId,
        limit: usize,
    ) -> Result<Vec<i64>> {
        let [id, reverse_path, forward_path, destination, held, begins] = filter.params();
        let limit = Value::Int(i64::try_from(limit).unwrap_or(i64::MAX));
        let after = Value::Int(after.get());
        let params = [after, id, reverse_path, forward_path, destination, held, begins, limit];
        self.sql.query_all(SELECT, &params, |row| row.int(0))
    }

    /// The messages a filter means, in order, after `after`; at most `limit`.
    pub fn list_spooled(
        &mut self,
        filter: &SpoolFilter,
        after: SpoolId,
        limit: usize,
    ) -> Result<Vec<SpoolRow>> {
        let ids = self.select_spooled(filter, after, limit)?;
        let mut rows = Vec::with_capacity(ids.len());
        let sql = "SELECT s.id, s.account_id, s.reverse_path, s.created, c.size_bytes, \
                   s.begins, s.deadline \
                   FROM spool s JOIN content c ON c.id = s.content_id WHERE s.id IN ({IN})";
        self.sql.query_in(sql, &ids, &mut |row| {
            rows.push(SpoolRow {
                id: SpoolId::new(row.int(0)?),
                account: row.opt_int(1)?.map(AccountId::new),
                reverse_path: row.text(2)?.to_owned(),
                created: Timestamp::from_micros(row.int(3)?),
                size_bytes: row.int(4)?.cast_unsigned(),
                begins: instant(row.int(5)?),
                deadline: instant(row.int(6)?),
                recipients: Vec::new(),
            });
            Ok(())
        })?;
        rows.sort_by_key(|row| row.id);
        let sql = "SELECT spool_id, forward_path, destination, held, owner, due, attempts, \
                   attempted, answer, urgency FROM spool_recipient WHERE spool_id IN ({IN})";
        self.sql.query_in(sql, &ids, &mut |row| {
            let id = SpoolId::new(row.int(0)?);
            let recipient = read_recipient(row)?;
            if let Ok(at) = rows.binary_search_by_key(&id, |row| row.id)
                && let Some(row) = rows.get_mut(at)
            {
                row.recipients.push(recipient);
            }
            Ok(())
        })?;
        Ok(rows)
    }

    /// How much there is at that instant. Looks at every recipient.
    pub fn spool_totals(&mut self, now: Timestamp) -> Result<SpoolTotals> {
        let whole = self
            .sql
            .query_one(WHOLE, &[], |row| Ok((row.int(0)?, row.opt_int(1)?, row.opt_int(2)?)))?;
        let (messages, oldest, since) = whole.unwrap_or_default();
        let states = self.sql.query_one(BY_STATE, &[], |row| {
            Ok([row.int(0)?, row.int(1)?, row.int(2)?, row.int(3)?].map(i64::cast_unsigned))
        })?;
        let [held, owned, deferred, all] = states.unwrap_or_default();
        let untried = all.saturating_sub(held + owned + deferred);
        let now = [Value::Int(now.as_micros())];
        let scheduled = self.sql.query_one(SCHEDULED, &now, |row| row.int(0))?;
        let scheduled = scheduled.unwrap_or_default().cast_unsigned().min(untried);
        Ok(SpoolTotals {
            messages: messages.cast_unsigned(),
            fresh: untried - scheduled,
            scheduled,
            deferred,
            owned,
            held,
            oldest: oldest.map(Timestamp::from_micros),
            since: since.map(Timestamp::from_micros),
        })
    }
}

fn read_recipient(row: &dyn Row) -> Result<SpoolRowRecipient> {
    let urgency = row.int(9)?;
    let urgency = Urgency::ALL.into_iter().find(|one| one.column() == urgency);
    Ok(SpoolRowRecipient {
        forward_path: row.text(1)?.to_owned(),
        destination: row.text(2)?.to_owned(),
        held: row.int(3)? != 0,
        owned: row.int(4)? != 0,
        due: Timestamp::from_micros(row.int(5)?),
        attempts: row.int(6)?.cast_unsigned(),
        urgency: urgency.unwrap_or_default(),
        attempted: instant(row.int(7)?),
        answer: row.text(8)?.to_owned(),
    })
}

/// Zero stands for none.
pub(super) fn instant(micros: i64) -> Option<Timestamp> {
    (micros != 0).then(|| Timestamp::from_micros(micros))
}
