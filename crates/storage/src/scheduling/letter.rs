//! Mail to those who have no calendar here (RFC 6047), into the spool in the transaction of what it
//! tells of. Its text is made by whoever knows mail ([`Letters`]).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use ical::scheduling::{Method, Outgoing};
use ical::{Component, Time, Value};
use ids::Timestamp;

use super::people::mail_address;
use super::status;
use crate::{
    AccountTx, Address, MailParameters, PreparedMessage, RcptParameters, Result, ShareLetter,
    SpoolEntry, SpoolRecipient, WriteTx,
};

/// LIMIT: bytes of a UID that goes along in the spool. RFC 7986 §5.3 makes them short.
const UID_BYTES_MAX: usize = 1_000;

/// A calendar message on its way to an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalendarLetter {
    /// The sender: an address of the account's, as the calendar names it.
    pub from: String,
    /// The name of the sender; may be empty.
    pub from_name: String,
    /// The address that the letter goes to.
    pub to: String,
    /// The METHOD of the message (RFC 5546 §1.4).
    pub method: &'static str,
    /// PARTSTAT of an answer.
    pub answer: Option<String>,
    /// Whether it changes what was sent before.
    pub is_update: bool,
    /// The SUMMARY of the meeting.
    pub title: String,
    /// When it is, for people.
    pub when: String,
    /// The LOCATION of the meeting.
    pub place: String,
    /// The VCALENDAR, as bytes.
    pub calendar: Vec<u8>,
}

/// Makes mail of calendar messages.
pub trait Letters: Send + Sync {
    /// Composes the whole message, all of it ASCII.
    fn compose(&self, letter: &CalendarLetter, now: Timestamp) -> Vec<u8>;

    /// Composes the letter that invites somebody elsewhere to a calendar.
    fn compose_share(&self, letter: &ShareLetter, now: Timestamp) -> Vec<u8>;

    /// Where people without an account here find the attachment that this token leads to; `None`
    /// where they find none.
    fn attachment_url(&self, _token: &str) -> Option<String> {
        None
    }
}

impl WriteTx<'_> {
    /// Whether people outside are told.
    pub(super) fn sends_letters(&self) -> bool {
        self.settings.letters.is_some()
    }
}

impl AccountTx<'_, '_> {
    /// Sends a message by mail; the status of that. It counts as a message the account sent.
    pub(super) fn send_letter(&mut self, message: &Outgoing, to: &Address) -> Result<&'static str> {
        let Some(letters) = self.settings.letters.clone() else { return Ok(status::FAILED) };
        let (account, now) = (self.account, self.now);
        if !self.may_send(account)? {
            return Ok(status::FAILED);
        }
        let mut letter = self.letter(message, to)?;
        letter.calendar = self.for_elsewhere(&message.calendar, &*letters)?;
        let bytes = letters.compose(&letter, now);
        let prepared = PreparedMessage::new(bytes);
        if self.check_message_size(&prepared).is_err() {
            return Ok(status::FAILED);
        }
        self.count_sent(account, 1)?;
        let smtputf8 = !letter.from.is_ascii() || !letter.to.is_ascii();
        let uid = uid_of(message);
        let entry = SpoolEntry {
            account: Some(account),
            reverse_path: letter.from,
            // What signs for the domain of the author does so when it is sent.
            parameters: parameters(smtputf8, &uid),
            recipients: vec![SpoolRecipient {
                forward_path: letter.to,
                parameters: RcptParameters::default(),
            }],
        };
        let spooled = self.tx.spool(entry, &prepared)?;
        self.remember_letter(&uid, &to.to_string(), spooled)?;
        Ok(status::SENT)
    }

    /// A message as people elsewhere can use it: they cannot sign in, and get links that need no
    /// more than to be known. RFC 8607 §4.3: an id means nothing there.
    fn for_elsewhere(&mut self, calendar: &Component, letters: &dyn Letters) -> Result<Vec<u8>> {
        let mut calendar = calendar.clone();
        let mut ids = BTreeSet::new();
        calendar.change_managed(|id, _| {
            ids.insert(id.to_owned());
        });
        let mut links = BTreeMap::new();
        for id in ids {
            let token = self.attachment_token(&id)?;
            let link = token.and_then(|token| letters.attachment_url(&token));
            links.extend(link.map(|link| (id, link)));
        }
        calendar.change_managed(|id, line| {
            if let Some(link) = links.get(id) {
                line.set_value(link.as_str());
            }
        });
        calendar.unmanage();
        Ok(calendar.render())
    }

    fn letter(&mut self, message: &Outgoing, to: &Address) -> Result<CalendarLetter> {
        let account = self.account;
        let owner = self.load_account(account)?;
        let part = message.calendar.components.iter().find(|part| !part.is("VTIMEZONE"));
        let text = |name| {
            let line = part.and_then(|part| part.line(name));
            line.map(|line| line.text().trim().to_owned()).unwrap_or_default()
        };
        let own = match message.method {
            Method::Reply => "ATTENDEE",
            Method::Request | Method::Cancel => "ORGANIZER",
        };
        let own = part.and_then(|part| part.line(own));
        let from = own.and_then(|line| mail_address(line.value()));
        let answer = own.and_then(|line| line.parameter("PARTSTAT")).map(str::to_ascii_uppercase);
        Ok(CalendarLetter {
            from: from.map_or(owner.display_address, |address| address.to_string()),
            from_name: owner.name,
            to: to.to_string(),
            method: message.method.name(),
            answer: answer.filter(|_| message.method == Method::Reply),
            is_update: text("SEQUENCE").parse::<u64>().is_ok_and(|number| number > 0),
            title: text("SUMMARY"),
            when: part.map(when).unwrap_or_default(),
            place: text("LOCATION"),
            calendar: Vec::new(),
        })
    }
}

/// The parameters of MAIL. The queue tells of a message that comes back by its UID, in hexadecimal
/// digits: it may be anything.
fn parameters(smtputf8: bool, uid: &str) -> MailParameters {
    let mut calendar = String::with_capacity(uid.len() * 2);
    if uid.len() <= UID_BYTES_MAX {
        for byte in uid.bytes() {
            // Writing to a String cannot fail.
            let _ = write!(calendar, "{byte:02x}");
        }
    }
    MailParameters {
        body: Some("7BIT".to_owned()),
        calendar: Some(calendar),
        sign: true,
        smtputf8,
        ..MailParameters::default()
    }
}

fn uid_of(message: &Outgoing) -> String {
    let parts = &message.calendar.components;
    let line = parts.iter().find(|part| !part.is("VTIMEZONE")).and_then(|part| part.line("UID"));
    line.map(|line| line.text().trim().to_owned()).unwrap_or_default()
}

/// `2026-01-05 09:00 - 10:00 (Europe/Zurich)`
fn when(part: &Component) -> String {
    let time = |name| part.line(name).and_then(|line| Time::of(line).ok());
    let Some(start) = time("DTSTART") else { return String::new() };
    let civil = start.value.civil();
    if start.value.is_date() {
        return civil.strftime("%Y-%m-%d").to_string();
    }
    let mut text = civil.strftime("%Y-%m-%d %H:%M").to_string();
    if let Some(end) = time("DTEND") {
        let end = end.value.civil();
        let form = if end.date() == civil.date() { " - %H:%M" } else { " - %Y-%m-%d %H:%M" };
        text.push_str(&end.strftime(form).to_string());
    }
    let zone = start.zone.as_deref().or(matches!(start.value, Value::Utc(_)).then_some("UTC"));
    if let Some(zone) = zone {
        text.push_str(&format!(" ({zone})"));
    }
    if part.line("RRULE").is_some() {
        text.push_str(", again and again");
    }
    text
}
