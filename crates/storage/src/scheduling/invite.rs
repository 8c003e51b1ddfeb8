//! A message of an organizer comes to an attendee here (RFC 6638 §4.1).

use ical::Component;
use ical::scheduling::{Ignored, Message, Method, Outgoing, Users, receive};
use ids::AccountId;

use super::copy::Known;
use super::rooms::Booking;
use super::scripted::CalendarWishes;
use super::{is_of_one_calendar, status};
use crate::object::Tag;
use crate::{AccountTx, Result};

/// What became of a message.
pub(super) struct Delivered {
    /// The status code for the SCHEDULE-STATUS parameter (RFC 6638 §3.2.9).
    pub(super) status: &'static str,
    /// What a room answers at once.
    pub(super) answer: Option<RoomAnswer>,
}

/// The answer of a room, and whose it is.
pub(super) struct RoomAnswer {
    pub(super) room: AccountId,
    pub(super) users: Users,
    pub(super) reply: Outgoing,
}

impl Delivered {
    pub(super) fn told(status: &'static str) -> Self {
        Self { status, answer: None }
    }
}

/// Whether what was written is there.
pub(super) fn is_taken(written: Result<()>) -> Result<bool> {
    match written {
        Ok(()) => Ok(true),
        Err(error) if is_of_one_calendar(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether a message cancels a meeting, and not instances of it.
fn ends_whole(message: &Message) -> bool {
    message.method == Method::Cancel
        && message.object.parts().all(|part| part.line("RECURRENCE-ID").is_none())
}

impl AccountTx<'_, '_> {
    /// Applies REQUEST or CANCEL to the account's copy. A calendar that is full is no reason for
    /// the organizer to fail.
    pub(super) fn receive_invitation(&mut self, message: &Outgoing) -> Result<Delivered> {
        match message.arrived() {
            Some(arrived) => {
                let wishes = CalendarWishes::default();
                self.take_message(&arrived, &message.calendar.render(), &wishes)
            }
            None => Ok(Delivered::told(status::FAILED)),
        }
    }

    /// Takes a message that has been read from iTIP. R-CAL-5: inline attachments that are too large
    /// are left out of the copy; a mail has them.
    pub(super) fn take_message(
        &mut self,
        arrived: &Message,
        text: &[u8],
        wishes: &CalendarWishes,
    ) -> Result<Delivered> {
        let bytes_max = self.settings.scheduling.objects.attachment_bytes_max;
        let fitting = arrived.object.without_large_attachments(bytes_max);
        let fitting = fitting.map(|object| Message { method: arrived.method, object });
        match self.take_invitation(fitting.as_ref().unwrap_or(arrived), text, wishes) {
            Err(error) if is_of_one_calendar(&error) => Ok(Delivered::told(status::FAILED)),
            other => other,
        }
    }

    fn take_invitation(
        &mut self,
        arrived: &Message,
        text: &[u8],
        wishes: &CalendarWishes,
    ) -> Result<Delivered> {
        // Their first invitation may come before any program of theirs did.
        self.make_first_collections()?;
        let account = self.account;
        let users = self.users_with(account, wishes)?;
        let known = self.find_copy(account, arrived.object.uid())?;
        let existing = known.as_ref().map(|known| &known.meeting);
        let copy = match receive(existing, arrived, &self.scene(&users)) {
            Ok(copy) => copy,
            // What is known is newer, or there is nothing to be cancelled.
            Err(Ignored::Stale | Ignored::Unknown) => {
                return Ok(Delivered::told(status::DELIVERED));
            }
            Err(Ignored::NotInvited | Ignored::OtherMethod | Ignored::TooLarge) => {
                return Ok(Delivered::told(status::FAILED));
            }
            Err(Ignored::OtherOrganizer) => return Ok(Delivered::told(status::NO_AUTHORITY)),
        };
        if self.is_room(account)? {
            return self.take_booking(known.as_ref(), &copy, users);
        }
        match &known {
            // RFC 9671: the owner wants no trace of it.
            Some(known) if wishes.delete_cancelled && ends_whole(arrived) => {
                let collection = self.load_collection(known.collection.id)?;
                self.withdraw_object(&collection, &known.object)?;
            }
            known => {
                let into = wishes.calendar.as_deref();
                self.write_copy_into(known.as_ref(), &copy, Tag::New, into)?;
            }
        }
        self.put_in_inbox(text)?;
        Ok(Delivered::told(status::DELIVERED))
    }

    /// R-CAL-4. Nobody reads the inbox of a room.
    fn take_booking(
        &mut self,
        known: Option<&Known>,
        copy: &Component,
        users: Users,
    ) -> Result<Delivered> {
        let Booking { copy, reply } = self.book(copy, &users)?;
        let takes_time = match known {
            Some(known) => self.takes_room(&known.collection, known.object.component)?,
            None => true,
        };
        let stays = known.filter(|_| copy.is_some() && takes_time);
        if let Some(copy) = &copy {
            // What somebody moved to where it takes no time is booked anew where it does.
            self.write_copy(stays, copy, Tag::New)?;
        }
        if let Some(known) = known.filter(|_| stays.is_none()) {
            let collection = self.load_collection(known.collection.id)?;
            self.withdraw_object(&collection, &known.object)?;
        }
        let room = self.account;
        let answer = reply.map(|reply| RoomAnswer { room, users, reply });
        Ok(Delivered { status: status::DELIVERED, answer })
    }
}
