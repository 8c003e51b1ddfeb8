//! Claims: a daemon takes recipients that are due into its hands, so that no other tries them.

use std::collections::BTreeMap;

use ids::{AccountId, ContentId, QueueDaemonId, SpoolId, Timestamp};

use super::damage::{Damaged, Found};
use super::list::instant;
use super::waiting::WaitingChange;
use super::{MailParameters, RcptParameters, Urgency};
use crate::sql::{Dialect, Row, Value};
use crate::{ReadTx, Result, WriteTx};

/// Which recipients a daemon claims.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The daemon that claims.
    pub daemon: QueueDaemonId,
    /// The destination that the recipients are at.
    pub destination: String,
    /// The most recipients to claim.
    pub limit: usize,
}

/// A message with those of its recipients that were claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedMessage {
    /// The id of the spool entry.
    pub id: SpoolId,
    /// The account that submitted the message; `None`: it came from elsewhere.
    pub account: Option<AccountId>,
    /// MAIL FROM; empty for the null sender.
    pub reverse_path: String,
    /// The parameters of MAIL FROM.
    pub parameters: MailParameters,
    /// The content of the message.
    pub content: ContentId,
    /// Bytes of the text.
    pub size_bytes: u64,
    /// When it was accepted.
    pub created: Timestamp,
    /// The instant before which it was not to be sent.
    pub begins: Timestamp,
    /// At least one, in the order of the envelope.
    pub recipients: Vec<ClaimedRecipient>,
}

/// A recipient that a daemon has claimed to bring the message to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedRecipient {
    /// The place among the recipients of the entry, from 0.
    pub ordinal: i64,
    /// The forward-path, as in RCPT TO.
    pub forward_path: String,
    /// The parameters of RCPT TO.
    pub parameters: RcptParameters,
    /// Attempts before this one.
    pub attempts: u32,
    /// Whether the sender was told that it is late.
    pub warned: bool,
    /// Whether the sender was told that its deadline is past.
    pub told_deadline: bool,
    /// What the last attempt came to, or what was said to others where it was put off for that;
    /// empty before either.
    pub answer: String,
    /// When the last attempt was.
    pub attempted: Option<Timestamp>,
}

const CLAIM_SQLITE: &str = "UPDATE spool_recipient SET owner = ?1 \
     WHERE (spool_id, ordinal) IN (SELECT spool_id, ordinal FROM spool_recipient \
     WHERE destination = ?2 AND urgency = ?5 AND held = 0 AND owner = 0 AND due <= ?3 \
     ORDER BY due, spool_id, ordinal LIMIT ?4) \
     RETURNING spool_id, ordinal, forward_path, parameters, attempts, warned, answer, attempted";
const CLAIM_POSTGRES: &str = "UPDATE spool_recipient SET owner = ?1 \
     WHERE (spool_id, ordinal) IN (SELECT spool_id, ordinal FROM spool_recipient \
     WHERE destination = ?2 AND urgency = ?5 AND held = 0 AND owner = 0 AND due <= ?3 \
     ORDER BY due, spool_id, ordinal LIMIT ?4 FOR UPDATE SKIP LOCKED) \
     RETURNING spool_id, ordinal, forward_path, parameters, attempts, warned, answer, attempted";

/// What the column `warned` is made of.
pub(super) const WARNED: i64 = 1;
pub(super) const TOLD_DEADLINE: i64 = 2;

/// From the columns that a claim returns.
pub(super) fn read_recipient(row: &dyn Row) -> Result<Found> {
    let (id, ordinal) = (SpoolId::new(row.int(0)?), row.int(1)?);
    let parameters = match RcptParameters::read(id, row.text(3)?) {
        Ok(parameters) => parameters,
        Err(error) => return Ok(Found::Damaged(ordinal, error)),
    };
    Ok(Found::Sound(ClaimedRecipient {
        ordinal,
        forward_path: row.text(2)?.to_owned(),
        parameters,
        attempts: u32::try_from(row.int(4)?).unwrap_or(u32::MAX),
        warned: row.int(5)? & WARNED != 0,
        told_deadline: row.int(5)? & TOLD_DEADLINE != 0,
        answer: row.text(6)?.to_owned(),
        attempted: instant(row.int(7)?),
    }))
}

impl WriteTx<'_> {
    /// Claims recipients that are due, the most urgent first and of these the longest waiting, by
    /// message. What cannot be read is put off, as `damage` says.
    ///
    /// # Errors
    /// [`crate::StorageError::Conflict`] where another daemon found the lease run out: the claimer
    /// needs another number.
    pub fn claim_spooled(&mut self, claim: &Claim) -> Result<Vec<ClaimedMessage>> {
        self.hold_queue_daemon(claim.daemon)?;
        let sql = match self.sql.dialect() {
            Dialect::Sqlite => CLAIM_SQLITE,
            Dialect::Postgres => CLAIM_POSTGRES,
        };
        let now = self.now.as_micros();
        let mut recipients: BTreeMap<i64, Vec<Found>> = BTreeMap::new();
        let (mut order, mut claimed) = (BTreeMap::new(), 0);
        for urgency in Urgency::ALL {
            let limit = claim.limit - claimed;
            if limit == 0 {
                break;
            }
            let params = [
                Value::Int(claim.daemon.get()),
                Value::Text(&claim.destination),
                Value::Int(now),
                Value::Int(i64::try_from(limit).unwrap_or(i64::MAX)),
                Value::Int(urgency.column()),
            ];
            self.sql.query(sql, &params, &mut |row| {
                let id = row.int(0)?;
                recipients.entry(id).or_default().push(read_recipient(row)?);
                order.insert(id, urgency);
                claimed += 1;
                Ok(())
            })?;
        }
        let mut change = WaitingChange::default();
        change.add(&claim.destination, -i64::try_from(claimed).unwrap_or(i64::MAX));
        self.count_waiting(change)?;
        let (mut messages, damaged) = self.load_claimed(recipients)?;
        self.defer_damaged(claim.daemon, damaged)?;
        messages.sort_by_key(|message| order.get(&message.id.get()).copied());
        Ok(messages)
    }

    /// The messages of these recipients, and what of them cannot be read.
    pub(super) fn load_claimed(
        &mut self,
        mut recipients: BTreeMap<i64, Vec<Found>>,
    ) -> Result<(Vec<ClaimedMessage>, Vec<Damaged>)> {
        let ids: Vec<i64> = recipients.keys().copied().collect();
        let (mut messages, mut damaged) = (Vec::with_capacity(ids.len()), Vec::new());
        let sql = "SELECT s.id, s.account_id, s.reverse_path, s.envelope, s.content_id, \
                   c.size_bytes, s.created, s.begins FROM spool s JOIN content c ON c.id = s.content_id \
                   WHERE s.id IN ({IN})";
        self.sql.query_in(sql, &ids, &mut |row| {
            let id = row.int(0)?;
            let created = row.int(6)?;
            let found = recipients.remove(&id).unwrap_or_default();
            let (id, reverse_path) = (SpoolId::new(id), row.text(2)?.to_owned());
            let mut damage = Damaged::new(id, &reverse_path, Timestamp::from_micros(created));
            let parameters = damage.noted(MailParameters::read(id, row.text(3)?));
            let mut recipients = damage.sound(found, parameters.is_some());
            recipients.sort_by_key(|recipient| recipient.ordinal);
            if damage.is_some() {
                damaged.push(damage);
            }
            let Some(parameters) = parameters.filter(|_| !recipients.is_empty()) else {
                return Ok(());
            };
            messages.push(ClaimedMessage {
                id,
                account: row.opt_int(1)?.map(AccountId::new),
                reverse_path,
                parameters,
                content: ContentId::new(row.int(4)?),
                size_bytes: row.int(5)?.cast_unsigned(),
                created: Timestamp::from_micros(created),
                begins: Timestamp::from_micros(row.int(7)?.max(created)),
                recipients,
            });
            Ok(())
        })?;
        messages.sort_by_key(|message| message.id);
        Ok((messages, damaged))
    }
}

impl ReadTx<'_> {
    /// When the next free recipient of a destination is due.
    pub fn next_due_spooled(&mut self, destination: &str) -> Result<Option<Timestamp>> {
        let mut earliest = None;
        for urgency in Urgency::ALL {
            let due = self.sql.query_one(
                "SELECT MIN(due) FROM spool_recipient \
                 WHERE destination = ?1 AND urgency = ?2 AND held = 0 AND owner = 0",
                &[Value::Text(destination), Value::Int(urgency.column())],
                |row| row.opt_int(0),
            )?;
            earliest = [earliest, due.flatten()].into_iter().flatten().min();
        }
        Ok(earliest.map(Timestamp::from_micros))
    }
}
