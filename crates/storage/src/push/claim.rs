//! What is to be told to whom, and what became of it.

use ids::{AccountId, CollectionId, ModSeq};

use super::{DAY_SECS, PushTriggers, modseq};
use crate::change_log::{self, Since};
use crate::sql::Value;
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

/// Something to be told.
#[derive(Clone, PartialEq, Eq)]
pub struct DuePush {
    /// The subscription.
    pub id: i64,
    /// The collection that changed, and its newest change.
    pub collection: CollectionId,
    /// Its newest change.
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

/// What became of a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PushOutcome {
    /// It was told. Nothing more is, for so many seconds.
    Told(i64),
    /// It failed; the push service may have said for how many seconds it is to be left alone.
    Failed(Option<i64>),
    /// The push service knows nobody of that name.
    Gone,
}

/// A row that may be due.
struct Candidate {
    push: DuePush,
    account: AccountId,
    owner: AccountId,
    told: ModSeq,
    due: i64,
    wanted: PushTriggers,
}

/// What is to become of it.
enum Course {
    Tell(PushTriggers),
    /// Nothing of it is of interest.
    Pass,
    Wait,
    /// Who is told may not read it any more.
    End,
}

impl ReadTx<'_> {
    /// Whether anything is to be told now, or anything has expired.
    pub fn has_due_pushes(&mut self, now: ids::Timestamp) -> Result<bool> {
        let found = self.sql.query_one(
            "SELECT 1 FROM push_subscription s JOIN collection c ON c.id = s.collection_id \
             JOIN account a ON a.id = s.account_id \
             WHERE (c.highest_modseq > s.told_modseq AND s.due <= ?1 AND a.blocked = 0) \
             OR s.expires <= ?1 LIMIT 1",
            &[Value::Int(now.as_micros())],
            |row| row.int(0),
        )?;
        Ok(found.is_some())
    }

    fn candidates(&mut self, now: i64, max: usize) -> Result<Vec<Candidate>> {
        // R-ADDR-12: who is blocked is told of nothing.
        self.sql.query_all(
            "SELECT s.id, s.collection_id, c.highest_modseq, s.resource, s.public_key, s.secret, \
             s.triggers, s.account_id, c.account_id, s.told_modseq, s.due \
             FROM push_subscription s JOIN collection c ON c.id = s.collection_id \
             JOIN account a ON a.id = s.account_id \
             WHERE c.highest_modseq > s.told_modseq AND s.due <= ?1 AND a.blocked = 0 \
             ORDER BY s.due, s.id LIMIT ?2",
            &[Value::Int(now), Value::Int(max as i64)],
            |row| {
                let wanted = PushTriggers::from_column(row.int(6)?);
                Ok(Candidate {
                    push: DuePush {
                        id: row.int(0)?,
                        collection: CollectionId::new(row.int(1)?),
                        modseq: modseq(row.int(2)?),
                        resource: row.text(3)?.to_owned(),
                        public_key: row.bytes(4)?.to_vec(),
                        secret: row.bytes(5)?.to_vec(),
                        changed: wanted,
                    },
                    account: AccountId::new(row.int(7)?),
                    owner: AccountId::new(row.int(8)?),
                    told: modseq(row.int(9)?),
                    due: row.int(10)?,
                    wanted,
                })
            },
        )
    }

    fn course(&mut self, one: &Candidate) -> Result<Course> {
        if self.is_in_maintenance(one.owner)? || self.is_in_maintenance(one.account)? {
            return Ok(Course::Wait);
        }
        let collection = match self.load_collection(one.push.collection) {
            Err(StorageError::NotFound(_)) => return Ok(Course::End),
            other => other?,
        };
        if one.account != one.owner && self.as_guest(one.account, collection)?.is_none() {
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
    /// What is to be told now, at most so much of it: nobody else is given it until it was
    /// [settled](Self::settle_push), or some minutes have gone by. What has expired goes.
    pub fn claim_pushes(&mut self, max: usize) -> Result<Vec<DuePush>> {
        let now = self.now;
        self.sql.execute(
            "DELETE FROM push_subscription WHERE expires <= ?1",
            &[Value::Int(now.as_micros())],
        )?;
        let mut claimed = Vec::new();
        for mut one in self.candidates(now.as_micros(), max)? {
            let course = self.course(&one)?;
            let secs = match course {
                Course::Tell(_) => CLAIM_SECS,
                Course::Wait => MAINTENANCE_SECS,
                Course::Pass | Course::End => 0,
            };
            let told = match course {
                Course::Pass => one.push.modseq,
                _ => one.told,
            };
            // Another daemon may have it by now.
            let taken = self.sql.execute(
                "UPDATE push_subscription SET due = ?3, told_modseq = ?4 \
                 WHERE id = ?1 AND due = ?2 AND told_modseq = ?5",
                &[
                    Value::Int(one.push.id),
                    Value::Int(one.due),
                    Value::Int(now.plus_secs(secs).as_micros()),
                    Value::Int(told.get().cast_signed()),
                    Value::Int(one.told.get().cast_signed()),
                ],
            )?;
            match course {
                Course::Tell(changed) if taken > 0 => {
                    one.push.changed = changed;
                    claimed.push(one.push);
                }
                Course::End => self.end_push(one.push.id)?,
                _ => {}
            }
        }
        Ok(claimed)
    }

    /// What became of something that was claimed.
    pub fn settle_push(&mut self, push: &DuePush, outcome: PushOutcome) -> Result<()> {
        match outcome {
            PushOutcome::Gone => self.end_push(push.id),
            PushOutcome::Told(secs) => {
                let due = self.now.plus_secs(secs.clamp(0, DAY_SECS));
                self.sql.execute(
                    "UPDATE push_subscription SET due = ?2, failures = 0, told_modseq = \
                     CASE WHEN told_modseq > ?3 THEN told_modseq ELSE ?3 END WHERE id = ?1",
                    &[
                        Value::Int(push.id),
                        Value::Int(due.as_micros()),
                        Value::Int(push.modseq.get().cast_signed()),
                    ],
                )?;
                Ok(())
            }
            PushOutcome::Failed(asked) => self.put_off(push.id, asked),
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
            "UPDATE push_subscription SET due = ?2, failures = ?3 WHERE id = ?1",
            &[Value::Int(id), Value::Int(due), Value::Int(failures)],
        )?;
        Ok(())
    }

    fn end_push(&mut self, id: i64) -> Result<()> {
        self.sql.execute("DELETE FROM push_subscription WHERE id = ?1", &[Value::Int(id)])?;
        Ok(())
    }
}
