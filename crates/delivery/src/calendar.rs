//! Calendar messages in mail, where a script has a say in what becomes of them (RFC 9671).
//!
//! A run is told what a snapshot says will become of one; it is done once the mail is stored, with
//! what is done for accounts without scripts. Mail that nobody vouches for changes no calendar, nor
//! does spam.

use responder::{CalendarOutcome, CalendarReport, ProcessCalendar};
use storage::{
    Arrival, CalendarFate, CalendarMail, CalendarWishes, SchedulingSettings, Unreadable,
};

/// What a mail has for calendars, if it may change any.
pub(crate) struct Data {
    pub(crate) mail: Result<CalendarMail, Unreadable>,
    pub(crate) settings: SchedulingSettings,
    /// The address it came to.
    pub(crate) recipient: String,
}

impl Data {
    pub(crate) fn of(arrival: &Arrival<'_>, settings: SchedulingSettings) -> Option<Self> {
        let author = arrival.author?;
        // RFC 9671 §5: nothing is done for spam.
        if !CalendarMail::is_likely(arrival.message, arrival.placement) {
            return None;
        }
        let mail = CalendarMail::of(arrival.message, author, &settings.objects.ical);
        let recipient = arrival.forward_path.to_owned();
        Some(Self { mail: mail.transpose()?, settings, recipient })
    }
}

/// What storage is told of an action on what came to `recipient`.
pub(crate) fn wishes(action: &ProcessCalendar, recipient: &str) -> CalendarWishes {
    // RFC 9671 §4.1: that address is the owner's, too, with the detail it may have.
    let addresses = action.addresses.iter().map(String::as_str).chain([recipient]);
    CalendarWishes {
        allow_public: action.allow_public,
        addresses: addresses.map(str::to_owned).collect(),
        updates_only: action.updates_only,
        calendar: action.calendar.clone(),
        delete_cancelled: action.delete_cancelled,
    }
}

/// The result of processing, as a script hears it.
pub(crate) fn report(fate: CalendarFate) -> CalendarReport {
    let (outcome, reason) = match fate {
        CalendarFate::Nothing(reason) => (CalendarOutcome::NoAction, reason),
        CalendarFate::Added => (CalendarOutcome::Added, ""),
        CalendarFate::Updated => (CalendarOutcome::Updated, ""),
        CalendarFate::Failed(reason) => (CalendarOutcome::Error, reason),
    };
    CalendarReport { outcome, reason }
}
