//! Answers that are given at once and by instance, as rooms do.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::parts::{Instance, Parts};
use super::receive::assemble;
use super::users::Scene;
use crate::component::Component;
use crate::object::CalendarObject;

/// What an invitation is answered with.
#[derive(Debug, Clone, Copy)]
pub enum Decision<'d> {
    /// It is refused as a whole.
    Decline,
    /// It is accepted, but for the instances that RECURRENCE-ID names by these instants.
    AcceptBut(&'d BTreeSet<Timestamp>),
}

/// A copy with the answers of its owner in it.
pub fn decided(copy: &CalendarObject, decision: Decision<'_>, scene: &Scene<'_>) -> Component {
    let known = Parts::of(copy, scene.limits);
    let mut parts: Vec<(Instance, Component)> =
        known.iter().map(|(instance, part)| (instance, part.clone())).collect();
    if let Decision::AcceptBut(refused) = decision {
        for at in refused {
            if known.find(Some(*at)).is_none()
                && let Some(part) = known.instance_of_master(*at)
            {
                parts.push((Some(*at), part));
            }
        }
    }
    for (instance, part) in &mut parts {
        let accepts = match decision {
            Decision::Decline => false,
            Decision::AcceptBut(refused) => instance.is_none_or(|at| !refused.contains(&at)),
        };
        if let Some(own) = scene.users.attendee_mut(part) {
            own.set_parameter("PARTSTAT", if accepts { "ACCEPTED" } else { "DECLINED" });
            own.remove_parameter("RSVP");
        }
    }
    parts.sort_by_key(|(instance, _)| *instance);
    assemble(copy.calendar(), None, parts)
}
