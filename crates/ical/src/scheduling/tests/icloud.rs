//! Invitations as Apple sends them.

use super::*;

/// A meeting of somebody at iCloud, with the token of one message and lines of its own.
fn of_apple(token: &str, email: &str, lines: &str) -> String {
    let organizer = format!("ORGANIZER;CN=Dee;EMAIL={email}:mailto:2_{token}@imip.me.com\n");
    master(lines).replace("ORGANIZER:mailto:ann@example.org\n", &organizer)
}

fn taken(existing: &CalendarObject, method: &str, parts: &str) -> Result<CalendarObject, Ignored> {
    let message = message(method, parts);
    let made = acting("bob", |scene| receive(Some(existing), &message, scene))?;
    Ok(CalendarObject::of(made).unwrap())
}

/// Each message has a token of its own, and answers go to the last.
#[test]
fn an_organizer_is_known_by_what_does_not_change() {
    let (first, email) = (of_apple("GAYDA", "dee@icloud.com", ""), "Dee@iCloud.com");
    let exception = moved("").replace(
        "SUMMARY:Later\n",
        "SUMMARY:Later\nORGANIZER;EMAIL=dee@icloud.com:mailto:2_GAYDA@imip.me.com\n\
         ATTENDEE;PARTSTAT=ACCEPTED:mailto:bob@example.org\n",
    );
    let copy = object(&(first + &exception));
    let news = of_apple("GEZDG", email, "LOCATION:Here\n");
    let copy = taken(&copy, "REQUEST", &news).unwrap();
    let organizers = lines(copy.calendar(), &["ORGANIZER", "LOCATION"]);
    assert_eq!(
        organizers,
        [
            "ORGANIZER;CN=Dee;EMAIL=Dee@iCloud.com:mailto:2_GEZDG@imip.me.com",
            "LOCATION:Here",
            // What the message does not speak of.
            "ORGANIZER;EMAIL=dee@icloud.com:mailto:2_GEZDG@imip.me.com",
        ]
    );
    let put = copy.calendar().clone();
    let text = String::from_utf8(put.render()).unwrap().replace("\r\n ", "");
    let text = text.replace("PARTSTAT=ACCEPTED;CN=Bob", "PARTSTAT=TENTATIVE;CN=Bob");
    let new = CalendarObject::parse(text.as_bytes(), &Limits::default()).unwrap();
    let change = acting("bob", |scene| attendee_change(Some(&copy), Some(&new), scene)).unwrap();
    assert_eq!(change.reply.unwrap().to, "mailto:2_GEZDG@imip.me.com");
    let over = of_apple("MFRGG", email, "STATUS:CANCELLED\n").replace("SEQUENCE:2", "SEQUENCE:3");
    let over = taken(&copy, "CANCEL", &over).unwrap();
    assert_eq!(over.organizer(), Ok(Some("mailto:2_mfrgg@imip.me.com".to_owned())));
}

#[test]
fn nobody_else_is_known_by_that() {
    let copy = object(&of_apple("GAYDA", "dee@icloud.com", ""));
    for (from, to) in [
        ("dee@icloud.com", "eve@icloud.com"),
        (";EMAIL=dee@icloud.com", ""),
        ("imip.me.com", "imip.me.com.example.org"),
        ("mailto:2_GEZDG@imip.me.com", "mailto:dee@icloud.com"),
    ] {
        let news = of_apple("GEZDG", "dee@icloud.com", "LOCATION:Here\n").replace(from, to);
        assert_eq!(taken(&copy, "REQUEST", &news).map(drop), Err(Ignored::OtherOrganizer), "{to}");
    }
}

#[test]
fn apple_speaks_for_its_own() {
    let organizer = |value: &str| crate::Line::new("ORGANIZER", value);
    for (value, author, may) in [
        ("mailto:2_GAYDA@imip.me.com", "mailto:noreply@email.apple.com", true),
        ("MAILTO:2_GAYDA@IMIP.me.com", "mailto:noreply@email.apple.com", true),
        ("mailto:2_GAYDA@imip.me.com", "mailto:noreply@apple.com", false),
        ("mailto:2_GAYDA@imip.me.com", "mailto:noreply@x.email.apple.com", false),
        ("mailto:dee@icloud.com", "mailto:noreply@email.apple.com", false),
        ("mailto:@imip.me.com", "mailto:noreply@email.apple.com", false),
        ("https://imip.me.com", "mailto:noreply@email.apple.com", false),
    ] {
        assert_eq!(is_of_icloud(&organizer(value), author), may, "{value} {author}");
    }
}
