//! An answer comes to an organizer here (RFC 6638 §4.2), and other attendees here see it.

use ical::scheduling::{
    Ignored, Message, Outgoing, Users, note_answer, receive_reply, requests_anew,
    set_schedule_status,
};
use ical::{CalendarObject, Component};
use ids::AccountId;

use super::people::Reach;
use super::{is_of_one_calendar, status};
use crate::object::Tag;
use crate::{AccountTx, Result};

impl AccountTx<'_, '_> {
    /// Applies REPLY to the organizer's copy, and to those of all but who answers; the status of
    /// its delivery. `from` are the addresses of whoever answers.
    pub(super) fn receive_answer(
        &mut self,
        reply: &Outgoing,
        from: &Users,
        attendee: Option<AccountId>,
    ) -> Result<&'static str> {
        match reply.arrived() {
            Some(arrived) => self.take_answer(&arrived, &reply.calendar.render(), from, attendee),
            None => Ok(status::FAILED),
        }
    }

    /// The same of an answer that is written so.
    pub(super) fn take_answer(
        &mut self,
        arrived: &Message,
        text: &[u8],
        from: &Users,
        attendee: Option<AccountId>,
    ) -> Result<&'static str> {
        let account = self.account;
        let users = self.calendar_users(account)?;
        let Some(known) = self.find_copy(account, arrived.object.uid())? else {
            return Ok(status::FAILED);
        };
        let mut copy = match receive_reply(&known.meeting, arrived, from, &self.scene(&users)) {
            Ok(copy) => copy,
            Err(Ignored::Stale) => return Ok(status::DELIVERED),
            Err(Ignored::OtherOrganizer | Ignored::NotInvited) => return Ok(status::NO_AUTHORITY),
            Err(Ignored::Unknown | Ignored::OtherMethod | Ignored::TooLarge) => {
                return Ok(status::FAILED);
            }
        };
        self.ask_again(&known.meeting, arrived, from, attendee, &mut copy)?;
        // RFC 6638 §3.2.10: answers leave the schedule-tag as it is. A delegate whom the organizer's
        // program has not seen yet would be dropped by its next change, and hear that it is over.
        let is_answer = CalendarObject::of(copy.clone())
            .is_ok_and(|copy| copy.attendees() == known.meeting.attendees());
        let tag = if is_answer { Tag::Keep } else { Tag::New };
        match self.write_copy(Some(&known), &copy, tag) {
            Ok(()) => {}
            Err(error) if is_of_one_calendar(&error) => return Ok(status::FAILED),
            Err(error) => return Err(error),
        }
        self.put_in_inbox(text)?;
        self.spread_answer(&known.meeting, arrived, from, attendee)?;
        Ok(status::DELIVERED)
    }

    /// RFC 5546 §4.2.7: who delegated, and whose delegates have declined, is sent the meeting anew.
    fn ask_again(
        &mut self,
        before: &CalendarObject,
        arrived: &Message,
        from: &Users,
        attendee: Option<AccountId>,
        copy: &mut Component,
    ) -> Result<()> {
        let Ok(after) = CalendarObject::of(copy.clone()) else { return Ok(()) };
        let account = self.account;
        let users = self.calendar_users(account)?;
        let requests = requests_anew(before, arrived, from, &after, &self.scene(&users));
        for request in &requests {
            // What they are putting now is written after this, and says what they want.
            if let Reach::Here(account) = self.reach(&request.to)?
                && Some(account) == attendee
            {
                continue;
            }
            let delivered = self.send(request)?;
            set_schedule_status(copy, &request.to, delivered.status);
        }
        Ok(())
    }

    /// Notes an answer in the copies of other attendees, without a message: it has no consequence
    /// for them (RFC 6638 §3.2.10). `attendee`, who answers, writes their own.
    pub(super) fn spread_answer(
        &mut self,
        meeting: &CalendarObject,
        answer: &Message,
        from: &Users,
        attendee: Option<AccountId>,
    ) -> Result<()> {
        let organizer = self.account;
        let organizers = self.calendar_users(organizer)?;
        for user in meeting.attendees() {
            let Reach::Here(account) = self.reach(&user)? else { continue };
            if account == organizer || Some(account) == attendee {
                continue;
            }
            match self.tx.account(account)?.note_answer(answer, from, &organizers) {
                // It is seen with the next change of the meeting.
                Err(error) if !is_of_one_calendar(&error) => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    fn note_answer(&mut self, answer: &Message, from: &Users, organizers: &Users) -> Result<()> {
        let account = self.account;
        let Some(known) = self.find_copy(account, answer.object.uid())? else { return Ok(()) };
        // What has the same UID may be somebody else's.
        let organizer = known.meeting.organizer().ok().flatten();
        if !organizer.is_some_and(|organizer| organizers.is(&organizer)) {
            return Ok(());
        }
        let users = self.calendar_users(account)?;
        let Ok(copy) = note_answer(&known.meeting, answer, from, &self.scene(&users)) else {
            return Ok(());
        };
        let tag = match known.object.schedule_tag() {
            Some(_) => Tag::Keep,
            None => Tag::None,
        };
        self.write_copy(Some(&known), &copy, tag)
    }
}
