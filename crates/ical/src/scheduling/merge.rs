//! What a client has not seen yet of the answers of others (RFC 6638 §3.2.10.1).

use super::parts::Parts;
use super::users::Scene;
use crate::component::Component;
use crate::line::Line;
use crate::object::{CalendarObject, calendar_user};

/// Parameters of ATTENDEE that answers change.
const ANSWERED: [&str; 5] = ["PARTSTAT", "SCHEDULE-STATUS", "RSVP", "DELEGATED-TO", "SENT-BY"];

/// What was put, with the answers of everybody but the owner as they are stored.
pub fn keep_answers(
    stored: &CalendarObject,
    put: &CalendarObject,
    scene: &Scene<'_>,
) -> CalendarObject {
    let (stored, new) = (Parts::of(stored, scene.limits), Parts::of(put, scene.limits));
    let mut calendar = put.calendar().clone();
    let kind = put.kind().name();
    let parts = calendar.components.iter_mut().filter(|part| part.is(kind));
    for ((instance, _), part) in new.iter().zip(parts) {
        let Some(known) = stored.describing(instance) else { continue };
        for line in part.lines.iter_mut().filter(|line| line.name() == "ATTENDEE") {
            if !scene.users.is(line.value()) {
                keep_answer(line, known);
            }
        }
    }
    CalendarObject::of(calendar).unwrap_or_else(|_| put.clone())
}

fn keep_answer(line: &mut Line, known: &Component) {
    let user = calendar_user(line.value());
    let mut lines = known.lines_named("ATTENDEE");
    let Some(known) = lines.find(|known| calendar_user(known.value()) == user) else { return };
    for name in ANSWERED {
        match known.parameter(name) {
            Some(value) if line.parameter(name) != Some(value) => {
                let value = value.to_owned();
                line.set_parameter(name, value);
            }
            Some(_) => {}
            None => line.remove_parameter(name),
        }
    }
}
