//! QUIRK(iCloud): Apple invites by mail in the name of addresses that it makes up. The author of
//! the mail is `noreply@email.apple.com`; ORGANIZER is `2_`, a token, `@imip.me.com`, with the real
//! address as its EMAIL (RFC 7986 §6.2). Each message about one UID may have another token; answers
//! go to the newest.

use super::parts::Parts;
use crate::component::Component;
use crate::line::Line;
use crate::object::{CalendarObject, calendar_user};

/// What follows `@` in the addresses of its organizers.
const ORGANIZERS: &str = "imip.me.com";
/// The domain of the authors of that service's mail.
const AUTHORS: &str = "email.apple.com";

/// Whether a mail by `author`, who was found to be who they say, may speak for an ORGANIZER: both
/// are iCloud's.
pub fn is_of_icloud(organizer: &Line, author: &str) -> bool {
    is_at(organizer.value(), ORGANIZERS) && is_at(author, AUTHORS)
}

/// Whether two ORGANIZERs are one person, however the one is written.
pub(super) fn is_one(known: &Line, news: &Line) -> bool {
    if calendar_user(known.value()) == calendar_user(news.value()) {
        return true;
    }
    let email = |line: &Line| {
        let email = line.parameter("EMAIL").map(|email| email.trim().to_lowercase());
        email.filter(|email| !email.is_empty() && is_at(line.value(), ORGANIZERS))
    };
    email(known).is_some_and(|known| email(news) == Some(known))
}

/// Whether two objects have one organizer, or neither has any.
pub(super) fn have_one_organizer(known: &CalendarObject, news: &CalendarObject) -> bool {
    match (organizer_line(known), organizer_line(news)) {
        (Some(known), Some(news)) => is_one(known, news),
        (known, news) => known.is_none() && news.is_none(),
    }
}

/// Writes the address of the organizer that a message has into what was made of it, where that has
/// components with the one before.
pub(super) fn renew_organizer(made: &mut Component, message: &Parts<'_>) {
    let Some(newest) = organizer_line(message.object) else { return };
    let lines = made.components.iter_mut().flat_map(|part| part.lines.iter_mut());
    for line in lines.filter(|line| line.name() == "ORGANIZER") {
        if calendar_user(line.value()) != calendar_user(newest.value()) && is_one(line, newest) {
            line.set_value(newest.value());
        }
    }
}

fn organizer_line(object: &CalendarObject) -> Option<&Line> {
    object.parts().find_map(|part| part.line("ORGANIZER"))
}

fn is_at(user: &str, domain: &str) -> bool {
    let user = calendar_user(user);
    let address = user.strip_prefix("mailto:").and_then(|address| address.rsplit_once('@'));
    address.is_some_and(|(local, host)| !local.is_empty() && host == domain)
}
