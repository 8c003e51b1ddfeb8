//! An answer comes to an organizer here (RFC 6638 §4.2), and other attendees here see it.

use ical::scheduling::{
    Ignored, Message, Outgoing, Users, note_answer, receive_reply, requests_anew,
    set_schedule_status,
};
use ical::{CalendarObject, Component};
use ids::AccountId;

use super::invite::is_taken;
use super::people::Reach;
use super::{is_of_one_calendar, status};
use crate::object::Tag;
use crate::{AccountTx, Result};

/// Somebody who is sent a meeting anew.
struct Asked {
    request: Outgoing,
    /// The status, if nothing comes between.
    expected: &'static str,
}

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

    /// Takes an answer that has been read from an iTIP message.
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
        let asked = self.asked_again(&known.meeting, arrived, from, &mut copy)?;
        // RFC 6638 §3.2.10: answers leave the schedule-tag as it is. A delegate whom the
        // organizer's program has not seen yet would be dropped by its next change, and hear that
        // it is over.
        let is_answer = CalendarObject::of(copy.clone())
            .is_ok_and(|copy| copy.attendees() == known.meeting.attendees());
        let tag = if is_answer { Tag::Keep } else { Tag::New };
        if !is_taken(self.write_copy(Some(&known), &copy, tag))? {
            return Ok(status::FAILED);
        }
        self.ask_again(&asked, attendee, copy, known.meeting.uid())?;
        self.put_in_inbox(text)?;
        self.spread_answer(&known.meeting, arrived, from, attendee)?;
        Ok(status::DELIVERED)
    }

    /// RFC 5546 §4.2.7: who delegated, and whose delegates have declined, is sent the meeting anew.
    /// What each is to be sent, and how that is going to fare, which the copy says already.
    fn asked_again(
        &mut self,
        before: &CalendarObject,
        arrived: &Message,
        from: &Users,
        copy: &mut Component,
    ) -> Result<Vec<Asked>> {
        let Ok(after) = CalendarObject::of(copy.clone()) else { return Ok(Vec::new()) };
        let account = self.account;
        let users = self.calendar_users(account)?;
        let mut asked = Vec::new();
        for request in requests_anew(before, arrived, from, &after, &self.scene(&users)) {
            let expected = match self.reach(&request.to)? {
                Reach::Here(_) => status::DELIVERED,
                Reach::Mail(_) => status::SENT,
                Reach::Nowhere => status::UNKNOWN_USER,
            };
            set_schedule_status(copy, &request.to, expected);
            asked.push(Asked { request, expected });
        }
        Ok(asked)
    }

    /// Sends them, once the copy is written that they tell of. What fared otherwise is written
    /// into it.
    fn ask_again(
        &mut self,
        asked: &[Asked],
        attendee: Option<AccountId>,
        mut copy: Component,
        uid: &str,
    ) -> Result<()> {
        let mut is_as_expected = true;
        for Asked { request, expected } in asked {
            let status = self.ask_one_again(request, attendee)?;
            if status != *expected {
                set_schedule_status(&mut copy, &request.to, status);
                is_as_expected = false;
            }
        }
        let account = self.account;
        if !is_as_expected && let Some(known) = self.find_copy(account, uid)? {
            // Where there is no room for it, the copy stays as it is.
            is_taken(self.write_copy(Some(&known), &copy, Tag::Keep))?;
        }
        Ok(())
    }

    fn ask_one_again(
        &mut self,
        request: &Outgoing,
        attendee: Option<AccountId>,
    ) -> Result<&'static str> {
        if let Reach::Here(account) = self.reach(&request.to)?
            && Some(account) == attendee
        {
            // What they are putting now is written after this, and says what they want; their
            // programs hear of the rest.
            self.tx.account(account)?.put_in_inbox(&request.calendar.render())?;
            return Ok(status::DELIVERED);
        }
        Ok(self.send(request)?.status)
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
            // Their own answer, which they gave by mail: a program that has not seen it would put
            // another in its place (RFC 6638 §3.2.10.1).
            Some(_) if from.meets(&users) => Tag::New,
            Some(_) => Tag::Keep,
            None => Tag::None,
        };
        self.write_copy(Some(&known), &copy, tag)
    }
}
