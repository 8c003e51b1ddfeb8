//! The calendar data in the parts of a mail (RFC 6047 §2.4), and whether all of it says the same
//! (RFC 9671 §4).

use ical::scheduling::{Message, Method};
use ical::{CalendarObject, Component};
use message::{Limits, Parameterized, PartIndex, PartKind, header_fields};

/// LIMIT: parts with calendar data; programs send one, and the same once more as a file.
const PARTS_MAX: usize = 4;

/// Calendar data that cannot be gone by: why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unreadable(pub &'static str);

/// The calendar data of one part.
pub(super) struct CalendarPart {
    pub(super) text: String,
    /// What its media type says it wants.
    pub(super) method: Option<String>,
    /// Whether it is one that programs go by: text/calendar, rather than a file.
    pub(super) is_text: bool,
}

/// The calendar parts of a mail, in order; one more than are looked at shows that there are too
/// many.
pub(super) fn parts_of(mail: &[u8], index: &PartIndex, reading: &Limits) -> Vec<CalendarPart> {
    let leaves = index.iter().map(|(_, part)| part);
    let found = leaves.filter_map(|part| {
        let mime = mail.get(part.mime.start as usize..part.mime.end as usize)?;
        let field = header_fields(mime).find(|field| field.is("Content-Type"))?;
        let kind = Parameterized::parse(field.value)?;
        let is_text = part.kind == PartKind::Text && kind.is("text", "calendar");
        let text = match part.kind {
            PartKind::Text if is_text => message::part_text(mail, &part, reading)?.into_owned(),
            PartKind::Binary if kind.is("application", "ics") => {
                let body = mail.get(part.body.start as usize..part.body.end as usize)?;
                let bytes = message::decode_part(body, part.encoding).ok()?;
                String::from_utf8_lossy(&bytes).into_owned()
            }
            _ => return None,
        };
        let method = kind.parameter("method").and_then(|text| std::str::from_utf8(text).ok());
        Some(CalendarPart { text, method: method.map(str::to_owned), is_text })
    });
    found.take(PARTS_MAX + 1).collect()
}

/// Whether all parts say the same, apart from what is about the writing of each.
pub(super) fn agree(parts: &[CalendarPart], limits: &ical::Limits) -> bool {
    let mut said = parts.iter().map(|part| {
        Component::parse(part.text.as_bytes(), limits).ok().map(|calendar| what_it_says(&calendar))
    });
    let first = said.next().flatten();
    parts.len() < 2
        || (parts.len() <= PARTS_MAX && first.is_some() && said.all(|other| other == first))
}

/// The components that say something, and their lines, each in an order of its own.
fn what_it_says(calendar: &Component) -> Vec<Vec<Vec<u8>>> {
    let say = calendar.components.iter().filter(|inner| !inner.is("VTIMEZONE"));
    let mut said: Vec<Vec<Vec<u8>>> = say.map(lines_of).collect();
    said.sort();
    said
}

fn lines_of(component: &Component) -> Vec<Vec<u8>> {
    let says = component.lines.iter().filter(|line| {
        !line.name().starts_with("X-") && !matches!(line.name(), "DTSTAMP" | "LAST-MODIFIED")
    });
    let rendered = says.map(|line| {
        let mut bytes = Vec::new();
        line.render(&mut bytes);
        if matches!(line.name(), "ATTENDEE" | "ORGANIZER") {
            bytes.make_ascii_lowercase();
        }
        bytes
    });
    let mut lines: Vec<Vec<u8>> = rendered.collect();
    lines.sort();
    lines.insert(0, component.name().into_bytes());
    lines
}

/// What a part says; `None`: nothing that is understood here.
pub(super) fn read(
    part: &CalendarPart,
    limits: &ical::Limits,
) -> Result<Option<(Message, bool)>, Unreadable> {
    let (bytes, method) = (part.text.as_bytes(), part.method.as_deref());
    if let Some(message) = Message::of_mail(bytes, method, limits) {
        return Ok(Some((message, false)));
    }
    if let Some(message) = Message::of_public(bytes, method, limits) {
        return Ok(Some((message, true)));
    }
    let calendar = Component::parse(bytes, limits);
    let mut calendar = calendar.map_err(|_| Unreadable("it cannot be read"))?;
    let own = calendar.line("METHOD").map(|line| line.value().trim().to_owned());
    let named = own.as_deref().or(method).unwrap_or("PUBLISH");
    if !named.eq_ignore_ascii_case("PUBLISH") && Method::find(named).is_none() {
        return Ok(None);
    }
    calendar.lines.retain(|line| line.name() != "METHOD");
    match CalendarObject::of(calendar) {
        Ok(_) => Ok(None),
        Err(_) => Err(Unreadable("it is about no one thing that a calendar can hold")),
    }
}

/// Whether it says what it wants (RFC 5546 §1.4).
pub(super) fn is_itip(part: &CalendarPart, limits: &ical::Limits) -> bool {
    part.method.is_some()
        || Component::parse(part.text.as_bytes(), limits)
            .is_ok_and(|calendar| calendar.line("METHOD").is_some())
}
