//! PUT of a meeting (RFC 6638 §3.2.3.1): the object is written, and the messages that follow from
//! the change are delivered to calendars here or queued for mail, in one transaction.

use std::collections::HashMap;

use ical::scheduling::{
    Outgoing, Role, Users, attendee_change, keep_answers, organizer_change_with, receive_reply,
    set_schedule_status, unknown_forces,
};
use ical::{CalendarObject, Component};

use super::invite::{Delivered, RoomAnswer};
use super::people::Reach;
use super::{MESSAGES_BYTES_MAX, status};
use crate::attachment::Managed;
use crate::collection::{Collection, CollectionKind, ObjectName};
use crate::object::{Condition, Object, PreparedObject, PutOutcome, Readiness, Scheduled, Tag};
use crate::{AccountTx, Result, StorageError};

impl Scheduled {
    pub(crate) fn refused(outcome: PutOutcome) -> Self {
        Self { outcome, etag: None, schedule_tag: None }
    }
}

/// One PUT: what is there, what comes, and what its owner is in both.
struct Change<'c> {
    users: &'c Users,
    old: Option<&'c CalendarObject>,
    new: Option<&'c CalendarObject>,
    was: Role,
    is: Role,
    /// The size of the new object in bytes.
    size_bytes: u64,
}

impl AccountTx<'_, '_> {
    /// [`put_object`](Self::put_object) with all that follows for others (RFC 6638 §3.2): the
    /// owner of the calendar invites, or answers, whoever puts it. After
    /// [`lock_place`](crate::WriteTx::lock_place).
    pub fn put_scheduled(
        &mut self,
        collection: &Collection,
        name: &ObjectName,
        object: &PreparedObject,
        condition: &Condition<'_>,
    ) -> Result<Scheduled> {
        match self.put_as_guest(collection, name, object, condition)? {
            Some(put) => Ok(put),
            None => self.put_shared(collection, name, object, condition),
        }
    }

    /// Like `put_scheduled`, for the part of the object that everybody is to see.
    pub(crate) fn put_shared(
        &mut self,
        collection: &Collection,
        name: &ObjectName,
        object: &PreparedObject,
        condition: &Condition<'_>,
    ) -> Result<Scheduled> {
        let ready = self.ready_to_put(collection, name, object, condition)?;
        let (collection, there) = match ready.for_clients(object) {
            Readiness::Refused(outcome) => return Ok(Scheduled::refused(outcome)),
            Readiness::Ready { collection, there } => (*collection, there),
        };
        match self.settle_attachments(there.as_ref(), object)? {
            Managed::Refused(outcome) => Ok(Scheduled::refused(outcome)),
            Managed::AsPut => self.put_ready(&collection, there, name, object, condition),
            Managed::Settled(settled) => {
                let put = self.put_ready(&collection, there, name, &settled, condition)?;
                Ok(Scheduled { etag: None, ..put })
            }
        }
    }

    /// Puts an object that passed the checks that hold for objects which are no meetings; those of
    /// meetings (RFC 6638) follow here.
    fn put_ready(
        &mut self,
        collection: &Collection,
        there: Option<Object>,
        name: &ObjectName,
        object: &PreparedObject,
        condition: &Condition<'_>,
    ) -> Result<Scheduled> {
        if self.is_double_booked(collection, object)? {
            return Ok(Scheduled::refused(PutOutcome::RoomTaken));
        }
        let old = self.load_meeting(there.as_ref())?;
        let new = object.meeting().filter(|_| collection.kind == CollectionKind::Calendar);
        if old.is_none() && new.is_none() {
            return self.finish_put(collection, there.as_ref(), name, object, None, Tag::None);
        }
        let account = self.account;
        let users = self.calendar_users(account)?;
        let scene = self.scene(&users);
        let merged = match (condition.if_schedule_tag, &old, new) {
            // RFC 6638 §3.2.10.1
            (Some(_), Some(old), Some(new)) if !self.has_too_many(Some(old), new) => {
                Some(keep_answers(old, new, &scene))
            }
            _ => None,
        };
        let new = merged.as_ref().or(new.map(|new| &**new));
        let role = |object: Option<&CalendarObject>| {
            object.map_or(Role::Neither, |object| users.role(object))
        };
        let (was, is) = (role(old.as_ref()), role(new));
        if is == Role::Attendee && self.adds_attachments(there.as_ref(), new)? {
            return Ok(Scheduled::refused(PutOutcome::NotForAttendee));
        }
        let kept = self.attachments_kept(old.as_ref(), new.filter(|_| is == Role::Attendee));
        let new = kept.as_ref().or(new);
        // Answers may make more of it than was put.
        let size_bytes = merged.as_ref().map_or(object.size_bytes, |merged| {
            object.size_bytes.max(merged.calendar().render().len() as u64)
        });
        let change = Change { users: &users, old: old.as_ref(), new, was, is, size_bytes };
        if let Some(refusal) = self.refuse_meeting(&change, there.as_ref())? {
            return Ok(Scheduled::refused(refusal));
        }
        let Some(stored) = self.follow(&change)? else {
            return Ok(Scheduled::refused(PutOutcome::NotForAttendee));
        };
        let tag = if is == Role::Neither { Tag::None } else { Tag::New };
        let stored =
            stored.filter(|stored| object.meeting().is_none_or(|put| put.calendar() != stored));
        self.finish_put(collection, there.as_ref(), name, object, stored.as_ref(), tag)
    }

    /// RFC 8607 §3.12.2: attachments are the organizer's.
    fn adds_attachments(
        &mut self,
        there: Option<&Object>,
        new: Option<&CalendarObject>,
    ) -> Result<bool> {
        let ids = new.map(CalendarObject::managed_ids).unwrap_or_default();
        Ok(!ids.is_empty() && !ids.is_subset(&self.managed_before(there)?))
    }

    /// What an attendee's program leaves out is not taken away by that; what is to be put instead.
    fn attachments_kept(
        &self,
        old: Option<&CalendarObject>,
        new: Option<&CalendarObject>,
    ) -> Option<CalendarObject> {
        let old = old.filter(|old| !old.managed_ids().is_empty())?;
        let limits = &self.settings.scheduling.objects.ical;
        CalendarObject::of(new?.with_managed_of(old, limits)?).ok()
    }

    /// Whether more people are in a part of a meeting than may be. What delegates came to
    /// meanwhile, its organizer's program may go on with.
    fn has_too_many(&self, old: Option<&CalendarObject>, new: &CalendarObject) -> bool {
        let max = self.settings.scheduling.attendees_max;
        most_attendees(new) > max.max(old.map_or(0, most_attendees))
    }

    /// What no change of a meeting may be.
    fn refuse_meeting(
        &mut self,
        change: &Change<'_>,
        there: Option<&Object>,
    ) -> Result<Option<PutOutcome>> {
        let Some(new) = change.new else { return Ok(None) };
        let is_meeting = change.is != Role::Neither || change.was != Role::Neither;
        let Ok(organizer) = new.organizer() else {
            let concerns = new.attendees().iter().any(|user| change.users.is(user));
            return Ok((is_meeting || concerns).then_some(PutOutcome::SeveralOrganizers));
        };
        if !is_meeting {
            return Ok(None);
        }
        if self.has_too_many(change.old, new) {
            return Ok(Some(PutOutcome::TooManyAttendees));
        }
        let people = new.attendees().len() as u64;
        if people.saturating_mul(change.size_bytes) > MESSAGES_BYTES_MAX {
            return Ok(Some(PutOutcome::TooManyAttendees));
        }
        let is_own = organizer.is_some_and(|organizer| change.users.is(&organizer));
        match (change.was, change.is) {
            // RFC 6638 §3.2.4.3: a meeting is not given away.
            (Role::Organizer, Role::Attendee) => return Ok(Some(PutOutcome::NotForOrganizer)),
            (Role::Organizer, Role::Neither) if !is_own && new.organizer() != Ok(None) => {
                return Ok(Some(PutOutcome::NotForOrganizer));
            }
            (Role::Attendee, Role::Organizer) => return Ok(Some(PutOutcome::NotForAttendee)),
            _ => {}
        }
        if change.is == Role::Neither {
            return Ok(None);
        }
        let account = self.account;
        let other = self.find_other_meeting(account, new.uid(), there.map(|there| there.id))?;
        other.map(|(calendar, name)| self.meeting_taken(calendar, name)).transpose()
    }

    /// Tells everybody; what is to be stored. `None`: the change is not an attendee's to make.
    fn follow(&mut self, change: &Change<'_>) -> Result<Option<Option<Component>>> {
        let Change { users, old, new, was, is, .. } = *change;
        match (was, is) {
            (_, Role::Organizer) => {
                let old = old.filter(|_| was == Role::Organizer);
                self.organize(old, new, users).map(Some)
            }
            (Role::Organizer, _) => {
                self.organize(old, None, users)?;
                Ok(Some(None))
            }
            (_, Role::Attendee) => self.attend(old.filter(|_| was == Role::Attendee), new, users),
            // RFC 6638 §3.2.3.1: what is none any more was removed.
            (Role::Attendee, Role::Neither)
                if new.is_none_or(|new| new.organizer() == Ok(None)) =>
            {
                self.attend(old, None, users)?;
                Ok(Some(None))
            }
            _ => Ok(Some(None)),
        }
    }

    /// An organizer's change (RFC 6638 §3.2.1): what is to be stored.
    pub(super) fn organize(
        &mut self,
        old: Option<&CalendarObject>,
        new: Option<&CalendarObject>,
        users: &Users,
    ) -> Result<Option<Component>> {
        self.require_voice()?;
        let scene = self.scene(users);
        let (mut told, mut answers) = (Vec::new(), Vec::new());
        let mut stored = organizer_change_with(old, new, &scene, |message| {
            let delivered = self.send(&message)?;
            answers.extend(delivered.answer);
            told.push((message.to, delivered.status.to_owned()));
            Ok::<_, StorageError>(())
        })?;
        if let Some(stored) = &mut stored {
            told.extend(ignored_forces(new, "ATTENDEE", &told));
            for (to, status) in &told {
                // RFC 6638 §7.3
                set_schedule_status(stored, to, status);
            }
        }
        for answer in &answers {
            stored = self.take_room_answer(stored, answer, users)?;
        }
        Ok(stored)
    }

    /// Puts the answer of a room into what is going to be stored, and into the copies of others.
    fn take_room_answer(
        &mut self,
        stored: Option<Component>,
        answer: &RoomAnswer,
        users: &Users,
    ) -> Result<Option<Component>> {
        let Some(calendar) = stored else { return Ok(None) };
        let Ok(meeting) = CalendarObject::of(calendar.clone()) else { return Ok(Some(calendar)) };
        let Some(arrived) = answer.reply.arrived() else { return Ok(Some(calendar)) };
        let scene = self.scene(users);
        let Ok(answered) = receive_reply(&meeting, &arrived, &answer.users, &scene) else {
            return Ok(Some(calendar));
        };
        self.spread_answer(&meeting, &arrived, &answer.users, Some(answer.room))?;
        self.put_in_inbox(&answer.reply.calendar.render())?;
        Ok(Some(answered))
    }

    /// An attendee's change (RFC 6638 §3.2.2): what is to be stored; `None` where it is not
    /// theirs to make.
    pub(super) fn attend(
        &mut self,
        old: Option<&CalendarObject>,
        new: Option<&CalendarObject>,
        users: &Users,
    ) -> Result<Option<Option<Component>>> {
        self.require_voice()?;
        let Ok(change) = attendee_change(old, new, &self.scene(users)) else { return Ok(None) };
        let (mut stored, mut told) = (change.stored, Vec::new());
        if let Some(reply) = &change.reply {
            let status = self.send_answer(reply, users)?;
            told.push((reply.to.clone(), status.to_owned()));
            // A message may have come back by it.
            let account = self.account;
            self.usage = self.lock_usage(account)?;
        }
        if let Some(stored) = &mut stored {
            told.extend(ignored_forces(new, "ORGANIZER", &told));
            told.iter().for_each(|(to, status)| set_schedule_status(stored, to, status));
        }
        Ok(Some(stored))
    }

    /// Brings a message to where its recipient is.
    pub(super) fn send(&mut self, message: &Outgoing) -> Result<Delivered> {
        match self.reach(&message.to)? {
            Reach::Here(account) => self.tx.account(account)?.receive_invitation(message),
            Reach::Mail(to) => self.send_letter(message, &to).map(Delivered::told),
            Reach::Nowhere => Ok(Delivered::told(status::UNKNOWN_USER)),
        }
    }

    fn send_answer(&mut self, reply: &Outgoing, from: &Users) -> Result<&'static str> {
        let attendee = self.account;
        match self.reach(&reply.to)? {
            Reach::Here(account) => {
                self.tx.account(account)?.receive_answer(reply, from, Some(attendee))
            }
            Reach::Mail(to) => self.send_letter(reply, &to),
            Reach::Nowhere => Ok(status::UNKNOWN_USER),
        }
    }

    /// Writes the object that was put, or as scheduling changed it.
    fn finish_put(
        &mut self,
        collection: &Collection,
        there: Option<&Object>,
        name: &ObjectName,
        object: &PreparedObject,
        instead: Option<&Component>,
        tag: Tag,
    ) -> Result<Scheduled> {
        let made = instead.map(|calendar| self.prepare_copy(calendar)).transpose()?;
        let written = made.as_ref().unwrap_or(object);
        let outcome = self.write_object(collection, there, name, written, tag)?;
        let is_as_put = written.etag() == object.etag();
        let schedule_tag = match tag {
            Tag::None => None,
            Tag::Keep | Tag::New => {
                let stored = self.find_object(collection.id, name.as_str())?;
                stored.and_then(|stored| stored.schedule_tag())
            }
        };
        let etag = is_as_put.then(|| object.etag());
        Ok(Scheduled { outcome, etag, schedule_tag })
    }
}

/// What is said of those for whom a message was to be forced that there is not, beside how what
/// they were sent fared.
fn ignored_forces(
    put: Option<&CalendarObject>,
    property: &str,
    told: &[(String, String)],
) -> Vec<(String, String)> {
    let users = put.map(|put| unknown_forces(put, property)).unwrap_or_default();
    if users.is_empty() {
        return Vec::new();
    }
    // Both sides are calendar users in their one spelling.
    let known: HashMap<&str, &str> =
        told.iter().map(|(to, code)| (to.as_str(), code.as_str())).collect();
    let said = users.into_iter().map(|user| {
        // RFC 6638 §7.3: several codes are one value, in quotes.
        let code = known.get(user.as_str()).map_or_else(
            || status::IGNORED_PARAMETER.to_owned(),
            |code| format!("{code},{}", status::IGNORED_PARAMETER),
        );
        (user, code)
    });
    said.collect()
}

/// The number of attendees of the component that has most of them.
pub(super) fn most_attendees(object: &CalendarObject) -> usize {
    let each = object.parts().map(|part| part.lines_named("ATTENDEE").count());
    each.max().unwrap_or_default()
}
