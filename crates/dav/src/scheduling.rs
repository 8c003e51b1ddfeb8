//! Requests of free and busy times at the outbox (RFC 6638 §5).

use std::collections::HashSet;
use std::sync::Arc;

use hyper::StatusCode;
use ical::scheduling::Users;
use ical::{CalendarObject, Component, ComponentKind, Line, Time, TimeRange};
use jiff::Timestamp;
use storage::{Account, Address};

use crate::answer::{self, Answer};
use crate::error::{DavError, Result};
use crate::exchange::Exchange;
use crate::reports::free_busy::{new_calendar, of_account, stamp};
use crate::request::Request;
use crate::resource::Actor;
use crate::work::Work;
use crate::xml::{Name, Writer};

/// LIMIT: whose times one request asks for.
const ATTENDEES_MAX: usize = 200;

/// The answer about one attendee of a free-busy request.
struct Reply {
    attendee: String,
    status: &'static str,
    calendar: Option<String>,
}

/// A free-busy request at the outbox (RFC 6638 §5).
struct Inquiry {
    uid: String,
    organizer: Line,
    range: TimeRange,
    attendees: Vec<Line>,
}

/// POST of a VFREEBUSY with METHOD:REQUEST. The owner of the outbox asks, whoever acts for them:
/// what they are told is what they may know.
pub(crate) async fn free_busy(
    exchange: &Exchange,
    request: Request,
    owner: Arc<Account>,
) -> Result<Answer> {
    let asker = Actor { account: owner, has_one_book: false, outside: None };
    let body = exchange
        .read(move |exchange, tx| {
            let inquiry = Inquiry::parse(exchange, tx, &asker, &request.body)?;
            let work = Work::new(&exchange.settings);
            let mut replies = Vec::new();
            let mut written = 0;
            for attendee in &inquiry.attendees {
                let reply = reply(exchange, tx, attendee, &inquiry, (&asker, &work))?;
                written += reply.calendar.as_ref().map_or(0, String::len);
                replies.push(reply);
                work.go_on(written)?;
            }
            Ok(Writer::document(&Name::caldav("schedule-response"), |writer| {
                replies.iter().for_each(|reply| write(writer, reply));
            }))
        })
        .await?;
    Ok(answer::xml(StatusCode::OK, body))
}

impl Inquiry {
    fn parse(
        exchange: &Exchange,
        tx: &mut storage::ReadTx<'_>,
        asker: &Actor,
        body: &[u8],
    ) -> Result<Self> {
        let limits = exchange.settings.objects.ical;
        let invalid = || DavError::forbidden(Name::caldav("valid-calendar-data"));
        let mut calendar = Component::parse(body, &limits).map_err(|_| invalid())?;
        let method = calendar.line("METHOD").map(|line| line.value().trim().to_ascii_uppercase());
        let wrong = || DavError::forbidden(Name::caldav("valid-scheduling-message"));
        if method.as_deref() != Some("REQUEST") {
            return Err(wrong());
        }
        calendar.lines.retain(|line| line.name() != "METHOD");
        let object = CalendarObject::of(calendar).map_err(|_| wrong())?;
        if object.kind() != ComponentKind::FreeBusy {
            return Err(wrong());
        }
        let part = object.parts().next().ok_or_else(wrong)?;
        let organizer = part.line("ORGANIZER").cloned().ok_or_else(wrong)?;
        let own = Users::new(&tx.calendar_addresses(asker.id())?);
        // RFC 6638 §5.2.2
        if !own.is(organizer.value()) {
            return Err(DavError::forbidden(Name::caldav("valid-organizer")));
        }
        let range = range_of(&object, part, &limits).ok_or_else(wrong)?;
        // Whoever is named twice is asked once.
        let mut asked = HashSet::new();
        let named = part.lines_named("ATTENDEE");
        let attendees: Vec<Line> = named
            .filter(|line| asked.insert(line.value().trim().to_lowercase()))
            .cloned()
            .collect();
        if attendees.is_empty() || attendees.len() > ATTENDEES_MAX {
            return Err(wrong());
        }
        Ok(Self { uid: object.uid().to_owned(), organizer, range, attendees })
    }
}

fn range_of(object: &CalendarObject, part: &Component, limits: &ical::Limits) -> Option<TimeRange> {
    let zones = object.zones(jiff::tz::TimeZone::UTC, limits);
    let at = |name| -> Option<Timestamp> {
        let time = Time::of(part.line(name)?).ok()?;
        Some(zones.instant(&time))
    };
    let (start, end) = (at("DTSTART")?, at("DTEND")?);
    (start < end).then_some(TimeRange { start, end })
}

fn reply(
    exchange: &Exchange,
    tx: &mut storage::ReadTx<'_>,
    attendee: &Line,
    inquiry: &Inquiry,
    (asker, work): (&Actor, &Work),
) -> Result<Reply> {
    let href = attendee.value().trim().to_owned();
    let unknown =
        |attendee| Reply { attendee, status: "3.7;Invalid calendar user", calendar: None };
    let address = href.get(..7).filter(|scheme| scheme.eq_ignore_ascii_case("mailto:"));
    let address = address.and_then(|_| Address::parse(href.get(7..)?).ok());
    let Some(address) = address else { return Ok(unknown(href)) };
    let found = tx.find_calendar_user(&address)?.map(|id| tx.load_account(id)).transpose()?;
    let Some(found) = found else { return Ok(unknown(href)) };
    if tx.is_in_maintenance(found.id)? && found.id != asker.id() {
        // R-ADDR-12: nobody reads what is somebody's meanwhile.
        let status = "5.1;Could not complete delivery";
        return Ok(Reply { attendee: href, status, calendar: None });
    }
    let busy = match of_account(exchange, tx, (asker, &found), inquiry.range, work) {
        Ok(Some(busy)) => busy,
        // To others nothing is told, not even whether there is such an account.
        Ok(None) => return Ok(unknown(href)),
        Err(DavError::Storage(error)) => return Err(error.into()),
        // RFC 5546 §3.6: what others are told does not hang on one person's calendar.
        Err(_) => {
            let status = "5.1;Could not complete delivery";
            return Ok(Reply { attendee: href, status, calendar: None });
        }
    };
    let mut part = busy.component(stamp(exchange));
    part.put(Line::new("UID", ical::escape_text(&inquiry.uid)));
    part.put(inquiry.organizer.clone());
    part.put(attendee.clone());
    let mut calendar = new_calendar();
    calendar.lines.push(Line::new("METHOD", "REPLY"));
    calendar.components.push(part);
    let text = String::from_utf8_lossy(&calendar.render()).into_owned();
    Ok(Reply { attendee: href, status: "2.0;Success", calendar: Some(text) })
}

/// RFC 6638 §10.2
fn write(writer: &mut Writer, reply: &Reply) {
    writer.element(&Name::caldav("response"), |writer| {
        writer.element(&Name::caldav("recipient"), |writer| writer.href(&reply.attendee));
        writer.text_element(&Name::caldav("request-status"), reply.status);
        if let Some(calendar) = &reply.calendar {
            writer.text_element(&Name::caldav("calendar-data"), calendar);
        }
    });
}
