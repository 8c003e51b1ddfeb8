//! Calendar messages that a script has a say in (RFC 9671): what would become of one, and doing it.

use ical::scheduling::{Ignored, Method, Scene, Users, receive, receive_reply};
use ical::{CalendarObject, Component};
use ids::{AccountId, Timestamp};

use super::copy::Known;
use super::mail::CalendarMail;
use super::{PRODUCT, status};
use crate::collection::{CollectionKind, Home};
use crate::object::Tag;
use crate::{ReadTx, Result, SchedulingSettings, WriteTx};

/// What a script wants done with the calendar message of a mail.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CalendarWishes {
    /// Whether what invites nobody is taken, too (PUBLISH, or no METHOD).
    pub allow_public: bool,
    /// Addresses of the owner's beside those of the account.
    pub addresses: Vec<String>,
    /// Whether nothing new is taken.
    pub updates_only: bool,
    /// The name of the calendar for what is new; else that for invitations.
    pub calendar: Option<String>,
    /// Whether a meeting that is cancelled is removed, rather than marked.
    pub delete_cancelled: bool,
}

/// What became, or would become, of a calendar message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CalendarFate {
    /// Nothing was done, for this reason.
    Nothing(&'static str),
    /// Something new stands in a calendar.
    Added,
    /// Something that stood there was changed, cancelled or removed.
    Updated,
    /// Nothing can be done, for this reason.
    Failed(&'static str),
}

impl ReadTx<'_> {
    /// What would become of a message in the calendar of an account. `settings` are those of the
    /// store.
    pub fn foresee_calendar_mail(
        &mut self,
        account: AccountId,
        mail: &CalendarMail,
        wishes: &CalendarWishes,
        settings: &SchedulingSettings,
        now: Timestamp,
    ) -> Result<CalendarFate> {
        if let Some(reason) = self.passes_by(account, mail, settings)? {
            return Ok(CalendarFate::Nothing(reason));
        }
        // RFC 9671 §4: where parts say different things, nobody knows which is meant.
        if !mail.is_all_there_is() {
            return Ok(CalendarFate::Failed("its parts say different things"));
        }
        let object = mail.object();
        let known = self.find_copy(account, object.uid())?;
        if known.is_none() && wishes.updates_only {
            return Ok(CalendarFate::Nothing("only processing updates"));
        }
        if let (None, Some(name)) = (&known, &wishes.calendar)
            && !self.is_calendar(account, name)?
        {
            return Ok(CalendarFate::Failed("there is no such calendar"));
        }
        let ignored = match mail.is_public() {
            true if !wishes.allow_public => Some("it invites nobody"),
            true => public_is_ignored(known.as_ref().map(|known| &known.meeting), object),
            false => self.is_ignored(account, mail, wishes, known.as_ref(), (settings, now))?,
        };
        Ok(match (ignored, known) {
            (Some(reason), _) => CalendarFate::Nothing(reason),
            (None, Some(_)) => CalendarFate::Updated,
            (None, None) => CalendarFate::Added,
        })
    }

    fn is_calendar(&mut self, account: AccountId, name: &str) -> Result<bool> {
        let found = self.find_collection(account, Home::Calendars, name)?;
        Ok(found.is_some_and(|found| found.kind == CollectionKind::Calendar))
    }

    /// Why an invitation or an answer has no consequence.
    fn is_ignored(
        &mut self,
        account: AccountId,
        mail: &CalendarMail,
        wishes: &CalendarWishes,
        known: Option<&Known>,
        (settings, now): (&SchedulingSettings, Timestamp),
    ) -> Result<Option<&'static str>> {
        let users = self.users_with(account, wishes)?;
        let now = jiff::Timestamp::from_second(now.as_secs()).unwrap_or_default();
        let scene = Scene { users: &users, now, product: PRODUCT, limits: &settings.objects.ical };
        let message = mail.message();
        let existing = known.map(|known| &known.meeting);
        let done = match (message.method, existing) {
            (Method::Reply, None) => Err(Ignored::Unknown),
            (Method::Reply, Some(existing)) => {
                receive_reply(existing, message, &Users::new(&[mail.author()]), &scene)
            }
            (Method::Request | Method::Cancel, existing) => receive(existing, message, &scene),
        };
        Ok(match done {
            Ok(_) => None,
            Err(Ignored::Stale) => Some("what is known is newer"),
            Err(Ignored::Unknown) => Some("there is no such meeting"),
            Err(Ignored::NotInvited) => Some("it is for somebody else"),
            Err(Ignored::OtherOrganizer) => Some("the meeting is somebody else's"),
            Err(Ignored::OtherMethod) => Some("its method is not known"),
            Err(Ignored::TooLarge) => Some("it says more than the meeting has room for"),
        })
    }

    /// The addresses of an account, and those that a script says are its owner's.
    pub(super) fn users_with(
        &mut self,
        account: AccountId,
        wishes: &CalendarWishes,
    ) -> Result<Users> {
        let mut addresses = self.calendar_addresses(account)?;
        addresses.extend(wishes.addresses.iter().map(|address| format!("mailto:{address}")));
        Ok(Users::new(&addresses))
    }
}

/// Why what invites nobody has no consequence: RFC 5546 §2.1.5, by SEQUENCE.
fn public_is_ignored(
    known: Option<&CalendarObject>,
    object: &CalendarObject,
) -> Option<&'static str> {
    let known = known?;
    let sequence = |object: &CalendarObject| {
        let lines = object.parts().filter_map(|part| part.line("SEQUENCE"));
        lines.filter_map(|line| line.value().trim().parse::<u64>().ok()).max().unwrap_or(0)
    };
    let organizer = object.organizer().ok().flatten();
    // Whose UID somebody learned is not theirs to change.
    if organizer.is_none() || known.organizer().ok().flatten() != organizer {
        return Some("the event is somebody else's");
    }
    if !known.attendees().is_empty() {
        return Some("it is a meeting");
    }
    (sequence(object) < sequence(known)).then_some("what is known is newer")
}

/// RFC 9671 §4: when to be reminded is the owner's to say, not the sender's.
fn with_own_alarms(object: &CalendarObject, known: Option<&CalendarObject>) -> Component {
    let instance =
        |part: &Component| part.line("RECURRENCE-ID").map(|line| line.value().to_owned());
    let mut calendar = object.calendar().clone();
    for part in &mut calendar.components {
        part.components.retain(|inner| !inner.is("VALARM"));
        let mut parts = known.into_iter().flat_map(CalendarObject::parts);
        if let Some(own) = parts.find(|own| own.is(&part.name()) && instance(own) == instance(part))
        {
            part.components.extend(own.components_named("VALARM").cloned());
        }
    }
    calendar
}

impl WriteTx<'_> {
    /// Does what a script wants done with a message; what became of it.
    pub fn take_calendar_mail_as(
        &mut self,
        account: AccountId,
        mail: &CalendarMail,
        wishes: &CalendarWishes,
    ) -> Result<CalendarFate> {
        let (settings, now) = (self.settings.scheduling, self.now);
        let fate = self.foresee_calendar_mail(account, mail, wishes, &settings, now)?;
        if !matches!(fate, CalendarFate::Added | CalendarFate::Updated) {
            return Ok(fate);
        }
        let done = match mail.is_public() {
            true => self.account(account)?.take_public(mail, wishes)?,
            false => self.apply_calendar_mail(account, mail, wishes)?,
        };
        Ok(match done == status::DELIVERED {
            true => fate,
            false => CalendarFate::Failed("the calendar does not take it"),
        })
    }
}

impl crate::AccountTx<'_, '_> {
    /// Writes what somebody made public into a calendar of the owner's.
    fn take_public(
        &mut self,
        mail: &CalendarMail,
        wishes: &CalendarWishes,
    ) -> Result<&'static str> {
        self.make_first_collections()?;
        let account = self.account;
        let bytes_max = self.settings.scheduling.objects.attachment_bytes_max;
        // R-CAL-5: the mail has the rest.
        let fitting = mail.object().without_large_attachments(bytes_max);
        let object = fitting.as_ref().unwrap_or(mail.object());
        let known = self.find_copy(account, object.uid())?;
        let calendar = with_own_alarms(object, known.as_ref().map(|known| &known.meeting));
        let into = wishes.calendar.as_deref();
        let written = self.write_copy_into(known.as_ref(), &calendar, Tag::None, into);
        Ok(if super::invite::is_taken(written)? { status::DELIVERED } else { status::FAILED })
    }
}
