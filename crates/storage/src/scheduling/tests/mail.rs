//! People elsewhere, by mail (RFC 6047).

use std::sync::{Arc, Mutex};

use ical::Instances;
use ids::{AccountId, SpoolId, Timestamp};

use super::fixture::*;
use crate::collection::ObjectName;
use crate::object::Condition;
use crate::scheduling::{CalendarLetter, CalendarMail, Letters, MailedInvitations};
use crate::testing::{TestStore, on_both_engines, on_both_engines_with};
use crate::{
    Answering, AttachmentAction, AttachmentData, AttachmentOutcome, NewAttachment, Placement,
    Settings, ShareLetter,
};

/// Keeps what is written.
#[derive(Default)]
pub(super) struct Pile(Mutex<Vec<CalendarLetter>>);

impl Letters for Pile {
    fn attachment_url(&self, token: &str) -> Option<String> {
        Some(format!("https://cal.example.test/{token}"))
    }

    fn compose(&self, letter: &CalendarLetter, _: Timestamp) -> Vec<u8> {
        self.0.lock().unwrap().push(letter.clone());
        let (from, to) = (&letter.from, &letter.to);
        format!("From: {from}\r\nTo: {to}\r\n\r\n{}\r\n", letter.method).into_bytes()
    }

    fn compose_share(&self, _: &ShareLetter, _: Timestamp) -> Vec<u8> {
        Vec::new()
    }
}

impl Pile {
    /// What was written since the last time: to whom, what, by whom.
    pub(super) fn taken(&self) -> Vec<String> {
        let letters = std::mem::take(&mut *self.0.lock().unwrap());
        let said = |letter: CalendarLetter| {
            let answer = letter.answer.unwrap_or_default();
            format!("{} {}{answer} of {}", letter.to, letter.method, letter.from)
        };
        letters.into_iter().map(said).collect()
    }
}

fn spooled(store: &TestStore) -> Vec<(String, String, String)> {
    store
        .read(|tx| {
            tx.sql.query_all(
                "SELECT s.reverse_path, r.forward_path, s.envelope FROM spool s \
                 JOIN spool_recipient r ON r.spool_id = s.id ORDER BY s.id",
                &[],
                |row| {
                    let text = |at| row.text(at).map(str::to_owned);
                    Ok((text(0)?, text(1)?, text(2)?))
                },
            )
        })
        .unwrap()
}

#[test]
fn who_is_elsewhere_is_sent_mail() {
    let pile = Arc::new(Pile::default());
    let change = |settings: &mut Settings| {
        settings.letters = Some(pile.clone());
        settings.sent_messages_max = 5;
    };
    on_both_engines_with(change, |store| {
        let ann = store.account("ann");
        store.account("bob");
        let people = ["bob", "dan@elsewhere.test", "eve@elsewhere.test"];
        put(store, ann, &meeting(&people, AT_NINE));
        assert_eq!(
            pile.taken(),
            [
                "dan@elsewhere.test REQUEST of ann@example.test",
                "eve@elsewhere.test REQUEST of ann@example.test"
            ]
        );
        let sent = spooled(store);
        let signed = r#"{"body":"7BIT","calendar":"6d","envid":null,"ret":null,"sign":true,"smtputf8":false}"#.to_owned();
        let (from, to) = ("ann@example.test".to_owned(), "dan@elsewhere.test".to_owned());
        assert_eq!(sent[0], (from, to, signed));
        assert!(answer(store, ann, "dan")[0].contains("SCHEDULE-STATUS=1.1"));
        assert!(answer(store, ann, "bob")[0].contains("SCHEDULE-STATUS=1.2"));
        put(store, ann, &meeting(&["bob", "dan@elsewhere.test"], AT_NINE));
        // Dan hears who comes.
        assert_eq!(
            pile.taken(),
            [
                "dan@elsewhere.test REQUEST of ann@example.test",
                "eve@elsewhere.test CANCEL of ann@example.test"
            ]
        );
        delete(store, ann, Answering::Reply);
        assert_eq!(pile.taken(), ["dan@elsewhere.test CANCEL of ann@example.test"]);
        // R-ADDR-11: such mail counts like other mail.
        put(store, ann, &meeting(&["bob", "dan@elsewhere.test"], AT_NINE));
        assert_eq!(pile.taken(), [""; 0]);
        assert!(answer(store, ann, "dan")[0].contains("SCHEDULE-STATUS=5.1"));
        assert_eq!(spooled(store).len(), 5);
    });
}

#[test]
fn who_is_elsewhere_gets_a_link_that_needs_no_sign_in() {
    let pile = Arc::new(Pile::default());
    let change = |settings: &mut Settings| settings.letters = Some(pile.clone());
    on_both_engines_with(change, |store| {
        let ann = store.account("ann");
        put(store, ann, &meeting(&["dan@elsewhere.test"], AT_NINE));
        pile.taken();
        let (id, token) = ("a".repeat(32), "b".repeat(32));
        let new = NewAttachment {
            managed_id: id.clone(),
            token: token.clone(),
            uri: format!("https://cal.example.test/dav/{id}"),
            media_type: "text/plain".to_owned(),
            filename: "plan.txt".to_owned(),
            data: AttachmentData::new(b"plan".to_vec()),
        };
        let (calendar, bodies) = (personal(store, ann), new.data.bodies());
        let added = store.inner().write_with_blocking("test", bodies, move |tx| {
            tx.lock_meeting(ann, calendar.id, "m.ics", None)?;
            let (name, action) =
                (ObjectName::parse("m.ics")?, AttachmentAction::Add(new, Instances::All));
            tx.account(ann)?.change_attachments(&calendar, &name, &action, &Condition::default())
        });
        assert!(matches!(added.unwrap().value, AttachmentOutcome::Done(_)));
        let letters = std::mem::take(&mut *pile.0.lock().unwrap());
        let text = String::from_utf8(letters[0].calendar.clone()).unwrap().replace("\r\n ", "");
        let line = format!(
            "ATTACH;FMTTYPE=text/plain;SIZE=4;FILENAME=plan.txt:https://cal.example.test/{token}\r\n"
        );
        assert!(text.contains(&line), "{text}");
        assert!(!text.contains(&id), "{text}");
    });
}

#[test]
fn ids_of_other_servers_mean_nothing_here() {
    on_both_engines(|store| {
        let ann = store.account("ann");
        let line = "ATTACH;MANAGED-ID=97S;SIZE=4:https://elsewhere.test/97S\r\n";
        let text = meeting(&["ann"], &format!("{AT_NINE}{line}"))
            .replace("ORGANIZER:mailto:ann@example.test", "ORGANIZER:mailto:dan@elsewhere.test");
        let invitation = mail("dan@elsewhere.test", "REQUEST", &text);
        assert!(take(store, ann, &invitation, "elsewhere.test"));
        let kept = lines(store, ann, &["ATTACH"]);
        assert_eq!(kept, ["ATTACH;SIZE=4:https://elsewhere.test/97S"]);
    });
}

#[test]
fn an_invitation_that_comes_back_is_told_in_the_calendar() {
    let change = |settings: &mut Settings| settings.letters = Some(Arc::new(Pile::default()));
    on_both_engines_with(change, |store| {
        let ann = store.account("ann");
        put(store, ann, &meeting(&["dan@elsewhere.test", "eve@elsewhere.test"], AT_NINE));
        let before = tag(store, ann);
        let letter = newest_letter(store);
        let bounce = |uid: &'static str| {
            come_back(store, ann, uid, letter);
            (answer(store, ann, "dan"), answer(store, ann, "eve"))
        };
        let told = |who: &str, status: &str| {
            format!(
                "ATTENDEE;PARTSTAT=NEEDS-ACTION;SCHEDULE-STATUS={status}:mailto:{who}@elsewhere.test"
            )
        };
        let sent = (vec![told("dan", "1.1")], vec![told("eve", "1.1")]);
        assert_eq!(bounce("another"), sent);
        let back = (vec![told("dan", "5.1")], vec![told("eve", "1.1")]);
        assert_eq!(bounce("m"), back);
        assert_eq!(tag(store, ann), before);
        // Who answered has it, whatever comes back.
        let reply = part(
            "ATTENDEE;PARTSTAT=ACCEPTED:mailto:dan@elsewhere.test\r\n",
            "DTSTART:20260105T090000Z\r\n",
        );
        let reply = mail("dan@elsewhere.test", "REPLY", &reply);
        assert!(take(store, ann, &reply, "elsewhere.test"));
        let answered = answer(store, ann, "dan");
        assert!(answered[0].contains("SCHEDULE-STATUS=2.0"));
        assert_eq!(bounce("m").0, answered);
    });
}

/// The newest letter that was sent.
fn newest_letter(store: &TestStore) -> SpoolId {
    let newest = store.read(|tx| {
        tx.sql.query_one("SELECT MAX(id) FROM spool", &[], |row| Ok(SpoolId::new(row.int(0)?)))
    });
    newest.unwrap().unwrap()
}

/// A letter about a meeting of Ann's does not reach Dan.
fn come_back(store: &TestStore, ann: AccountId, uid: &'static str, letter: SpoolId) {
    let to = "Dan@elsewhere.test";
    store.write(move |tx| tx.note_bounced_letter(ann, (uid, to), letter)).unwrap();
}

#[test]
fn what_comes_back_late_says_nothing_of_what_was_sent_since() {
    let change = |settings: &mut Settings| settings.letters = Some(Arc::new(Pile::default()));
    on_both_engines_with(change, |store| {
        let ann = store.account("ann");
        let status = |code: &str| answer(store, ann, "dan")[0].contains(&format!("STATUS={code}"));
        put(store, ann, &meeting(&["dan@elsewhere.test"], AT_NINE));
        let first = newest_letter(store);
        // The same time, so that SEQUENCE stays; then another time.
        for lines in [format!("{AT_NINE}LOCATION:Hall\r\n"), AT_NINE.replace("T09", "T11")] {
            put(store, ann, &meeting(&["dan@elsewhere.test"], &lines));
            assert!(newest_letter(store) > first);
            come_back(store, ann, "m", first);
            assert!(status("1.1"), "{:?}", answer(store, ann, "dan"));
        }
        come_back(store, ann, "m", newest_letter(store));
        assert!(status("5.1"), "{:?}", answer(store, ann, "dan"));
    });
}

/// Ann changes her meeting while letters about it come back: both wait for the same account.
#[test]
fn what_comes_back_while_a_meeting_is_changed_loses_no_change() {
    let change = |settings: &mut Settings| settings.letters = Some(Arc::new(Pile::default()));
    on_both_engines_with(change, |store| {
        let ann = store.account("ann");
        put(store, ann, &meeting(&["dan@elsewhere.test", "eve@elsewhere.test"], AT_NINE));
        let other = TestStore::new(store.inner().clone());
        std::thread::scope(|scope| {
            let bounces = scope.spawn(move || {
                for _ in 0..20 {
                    come_back(&other, ann, "m", newest_letter(&other));
                }
            });
            for round in 0..20 {
                let lines = format!("{AT_NINE}LOCATION:Room {round}\r\n");
                let text = meeting(&["dan@elsewhere.test", "eve@elsewhere.test"], &lines);
                put(store, ann, &text);
                let stored = stored(store, ann, "personal/m.ics");
                assert!(stored.contains(&format!("LOCATION:Room {round}\r\n")), "{stored}");
            }
            bounces.join().unwrap();
        });
        come_back(store, ann, "m", newest_letter(store));
        assert!(answer(store, ann, "dan")[0].contains("SCHEDULE-STATUS=5.1"));
        assert!(answer(store, ann, "eve")[0].contains("SCHEDULE-STATUS=1.1"));
    });
}

/// A mail by somebody with a calendar message.
pub(super) fn mail(from: &str, method: &str, parts: &str) -> Vec<u8> {
    let calendar = String::from_utf8(calendar_of(parts)).unwrap();
    let calendar = calendar.replace("PRODID", &format!("METHOD:{method}\r\nPRODID"));
    format!(
        "From: Somebody <{from}>\r\nTo: x@example.test\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n\
         Content-Type: text/plain\r\n\r\nx\r\n--b\r\n\
         Content-Type: text/calendar; charset=utf-8; method={method}\r\n\r\n{calendar}\r\n--b--\r\n"
    )
    .into_bytes()
}

pub(super) fn take(store: &TestStore, account: AccountId, mail: &[u8], domain: &str) -> bool {
    let Ok(Some(mail)) = CalendarMail::of(mail, domain, &ical::Limits::default()) else {
        return false;
    };
    store.write(move |tx| tx.take_calendar_mail(account, &mail)).unwrap()
}

/// A meeting of Dan, who is elsewhere, with Ann.
pub(super) fn of_dan(lines: &str) -> String {
    meeting(&["bob"], lines)
        .replace("ORGANIZER:mailto:ann@example.test", "ORGANIZER:mailto:dan@elsewhere.test")
}

#[test]
fn invitations_by_mail_come_into_the_calendar() {
    on_both_engines(|store| {
        let ann = store.account("ann");
        personal(store, ann);
        let invitation = mail("dan@elsewhere.test", "REQUEST", &of_dan(WEEKLY));
        assert!(CalendarMail::is_likely(&invitation, Placement::Inbox));
        assert!(!CalendarMail::is_likely(&invitation, Placement::Junk));
        // RFC 6047 §3: who is not who they say, or speaks for another, changes nothing.
        assert!(!take(store, ann, &invitation, "other.test"));
        let forged = mail("eve@elsewhere.test", "REQUEST", &of_dan(WEEKLY));
        assert!(!take(store, ann, &forged, "elsewhere.test"));
        assert_eq!(stored(store, ann, "personal/m.ics"), "");
        assert!(take(store, ann, &invitation, "elsewhere.test"));
        assert_eq!(lines(store, ann, &["SUMMARY", "METHOD"]), ["SUMMARY:Talk"]);
        // One exception leaves the others.
        let moved = of_dan(
            "RECURRENCE-ID:20260112T090000Z\r\nDTSTART:20260112T150000Z\r\nDURATION:PT1H\r\n\
             SUMMARY:Moved\r\nSEQUENCE:1\r\n",
        );
        assert!(take(store, ann, &mail("dan@elsewhere.test", "REQUEST", &moved), "elsewhere.test"));
        assert_eq!(
            lines(store, ann, &["RRULE", "RECURRENCE-ID"]),
            ["RRULE:FREQ=WEEKLY", "RECURRENCE-ID:20260112T090000Z"]
        );
        assert_eq!(inbox(store, ann), ["REQUEST", "REQUEST"]);
        let over = mail("dan@elsewhere.test", "CANCEL", &of_dan(WEEKLY));
        assert!(take(store, ann, &over, "elsewhere.test"));
        assert!(lines(store, ann, &["STATUS"]).contains(&"STATUS:CANCELLED".to_owned()));
    });
}

/// A meeting of Bob and whoever `organizer` is, sent by somebody for them.
fn sent_by(who: &str, organizer: &str, method: &str) -> Vec<u8> {
    let meeting = meeting(&["bob"], WEEKLY).replace(
        "ORGANIZER:mailto:ann@example.test",
        &format!("ORGANIZER;SENT-BY=\"mailto:{who}\":mailto:{organizer}"),
    );
    mail(who, method, &meeting)
}

#[test]
fn who_writes_for_an_organizer_is_of_their_domain() {
    on_both_engines(|store| {
        let bob = store.account("bob");
        personal(store, bob);
        let stranger = sent_by("eve@other.test", "dan@elsewhere.test", "REQUEST");
        assert!(!take(store, bob, &stranger, "other.test"));
        let secretary = sent_by("pat@elsewhere.test", "dan@elsewhere.test", "REQUEST");
        assert!(take(store, bob, &secretary, "elsewhere.test"));
    });
}

/// QUIRK(iCloud)
#[test]
fn apple_writes_for_an_organizer_at_icloud() {
    let pile = Arc::new(Pile::default());
    let change = |settings: &mut Settings| settings.letters = Some(pile.clone());
    on_both_engines_with(change, |store| {
        let bob = store.account("bob");
        personal(store, bob);
        let invitation = |token: &str, email: &str, lines: &str| {
            let organizer = format!("ORGANIZER;CN=Dee;EMAIL={email}:mailto:2_{token}@imip.me.com");
            meeting(&["bob"], lines).replace("ORGANIZER:mailto:ann@example.test", &organizer)
        };
        let of_apple = |token: &str, email: &str, lines: &str| {
            mail("noreply@email.apple.com", "REQUEST", &invitation(token, email, lines))
        };
        let first = of_apple("GAYDAMBQ", "dee@icloud.com", AT_NINE);
        // Whom nobody vouches for, and who is of another domain.
        assert!(!take(store, bob, &first, "apple.com"));
        let other = mail(
            "noreply@apple.com",
            "REQUEST",
            &invitation("GAYDAMBQ", "dee@icloud.com", AT_NINE),
        );
        assert!(!take(store, bob, &other, "apple.com"));
        let real = meeting(&["bob"], AT_NINE)
            .replace("ORGANIZER:mailto:ann@example.test", "ORGANIZER:mailto:dee@icloud.com");
        assert!(!take(
            store,
            bob,
            &mail("noreply@email.apple.com", "REQUEST", &real),
            "email.apple.com"
        ));
        assert!(take(store, bob, &first, "email.apple.com"));
        // The next has another token; somebody else's has, too.
        let later = AT_NINE.replace("T09", "T11") + "SEQUENCE:1\r\n";
        let eve = of_apple("MFRGGZDF", "eve@icloud.com", &later);
        assert!(!take(store, bob, &eve, "email.apple.com"));
        let update = of_apple("GEZDGNBV", "dee@icloud.com", &later);
        assert!(take(store, bob, &update, "email.apple.com"));
        assert_eq!(
            lines(store, bob, &["DTSTART", "ORGANIZER"]),
            [
                "DTSTART:20260105T110000Z",
                "ORGANIZER;CN=Dee;EMAIL=dee@icloud.com:mailto:2_GEZDGNBV@imip.me.com"
            ]
        );
        // That is where the answer goes.
        let copy = stored(store, bob, "personal/m.ics");
        let (_, event) = copy.split_once("BEGIN:VEVENT").unwrap();
        let (event, _) = event.split_once("END:VCALENDAR").unwrap();
        let own = "PARTSTAT=NEEDS-ACTION:mailto:bob@";
        let accepted = event.replace(own, "PARTSTAT=ACCEPTED:mailto:bob@");
        let put = try_put(store, bob, "m.ics", &format!("BEGIN:VEVENT{accepted}"), None);
        assert_eq!(put.unwrap().outcome, crate::PutOutcome::Replaced);
        assert_eq!(pile.taken(), ["2_GEZDGNBV@imip.me.com REPLYACCEPTED of bob@example.test"]);
    });
}

#[test]
fn nobody_writes_for_an_organizer_here() {
    on_both_engines(|store| {
        let [ann, bob] = ["ann", "bob"].map(|name| store.account(name));
        put(store, ann, &meeting(&["bob"], WEEKLY));
        let there = stored(store, bob, "personal/m.ics");
        let colleague = sent_by("pat@example.test", "ann@example.test", "CANCEL");
        assert!(!take(store, bob, &colleague, "example.test"));
        assert_eq!(stored(store, bob, "personal/m.ics"), there);
    });
}

#[test]
fn answers_by_mail_reach_the_organizer_and_others_here() {
    on_both_engines(|store| {
        let [ann, bob] = ["ann", "bob"].map(|name| store.account(name));
        put(store, ann, &meeting(&["bob", "dan@elsewhere.test"], AT_NINE));
        // QUIRK(Exchange): without ORGANIZER, and without a time.
        let reply = |answer: &str| {
            part(
                &format!("ATTENDEE;PARTSTAT={answer};CN=Dan:MAILTO:Dan@Elsewhere.test\r\n"),
                "SEQUENCE:0\r\nREQUEST-STATUS:2.0;Success\r\n",
            )
        };
        let forged = mail("eve@elsewhere.test", "REPLY", &reply("DECLINED"));
        assert!(!take(store, ann, &forged, "elsewhere.test"));
        let mailed = mail("dan@elsewhere.test", "REPLY", &reply("ACCEPTED"));
        assert!(take(store, ann, &mailed, "elsewhere.test"));
        assert!(answer(store, ann, "dan")[0].contains("PARTSTAT=ACCEPTED"));
        assert_eq!(inbox(store, ann), ["REPLY"]);
        // Bob sees it.
        assert!(answer(store, bob, "dan")[0].contains("PARTSTAT=ACCEPTED"));
        // Another time is proposed: the time stays.
        let counter =
            reply("TENTATIVE").replace("SEQUENCE", "DTSTART:20260105T160000Z\r\nSEQUENCE");
        assert!(take(
            store,
            ann,
            &mail("dan@elsewhere.test", "COUNTER", &counter),
            "elsewhere.test"
        ));
        assert!(answer(store, ann, "dan")[0].contains("PARTSTAT=TENTATIVE"));
        assert_eq!(lines(store, ann, &["DTSTART"]), ["DTSTART:20260105T090000Z"]);
    });
}

#[test]
fn what_mail_may_change_is_a_setting() {
    for mailed in [MailedInvitations::Nothing, MailedInvitations::Known] {
        let change = |settings: &mut Settings| settings.scheduling.mailed = mailed;
        on_both_engines_with(change, |store| {
            let ann = store.account("ann");
            put(store, ann, &meeting(&["dan@elsewhere.test"], AT_NINE));
            let text = of_dan(AT_NINE).replace("UID:m", "UID:n");
            let new = mail("dan@elsewhere.test", "REQUEST", &text);
            assert!(!take(store, ann, &new, "elsewhere.test"));
            let reply = part(
                "ATTENDEE;PARTSTAT=ACCEPTED:mailto:dan@elsewhere.test\r\n",
                "DTSTART:20260105T090000Z\r\n",
            );
            let reply = mail("dan@elsewhere.test", "REPLY", &reply);
            let is_known_taken = mailed == MailedInvitations::Known;
            assert_eq!(take(store, ann, &reply, "elsewhere.test"), is_known_taken);
        });
    }
}
