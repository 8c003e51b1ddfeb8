//! What becomes of an organizer's object where REPLY comes (RFC 5546 §3.2.3, RFC 6638 §4.2).

use std::collections::HashMap;

use super::delegation::{admit, ask_again, delegate, delegates_named};
use super::message::{Message, Method};
use super::parts::{Instance, Parts, bytes_made, places, sequence, time_of};
use super::receive::{Ignored, assemble, organizer};
use super::users::{ANSWERED_SEQUENCE, ASKED_SEQUENCE, Scene, Users, partstat, sequence_said};
use crate::component::Component;
use crate::line::Line;
use crate::object::CalendarObject;
use crate::text::split_structured;

/// The object to be stored for an organizer. `from` are the addresses of who sent it: nobody
/// answers for another. QUIRK(Exchange): an answer without ORGANIZER is one all the same.
pub fn receive_reply(
    existing: &CalendarObject,
    message: &Message,
    from: &Users,
    scene: &Scene<'_>,
) -> Result<Component, Ignored> {
    if message.method != Method::Reply {
        return Err(Ignored::OtherMethod);
    }
    if !existing.parts().all(|part| scene.users.organize(part)) {
        return Err(Ignored::OtherOrganizer);
    }
    answer(existing, message, from, scene)
}

/// The copy of another attendee, or of the one who answered elsewhere, with an answer to the
/// organizer in it (RFC 6638 §3.2.10: a change without consequences).
pub fn note_answer(
    existing: &CalendarObject,
    message: &Message,
    from: &Users,
    scene: &Scene<'_>,
) -> Result<Component, Ignored> {
    // QUIRK(Exchange): an answer without ORGANIZER.
    let named = organizer(&message.object);
    if named.is_some() && organizer(existing) != named {
        return Err(Ignored::OtherOrganizer);
    }
    let mut noted = answer(existing, message, from, scene)?;
    // How it fared is between the organizer and the server.
    let lines = noted.components.iter_mut().flat_map(|part| part.lines.iter_mut());
    lines.filter(|line| line.name() == "ATTENDEE" && from.is(line.value())).for_each(|line| {
        line.remove_parameter("SCHEDULE-STATUS");
        line.remove_parameter(ANSWERED_SEQUENCE);
    });
    Ok(noted)
}

fn answer(
    existing: &CalendarObject,
    message: &Message,
    from: &Users,
    scene: &Scene<'_>,
) -> Result<Component, Ignored> {
    let existing = Parts::of(existing, scene.limits);
    let message = Parts::of(&message.object, scene.limits);
    existing.expect(&message);
    let mut answered = Answered::of(&existing, &message, scene);
    let mut outcome = Err(Ignored::NotInvited);
    for (instance, reply) in message.iter() {
        let Some(answer) = from.attendee(reply) else { continue };
        match answered.put(instance, reply, answer) {
            Ok(()) => outcome = Ok(()),
            Err(Ignored::TooLarge) => return Err(Ignored::TooLarge),
            Err(why) if outcome.is_err() => outcome = Err(why),
            Err(_) => {}
        }
    }
    outcome?;
    let mut parts = answered.parts;
    parts.sort_by_key(|(instance, _)| *instance);
    Ok(assemble(existing.object.calendar(), None, parts))
}

/// A meeting with answers in it.
struct Answered<'e, 'o> {
    existing: &'e Parts<'o>,
    message: &'e Parts<'o>,
    parts: Vec<(Instance, Component)>,
    places: HashMap<Instance, usize>,
    room: Room,
}

impl<'e, 'o> Answered<'e, 'o> {
    fn of(existing: &'e Parts<'o>, message: &'e Parts<'o>, scene: &Scene<'_>) -> Self {
        let parts: Vec<(Instance, Component)> =
            existing.iter().map(|(instance, part)| (instance, part.clone())).collect();
        let room = Room(scene.limits.bytes_max.saturating_mul(GROWTH_MAX));
        Self { existing, message, places: places(&parts), parts, room }
    }

    fn put(&mut self, instance: Instance, reply: &Component, answer: &Line) -> Result<(), Ignored> {
        let user = Users::new(&[answer.value()]);
        let place = self.place(instance)?;
        self.room.draw(bytes_added(reply, answer))?;
        let (_, part) = self.parts.get_mut(place).ok_or(Ignored::Unknown)?;
        // RFC 5546 §2.1.5: an answer to what is no more. QUIRK(Google): SEQUENCE may be absent.
        let number = reply.line("SEQUENCE").map(|_| sequence(reply));
        let newest = sequence(part);
        if let Some(number) = number.filter(|number| *number < newest) {
            let (existing, message) = (self.existing, self.message);
            let least = user.attendee(part).map_or(0, |own| least(instance, own));
            if number < least || is_elsewhere(instance, (reply, message), (part, existing)) {
                return Err(Ignored::Stale);
            }
        }
        let status = reply.line("REQUEST-STATUS").map(|line| code_of(line.value()));
        if user.attendee(part).is_none() {
            admit(part, &user, answer)?;
        }
        let own = user.attendee_mut(part).ok_or(Ignored::NotInvited)?;
        own.set_parameter("PARTSTAT", partstat(answer));
        // RFC 6638 §3.2.9: what the attendee says of it, or that it arrived.
        own.set_parameter("SCHEDULE-STATUS", status.unwrap_or_else(|| "2.0".to_owned()));
        own.remove_parameter("RSVP");
        match number {
            Some(0) => own.remove_parameter(ANSWERED_SEQUENCE),
            Some(number) => {
                own.set_parameter(ANSWERED_SEQUENCE, number.min(newest).to_string());
            }
            None => {}
        }
        if let Some(value) = answer.parameter("SENT-BY") {
            own.set_parameter("SENT-BY", value);
        }
        delegate(part, &user, reply, answer);
        ask_again(part, &user);
        match instance {
            None => answer_follows(&mut self.parts, &user, reply, answer, &mut self.room),
            Some(_) => Ok(()),
        }
    }

    /// Where an instance is. RFC 6638 §4.2: an answer about one makes a component of it.
    fn place(&mut self, instance: Instance) -> Result<usize, Ignored> {
        if let Some(place) = self.places.get(&instance) {
            return Ok(*place);
        }
        let at = instance.ok_or(Ignored::Unknown)?;
        let at = Some(at).filter(|at| self.existing.has_instance(*at)).ok_or(Ignored::Unknown)?;
        self.room.draw(self.existing.master().map_or(0, bytes_made))?;
        let mut part = self.existing.instance_of_master(at).ok_or(Ignored::Unknown)?;
        // What they answered to all of them says nothing of how old an answer to this one is.
        let people = part.lines.iter_mut().filter(|line| line.name() == "ATTENDEE");
        people.for_each(|line| line.remove_parameter(ANSWERED_SEQUENCE));
        let place = self.parts.len();
        self.parts.push((instance, part));
        self.places.insert(instance, place);
        Ok(place)
    }
}

/// The least number of an answer that counts: that of the last one, and of the last time that
/// somebody was asked for. QUIRK(DAVx5, others): the answer for one instance has a number of its
/// own, so that it is the time it says that tells whether it is to another one.
fn least(instance: Instance, own: &Line) -> u64 {
    let answered = sequence_said(own, ANSWERED_SEQUENCE);
    match instance {
        None => answered.max(sequence_said(own, ASKED_SEQUENCE)),
        Some(_) => answered,
    }
}

/// Whether an answer with an older number is to another time.
///
/// DEVIATION(RFC 5546 §2.1.5): the number of a series grows with each instance that is taken out of
/// it. Who is told of that alone goes on to answer with the number they have.
fn is_elsewhere(
    instance: Instance,
    (reply, message): (&Component, &Parts<'_>),
    (part, existing): (&Component, &Parts<'_>),
) -> bool {
    let begins = |part: &Component, of: &Parts<'_>| {
        time_of(part, "DTSTART").map(|start| of.zones.instant(&start))
    };
    match begins(reply, message) {
        // An answer that is lost is worse than one that is old: which instance it is to, it says.
        None => instance.is_none(),
        said => said != begins(part, existing),
    }
}

/// LIMIT: bytes that an answer may add to a meeting, as often as a meeting may have bytes: what it
/// says goes into every instance it is about, some of which are made of the whole meeting for it.
/// More is reckoned than comes to stand there.
const GROWTH_MAX: usize = 4;

/// How many bytes an answer may still add.
struct Room(usize);

impl Room {
    fn draw(&mut self, bytes: usize) -> Result<(), Ignored> {
        self.0 = self.0.checked_sub(bytes).ok_or(Ignored::TooLarge)?;
        Ok(())
    }
}

/// What an answer adds to one instance, at most: addresses of delegates stand in two lines, and
/// that of the delegator in each of theirs.
fn bytes_added(reply: &Component, answer: &Line) -> usize {
    let said: usize = reply.lines_named("ATTENDEE").map(Line::bytes).sum();
    said * 2 + delegates_named(answer) * answer.value().len()
}

/// An answer to the whole is one to instances that have none yet.
fn answer_follows(
    parts: &mut [(Instance, Component)],
    user: &Users,
    reply: &Component,
    answer: &Line,
    room: &mut Room,
) -> Result<(), Ignored> {
    for (_, part) in parts.iter_mut().filter(|(instance, _)| instance.is_some()) {
        if let Some(own) = user.attendee_mut(part)
            && partstat(own) == "NEEDS-ACTION"
        {
            room.draw(bytes_added(reply, answer))?;
            own.set_parameter("PARTSTAT", partstat(answer));
            delegate(part, user, reply, answer);
            ask_again(part, user);
        }
    }
    Ok(())
}

fn code_of(value: &str) -> String {
    let code = split_structured(value).next().unwrap_or("2.0").trim();
    let is_code = code.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if is_code && !code.is_empty() { code.to_owned() } else { "2.0".to_owned() }
}
