//! Delegation (RFC 5546 §3.2.2.3, §4.2.5): whoever does not come themselves names who comes
//! instead.

use super::message::{Message, Method, Outgoing};
use super::organizer::request_for;
use super::parts::Parts;
use super::receive::Ignored;
use super::users::{Scene, Users, partstat};
use crate::component::Component;
use crate::line::Line;
use crate::object::{CalendarObject, calendar_user};

/// LIMIT: delegates in one component. Those above it are not invited: whoever has many addresses
/// could make a meeting so large that its organizer cannot change it any more.
const DELEGATES_MAX: usize = 20;

/// What a delegate says of themselves that is taken over.
const SAID: [&str; 3] = ["CN", "CUTYPE", "ROLE"];

/// RFC 5546 §3.2.3, §4.2.5: whoever delegates names those who come instead, and these are invited,
/// until they answer for themselves. Whoever does not any more takes none of them back.
pub(super) fn delegate(part: &mut Component, user: &Users, reply: &Component, answer: &Line) {
    let Some(own) = user.attendee_mut(part) else { return };
    let named = values(answer, "DELEGATED-TO").to_vec();
    if named.is_empty() || partstat(answer) != "DELEGATED" {
        return own.remove_parameter("DELEGATED-TO");
    }
    own.set_parameter_values("DELEGATED-TO", named.clone());
    let delegator = own.value().to_owned();
    for address in &named {
        let delegate = Users::new(&[address]);
        let is_there = delegate.attendee(part).is_some() || delegate.organize(part);
        // An address has a scheme (RFC 5545 §3.3.3).
        if is_there || is_full(part) || !address.contains(':') {
            continue;
        }
        let mut line = Line::new("ATTENDEE", address.as_str())
            .with("PARTSTAT", "NEEDS-ACTION")
            .with("RSVP", "TRUE")
            .with("DELEGATED-FROM", delegator.as_str());
        if let Some(said) = delegate.attendee(reply) {
            take_over(&mut line, said);
        }
        insert(part, line);
    }
}

/// RFC 5546 §3.2.3: an answer may be that of a delegate, and come before the delegator's. They take
/// part where they name somebody who does, and who has not said that another comes, or nobody. Of
/// these only one for each: anybody can write of themselves that they come instead.
pub(super) fn admit(part: &mut Component, user: &Users, answer: &Line) -> Result<(), Ignored> {
    if user.organize(part) || is_full(part) {
        return Err(Ignored::NotInvited);
    }
    let mut named = values(answer, "DELEGATED-FROM").iter().map(|from| Users::new(&[from]));
    let delegator = named.find_map(|from| {
        let line = from.attendee(part).filter(|_| !from.organize(part))?;
        let is_open = partstat(line) != "DELEGATED" && !has_unconfirmed(part, &from);
        is_open.then(|| line.value().to_owned())
    });
    let delegator = delegator.ok_or(Ignored::NotInvited)?;
    let mut line = Line::new("ATTENDEE", answer.value())
        .with("PARTSTAT", "NEEDS-ACTION")
        .with("DELEGATED-FROM", delegator.as_str());
    take_over(&mut line, answer);
    insert(part, line);
    Ok(())
}

/// RFC 5546 §4.2.5, §4.2.7: where all declined to whom somebody delegated, it is theirs to answer
/// again, or to delegate to others. `user` is who answered: the delegate, or the delegator.
pub(super) fn ask_again(part: &mut Component, user: &Users) {
    let Some(own) = user.attendee(part) else { return };
    let mut asked: Vec<String> = values(own, "DELEGATED-FROM").to_vec();
    asked.push(own.value().to_owned());
    for delegator in asked.iter().map(|delegator| Users::new(&[delegator])) {
        let Some(line) = delegator.attendee(part).filter(|line| partstat(line) == "DELEGATED")
        else {
            continue;
        };
        let to = values(line, "DELEGATED-TO");
        if to.is_empty() || !to.iter().all(|to| declines(part, to)) {
            continue;
        }
        if let Some(line) = delegator.attendee_mut(part) {
            line.set_parameter("PARTSTAT", "NEEDS-ACTION");
            line.set_parameter("RSVP", "TRUE");
            line.remove_parameter("DELEGATED-TO");
        }
    }
}

/// RFC 5546 §4.2.7: whoever delegates to others of whom their copy knows that they declined is
/// asked again, as the organizer does who hears of it. `stored` is what is going to be stored of
/// `new`.
pub(super) fn take_back(old: &Parts<'_>, new: &Parts<'_>, stored: &mut Component, user: &Users) {
    let kind = new.object.kind().name();
    let parts = stored.components.iter_mut().filter(|part| part.is(kind));
    for ((instance, _), part) in new.iter().zip(parts) {
        if let Some(known) = old.describing(instance) {
            take_back_of(known, part, user);
        }
    }
}

fn take_back_of(known: &Component, part: &mut Component, user: &Users) {
    let answer = |part: &Component| user.attendee(part).map(partstat);
    let delegates = |part: &Component| answer(part).is_some_and(|answer| answer == "DELEGATED");
    let Some(own) = user.attendee(part) else { return };
    let to = values(own, "DELEGATED-TO").to_vec();
    let is_news = delegates(part) && !delegates(known);
    let is_some = !to.is_empty() && to.len() <= DELEGATES_MAX;
    if !is_news || !is_some || !to.iter().all(|to| declines(known, to)) {
        return;
    }
    for delegate in to.iter().map(|to| Users::new(&[to])) {
        let Some(said) = delegate.attendee(known).cloned() else { continue };
        match delegate.attendee_mut(part) {
            Some(line) => *line = said,
            None => insert(part, said),
        }
    }
    ask_again(part, user);
}

/// Requests to those whom an answer asks again: who had delegated before, or says so in it, and
/// whose delegates have all declined. `from` is who answered.
pub fn requests_anew(
    before: &CalendarObject,
    answer: &Message,
    from: &Users,
    after: &CalendarObject,
    scene: &Scene<'_>,
) -> Vec<Outgoing> {
    let (before, after) = (Parts::of(before, scene.limits), Parts::of(after, scene.limits));
    let delegates = |part: &Component, users: &Users| {
        users.attendee(part).is_some_and(|line| partstat(line) == "DELEGATED")
    };
    let mut asked: Vec<String> = Vec::new();
    for (instance, part) in after.iter() {
        for line in part.lines_named("ATTENDEE").filter(|line| partstat(line) == "NEEDS-ACTION") {
            let user = calendar_user(line.value());
            let users = Users::new(&[&user]);
            let known = before.describing(instance);
            let had = known.is_some_and(|known| delegates(known, &users));
            let has = from.is(&user) && answer.object.parts().any(|part| delegates(part, &users));
            if (had || has) && has_declined(part, &users) && !asked.contains(&user) {
                asked.push(user);
            }
        }
    }
    let of = after.object.calendar();
    let requests = asked.iter().filter_map(|user| {
        let parts = request_for(user, &after)?;
        Some(Outgoing::new(user, Method::Request, of, parts, scene))
    });
    requests.collect()
}

/// The answer that a new version of a meeting leaves an attendee with: what they said, unless it
/// was that others come, who all declined.
pub(super) fn keep_own_answer(known: &Component, new: &mut Component, user: &Users) {
    let Some(own) = user.attendee(known) else { return };
    let Some(answer) = own.parameter("PARTSTAT").map(str::to_owned) else { return };
    let delegates = partstat(own) == "DELEGATED";
    let to = if delegates { values(own, "DELEGATED-TO").to_vec() } else { Vec::new() };
    if !to.is_empty() && to.iter().all(|to| declines(new, to)) {
        return;
    }
    let Some(own) = user.attendee_mut(new) else { return };
    if !to.is_empty() {
        own.set_parameter_values("DELEGATED-TO", to);
    }
    own.set_parameter("PARTSTAT", answer);
}

fn declines(part: &Component, address: &str) -> bool {
    let answer = Users::new(&[address]).attendee(part).map(partstat);
    answer.is_some_and(|answer| answer == "DECLINED")
}

/// Whether a delegate of `user` declined.
fn has_declined(part: &Component, user: &Users) -> bool {
    let mut lines = part.lines_named("ATTENDEE");
    lines.any(|line| comes_for(line, user) && partstat(line) == "DECLINED")
}

/// Whether somebody comes instead of `user` who is not known to be wanted.
fn has_unconfirmed(part: &Component, user: &Users) -> bool {
    let mut lines = part.lines_named("ATTENDEE");
    lines.any(|line| comes_for(line, user) && partstat(line) != "DECLINED")
}

fn comes_for(line: &Line, user: &Users) -> bool {
    values(line, "DELEGATED-FROM").iter().any(|from| user.is(from))
}

/// How many delegates an answer names that may come to take part.
pub(super) fn delegates_named(answer: &Line) -> usize {
    values(answer, "DELEGATED-TO").len().min(DELEGATES_MAX)
}

fn is_full(part: &Component) -> bool {
    let delegates = part.lines_named("ATTENDEE");
    let delegates = delegates.filter(|line| line.parameter("DELEGATED-FROM").is_some());
    delegates.count() >= DELEGATES_MAX
}

fn values<'l>(line: &'l Line, name: &str) -> &'l [String] {
    let found = line.parameters().iter().find(|parameter| parameter.name == name);
    found.map_or(&[], |parameter| &parameter.values)
}

fn take_over(line: &mut Line, said: &Line) {
    for name in SAID {
        if let Some(value) = said.parameter(name) {
            line.set_parameter(name, value);
        }
    }
}

fn insert(part: &mut Component, line: Line) {
    let last = part.lines.iter().rposition(|line| line.name() == "ATTENDEE");
    part.lines.insert(last.map_or(part.lines.len(), |last| last + 1), line);
}
