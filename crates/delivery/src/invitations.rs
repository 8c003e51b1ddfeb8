//! Mail that tells people elsewhere of meetings (RFC 6047): a text for people and the calendar
//! message for their programs, in one multipart/alternative. What invites them to calendars is
//! beside it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ids::Timestamp;
use jiff::tz::TimeZone;
use message::date::format_rfc5322;
use responder::compose::{mailbox, push_field};
use storage::{CalendarLetter, Letters, ShareLetter};

use crate::outgoing::Stamper;
use crate::share_letter::{self, SecretUrls};

/// LIMIT: characters of a title in a subject.
const TITLE_CHARS_MAX: usize = 200;

/// Writes such mail in the name of a server.
#[derive(Debug, Clone)]
pub struct Invitations {
    hostname: String,
    urls: SecretUrls,
}

impl Invitations {
    /// For the server `hostname`, which the ids of messages name.
    pub fn new(hostname: impl Into<String>, urls: SecretUrls) -> Self {
        Self { hostname: hostname.into(), urls }
    }
}

impl Letters for Invitations {
    fn attachment_url(&self, token: &str) -> Option<String> {
        Some(format!("{}{}", self.urls.base, (self.urls.attachment)(token)))
    }

    fn compose(&self, letter: &CalendarLetter, now: Timestamp) -> Vec<u8> {
        let stamper = Stamper { hostname: &self.hostname, zone: &TimeZone::UTC, now };
        stamper.render(|stamp| {
            let mut out = Vec::new();
            push_field(&mut out, "From", &mailbox(&letter.from_name, &letter.from));
            push_field(&mut out, "To", &letter.to);
            push_field(&mut out, "Subject", &subject(letter));
            push_field(&mut out, "Date", &format_rfc5322(stamp.date));
            push_field(&mut out, "Message-ID", &format!("<{}>", stamp.message_id));
            // No line of base64 begins with two hyphens.
            let boundary = format!("--{}", stamp.message_id.get(..20).unwrap_or("part"));
            let kind = format!("multipart/alternative; boundary=\"{boundary}\"");
            out.extend_from_slice(b"MIME-Version: 1.0\r\n");
            out.extend_from_slice(format!("Content-Type: {kind}\r\n\r\n").as_bytes());
            push_part(&mut out, &boundary, "text/plain; charset=utf-8", text(letter).as_bytes());
            // RFC 6047 §2.4
            let method = letter.method;
            let calendar = format!("text/calendar; charset=utf-8; method={method}");
            push_part(&mut out, &boundary, &calendar, &letter.calendar);
            out.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
            out
        })
    }

    fn compose_share(&self, letter: &ShareLetter, now: Timestamp) -> Vec<u8> {
        let stamper = Stamper { hostname: &self.hostname, zone: &TimeZone::UTC, now };
        stamper.render(|stamp| share_letter::compose(letter, &self.urls, stamp))
    }
}

/// RFC 2045 §6.8: what is signed must not be changed on its way, whatever it passes.
pub(crate) fn push_part(out: &mut Vec<u8>, boundary: &str, kind: &str, content: &[u8]) {
    let head = format!(
        "--{boundary}\r\nContent-Type: {kind}\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    );
    out.extend_from_slice(head.as_bytes());
    for line in STANDARD.encode(content).as_bytes().chunks(76) {
        out.extend_from_slice(line);
        out.extend_from_slice(b"\r\n");
    }
}

/// What it is, in a word.
fn kind(letter: &CalendarLetter) -> &'static str {
    match (letter.method, letter.answer.as_deref()) {
        ("CANCEL", _) => "Cancelled",
        ("REPLY", Some("ACCEPTED")) => "Accepted",
        ("REPLY", Some("DECLINED")) => "Declined",
        ("REPLY", Some("TENTATIVE")) => "Tentatively accepted",
        ("REPLY", _) => "Answer",
        _ if letter.is_update => "Changed invitation",
        _ => "Invitation",
    }
}

fn subject(letter: &CalendarLetter) -> String {
    let title: String = letter.title.chars().take(TITLE_CHARS_MAX).collect();
    match title.is_empty() {
        true => kind(letter).to_owned(),
        false => format!("{}: {title}", kind(letter)),
    }
}

fn text(letter: &CalendarLetter) -> String {
    let who = if letter.from_name.is_empty() { &letter.from } else { &letter.from_name };
    let what = match (letter.method, letter.answer.as_deref()) {
        ("CANCEL", _) => format!("{who} has cancelled a meeting."),
        ("REPLY", Some("ACCEPTED")) => format!("{who} will come."),
        ("REPLY", Some("DECLINED")) => format!("{who} will not come."),
        ("REPLY", Some("TENTATIVE")) => format!("{who} may come."),
        ("REPLY", _) => format!("{who} has answered."),
        _ if letter.is_update => format!("{who} has changed a meeting that you are invited to."),
        _ => format!("{who} invites you to a meeting."),
    };
    let mut text = format!("{what}\r\n\r\n");
    for (label, value) in
        [("What", &letter.title), ("When", &letter.when), ("Where", &letter.place)]
    {
        if !value.is_empty() {
            let value = value.replace(['\r', '\n'], " ");
            text.push_str(&format!("{label}: {value}\r\n"));
        }
    }
    if letter.method == "REQUEST" {
        text.push_str("\r\nA calendar program that opens this message can answer it.\r\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(method: &'static str, answer: Option<&str>, is_update: bool) -> CalendarLetter {
        CalendarLetter {
            from: "ann@example.test".to_owned(),
            from_name: "Ann".to_owned(),
            to: "dan@elsewhere.test".to_owned(),
            method,
            answer: answer.map(str::to_owned),
            is_update,
            title: "Gespräch".to_owned(),
            when: "2026-01-05 09:00 (UTC)".to_owned(),
            place: "Room\r\nBcc: x".to_owned(),
            calendar: b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n".to_vec(),
        }
    }

    #[test]
    fn mail_says_it_to_people_and_to_programs() {
        let now = Timestamp::from_secs(1_767_225_600);
        let urls = SecretUrls {
            base: "https://mail.example.test".to_owned(),
            calendar: |secret| format!("/{secret}/"),
            file: |secret| format!("/{secret}.ics"),
            attachment: |token| format!("/a/{token}"),
        };
        let invitations = Invitations::new("mail.example.test", urls);
        let mail = invitations.compose(&letter("REQUEST", None, false), now);
        assert!(mail.is_ascii());
        let mail = String::from_utf8(mail).unwrap();
        let head = "From: \"Ann\" <ann@example.test>\r\nTo: dan@elsewhere.test\r\nSubject: \
                    =?utf-8?Q?Invitation:_Gespr=C3=A4ch?=\r\nDate: Thu, 1 Jan 2026 00:00:00 +0000\r\n";
        assert!(mail.starts_with(head), "{mail}");
        let kind = "Content-Type: text/calendar; charset=utf-8; method=REQUEST\r\n\
                    Content-Transfer-Encoding: base64\r\n\r\n";
        let calendar = mail.split_once(kind).unwrap().1;
        let encoded = STANDARD.encode("BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n");
        assert!(calendar.starts_with(&encoded), "{mail}");
        assert!(mail.ends_with("--\r\n") && mail.lines().all(|line| line.len() <= 78));

        let shared = invitations.compose_share(
            &ShareLetter {
                from: "ann@example.test".to_owned(),
                from_name: "Ann".to_owned(),
                wish_of: None,
                to: "dan@elsewhere.test".to_owned(),
                news: storage::ShareLetterNews::Invitation,
                calendar: "Gärten".to_owned(),
                rights: storage::CollectionRights::READ,
                secret: "12ab".to_owned(),
                enclosed: Some(b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n".to_vec()),
            },
            now,
        );
        let shared = String::from_utf8(shared).unwrap();
        let head = "From: \"Ann\" <ann@example.test>\r\nTo: dan@elsewhere.test\r\nSubject: \
                    =?utf-8?Q?Ann_shares_a_calendar:_G=C3=A4rten?=\r\n";
        assert!(shared.starts_with(head), "{shared}");
        let (_, file) = shared.split_once("filename=\"calendar.ics\"\r\n").unwrap();
        assert!(file.contains(&encoded) && file.ends_with("--\r\n"), "{shared}");
        // What anybody reads over a shoulder, and logs of subjects, have no secret.
        assert!(shared.is_ascii() && !shared.contains("12ab"), "{shared}");
    }

    #[test]
    fn what_it_is_stands_in_the_subject() {
        for (method, answer, is_update, expect) in [
            ("REQUEST", None, true, "Changed invitation: Gespräch"),
            ("CANCEL", None, true, "Cancelled: Gespräch"),
            ("REPLY", Some("ACCEPTED"), false, "Accepted: Gespräch"),
            ("REPLY", Some("DELEGATED"), false, "Answer: Gespräch"),
        ] {
            assert_eq!(subject(&letter(method, answer, is_update)), expect);
        }
        let text = text(&letter("REPLY", Some("DECLINED"), false));
        assert_eq!(
            text,
            "Ann will not come.\r\n\r\nWhat: Gespräch\r\nWhen: 2026-01-05 09:00 (UTC)\r\n\
             Where: Room  Bcc: x\r\n"
        );
    }
}
