//! Managed attachments (RFC 8607): ATTACH with MANAGED-ID, whose data the server keeps; and those
//! that hold their data themselves (`inline`).
//!
//! **Invariant:** a change touches the ATTACH lines it is about and the instances it names.
//! **Absent:** the data, who may see it, the limits of a server.

mod change;
mod inline;
mod instances;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

pub(crate) use inline::largest_inline;
pub use instances::Instances;

use crate::component::Component;
use crate::limits::Limits;
use crate::line::Line;
use crate::object::CalendarObject;
use crate::scheduling::parts::Parts;

/// What names a managed attachment on an ATTACH (RFC 8607 §4.3).
const ID: &str = "MANAGED-ID";

/// A managed attachment (RFC 8607) as it is written into an object.
#[derive(Debug, Clone, Copy)]
pub struct ManagedAttachment<'a> {
    /// The MANAGED-ID.
    pub id: &'a str,
    /// Where its data is.
    pub uri: &'a str,
    /// The media type, without parameters.
    pub media_type: &'a str,
    /// What it is called; may be empty.
    pub filename: &'a str,
    /// The size in bytes.
    pub size_bytes: u64,
}

impl ManagedAttachment<'_> {
    /// The ATTACH that says so (RFC 8607 §3.4).
    pub fn line(&self) -> Line {
        let line = Line::new("ATTACH", self.uri)
            .with(ID, self.id)
            .with("FMTTYPE", self.media_type)
            .with("SIZE", self.size_bytes.to_string());
        match self.filename {
            "" => line,
            filename => line.with("FILENAME", filename),
        }
    }
}

/// Why attachments of an object cannot be changed so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttachmentFault {
    /// The object has no such instance: CALDAV:valid-rid.
    Instance,
    /// No instance that is meant has such an attachment: CALDAV:valid-managed-id.
    Id,
}

impl CalendarObject {
    /// What names its managed attachments, each once.
    pub fn managed_ids(&self) -> BTreeSet<String> {
        let mut ids = BTreeSet::new();
        self.parts().for_each(|part| collect(part, &mut ids));
        ids
    }

    /// The object with its managed attachments as `change` makes them, which is called with the id
    /// of each. `None` if nothing changed.
    pub fn with_managed(&self, change: impl FnMut(&str, &mut Line)) -> Option<Component> {
        let mut calendar = self.calendar().clone();
        calendar.change_managed(change);
        (calendar != *self.calendar()).then_some(calendar)
    }

    /// The object with the managed attachments that `old` has, and no others: that is what
    /// attendees may put (RFC 8607 §3.12.2). `None` if nothing changed.
    pub fn with_managed_of(&self, old: &Self, limits: &Limits) -> Option<Component> {
        let (was, is) = (Parts::of(old, limits), Parts::of(self, limits));
        let mut calendar = self.calendar().clone();
        let parts = calendar.components.iter_mut().filter(|part| part.is(self.kind().name()));
        for ((instance, _), part) in is.iter().zip(parts) {
            let before = was.describing(instance).map(managed).unwrap_or_default();
            let same = before.len() == managed(part).len()
                && managed(part).iter().all(|line| {
                    before.iter().any(|known| known.parameter(ID) == line.parameter(ID))
                });
            if !same {
                let lines: Vec<Line> = before.into_iter().cloned().collect();
                part.lines.retain(|line| id_of(line).is_none());
                part.lines.extend(lines);
            }
        }
        (calendar != *self.calendar()).then_some(calendar)
    }
}

impl Component {
    /// Lets `change` have each ATTACH of a managed attachment in it, with what names that.
    pub fn change_managed(&mut self, mut change: impl FnMut(&str, &mut Line)) {
        visit(self, &mut change);
    }

    /// Makes attachments of it that are somebody else's to manage plain ones: MANAGED-ID means
    /// something to the server alone that gave it (RFC 8607 §4.3).
    pub fn unmanage(&mut self) {
        self.change_managed(|_, line| line.remove_parameter(ID));
    }
}

/// What names the managed attachment of a line, if it is of one.
fn id_of(line: &Line) -> Option<&str> {
    (line.name() == "ATTACH").then(|| line.parameter(ID)).flatten()
}

/// Whether a line is of a managed attachment.
pub(crate) fn is_managed(line: &Line) -> bool {
    id_of(line).is_some()
}

fn managed(part: &Component) -> Vec<&Line> {
    part.lines.iter().filter(|line| is_managed(line)).collect()
}

/// Alarms may name one, too. As deep as [`Limits::depth_max`].
fn collect(part: &Component, ids: &mut BTreeSet<String>) {
    ids.extend(part.lines.iter().filter_map(id_of).map(str::to_owned));
    part.components.iter().for_each(|within| collect(within, ids));
}

fn visit(part: &mut Component, change: &mut impl FnMut(&str, &mut Line)) {
    for line in &mut part.lines {
        if let Some(id) = id_of(line).map(str::to_owned) {
            change(&id, line);
        }
    }
    part.components.iter_mut().for_each(|within| visit(within, change));
}
