//! What of a message goes along with what was claimed of it: one copy for all of them.
//!
//! A list may have any number of recipients, and claims are on the way of everything that is
//! written; so what a claim looks at is bounded, in rows and not in what is found. Each begins
//! behind what was claimed of the message: what one does not see another does, which begins
//! elsewhere.

use std::collections::BTreeMap;

use ids::QueueDaemonId;

use super::ClaimedMessage;
use super::claim::read_recipient;
use super::damage::Damaged;
use super::waiting::WaitingChange;
use crate::sql::{Dialect, Value};
use crate::{Result, WriteTx};

/// LIMIT: recipients of one message that are looked at in one claim.
const LOOKED_AT_MAX: usize = 200;
/// LIMIT: recipients of all its messages that are.
const LOOKED_AT_IN_ALL_MAX: usize = 1_000;
/// LIMIT: destinations that are asked for in one claim.
const ASKED_FOR_MAX: usize = 200;

/// By the key of the table: `spool_id`, `ordinal`. Those that cannot be claimed now, which have no
/// destination here, are among those that are counted.
pub(super) const LOOK: &str = "SELECT ordinal, CASE WHEN held = 0 AND owner = 0 AND due <= ?2 \
     THEN destination ELSE '' END FROM spool_recipient \
     WHERE spool_id = ?1 AND ordinal > ?3 AND ordinal < ?4 ORDER BY ordinal LIMIT ?5";

/// SQLite takes entries one by one: a statement costs little there.
const TAKE_SQLITE: &str = "UPDATE spool_recipient SET owner = ?1 \
     WHERE spool_id = ?2 AND ordinal = CAST(?3 AS BIGINT) AND held = 0 AND owner = 0 AND due <= ?4 \
     RETURNING spool_id, ordinal, forward_path, parameters, attempts, warned, answer, attempted";
/// The numbers are given as a text, for there is no parameter of a varying number of integers
/// beside others.
const TAKE_POSTGRES: &str = "UPDATE spool_recipient SET owner = ?1 \
     WHERE (spool_id, ordinal) IN (SELECT spool_id, ordinal FROM spool_recipient \
     WHERE spool_id = ?2 AND ordinal = ANY(string_to_array(?3, ',')::bigint[]) \
     AND held = 0 AND owner = 0 AND due <= ?4 ORDER BY ordinal FOR UPDATE SKIP LOCKED) \
     RETURNING spool_id, ordinal, forward_path, parameters, attempts, warned, answer, attempted";

/// A place in the envelope, and where the recipient there is.
type Place = (i64, String);

impl WriteTx<'_> {
    /// Claims what else of these messages is due and goes the same way, as `goes_along` says of a
    /// destination: one copy for all of them (RFC 5321 §4.5.4.1). At most `limit` recipients; one
    /// that cannot be read is put off, as `damage` says.
    ///
    /// # Errors
    /// As of the storage.
    pub fn claim_along(
        &mut self,
        daemon: QueueDaemonId,
        messages: &mut [ClaimedMessage],
        limit: usize,
        mut goes_along: impl FnMut(&mut Self, &str) -> Result<bool>,
    ) -> Result<()> {
        let (mut room, mut looks) = (limit, LOOKED_AT_IN_ALL_MAX);
        let mut change = WaitingChange::default();
        let mut known: BTreeMap<String, bool> = BTreeMap::new();
        for message in messages {
            let mut chosen: Vec<Place> = Vec::new();
            for (ordinal, destination) in self.free_places(message, &mut looks)? {
                if chosen.len() >= room {
                    break;
                }
                let along = match known.get(&destination) {
                    Some(along) => *along,
                    None if known.len() >= ASKED_FOR_MAX => false,
                    None => {
                        let along = goes_along(self, &destination)?;
                        known.insert(destination.clone(), along);
                        along
                    }
                };
                if along {
                    chosen.push((ordinal, destination));
                }
            }
            let taken = self.take_along(daemon, message, chosen)?;
            room = room.saturating_sub(taken.len());
            taken.iter().for_each(|destination| change.add(destination, -1));
            if room == 0 || looks == 0 {
                break;
            }
        }
        self.count_waiting(change)
    }

    /// Recipients of a message that are free and due: of the next ones behind the first that was
    /// claimed, then of those before it.
    fn free_places(&mut self, message: &ClaimedMessage, looks: &mut usize) -> Result<Vec<Place>> {
        let first = message.recipients.first().map_or(0, |recipient| recipient.ordinal);
        let (mut places, mut left) = (Vec::new(), LOOKED_AT_MAX.min(*looks));
        for (after, before) in [(first, i64::MAX), (-1, first)] {
            if left == 0 {
                break;
            }
            let params = [
                Value::Int(message.id.get()),
                Value::Int(self.now.as_micros()),
                Value::Int(after),
                Value::Int(before),
                Value::Int(i64::try_from(left).unwrap_or(i64::MAX)),
            ];
            self.sql.query(LOOK, &params, &mut |row| {
                left = left.saturating_sub(1);
                *looks = looks.saturating_sub(1);
                let destination = row.text(1)?;
                if !destination.is_empty() {
                    places.push((row.int(0)?, destination.to_owned()));
                }
                Ok(())
            })?;
        }
        Ok(places)
    }

    /// Claims these of a message; where those are that were got.
    fn take_along(
        &mut self,
        daemon: QueueDaemonId,
        message: &mut ClaimedMessage,
        chosen: Vec<Place>,
    ) -> Result<Vec<String>> {
        if chosen.is_empty() {
            return Ok(Vec::new());
        }
        let number = |(ordinal, _): &Place| ordinal.to_string();
        let (sql, lists) = match self.sql.dialect() {
            Dialect::Sqlite => (TAKE_SQLITE, chosen.iter().map(number).collect()),
            Dialect::Postgres => {
                let list = chosen.iter().map(number).collect::<Vec<_>>().join(",");
                (TAKE_POSTGRES, vec![list])
            }
        };
        let mut places: BTreeMap<i64, String> = chosen.into_iter().collect();
        let (now, mut taken, mut found) = (self.now.as_micros(), Vec::new(), Vec::new());
        for list in &lists {
            let params = [
                Value::Int(daemon.get()),
                Value::Int(message.id.get()),
                Value::Text(list),
                Value::Int(now),
            ];
            self.sql.query(sql, &params, &mut |row| {
                let recipient = read_recipient(row)?;
                taken.extend(places.remove(&recipient.ordinal()));
                found.push(recipient);
                Ok(())
            })?;
        }
        let mut damage = Damaged::new(message.id, &message.reverse_path, message.created);
        message.recipients.extend(damage.sound(found, true));
        self.defer_damaged(daemon, vec![damage])?;
        message.recipients.sort_by_key(|recipient| recipient.ordinal);
        Ok(taken)
    }
}
