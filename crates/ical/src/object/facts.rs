//! What a store keeps of an object beside its bytes.

use jiff::tz::TimeZone;

use super::kind::ComponentKind;
use super::parse::CalendarObject;
use super::span::span;
use crate::attachment::largest_inline;
use crate::limits::Limits;
use crate::query::TimeRange;

/// What is known of an object without looking at it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectFacts {
    /// The UID.
    pub uid: String,
    /// The kind of component that it holds.
    pub kind: ComponentKind,
    /// The range that all its occurrences lie in, whatever the zone of floating times; both ends
    /// belong to it. [`TimeRange::ALWAYS`] has no end on either side. `None` where no range of
    /// time finds it. An object that is found by a range of time touches it.
    pub span: Option<TimeRange>,
    /// Whether it has more occurrences than one, or might.
    pub recurs: bool,
    /// The organizer as it is written; in lower case where it is an address.
    pub organizer: Option<String>,
    /// The attendees, in the same form, each once.
    pub attendees: Vec<String>,
    /// Bytes of its largest inline attachment, decoded.
    pub attachment_bytes_max: usize,
    /// What names its managed attachments (RFC 8607 §4.3), each once, in order.
    pub managed_ids: Vec<String>,
}

impl CalendarObject {
    /// Looks at everything once.
    pub fn facts(&self, limits: &Limits) -> ObjectFacts {
        let zones = self.zones(TimeZone::UTC, limits);
        let occurrences = self.occurrences(&zones, limits);
        let mut attendees: Vec<String> = Vec::new();
        for line in self.parts().flat_map(|part| part.lines_named("ATTENDEE")) {
            attendees.push(calendar_user(line.value()));
        }
        attendees.sort_unstable();
        attendees.dedup();
        let organizer = self.parts().find_map(|part| part.line("ORGANIZER"));
        ObjectFacts {
            uid: self.uid().to_owned(),
            kind: self.kind(),
            span: span(self, &zones, limits),
            recurs: occurrences.is_ok_and(|all| all.recurs()),
            organizer: organizer.map(|line| calendar_user(line.value())),
            attendees,
            attachment_bytes_max: self.parts().map(largest_inline).max().unwrap_or(0),
            managed_ids: self.managed_ids().into_iter().collect(),
        }
    }
}

/// RFC 5545 §3.3.3: an address of a calendar user. Those of mail are compared without case.
pub(crate) fn calendar_user(value: &str) -> String {
    let value = value.trim();
    match value.split_at_checked(7) {
        Some((scheme, _)) if scheme.eq_ignore_ascii_case("mailto:") => value.to_lowercase(),
        _ => value.to_owned(),
    }
}
