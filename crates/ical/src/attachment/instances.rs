//! Which instances of an object a change of its attachments is about (RFC 8607 §3.3.2).

use jiff::Timestamp;

use crate::component::Component;
use crate::scheduling::parts::{Parts, time_of};
use crate::time::{Time, Value};

/// LIMIT: instances that one request names.
const NAMED_MAX: usize = 100;

/// Which instances are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Instances {
    /// Every instance.
    All,
    /// These instances only.
    These {
        /// Whether the component without RECURRENCE-ID is.
        master: bool,
        /// Values of RECURRENCE-ID, as they are written.
        ids: Vec<Value>,
    },
}

impl Instances {
    /// ```text
    /// rid      = rid-item *("," rid-item)
    /// rid-item = "M" / recurrence-id-value
    /// ```
    /// RFC 8607 §3.3.2. `None` where it is none, or names one twice.
    pub fn parse(text: &str) -> Option<Self> {
        let (mut master, mut ids) = (false, Vec::new());
        for item in text.split(',').map(str::trim) {
            if item.eq_ignore_ascii_case("M") {
                if std::mem::replace(&mut master, true) {
                    return None;
                }
                continue;
            }
            let id = Value::parse(item).ok()?;
            if ids.contains(&id) || ids.len() >= NAMED_MAX {
                return None;
            }
            ids.push(id);
        }
        Some(Self::These { master, ids })
    }
}

/// Where an instance is described.
pub(super) enum Described {
    /// The component at this place among the parts describes it.
    There(usize),
    /// The component that recurs describes it, as the occurrence at this instant.
    ByMaster(Timestamp),
}

/// Where an instance is described that is named by the value of its RECURRENCE-ID.
pub(super) fn find(parts: &Parts<'_>, id: Value) -> Option<Described> {
    let is_it = |part: &Component| {
        part.line("RECURRENCE-ID")
            .is_some_and(|line| Time::of(line).is_ok_and(|known| known.value == id))
    };
    if let Some(at) = parts.iter().position(|(_, part)| is_it(part)) {
        return Some(Described::There(at));
    }
    let start = time_of(parts.master()?, "DTSTART")?;
    let at = instant(parts, id)?;
    // RFC 8607 §3.3.2: as it would stand in the object.
    let is_alike = matches!(
        (start.value, id),
        (Value::Date(_), Value::Date(_))
            | (Value::Local(_), Value::Local(_))
            | (Value::Utc(_), Value::Utc(_))
    );
    // One that is overridden was found above, or is named in another way than the object does.
    let is_free = parts.find(Some(at)).is_none();
    (is_alike && is_free && parts.has_instance(at)).then_some(Described::ByMaster(at))
}

/// When an instance is that is named so.
pub(super) fn instant(parts: &Parts<'_>, id: Value) -> Option<Timestamp> {
    let zone = time_of(parts.master()?, "DTSTART")?.zone;
    Some(parts.zones.instant(&Time { value: id, zone }))
}
