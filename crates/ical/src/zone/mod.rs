//! Time zones: from local times to instants (RFC 5545 §3.3.5, §3.6.5), by the IANA database or by
//! VTIMEZONE.

mod described;
mod known;
mod observances;

use std::collections::HashMap;
use std::sync::Arc;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

pub use self::described::{describe_zones, leave_out_known_zones};
pub use self::known::{ZoneChange, vtimezone, zone_changes, zone_names};
use self::observances::Observances;
use crate::component::Component;
use crate::limits::Limits;
use crate::time::{Time, Value};

/// Between the clocks of the world that are furthest apart: UTC-12:00 and UTC+14:00.
pub(crate) const CLOCKS_APART: SignedDuration = SignedDuration::from_hours(26);

/// A time zone, of the IANA database or as an object defines it.
#[derive(Debug, Clone)]
pub enum Zone {
    /// A zone of the IANA database.
    Known(TimeZone),
    /// A zone as the object itself defines it.
    Own(Arc<Observances>),
}

impl From<TimeZone> for Zone {
    fn from(zone: TimeZone) -> Self {
        Self::Known(zone)
    }
}

impl Zone {
    /// The zone that a name means by itself: in the IANA database, or on Windows.
    pub fn named(id: &str) -> Option<Self> {
        let id = id.trim();
        known(id).or_else(|| windows(id)).map(Self::Known)
    }

    /// The zone that a VCALENDAR is there to describe: that of its first VTIMEZONE.
    pub fn described(calendar: &Component, limits: &Limits) -> Option<Self> {
        let id = calendar.components_named("VTIMEZONE").next()?.line("TZID")?.text().into_owned();
        Zones::of(calendar, TimeZone::UTC, limits).named(&id)
    }

    /// When a local time is. RFC 5545 §3.3.5: what is there twice is the first of both; what is
    /// not there is counted with the offset before the gap.
    pub fn instant(&self, local: DateTime) -> Timestamp {
        match self {
            Self::Known(zone) => {
                let zoned = zone.to_ambiguous_zoned(local).compatible();
                zoned.map_or_else(|_| edge(local), |zoned| zoned.timestamp())
            }
            Self::Own(observances) => {
                let offset = observances.offset_at_local(local);
                TimeZone::UTC
                    .to_timestamp(local)
                    .and_then(|utc| utc.checked_sub(jiff::SignedDuration::from_secs(offset)))
                    .unwrap_or_else(|_| edge(local))
            }
        }
    }

    /// What the clock says at an instant.
    pub fn local(&self, instant: Timestamp) -> DateTime {
        match self {
            Self::Known(zone) => zone.to_datetime(instant),
            Self::Own(observances) => {
                let offset = observances.offset_at_instant(instant.as_second());
                let shifted = instant.checked_add(jiff::SignedDuration::from_secs(offset));
                TimeZone::UTC.to_datetime(shifted.unwrap_or(instant))
            }
        }
    }
}

/// The calendar ends a day earlier than the clock of some zones.
fn edge(local: DateTime) -> Timestamp {
    if local.year() > 0 { Timestamp::MAX } else { Timestamp::MIN }
}

/// LIMIT: zones that one object describes.
const ZONES_MAX: usize = 50;

/// The zones that an object may name.
#[derive(Debug, Clone)]
pub struct Zones {
    own: Arc<HashMap<String, Zone>>,
    /// Where floating times and dates are looked at from.
    floating: Zone,
}

impl Zones {
    /// The zones of a VCALENDAR. Floating times are taken as times in `floating`.
    pub fn of(calendar: &Component, floating: impl Into<Zone>, limits: &Limits) -> Self {
        let mut own = HashMap::new();
        for component in calendar.components_named("VTIMEZONE").take(ZONES_MAX) {
            let Some(id) = component.line("TZID").map(|line| line.text().trim().to_owned()) else {
                continue;
            };
            if let Some(observances) = Observances::of(component, limits) {
                own.entry(id).or_insert(Zone::Own(Arc::new(observances)));
            }
        }
        Self { own: Arc::new(own), floating: floating.into() }
    }

    /// The zone of that TZID: the one of the IANA database, else what the object says of it, else
    /// the one that Windows calls so. A zone that nobody knows is the floating one.
    ///
    /// The database comes first, because many programs write a VTIMEZONE of one year only.
    pub fn find(&self, id: Option<&str>) -> Zone {
        id.and_then(|id| self.named(id)).unwrap_or_else(|| self.floating.clone())
    }

    fn named(&self, id: &str) -> Option<Zone> {
        // QUIRK(Exchange): a blank behind the name.
        let id = id.trim();
        known(id)
            .map(Zone::Known)
            .or_else(|| self.own.get(id).cloned())
            .or_else(|| windows(id).map(Zone::Known))
    }

    /// The zone that a time is in.
    pub fn zone_of(&self, time: &Time) -> Zone {
        match time.value {
            Value::Utc(_) => Zone::Known(TimeZone::UTC),
            Value::Date(_) => self.floating.clone(),
            Value::Local(_) => self.find(time.zone.as_deref()),
        }
    }

    /// Whether it depends on the place of who looks at it when a time is.
    pub fn is_floating(&self, time: &Time) -> bool {
        match time.value {
            Value::Utc(_) => false,
            Value::Date(_) => true,
            Value::Local(_) => time.zone.as_deref().and_then(|id| self.named(id)).is_none(),
        }
    }

    /// The zones with another one for floating times.
    #[must_use]
    pub fn seen_from(&self, floating: impl Into<Zone>) -> Self {
        Self { own: Arc::clone(&self.own), floating: floating.into() }
    }

    /// When a time is. A date is when its day begins.
    pub fn instant(&self, time: &Time) -> Timestamp {
        self.zone_of(time).instant(time.value.civil())
    }
}

/// `Europe/Vienna`, also as the globally unique names of RFC 5545 §3.8.3.1 have it at their end.
fn known(id: &str) -> Option<TimeZone> {
    if matches!(id, "Z" | "UTC" | "Etc/UTC" | "GMT") {
        return Some(TimeZone::UTC);
    }
    let has_area = id.contains('/');
    let found = has_area.then(|| TimeZone::get(id.trim_start_matches('/')).ok()).flatten();
    // QUIRK(Mozilla, Evolution): `/freeassociation.sourceforge.net/Tzfile/Europe/Vienna`.
    found.or_else(|| {
        let mut names = id.strip_prefix('/')?;
        while let Some((_, rest)) = names.split_once('/') {
            names = rest;
            if let Some(zone) = names.contains('/').then(|| TimeZone::get(names).ok()).flatten() {
                return Some(zone);
            }
        }
        None
    })
}

/// Whether the IANA database has it, so that nobody needs to describe it.
pub(crate) fn is_known(id: &str) -> bool {
    known(id.trim()).is_some()
}

fn windows(id: &str) -> Option<TimeZone> {
    let zone: windows_timezones::WindowsTimezone = id.parse().ok()?;
    TimeZone::get(zone.tzdb_id()).ok()
}
