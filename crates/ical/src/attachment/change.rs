//! Objects with an attachment added, updated or removed (RFC 8607 §3.4 to §3.6), in all instances
//! or some.

use super::instances::{Described, find, instant};
use super::{AttachmentFault, Instances, id_of};
use crate::component::Component;
use crate::limits::Limits;
use crate::line::Line;
use crate::object::CalendarObject;
use crate::scheduling::parts::Parts;

/// What is done with the lines of one instance; whether there was anything to do.
type Edit<'e> = &'e dyn Fn(&mut Component) -> bool;

impl CalendarObject {
    /// The object with one more attachment in these instances.
    ///
    /// # Errors
    /// [`AttachmentFault::Instance`].
    pub fn with_attachment(
        &self,
        line: &Line,
        instances: &Instances,
        limits: &Limits,
    ) -> Result<Component, AttachmentFault> {
        let add = |part: &mut Component| {
            part.lines.push(line.clone());
            true
        };
        self.with_edited(instances, &add, limits)
    }

    /// The object with `line` in the place of each ATTACH of an attachment.
    ///
    /// # Errors
    /// [`AttachmentFault::Id`].
    pub fn with_updated(&self, id: &str, line: &Line) -> Result<Component, AttachmentFault> {
        let mut found = false;
        let changed = self.with_managed(|known, there| {
            if known == id {
                *there = line.clone();
                found = true;
            }
        });
        match (found, changed) {
            (true, changed) => Ok(changed.unwrap_or_else(|| self.calendar().clone())),
            (false, _) => Err(AttachmentFault::Id),
        }
    }

    /// The object without an attachment.
    ///
    /// # Errors
    /// The fault by which it, or an instance, is not there.
    pub fn without_attachment(
        &self,
        id: &str,
        instances: &Instances,
        limits: &Limits,
    ) -> Result<Component, AttachmentFault> {
        let remove = |part: &mut Component| {
            let before = part.lines.len();
            part.lines.retain(|line| id_of(line) != Some(id));
            part.lines.len() < before
        };
        self.with_edited(instances, &remove, limits)
    }

    /// Edits the instances that are meant; those that the one that recurs describes get a component
    /// of their own. Each one that is named must have something to edit, of all of them one.
    fn with_edited(
        &self,
        instances: &Instances,
        edit: Edit<'_>,
        limits: &Limits,
    ) -> Result<Component, AttachmentFault> {
        let parts = Parts::of(self, limits);
        let mut meant: Vec<usize> = Vec::new();
        let mut made: Vec<Component> = Vec::new();
        match instances {
            Instances::All => meant.extend(0..parts.iter().count()),
            Instances::These { master, ids } => {
                if *master {
                    let at = parts.iter().position(|(instance, _)| instance.is_none());
                    meant.push(at.ok_or(AttachmentFault::Instance)?);
                }
                parts.expect_these(ids.iter().filter_map(|id| instant(&parts, *id)));
                for id in ids {
                    match find(&parts, *id).ok_or(AttachmentFault::Instance)? {
                        Described::There(at) => meant.push(at),
                        Described::ByMaster(at) => {
                            let part = parts.instance_of_master(at);
                            made.push(part.ok_or(AttachmentFault::Instance)?);
                        }
                    }
                }
            }
        }
        let mut calendar = self.calendar().clone();
        let kind = self.kind().name();
        let there = calendar.components.iter_mut().filter(|part| part.is(kind)).enumerate();
        let there = there.filter(|(at, _)| meant.contains(at)).map(|(_, part)| part);
        let edited: Vec<bool> = there.chain(&mut made).map(edit).collect();
        let is_done = match instances {
            Instances::All => edited.contains(&true),
            Instances::These { .. } => !edited.contains(&false),
        };
        calendar.components.extend(made);
        if is_done { Ok(calendar) } else { Err(AttachmentFault::Id) }
    }
}
