//! RFC 9671: scripts that have a say in what mail does to calendars.

use storage::{Arrival, CalendarWishes, Home, Placement, Sorter, Verdict};

use crate::support::{Scene, on_both_engines, wait};

/// A mail by Dan, who is elsewhere.
fn mail(method: &str, sequence: u32, lines: &str) -> String {
    let method_line =
        if method.is_empty() { String::new() } else { format!("METHOD:{method}\r\n") };
    format!(
        "From: Dan <dan@elsewhere.test>\r\nTo: julie@example.test\r\nSubject: x\r\n\
         MIME-Version: 1.0\r\nContent-Type: text/calendar; charset=utf-8\r\n\r\n\
         BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//EN\r\n{method_line}BEGIN:VEVENT\r\n\
         UID:meeting\r\nDTSTAMP:20260101T00000{sequence}Z\r\nSEQUENCE:{sequence}\r\n\
         DTSTART:20260110T100000Z\r\nDTEND:20260110T110000Z\r\nSUMMARY:x\r\n\
         ORGANIZER:mailto:dan@elsewhere.test\r\n{lines}END:VEVENT\r\nEND:VCALENDAR\r\n"
    )
}

const JULIE: &str = "ATTENDEE;PARTSTAT=NEEDS-ACTION:mailto:julie@example.test\r\n";
const OTHER: &str = "ATTENDEE;PARTSTAT=NEEDS-ACTION:mailto:jj@home.test\r\n";

/// A message arrives, and is applied as reception does. The flags it was filed with, which say
/// what the script heard.
fn arrive(scene: &Scene, message: &str) -> String {
    arrive_at(scene, "julie@example.test", message)
}

fn arrive_at(scene: &Scene, to: &str, message: &str) -> String {
    let found = scene.recipient("julie@example.test");
    let arrival = Arrival {
        account: found.account,
        rules: found.rules.unwrap_or_default(),
        message: message.as_bytes(),
        reverse_path: "dan@elsewhere.test",
        forward_path: to,
        placement: Placement::Inbox,
        author: scene.author,
        verified: true,
        is_believed: true,
        parameters: scene.parameters,
    };
    let Verdict::Do(plan) = wait(scene.deliverer.sort(arrival)).unwrap() else { panic!() };
    let wishes: Option<Vec<CalendarWishes>> = plan.calendar.clone();
    let flags = plan.filings.first().map(|filing| filing.flags.to_string());
    if let Some(author) = scene.author {
        let accounts = vec![(scene.julie, wishes)];
        wait_here(scene.store.take_calendar_mail(accounts, message.into(), author.to_owned()));
    }
    flags.unwrap_or_default()
}

fn wait_here<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().build().unwrap().block_on(future)
}

/// Calendar, what is in it, and its status.
fn calendars(scene: &Scene) -> Vec<String> {
    let julie = scene.julie;
    scene
        .store
        .read_blocking(move |tx| {
            let mut shown = Vec::new();
            for one in tx.list_collections(julie, Home::Calendars)? {
                if one.name == "inbox" || one.name == "outbox" {
                    continue;
                }
                for object in tx.list_objects(one.id)? {
                    let bytes = tx.load_object(object.id)?;
                    let text = String::from_utf8_lossy(&bytes).into_owned();
                    let ended = if text.contains("STATUS:CANCELLED") { " cancelled" } else { "" };
                    let sequence = text.split("SEQUENCE:").nth(1).and_then(|rest| rest.get(..1));
                    shown.push(format!("{} {}{ended}", one.name, sequence.unwrap_or("-")));
                }
            }
            Ok(shown)
        })
        .unwrap()
}

#[test]
fn what_a_script_wants_of_invitations_is_done() {
    on_both_engines(|scene| {
        scene.author = Some("elsewhere.test");
        let say = |tags: &str| {
            format!(
                "require [\"processcalendar\", \"variables\", \"imap4flags\", \"extlists\"]; \
                 processcalendar {tags} :outcome \"o\"; addflag \"${{o}}\";"
            )
        };
        let request = |sequence: u32| mail("REQUEST", sequence, JULIE);
        let none: [&str; 0] = [];
        for (tags, message, heard, stands) in [
            (":updatesonly", request(0), "no_action", &none[..]),
            (":calendarid \"absent\"", request(0), "error", &none),
            ("", mail("REQUEST", 0, OTHER), "no_action", &none),
            ("", mail("PUBLISH", 0, ""), "no_action", &none),
            ("", mail("CANCEL", 0, JULIE), "no_action", &none),
            ("", "From: dan@elsewhere.test\r\n\r\n".to_owned(), "no_action", &none),
            (":organizers \":addrbook:default\"", request(0), "no_action", &none),
            (":addresses \"jj@home.test\"", mail("REQUEST", 0, OTHER), "added", &["personal 0"]),
            (":updatesonly", request(2), "updated", &["personal 2"]),
            ("", request(1), "no_action", &["personal 2"]),
            ("", mail("CANCEL", 3, JULIE), "updated", &["personal 3 cancelled"]),
            ("", request(4), "updated", &["personal 4"]),
            (":deletecancelled", mail("CANCEL", 5, JULIE), "updated", &none),
            (":allowpublic", mail("PUBLISH", 5, ""), "added", &["personal 5"]),
            (":allowpublic", mail("", 4, ""), "no_action", &["personal 5"]),
            (":allowpublic", mail("", 6, ""), "updated", &["personal 6"]),
            // Whoever learned a UID changes nothing by it.
            (
                ":allowpublic",
                mail("", 7, "").replace("ORGANIZER:mailto:dan@elsewhere.test\r\n", ""),
                "no_action",
                &["personal 6"],
            ),
        ] {
            scene.script(&say(tags));
            assert_eq!(arrive(scene, &message), format!("({heard})"), "{tags} {message}");
            assert_eq!(calendars(scene), stands, "{tags} {message}");
        }
        // Nobody vouches for who wrote it.
        scene.author = None;
        assert_eq!(arrive(scene, &mail("", 7, "")), "(no_action)");
        // A script that says nothing of calendars leaves them to the server.
        scene.author = Some("elsewhere.test");
        scene.script("keep;");
        arrive(scene, &request(8));
        assert_eq!(calendars(scene), ["personal 8"]);
        // One that could say something does not: nothing is done.
        scene.script("require \"processcalendar\"; keep;");
        arrive(scene, &request(9));
        assert_eq!(calendars(scene), ["personal 8"]);
    });
}

/// RFC 9671 §4, RFC 9671 §4.1, RFC 9671 §4.6
#[test]
fn what_is_not_clear_is_not_done() {
    on_both_engines(|scene| {
        scene.author = Some("elsewhere.test");
        let script = |tags: &str| {
            scene.script(&format!(
                "require [\"processcalendar\", \"variables\", \"imap4flags\", \"extlists\"]; \
                 processcalendar {tags} :outcome \"o\" :reason \"r\"; addflag \"${{o}}\"; \
                 if string \"${{r}}\" \"\" {{ addflag \"without_reason\"; }}"
            ));
        };
        let request = mail("REQUEST", 0, JULIE);
        let (head, calendar) = request.split_once("\r\n\r\n").unwrap();
        let head = head.split("MIME-Version").next().unwrap();
        let two = |second: &str| {
            format!(
                "{head}MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\
                 Content-Type: text/calendar; method=REQUEST\r\n\r\n{calendar}--b\r\n\
                 Content-Type: application/ics; name=x.ics\r\n\r\n{second}--b--\r\n"
            )
        };
        let other = calendar.replace("T100000Z", "T120000Z");
        let again = calendar.replace("PRODID:-//x//EN", "PRODID:y").replace("mailto:", "MAILTO:");
        script("");
        for (message, heard) in [
            (two(&other), "(error)"),
            (two("no calendar\r\n"), "(error)"),
            (format!("{head}Content-Type: text/calendar\r\n\r\nno calendar\r\n"), "(error)"),
            (request.replace("UID:meeting\r\n", ""), "(error)"),
            (request.replace("METHOD:REQUEST", "METHOD:REFRESH"), "(no_action)"),
        ] {
            assert_eq!(arrive(scene, &message), heard, "{message}");
            assert!(calendars(scene).is_empty(), "{message}");
        }
        assert_eq!(arrive(scene, &two(&again)), "(added without_reason)");
        // It is for the address that it came to, whatever detail that has.
        let detailed = mail("REQUEST", 1, JULIE).replace("mailto:julie@", "mailto:julie+cal@");
        assert_eq!(arrive(scene, &detailed), "(no_action)");
        assert_eq!(
            arrive_at(scene, "julie+cal@example.test", &detailed),
            "(updated without_reason)"
        );
        // Who chooses organizers takes scheduling messages alone.
        let lists = ["urn:x:organizers"].map(|name| storage::ValueListName::parse(name).unwrap());
        let values = vec!["dan@elsewhere.test".to_owned()];
        scene.account(move |tx| tx.put_value_list(&lists[0], &values));
        script(":allowpublic :organizers \"urn:x:organizers\"");
        let public = |method: &str| mail(method, 0, "").replace("UID:meeting", "UID:public");
        assert_eq!(arrive(scene, &public("")), "(no_action)");
        assert_eq!(arrive(scene, &public("PUBLISH")), "(added without_reason)");
        assert_eq!(arrive(scene, &mail("REQUEST", 2, JULIE)), "(updated without_reason)");
    });
}

/// RFC 9671 §4: nobody is woken by an alarm that somebody else set.
#[test]
fn alarms_of_others_are_left_out() {
    on_both_engines(|scene| {
        scene.author = Some("elsewhere.test");
        scene.script("require \"processcalendar\"; processcalendar :allowpublic;");
        let alarm =
            "BEGIN:VALARM\r\nACTION:DISPLAY\r\nDESCRIPTION:x\r\nTRIGGER:-PT5M\r\nEND:VALARM\r\n";
        arrive(scene, &mail("PUBLISH", 0, alarm));
        let julie = scene.julie;
        let texts = scene.store.read_blocking(move |tx| {
            let mut texts = Vec::new();
            for one in tx.list_collections(julie, Home::Calendars)? {
                for object in tx.list_objects(one.id)? {
                    texts.push(String::from_utf8_lossy(&tx.load_object(object.id)?).into_owned());
                }
            }
            Ok(texts)
        });
        let texts = texts.unwrap();
        assert!(texts.len() == 1 && !texts[0].contains("VALARM"), "{texts:?}");
    });
}
