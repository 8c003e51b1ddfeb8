//! Inline attachments that are too large, in what arrives (R-CAL-5).

use ids::AccountId;

use super::fixture::*;
use super::mail::{mail, of_dan, take};
use crate::collection::Home;
use crate::scheduling::{CalendarFate, CalendarMail, CalendarWishes};
use crate::testing::{TestStore, on_both_engines, on_both_engines_with};

/// ATTACH of so many bytes.
fn attached(bytes: usize) -> String {
    format!("ATTACH;VALUE=BINARY;ENCODING=BASE64:{}\r\n", "A".repeat(bytes / 3 * 4))
}

/// The lines with attachments of the messages in an inbox, unfolded, in the order in which they
/// came.
fn attached_in_inbox(store: &TestStore, account: AccountId) -> Vec<Vec<String>> {
    store
        .read(move |tx| {
            let inbox = tx.find_collection(account, Home::Calendars, "inbox")?.expect("there");
            let mut objects = tx.list_objects(inbox.id)?;
            objects.sort_by_key(|object| object.id);
            let mut found = Vec::new();
            for object in objects {
                let text = String::from_utf8(tx.load_object(object.id)?).unwrap();
                let text = text.replace("\r\n ", "");
                let lines = text.lines().filter(|line| line.starts_with("ATTACH"));
                found.push(lines.map(str::to_owned).collect());
            }
            Ok(found)
        })
        .unwrap()
}

/// More than 64 KiB.
const LARGE: usize = 64 * 1024 + 2;

#[test]
fn a_mailed_meeting_is_written_without_what_is_too_large() {
    on_both_engines(|store| {
        let ann = store.account("ann");
        personal(store, ann);
        let small = attached(60);
        let with = |lines: &str| {
            let lines = format!("{lines}{}{small}", attached(LARGE));
            mail("dan@elsewhere.test", "REQUEST", &of_dan(&lines))
        };
        let shown = |time: &str| [format!("DTSTART:20260105T{time}0000Z"), small.trim().to_owned()];
        assert!(take(store, ann, &with(AT_NINE), "elsewhere.test"));
        assert_eq!(lines(store, ann, &["DTSTART", "ATTACH"]), shown("09"));
        let later = AT_NINE.replace("T09", "T11") + "SEQUENCE:1\r\n";
        assert!(take(store, ann, &with(&later), "elsewhere.test"));
        assert_eq!(lines(store, ann, &["DTSTART", "ATTACH"]), shown("11"));
        assert_eq!(inbox(store, ann), ["REQUEST", "REQUEST"]);
        assert_eq!(attached_in_inbox(store, ann), [[small.trim()], [small.trim()]]);
    });
}

#[test]
fn what_is_made_public_is_written_without_what_is_too_large() {
    on_both_engines(|store| {
        let ann = store.account("ann");
        personal(store, ann);
        let public = part(
            "ORGANIZER:mailto:dan@elsewhere.test\r\n",
            &format!("{AT_NINE}{}", attached(LARGE)),
        );
        let public = mail("dan@elsewhere.test", "PUBLISH", &public);
        let limits = ical::Limits::default();
        let public = CalendarMail::of(&public, "elsewhere.test", &limits).unwrap().unwrap();
        let wishes = CalendarWishes { allow_public: true, ..CalendarWishes::default() };
        let fate = store.write(move |tx| tx.take_calendar_mail_as(ann, &public, &wishes));
        assert_eq!(fate.unwrap(), CalendarFate::Added);
        assert_eq!(lines(store, ann, &["SUMMARY", "ATTACH"]), ["SUMMARY:Talk"]);
    });
}

#[test]
fn what_is_too_large_in_an_answer_comes_into_no_inbox() {
    on_both_engines(|store| {
        let ann = store.account("ann");
        put(store, ann, &meeting(&["dan@elsewhere.test"], AT_NINE));
        let dan = "ATTENDEE;PARTSTAT=ACCEPTED:mailto:dan@elsewhere.test\r\n";
        let reply = part(dan, &format!("{AT_NINE}{}", attached(LARGE)));
        assert!(take(store, ann, &mail("dan@elsewhere.test", "REPLY", &reply), "elsewhere.test"));
        assert!(answer(store, ann, "dan")[0].contains("PARTSTAT=ACCEPTED"));
        assert_eq!(inbox(store, ann), ["REPLY"]);
        assert_eq!(attached_in_inbox(store, ann), [[""; 0]]);
    });
}

/// It was put when the limit was higher.
#[test]
fn what_stands_there_stays_whatever_the_limit_has_become() {
    let change = |settings: &mut crate::Settings| {
        settings.scheduling.objects.attachment_bytes_max = 1;
    };
    on_both_engines_with(change, |store| {
        let [ann, bob] = ["ann", "bob"].map(|name| store.account(name));
        let attached = attached(60);
        put(store, ann, &meeting(&["bob"], AT_NINE));
        put_quietly(store, ann, "m.ics", &meeting(&["bob"], &format!("{AT_NINE}{attached}")));
        put(store, bob, &meeting(&["bob ACCEPTED"], AT_NINE));
        assert!(answer(store, ann, "bob")[0].contains("PARTSTAT=ACCEPTED"));
        assert_eq!(lines(store, ann, &["ATTACH"]), [attached.trim()]);
    });
}
