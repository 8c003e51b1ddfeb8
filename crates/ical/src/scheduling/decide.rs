//! Answers that are given at once and by instance, as rooms do.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::parts::{Instance, Parts, bytes_made, bytes_of_all};
use super::receive::assemble;
use super::users::Scene;
use crate::component::Component;
use crate::object::CalendarObject;

/// What an invitation is answered with.
#[derive(Debug, Clone, Copy)]
pub enum Decision<'d> {
    /// The meeting is declined as a whole.
    Decline,
    /// It is accepted, but for the instances that RECURRENCE-ID names by these instants.
    AcceptBut(&'d BTreeSet<Timestamp>),
}

/// A copy with the answers of its owner in it. `None` where one for each instance that is refused
/// would make more of it than an object may be: nothing has been made then.
pub fn decided(
    copy: &CalendarObject,
    decision: Decision<'_>,
    scene: &Scene<'_>,
) -> Option<Component> {
    let known = Parts::of(copy, scene.limits);
    if let Decision::AcceptBut(refused) = decision
        && !has_room(&known, refused, scene)
    {
        return None;
    }
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
    Some(assemble(copy.calendar(), None, parts))
}

/// Whether what is made of the series for instances that are refused fits into an object, with what
/// is there already.
fn has_room(known: &Parts<'_>, refused: &BTreeSet<Timestamp>, scene: &Scene<'_>) -> bool {
    let Some(master) = known.master() else { return true };
    let made = refused.iter().filter(|at| known.find(Some(**at)).is_none()).count();
    let there = known.iter().map(|(_, part)| (bytes_of_all(part), lines_of(part)));
    let (bytes_there, lines_there) =
        there.fold((0, 0), |(bytes, lines), (more, long)| (bytes + more, lines + long));
    bytes_there.saturating_add(bytes_made(master).saturating_mul(made)) <= scene.limits.bytes_max
        && lines_there.saturating_add(lines_of(master).saturating_mul(made))
            <= scene.limits.lines_max
}

/// Content lines, with those that begin and end components.
fn lines_of(part: &Component) -> usize {
    2 + part.lines.len() + part.components.iter().map(lines_of).sum::<usize>()
}
