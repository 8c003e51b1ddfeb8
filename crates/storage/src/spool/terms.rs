//! On what terms a message is sent on: not before, by when, before or behind others.

use ids::{AccountId, Timestamp};
use serde::{Deserialize, Serialize};

use super::envelope::micros;
use crate::error::LimitKind;
use crate::sql::Value;
use crate::{ReadTx, Result, StorageError, WriteTx};

/// Which messages of a destination go first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Urgency {
    /// It goes before all others.
    Urgent,
    /// It goes in its turn.
    #[default]
    Normal,
    /// When nothing else is due.
    Bulk,
}

impl Urgency {
    /// The urgency of a priority of RFC 6710. RFC 6710 §5: levels between these are rounded up.
    pub const fn of_priority(priority: i8) -> Self {
        match priority {
            1.. => Self::Urgent,
            0 => Self::Normal,
            _ => Self::Bulk,
        }
    }

    /// The first first.
    pub(super) const ALL: [Self; 3] = [Self::Urgent, Self::Normal, Self::Bulk];

    pub(super) const fn column(self) -> i64 {
        match self {
            Self::Urgent => 0,
            Self::Normal => 1,
            Self::Bulk => 2,
        }
    }
}

/// By when a message has to arrive (RFC 2852 §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deadline {
    /// The instant.
    #[serde(with = "micros")]
    pub at: Timestamp,
    /// What happens to it then.
    #[serde(rename = "mode")]
    pub when_late: WhenLate,
    /// Whether its sender is told of each server that passes it on.
    pub trace: bool,
}

/// What happens to a message that is late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum WhenLate {
    /// Its sender is told.
    #[serde(rename = "N")]
    Notify,
    /// It goes back.
    #[serde(rename = "R")]
    Return,
}

impl Deadline {
    /// Whether it goes back and nowhere else (RFC 2852 §4.1.3).
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.when_late == WhenLate::Return && self.at <= now
    }
}

/// The terms of a message; the default is: at once, like others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SpoolTerms {
    /// The instant before which it is not tried (RFC 4865).
    pub begins: Option<Timestamp>,
    /// Its sender hears, or gets it back, when it is not there by then.
    pub deadline: Option<Timestamp>,
    /// Whether it goes before or behind others.
    pub urgency: Urgency,
}

impl ReadTx<'_> {
    /// How many messages of an account are held for later.
    pub fn count_scheduled(&mut self, account: AccountId, now: Timestamp) -> Result<u64> {
        let count = self.sql.query_one(
            "SELECT COUNT(*) FROM spool WHERE account_id = ?1 AND begins <> 0 AND begins > ?2",
            &[Value::Int(account.get()), Value::Int(now.as_micros())],
            |row| row.int(0),
        )?;
        Ok(count.unwrap_or(0).cast_unsigned())
    }
}

impl WriteTx<'_> {
    /// R-SMTP-4: what people have sent later is bounded, so that it fills nobody's disk.
    pub(super) fn check_scheduled(&mut self, account: AccountId) -> Result<()> {
        // Its row is locked, so that two who come for the last place do not both get it.
        self.account(account)?;
        let (max, now) = (self.settings.scheduled_messages_max, self.now);
        if self.count_scheduled(account, now)? >= max {
            return Err(StorageError::Limit { kind: LimitKind::ScheduledMessages, max });
        }
        Ok(())
    }
}
