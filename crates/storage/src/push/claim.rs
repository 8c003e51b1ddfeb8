//! What is to be told to whom, and what became of it.

use std::collections::BTreeMap;

use ids::{AccountId, CollectionId, ModSeq, Timestamp};

use super::{DAY_SECS, PushTriggers, modseq};
use crate::change_log::{self, Since};
use crate::sql::{Dialect, Row, Value};
use crate::{ReadTx, Result, StorageError, WriteTx};

/// How long one daemon has for what it claimed.
const CLAIM_SECS: i64 = 180;
/// How long nothing is told of what is in maintenance.
const MAINTENANCE_SECS: i64 = 300;
/// When a push is tried again that failed; it doubles from attempt to attempt.
const RETRY_FIRST_SECS: i64 = 30;
const RETRY_MAX_SECS: i64 = 3_600;
/// LIMIT: attempts; a subscription that failed so often is taken for dead.
const FAILURES_MAX: i64 = 16;

/// LIMIT: pushes of one account that a daemon has under way at a time: a push service that takes
/// its time keeps nobody waiting but those who chose it.
const OF_ACCOUNT_MAX: usize = 4;

/// LIMIT: accounts that are passed over in a statement. Who pushes has room for so many that are
/// full: as many pushes at once as this times [`OF_ACCOUNT_MAX`].
const FULL_MAX: usize = 4;

/// How many pushes of each account a daemon has under way.
#[derive(Debug, Clone, Default)]
pub struct PushesUnderWay {
    counts: BTreeMap<AccountId, usize>,
}

impl PushesUnderWay {
    /// Counts one more push of the account that is under way.
    pub fn begin(&mut self, account: AccountId) {
        *self.counts.entry(account).or_default() += 1;
    }

    /// Counts one push of the account less, after it has ended.
    pub fn end(&mut self, account: AccountId) {
        let left = self.counts.get(&account).map_or(0, |count| count.saturating_sub(1));
        match left {
            0 => drop(self.counts.remove(&account)),
            left => drop(self.counts.insert(account, left)),
        }
    }

    fn has_room(&self, account: AccountId) -> bool {
        self.counts.get(&account).is_none_or(|count| *count < OF_ACCOUNT_MAX)
    }

    /// Accounts that have as many pushes under way as they may, up to [`FULL_MAX`], filled up with
    /// 0, which no account has.
    pub(super) fn full(&self) -> [Value<'static>; FULL_MAX] {
        let mut full = self.counts.keys().filter(|account| !self.has_room(**account));
        std::array::from_fn(|_| Value::Int(full.next().map_or(0, |account| account.get())))
    }
}

/// A push that is due.
#[derive(Clone, PartialEq, Eq)]
pub struct DuePush {
    /// The id of the subscription.
    pub id: i64,
    /// The account that the subscription is of.
    pub account: AccountId,
    /// The collection that changed, and its newest change.
    pub collection: CollectionId,
    /// The modification sequence of the newest change that it tells.
    pub modseq: ModSeq,
    /// The URL at the push service.
    pub resource: String,
    /// The key that the message is encrypted for.
    pub public_key: Vec<u8>,
    /// What it is encrypted with, too.
    pub secret: Vec<u8>,
    /// What of it changed, of what somebody wants to hear of.
    pub changed: PushTriggers,
}

/// The outcome of a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PushOutcome {
    /// It was told. Nothing more is, for so many seconds.
    Told(i64),
    /// It failed; the push service may have said for how many seconds it is to be left alone.
    Failed(Option<i64>),
    /// It was not tried: its push service is down, and left alone for so many seconds.
    Later(i64),
    /// The push service no longer knows the subscription.
    Gone,
}

/// A row that may be due.
struct Candidate {
    push: DuePush,
    owner: AccountId,
    told: ModSeq,
    wanted: PushTriggers,
    blocked: bool,
    expired: bool,
}

/// What is to become of a subscription that may have something to tell.
enum Course {
    Tell(PushTriggers),
    /// Nothing happened that it asks for: it is passed over.
    Pass,
    Wait,
    /// It has expired, or who is told may not read it any more.
    End,
}

const CANDIDATES_SQLITE: &str = "SELECT s.id, s.collection_id, c.highest_modseq, s.resource, \
     s.public_key, s.secret, s.triggers, s.account_id, c.account_id, s.told_modseq, a.blocked, \
     s.expires FROM push_subscription s JOIN collection c ON c.id = s.collection_id \
     JOIN account a ON a.id = s.account_id WHERE s.look <= ?5 \
     AND s.account_id NOT IN (?1, ?2, ?3, ?4) ORDER BY s.look, s.id LIMIT ?6";
/// What another daemon looks at is passed by: nobody waits who has others in hand.
const CANDIDATES_POSTGRES: &str = "SELECT s.id, s.collection_id, c.highest_modseq, s.resource, \
     s.public_key, s.secret, s.triggers, s.account_id, c.account_id, s.told_modseq, a.blocked, \
     s.expires FROM push_subscription s JOIN collection c ON c.id = s.collection_id \
     JOIN account a ON a.id = s.account_id WHERE s.look <= ?5 \
     AND s.account_id NOT IN (?1, ?2, ?3, ?4) ORDER BY s.look, s.id LIMIT ?6 \
     FOR UPDATE OF s SKIP LOCKED";

fn read_candidate(row: &dyn Row, now: i64) -> Result<Candidate> {
    let wanted = PushTriggers::from_column(row.int(6)?);
    Ok(Candidate {
        push: DuePush {
            id: row.int(0)?,
            account: AccountId::new(row.int(7)?),
            collection: CollectionId::new(row.int(1)?),
            modseq: modseq(row.int(2)?),
            resource: row.text(3)?.to_owned(),
            public_key: row.bytes(4)?.to_vec(),
            secret: row.bytes(5)?.to_vec(),
            changed: wanted,
        },
        owner: AccountId::new(row.int(8)?),
        told: modseq(row.int(9)?),
        wanted,
        blocked: row.int(10)? != 0,
        expired: row.int(11)? <= now,
    })
}

impl ReadTx<'_> {
    /// Whether there is anything to be looked at now that there is room for.
    pub fn has_due_pushes(&mut self, now: Timestamp, under_way: &PushesUnderWay) -> Result<bool> {
        let [a, b, c, d] = under_way.full();
        let found = self.sql.query_one(
            "SELECT 1 FROM push_subscription WHERE look <= ?5 \
             AND account_id NOT IN (?1, ?2, ?3, ?4) LIMIT 1",
            &[a, b, c, d, Value::Int(now.as_micros())],
            |row| row.int(0),
        )?;
        Ok(found.is_some())
    }

    fn candidates(
        &mut self,
        now: i64,
        max: usize,
        under_way: &PushesUnderWay,
    ) -> Result<Vec<Candidate>> {
        let sql = match self.sql.dialect() {
            Dialect::Sqlite => CANDIDATES_SQLITE,
            Dialect::Postgres => CANDIDATES_POSTGRES,
        };
        let [a, b, c, d] = under_way.full();
        let values = [a, b, c, d, Value::Int(now), Value::Int(max as i64)];
        self.sql.query_all(sql, &values, |row| read_candidate(row, now))
    }

    fn course(&mut self, one: &Candidate) -> Result<Course> {
        if one.expired {
            return Ok(Course::End);
        }
        if one.told >= one.push.modseq {
            return Ok(Course::Pass);
        }
        // R-ADDR-12: who is blocked is told of nothing.
        let is_shut = one.blocked
            || self.is_in_maintenance(one.owner)?
            || self.is_in_maintenance(one.push.account)?;
        if is_shut {
            return Ok(Course::Wait);
        }
        let collection = match self.load_collection(one.push.collection) {
            Err(StorageError::NotFound(_)) => return Ok(Course::End),
            other => other?,
        };
        let account = one.push.account;
        if account != one.owner && self.as_guest(account, collection)?.is_none() {
            return Ok(Course::End);
        }
        let since =
            change_log::collection_since(&mut *self.sql, one.owner, one.push.collection, one.told)?;
        let changed = match since {
            Since::Known { content, properties } => PushTriggers {
                content: content && one.wanted.content,
                properties: properties && one.wanted.properties,
            },
            Since::TooOld => one.wanted,
        };
        Ok(match changed.content || changed.properties {
            true => Course::Tell(changed),
            false => Course::Pass,
        })
    }
}

impl WriteTx<'_> {
    /// What is to be told now, at most so much of it, and of each account no more than there is
    /// room for: nobody else is given it until it was [settled](Self::settle_push), or some minutes
    /// have gone by.
    pub fn claim_pushes(&mut self, max: usize, under_way: &PushesUnderWay) -> Result<Vec<DuePush>> {
        let now = self.now;
        let mut claimed = Vec::new();
        let mut under_way = under_way.clone();
        for mut one in self.candidates(now.as_micros(), max, &under_way)? {
            // It stays due.
            if !under_way.has_room(one.push.account) {
                continue;
            }
            match self.course(&one)? {
                Course::Tell(changed) => {
                    self.look_at_push(one.push.id, Some(now.plus_secs(CLAIM_SECS)), one.told)?;
                    one.push.changed = changed;
                    under_way.begin(one.push.account);
                    claimed.push(one.push);
                }
                Course::Wait => {
                    let later = now.plus_secs(MAINTENANCE_SECS);
                    self.look_at_push(one.push.id, Some(later), one.told)?;
                }
                Course::Pass => {
                    self.look_at_push(one.push.id, None, one.told.max(one.push.modseq))?;
                }
                Course::End => self.end_push(one.push.id)?,
            }
        }
        Ok(claimed)
    }

    fn look_at_push(&mut self, id: i64, at: Option<Timestamp>, told: ModSeq) -> Result<()> {
        let at = at.map_or(Value::Null, |at| Value::Int(at.as_micros()));
        self.sql.execute(
            "UPDATE push_subscription SET look = ?2, told_modseq = ?3 WHERE id = ?1",
            &[Value::Int(id), at, Value::Int(told.get().cast_signed())],
        )?;
        Ok(())
    }

    /// What became of something that was claimed.
    pub fn settle_push(&mut self, push: &DuePush, outcome: PushOutcome) -> Result<()> {
        match outcome {
            PushOutcome::Gone => self.end_push(push.id),
            PushOutcome::Told(secs) => {
                let due = self.now.plus_secs(secs.clamp(0, DAY_SECS));
                self.sql.execute(
                    // Something may have changed while it was told.
                    "UPDATE push_subscription SET due = ?2, failures = 0, told_modseq = \
                     CASE WHEN told_modseq > ?3 THEN told_modseq ELSE ?3 END, look = \
                     CASE WHEN ?3 < (SELECT c.highest_modseq FROM collection c \
                     WHERE c.id = collection_id) THEN CAST(?2 AS BIGINT) END WHERE id = ?1",
                    &[
                        Value::Int(push.id),
                        Value::Int(due.as_micros()),
                        Value::Int(push.modseq.get().cast_signed()),
                    ],
                )?;
                Ok(())
            }
            PushOutcome::Failed(asked) => self.put_off(push.id, asked),
            PushOutcome::Later(secs) => {
                let due = self.now.plus_secs(secs.clamp(0, DAY_SECS)).as_micros();
                self.sql.execute(
                    "UPDATE push_subscription SET due = ?2, look = ?2 WHERE id = ?1",
                    &[Value::Int(push.id), Value::Int(due)],
                )?;
                Ok(())
            }
        }
    }

    fn put_off(&mut self, id: i64, asked: Option<i64>) -> Result<()> {
        let failures = self.sql.query_one(
            "SELECT failures FROM push_subscription WHERE id = ?1",
            &[Value::Int(id)],
            |row| row.int(0),
        )?;
        let Some(failures) = failures.map(|failures| failures + 1) else { return Ok(()) };
        if failures >= FAILURES_MAX {
            return self.end_push(id);
        }
        let doubled = RETRY_FIRST_SECS << (failures - 1).clamp(0, 16);
        let secs = doubled.min(RETRY_MAX_SECS).max(asked.unwrap_or(0)).min(DAY_SECS);
        let due = self.now.plus_secs(secs).as_micros();
        self.sql.execute(
            "UPDATE push_subscription SET due = ?2, look = ?2, failures = ?3 WHERE id = ?1",
            &[Value::Int(id), Value::Int(due), Value::Int(failures)],
        )?;
        Ok(())
    }

    fn end_push(&mut self, id: i64) -> Result<()> {
        self.sql.execute("DELETE FROM push_subscription WHERE id = ?1", &[Value::Int(id)])?;
        Ok(())
    }
}
