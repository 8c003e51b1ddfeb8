//! Mail that invites somebody elsewhere to a calendar (R-SHARE-1): the secret address by which
//! their programs reach it, and, for who has a mail program alone, what is in it now.

use responder::Stamp;
use responder::compose::{mailbox, push_field};
use storage::{CollectionRights, ShareLetter, ShareLetterNews};

use crate::invitations::push_part;

/// LIMIT: characters of what somebody calls a calendar or themselves.
const NAME_CHARS_MAX: usize = 200;

/// Where people elsewhere find what is shared with them.
#[derive(Debug, Clone)]
pub struct SecretUrls {
    /// What URLs begin with, such as `https://mail.example.test`.
    pub base: String,
    /// The path for calendar programs, of a secret.
    pub calendar: fn(&str) -> String,
    /// The path of the calendar as one file.
    pub file: fn(&str) -> String,
    /// The path of an attachment, of its token.
    pub attachment: fn(&str) -> String,
}

pub(crate) fn compose(letter: &ShareLetter, urls: &SecretUrls, stamp: Stamp<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    push_field(&mut out, "From", &mailbox(&letter.from_name, &letter.from));
    push_field(&mut out, "To", &letter.to);
    let calendar = shown(&letter.calendar);
    push_field(&mut out, "Subject", &format!("{}: {calendar}", subject(letter)));
    push_field(&mut out, "Date", &message::date::format_rfc5322(stamp.date));
    push_field(&mut out, "Message-ID", &format!("<{}>", stamp.message_id));
    // No line of base64 begins with two hyphens.
    let boundary = format!("--{}", stamp.message_id.get(..20).unwrap_or("part"));
    let kind = format!("multipart/mixed; boundary=\"{boundary}\"");
    out.extend_from_slice(b"MIME-Version: 1.0\r\n");
    out.extend_from_slice(format!("Content-Type: {kind}\r\n\r\n").as_bytes());
    let text = text(letter, urls);
    push_part(&mut out, &boundary, "text/plain; charset=utf-8", text.as_bytes());
    if let Some(enclosed) = &letter.enclosed {
        let kind = "text/calendar; charset=utf-8; name=\"calendar.ics\"\r\n\
                    Content-Disposition: attachment; filename=\"calendar.ics\"";
        push_part(&mut out, &boundary, kind, enclosed);
    }
    out.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    out
}

/// What others have written, in one line of what we write.
fn shown(text: &str) -> String {
    text.chars().filter(|char| !char.is_control()).take(NAME_CHARS_MAX).collect()
}

fn who(letter: &ShareLetter) -> String {
    match &letter.wish_of {
        Some(other) => other.clone(),
        None if letter.from_name.is_empty() => letter.from.clone(),
        None => shown(&letter.from_name),
    }
}

fn subject(letter: &ShareLetter) -> String {
    match letter.news {
        ShareLetterNews::Invitation => format!("{} shares a calendar", who(letter)),
        ShareLetterNews::Changed => format!("{} changed what you can do", who(letter)),
        ShareLetterNews::Ended => "No longer shared".to_owned(),
    }
}

fn text(letter: &ShareLetter, urls: &SecretUrls) -> String {
    let calendar = shown(&letter.calendar);
    match letter.news {
        ShareLetterNews::Invitation => invitation(letter, urls),
        ShareLetterNews::Changed => format!(
            "What you can do with the calendar \"{calendar}\", which {} shares with you, has\r\n\
             changed: you can {}. Its addresses stay as they are.\r\n",
            who(letter),
            may(letter.rights),
        ),
        ShareLetterNews::Ended => format!(
            "The calendar \"{calendar}\" of {} is no longer shared with you. The addresses that\r\n\
             you were sent lead nowhere any more; you can take it out of your calendar program.\r\n",
            letter.from,
        ),
    }
}

fn may(rights: CollectionRights) -> &'static str {
    match rights {
        rights if rights.contains(CollectionRights::SHARE) => {
            "view and change it, and share it with others"
        }
        rights if rights.contains(CollectionRights::WRITE) => "view and change it",
        _ => "view it",
    }
}

fn invitation(letter: &ShareLetter, urls: &SecretUrls) -> String {
    let owner = match &letter.wish_of {
        Some(_) => format!(" of {}", letter.from),
        None => String::new(),
    };
    let may = may(letter.rights);
    let url = |path: fn(&str) -> String| format!("{}{}", urls.base, path(&letter.secret));
    let mut text = format!(
        "{} shares the calendar \"{}\"{owner} with you. You can {may}.\r\n\r\n\
         In a calendar program that speaks CalDAV (Apple Calendar, Thunderbird, DAVx5 and\r\n\
         others), add an account or a calendar on the network at this address. Where it asks\r\n\
         for a name and a password, anything will do:\r\n\r\n    {}\r\n\r\n\
         Where calendars are only subscribed to (Google Calendar, Outlook), by this one; a\r\n\
         browser opens it, too:\r\n\r\n    {}\r\n\r\n\
         Who knows these addresses can do what you can: keep them to yourself. They lead\r\n\
         nowhere any more once the calendar is no longer shared with you.\r\n",
        who(letter),
        shown(&letter.calendar),
        url(urls.calendar),
        url(urls.file),
    );
    if letter.enclosed.is_some() {
        text.push_str("\r\nWhat is in the calendar now is enclosed.\r\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn urls() -> SecretUrls {
        SecretUrls {
            base: "https://mail.example.test".to_owned(),
            calendar: |secret| format!("/c/{secret}/"),
            file: |secret| format!("/c/{secret}/calendar.ics"),
            attachment: |token| format!("/a/{token}"),
        }
    }

    fn letter(rights: CollectionRights, wish_of: Option<&str>) -> ShareLetter {
        ShareLetter {
            from: "julie@example.test".to_owned(),
            from_name: "Julie".to_owned(),
            wish_of: wish_of.map(str::to_owned),
            to: "eve@elsewhere.test".to_owned(),
            news: ShareLetterNews::Invitation,
            calendar: "Garten\r\nBcc: x".to_owned(),
            rights,
            secret: "12ab".to_owned(),
            enclosed: None,
        }
    }

    #[test]
    fn it_says_what_changed_and_that_it_ended() {
        let invitation = letter(CollectionRights::WRITE, None);
        let changed = ShareLetter { news: ShareLetterNews::Changed, ..invitation.clone() };
        let said = text(&changed, &urls());
        let expect = "What you can do with the calendar \"GartenBcc: x\", which Julie shares with \
                      you, has\r\nchanged: you can view and change it. Its addresses stay as they \
                      are.\r\n";
        assert_eq!(said, expect);
        assert_eq!(subject(&changed), "Julie changed what you can do");
        let ended = ShareLetter { news: ShareLetterNews::Ended, ..invitation };
        let said = text(&ended, &urls());
        assert!(
            said.starts_with("The calendar \"GartenBcc: x\" of julie@example.test is no"),
            "{said}"
        );
        assert!(!said.contains("12ab") && !said.contains("http"), "{said}");
    }

    #[test]
    fn it_says_where_and_what() {
        let said = text(&letter(CollectionRights::READ, None), &urls());
        let first = "Julie shares the calendar \"GartenBcc: x\" with you. You can view it.\r\n";
        assert!(said.starts_with(first), "{said}");
        for line in [
            "    https://mail.example.test/c/12ab/",
            "    https://mail.example.test/c/12ab/calendar.ics",
        ] {
            assert!(said.lines().any(|found| found == line), "{said}");
        }
        assert!(!said.contains("enclosed"));
        let said = text(&letter(CollectionRights::SHARE, Some("dan@elsewhere.test")), &urls());
        let first = "dan@elsewhere.test shares the calendar \"GartenBcc: x\" of \
                     julie@example.test with you. You can view and change it, and share it with \
                     others.\r\n";
        assert!(said.starts_with(first), "{said}");
    }
}
