//! Noting events of accounts: an event like one noted before is counted there. The number of rows
//! of an account is bounded.

use std::net::IpAddr;

use super::{Activity, ActivityKind, ActivityNotice, ActivityPolicy, PROGRAM_CHARS_MAX, Place};
use crate::sql::Value;
use crate::{AccountTx, Protocol, Result};

const DAY_SECS: i64 = 24 * 60 * 60;

/// LIMIT: places that are known of one account; telephones see many networks.
const PLACES_MAX: i64 = 500;

impl AccountTx<'_, '_> {
    /// Takes down what happened to the account, and says what its owner is to be told of it.
    pub fn note_activity(
        &mut self,
        events: &[Activity],
        policy: &ActivityPolicy,
    ) -> Result<Vec<ActivityNotice>> {
        let mut notices = Vec::new();
        for event in events {
            self.put_activity(event)?;
            if event.kind == ActivityKind::SignedIn && self.is_new_place(event, policy)? {
                notices.push(ActivityNotice::NewPlace(event.clone()));
            }
        }
        if let Some(event) = events.iter().rfind(|it| it.kind == ActivityKind::WrongPassword)
            && let Some(count) = self.many_wrong_passwords(policy)?
        {
            notices.push(ActivityNotice::WrongPasswords(count, event.clone()));
        }
        self.trim_activity(policy.entries_max)?;
        Ok(notices)
    }

    /// Takes down something that this transaction does.
    pub(crate) fn note_own(&mut self, kind: ActivityKind, detail: &str) -> Result<()> {
        let (first, last) = (self.now, self.now);
        let (protocol, program) = (String::new(), String::new());
        let detail = detail.to_owned();
        let event = Activity { kind, protocol, peer: None, program, detail, first, last, count: 1 };
        self.put_activity(&event)
    }

    /// Takes down that the password was changed by a link, and from where.
    pub(crate) fn note_link_used(&mut self, peer: IpAddr) -> Result<()> {
        let event = Activity {
            kind: ActivityKind::PasswordChanged,
            protocol: Protocol::Http.as_str().to_owned(),
            peer: Some(peer),
            program: String::new(),
            detail: "link".to_owned(),
            first: self.now,
            last: self.now,
            count: 1,
        };
        self.put_activity(&event)
    }

    fn put_activity(&mut self, event: &Activity) -> Result<()> {
        let peer = event.peer.map(|peer| peer.to_canonical().to_string()).unwrap_or_default();
        let program = one_line(&event.program);
        let account = self.account;
        self.sql.execute(
            "INSERT INTO activity \
             (account_id, day, kind, protocol, peer, program, detail, first, last, count) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) \
             ON CONFLICT (account_id, day, kind, protocol, peer, program, detail) DO UPDATE SET \
             last = CASE WHEN activity.last < ?9 THEN ?9 ELSE activity.last END, \
             count = activity.count + ?10",
            &[
                Value::Int(account.get()),
                Value::Int(event.last.as_secs().div_euclid(DAY_SECS)),
                Value::Int(event.kind.column()),
                Value::Text(&event.protocol),
                Value::Text(&peer),
                Value::Text(&program),
                Value::Text(&event.detail),
                Value::Int(event.first.as_micros()),
                Value::Int(event.last.as_micros()),
                Value::Int(event.count.cast_signed()),
            ],
        )?;
        Ok(())
    }

    /// Remembers where somebody signed in from; whether that is to be told. The very first place
    /// is where the owner is.
    fn is_new_place(&mut self, event: &Activity, policy: &ActivityPolicy) -> Result<bool> {
        let Some(peer) = event.peer else { return Ok(false) };
        let network = Place::of(peer).to_string();
        let account = Value::Int(self.account.get());
        let any = self.sql.query_one(
            "SELECT last FROM sign_in_place WHERE account_id = ?1 LIMIT 1",
            &[account],
            |row| row.int(0),
        )?;
        let before = self.sql.query_one(
            "SELECT last FROM sign_in_place WHERE account_id = ?1 AND network = ?2",
            &[account, Value::Text(&network)],
            |row| Ok(ids::Timestamp::from_micros(row.int(0)?)),
        )?;
        let at = event.last.as_micros();
        self.sql.execute(
            "INSERT INTO sign_in_place (account_id, network, last) VALUES (?1, ?2, ?3) \
             ON CONFLICT (account_id, network) DO UPDATE SET last = ?3 \
             WHERE sign_in_place.last < ?3",
            &[account, Value::Text(&network), Value::Int(at)],
        )?;
        let is_new = policy
            .place_secs
            .is_some_and(|secs| before.is_none_or(|before| before.plus_secs(secs) <= event.first));
        if before.is_none() {
            self.trim_places()?;
        }
        Ok(is_new && any.is_some())
    }

    fn trim_places(&mut self) -> Result<()> {
        let account = Value::Int(self.account.get());
        self.sql.execute(
            "DELETE FROM sign_in_place WHERE account_id = ?1 AND network IN \
             (SELECT network FROM sign_in_place WHERE account_id = ?1 \
              ORDER BY last DESC, network LIMIT 1000000 OFFSET ?2)",
            &[account, Value::Int(PLACES_MAX)],
        )?;
        Ok(())
    }

    /// How many wrong passwords there were within a day, if those are many.
    fn many_wrong_passwords(&mut self, policy: &ActivityPolicy) -> Result<Option<u64>> {
        let Some(min) = policy.wrong_passwords else { return Ok(None) };
        let (account, since) = (self.account, self.now.plus_secs(-DAY_SECS));
        let count = self.sql.query_one(
            "SELECT CAST(COALESCE(SUM(count), 0) AS BIGINT) FROM activity \
             WHERE account_id = ?1 AND kind = ?2 AND last > ?3",
            &[
                Value::Int(account.get()),
                Value::Int(ActivityKind::WrongPassword.column()),
                Value::Int(since.as_micros()),
            ],
            |row| Ok(row.int(0)?.cast_unsigned()),
        )?;
        Ok(count.filter(|count| *count >= min))
    }

    /// Gives up the oldest of what others did to the account, and of the rest.
    fn trim_activity(&mut self, max: u64) -> Result<()> {
        let (account, max) = (Value::Int(self.account.get()), Value::Int(max.cast_signed()));
        for sql in [
            "DELETE FROM activity WHERE account_id = ?1 AND kind IN (2, 3) AND last < \
             (SELECT last FROM activity WHERE account_id = ?1 AND kind IN (2, 3) \
              ORDER BY last DESC LIMIT 1 OFFSET ?2)",
            "DELETE FROM activity WHERE account_id = ?1 AND kind NOT IN (2, 3) AND last < \
             (SELECT last FROM activity WHERE account_id = ?1 AND kind NOT IN (2, 3) \
              ORDER BY last DESC LIMIT 1 OFFSET ?2)",
        ] {
            self.sql.execute(sql, &[account, max])?;
        }
        Ok(())
    }
}

/// What a program says of itself, as it can stand in a line.
fn one_line(program: &str) -> String {
    program.chars().filter(|char| !char.is_control()).take(PROGRAM_CHARS_MAX).collect()
}
