//! A calendar message that could not be brought to somebody elsewhere (RFC 6638 §3.2.9).

use ical::scheduling::{Users, set_schedule_status};
use ids::{AccountId, SpoolId};

use super::{is_of_one_calendar, status};
use crate::object::Tag;
use crate::sql::Value;
use crate::{AccountTx, Result, WriteTx};

impl WriteTx<'_> {
    /// Notes that a calendar message to an address came back: in the copy of the meeting of whoever
    /// sent it, where no more is known of it than that it was sent. In the transaction that settles
    /// the message; a calendar that cannot be written does not keep it in the spool.
    /// What came back before a newer one was sent says nothing of that.
    pub fn note_bounced_letter(
        &mut self,
        account: AccountId,
        (uid, to): (&str, &str),
        letter: SpoolId,
    ) -> Result<()> {
        // Before it is looked at: answers come at any time.
        match self.lock_usage(account) {
            Ok(_) => {}
            Err(crate::StorageError::NotFound(_)) => return Ok(()),
            Err(error) => return Err(error),
        }
        if self.newest_letter(account, uid, to)?.is_some_and(|newest| newest > letter) {
            return Ok(());
        }
        let Some(known) = self.find_copy(account, uid)? else { return Ok(()) };
        let address = format!("mailto:{to}");
        let user = Users::new(&[&address]);
        let mut lines = known.meeting.parts().flat_map(|part| part.lines.iter());
        // An answer, or a message that was delivered, says more than a bounce that is late.
        let is_waited_for = lines.any(|line| {
            matches!(line.name(), "ORGANIZER" | "ATTENDEE")
                && user.is(line.value())
                && line.parameter("SCHEDULE-STATUS") == Some(status::SENT)
        });
        if !is_waited_for || known.object.schedule_tag().is_none() {
            return Ok(());
        }
        let mut copy = known.meeting.calendar().clone();
        set_schedule_status(&mut copy, &address, status::FAILED);
        // RFC 6638 §3.2.10: the schedule-tag stays where the server alone adds to an object.
        match self.account(account)?.write_copy(Some(&known), &copy, Tag::Keep) {
            Err(error) if !is_of_one_calendar(&error) => Err(error),
            _ => Ok(()),
        }
    }
    /// The letter that told this address of a meeting last.
    fn newest_letter(
        &mut self,
        account: AccountId,
        uid: &str,
        to: &str,
    ) -> Result<Option<SpoolId>> {
        self.sql.query_one(
            "SELECT spool_id FROM meeting_letter WHERE account_id = ?1 AND meeting = ?2",
            &[Value::Int(account.get()), Value::Bytes(&key(uid, to))],
            |row| Ok(SpoolId::new(row.int(0)?)),
        )
    }
}

impl AccountTx<'_, '_> {
    /// A letter was sent to an address elsewhere about a meeting.
    pub(super) fn remember_letter(&mut self, uid: &str, to: &str, letter: SpoolId) -> Result<()> {
        let (account, now) = (self.account, self.now.as_micros());
        self.sql.execute(
            "INSERT INTO meeting_letter (account_id, meeting, spool_id, at) \
             VALUES (?1, ?2, ?3, ?4) ON CONFLICT (account_id, meeting) \
             DO UPDATE SET spool_id = excluded.spool_id, at = excluded.at",
            &[
                Value::Int(account.get()),
                Value::Bytes(&key(uid, to)),
                Value::Int(letter.get()),
                Value::Int(now),
            ],
        )?;
        Ok(())
    }
}

/// Addresses of mail are compared without regard to case.
fn key(uid: &str, to: &str) -> [u8; 32] {
    let mut hash = blake3::Hasher::new();
    hash.update(to.to_lowercase().as_bytes()).update(b"\0").update(uid.as_bytes());
    *hash.finalize().as_bytes()
}
