//! A calendar message that could not be brought to somebody elsewhere (RFC 6638 §3.2.9).

use ical::scheduling::{Users, set_schedule_status};
use ids::AccountId;

use super::{is_of_one_calendar, status};
use crate::object::Tag;
use crate::{Result, WriteTx};

impl WriteTx<'_> {
    /// Notes that a calendar message to an address came back: in the copy of the meeting of whoever
    /// sent it, where no more is known of it than that it was sent. In the transaction that settles
    /// the message; a calendar that cannot be written does not keep it in the spool.
    pub fn note_bounced_letter(&mut self, account: AccountId, uid: &str, to: &str) -> Result<()> {
        // Before it is looked at: answers come at any time.
        match self.lock_usage(account) {
            Ok(_) => {}
            Err(crate::StorageError::NotFound(_)) => return Ok(()),
            Err(error) => return Err(error),
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
}
