//! Calendar messages in mail, where a script has a say in what becomes of them (RFC 9671).
//!
//! A run is told what a snapshot says will become of one; it is done once the mail is stored, with
//! what is done for accounts without scripts. Mail that nobody vouches for changes no calendar, nor
//! does spam.

use responder::{CalendarOutcome, CalendarReport, ProcessCalendar};
use storage::{Arrival, CalendarFate, CalendarMail, CalendarWishes, SchedulingSettings};

/// What storage is told of an action.
pub(crate) fn wishes(action: &ProcessCalendar) -> CalendarWishes {
    CalendarWishes {
        allow_public: action.allow_public,
        addresses: action.addresses.clone(),
        updates_only: action.updates_only,
        calendar: action.calendar.clone(),
        delete_cancelled: action.delete_cancelled,
    }
}

/// The calendar message of a mail that may change calendars.
pub(crate) fn message_of(
    arrival: &Arrival<'_>,
    settings: &SchedulingSettings,
) -> Option<CalendarMail> {
    let author = arrival.author?;
    let is_likely = CalendarMail::is_likely(arrival.message, arrival.placement);
    is_likely.then(|| CalendarMail::of(arrival.message, author, &settings.objects.ical))?
}

/// What a script hears.
pub(crate) fn report(fate: CalendarFate) -> CalendarReport {
    let (outcome, reason) = match fate {
        CalendarFate::Nothing(reason) => (CalendarOutcome::NoAction, reason),
        CalendarFate::Added => (CalendarOutcome::Added, ""),
        CalendarFate::Updated => (CalendarOutcome::Updated, ""),
        CalendarFate::Failed(reason) => (CalendarOutcome::Error, reason),
    };
    CalendarReport { outcome, reason }
}
