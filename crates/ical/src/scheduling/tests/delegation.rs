//! The examples of RFC 5546 §4.2.5 to §4.2.7, and what else comes of delegation.

use super::*;

const UID: &str = "UID:calsrv.example.com-873970198738777@example.com\nSEQUENCE:0\n";
const A: &str = "ATTENDEE;PARTSTAT=ACCEPTED:mailto:a@example.com";
/// As A invited them.
const C_INVITED: &str = "ATTENDEE;RSVP=TRUE:mailto:c@example.com";
const C_DELEGATED: &str = "ATTENDEE;PARTSTAT=DELEGATED;SCHEDULE-STATUS=2.0;\
    DELEGATED-TO=\"mailto:e@example.com\":mailto:c@example.com";
const C_ASKED: &str =
    "ATTENDEE;PARTSTAT=NEEDS-ACTION;SCHEDULE-STATUS=2.0;RSVP=TRUE:mailto:c@example.com";
/// What C answers.
const DELEGATING: &str =
    "ATTENDEE;PARTSTAT=DELEGATED;DELEGATED-TO=\"mailto:e@example.com\":mailto:c@example.com\n";

/// What E answers.
fn answer_of_e(answer: &str) -> String {
    format!(
        "ATTENDEE;PARTSTAT={answer};DELEGATED-FROM=\"mailto:c@example.com\":mailto:e@example.com\n\
         {DELEGATING}"
    )
}

/// Who comes instead of C, in A's copy; `more` are parameters.
fn instead(who: &str, answer: &str, more: &str) -> String {
    format!(
        "ATTENDEE;PARTSTAT={answer};DELEGATED-FROM=\"mailto:c@example.com\"{more}:\
         mailto:{who}@example.com"
    )
}

fn acting_at<T>(who: &str, act: impl FnOnce(&Scene<'_>) -> T) -> T {
    let users = Users::new(&[format!("mailto:{who}@example.com")]);
    let limits = Limits::default();
    let now = "1997-06-14T20:00:00Z".parse().unwrap();
    act(&Scene { users: &users, now, product: "-//Posthorn//EN", limits: &limits })
}

fn people(calendar: &Component) -> Vec<String> {
    lines(calendar, &["ATTENDEE"])
}

fn event(people: &str) -> String {
    format!(
        "BEGIN:VEVENT\nORGANIZER:mailto:a@example.com\n{people}DTSTART:19970701T180000Z\n\
         DTEND:19970701T200000Z\nSUMMARY:Phone Conference\n{UID}DTSTAMP:19970611T190000Z\n\
         END:VEVENT\n"
    )
}

/// The meeting of A and C.
fn meeting() -> CalendarObject {
    object(&event(&format!("{A}\n{C_INVITED}\n")))
}

fn reply(people: &str) -> Message {
    let text = format!(
        "BEGIN:VEVENT\nORGANIZER:mailto:a@example.com\n{people}{UID}REQUEST-STATUS:2.0;Success\n\
         DTSTAMP:19970614T190000Z\nEND:VEVENT\n"
    );
    message("REPLY", &text)
}

/// A's copy after an answer.
fn take(existing: &CalendarObject, from: &str, people: &str) -> Result<CalendarObject, Ignored> {
    let from = Users::new(&[format!("mailto:{from}@example.com")]);
    let stored = acting_at("a", |scene| receive_reply(existing, &reply(people), &from, scene))?;
    Ok(CalendarObject::of(stored).unwrap())
}

/// Who is asked again by an answer, and what A has then.
fn asked(existing: &CalendarObject, from: &str, text: &str) -> (Vec<Outgoing>, Vec<String>) {
    let after = take(existing, from, text).unwrap();
    let from = Users::new(&[format!("mailto:{from}@example.com")]);
    let requests =
        acting_at("a", |scene| requests_anew(existing, &reply(text), &from, &after, scene));
    (requests, people(after.calendar()))
}

#[test]
fn delegates_come_into_the_organizers_copy() {
    let delegated = take(&meeting(), "c", DELEGATING).unwrap();
    let asked_e = instead("e", "NEEDS-ACTION;RSVP=TRUE", "");
    assert_eq!(people(delegated.calendar()), [A, C_DELEGATED, &asked_e]);
    let again = take(&delegated, "c", DELEGATING).unwrap();
    assert_eq!(people(again.calendar()), people(delegated.calendar()));
    let (requests, found) = asked(&delegated, "e", &answer_of_e("ACCEPTED"));
    assert_eq!(found, [A, C_DELEGATED, &instead("e", "ACCEPTED", ";SCHEDULE-STATUS=2.0")]);
    assert!(requests.is_empty());
    // Whoever comes after all has nobody to come instead; who was invited stays so.
    let back = take(&delegated, "c", "ATTENDEE;PARTSTAT=ACCEPTED:mailto:c@example.com\n").unwrap();
    const COMES: &str = "ATTENDEE;PARTSTAT=ACCEPTED;SCHEDULE-STATUS=2.0:mailto:c@example.com";
    assert_eq!(people(back.calendar()), [A, COMES, &asked_e]);
}

#[test]
fn a_delegate_may_answer_before_the_delegator() {
    let accepted = take(&meeting(), "e", &answer_of_e("ACCEPTED")).unwrap();
    let of_e = instead("e", "ACCEPTED", ";SCHEDULE-STATUS=2.0");
    // What C does is C's to say.
    assert_eq!(people(accepted.calendar()), [A, C_INVITED, &of_e]);
    let (requests, found) = asked(&accepted, "c", DELEGATING);
    // RSVP, which C's line had, goes with the answer.
    assert_eq!(found, [A, C_DELEGATED, &of_e]);
    assert!(requests.is_empty());
    // The same of a refusal: C hears of it once it is to E that C delegates.
    let (requests, found) = asked(&meeting(), "e", &answer_of_e("DECLINED"));
    let of_e = instead("e", "DECLINED", ";SCHEDULE-STATUS=2.0");
    assert_eq!(found, [A, C_INVITED, &of_e]);
    assert!(requests.is_empty());
    let declined = take(&meeting(), "e", &answer_of_e("DECLINED")).unwrap();
    let (requests, found) = asked(&declined, "c", DELEGATING);
    assert_eq!(found, [A, C_ASKED, &of_e]);
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].to, "mailto:c@example.com");
}

#[test]
fn nobody_comes_instead_of_who_has_not_room_for_them() {
    let from = |who: &str, of: &str| {
        format!(
            "ATTENDEE;PARTSTAT=ACCEPTED;DELEGATED-FROM=\"mailto:{of}@example.com\":\
             mailto:{who}@example.com\n"
        )
    };
    let refused = |existing: &CalendarObject, who: &str, of: &str| {
        assert_eq!(take(existing, who, &from(who, of)).unwrap_err(), Ignored::NotInvited);
    };
    let start = meeting();
    // Not invited, the organizer, themselves, and nobody at all.
    refused(&start, "e", "x");
    refused(&start, "e", "a");
    refused(&start, "e", "e");
    let bare = "ATTENDEE;PARTSTAT=ACCEPTED:mailto:e@example.com\n";
    assert_eq!(take(&start, "e", bare).unwrap_err(), Ignored::NotInvited);
    // C has said that E comes.
    let delegated = take(&start, "c", DELEGATING).unwrap();
    refused(&delegated, "g", "c");
    // One alone until C has said so, or until that one has declined.
    let early = take(&start, "e", &from("e", "c")).unwrap();
    refused(&early, "g", "c");
    let declined = take(&early, "e", &answer_of_e("DECLINED")).unwrap();
    let other = take(&declined, "g", &from("g", "c")).unwrap();
    assert_eq!(
        people(other.calendar()),
        [
            A,
            C_INVITED,
            &instead("e", "DECLINED", ";SCHEDULE-STATUS=2.0"),
            &instead("g", "ACCEPTED", ";SCHEDULE-STATUS=2.0")
        ]
    );
}

/// RFC 5546 §4.2.7.
#[test]
fn whose_delegate_declines_is_asked_again() {
    let delegated = take(&meeting(), "c", DELEGATING).unwrap();
    let text = answer_of_e("DECLINED");
    let (requests, found) = asked(&delegated, "e", &text);
    let of_e = instead("e", "DECLINED", ";SCHEDULE-STATUS=2.0");
    assert_eq!(found, [A, C_ASKED, &of_e]);
    assert_eq!(requests.len(), 1);
    assert_eq!(
        (requests[0].to.as_str(), requests[0].method),
        ("mailto:c@example.com", Method::Request)
    );
    assert_eq!(
        lines(&requests[0].calendar, &["ATTENDEE", "UID", "SEQUENCE", "DTSTAMP"]),
        [
            A,
            "ATTENDEE;PARTSTAT=NEEDS-ACTION;RSVP=TRUE:mailto:c@example.com",
            &instead("e", "DECLINED", ""),
            "UID:calsrv.example.com-873970198738777@example.com",
            "SEQUENCE:0",
            "DTSTAMP:19970614T200000Z",
        ]
    );
    // The same again is no news.
    let declined = take(&delegated, "e", &text).unwrap();
    assert_eq!(asked(&declined, "e", &text), (Vec::new(), found));
    // Of two who come instead one is enough.
    let both = DELEGATING.replace("=\"mailto:e", "=\"mailto:f@example.com\",\"mailto:e");
    let both = take(&meeting(), "c", &both).unwrap();
    assert!(asked(&both, "e", &text).0.is_empty());
}

/// The copy of C, whose organizer is anywhere.
#[test]
fn a_delegator_keeps_the_answer_until_all_declined() {
    let copy = object(&event(&format!("{A}\n{DELEGATING}{}\n", instead("e", "NEEDS-ACTION", ""))));
    let received = |people_now: &str| {
        let text = event(people_now).replace("19970611T19", "19970614T20");
        let request = message("REQUEST", &text);
        let copy = acting_at("c", |scene| receive(Some(&copy), &request, scene)).unwrap();
        people(&copy)
    };
    // The example of §4.2.7.
    let of_e = instead("e", "DECLINED", "");
    assert_eq!(received(&format!("{of_e}\n{C_INVITED}\n")), [&of_e, C_INVITED]);
    // An organizer who has not heard of it asks still.
    let kept = "ATTENDEE;RSVP=TRUE;DELEGATED-TO=\"mailto:e@example.com\";PARTSTAT=DELEGATED:\
        mailto:c@example.com";
    assert_eq!(received(&format!("{C_INVITED}\n")), [kept]);
}

/// The copy of C, where E had declined before C said that E comes.
#[test]
fn who_delegates_to_one_who_declined_is_asked_again_at_once() {
    let changed = |old: &str, new: &str| {
        let (old, new) = (object(&event(old)), object(&event(new)));
        let change = acting_at("c", |scene| attendee_change(Some(&old), Some(&new), scene));
        let change = change.unwrap();
        let told = change.reply.map(|reply| people(&reply.calendar)).unwrap_or_default();
        (people(&change.stored.unwrap()), told)
    };
    let (of_e, unseen) = (instead("e", "DECLINED", ""), instead("e", "NEEDS-ACTION", ";RSVP=TRUE"));
    let known = format!("{A}\n{C_INVITED}\n{of_e}\n");
    let asked = "ATTENDEE;PARTSTAT=NEEDS-ACTION;RSVP=TRUE:mailto:c@example.com";
    let says = DELEGATING.trim_end();
    // C's program has seen nothing of that; the organizer hears what C says all the same.
    for new in [format!("{A}\n{DELEGATING}{unseen}\n"), format!("{A}\n{DELEGATING}")] {
        let (people, told) = changed(&known, &new);
        assert_eq!((people, told), (vec![A.into(), asked.into(), of_e.clone()], vec![says.into()]));
    }
    // One of two has not declined, and E declined what C had said before.
    let both = says.replace("=\"mailto:e", "=\"mailto:f@example.com\",\"mailto:e");
    let (people, told) = changed(&known, &format!("{A}\n{both}\n{unseen}\n"));
    assert_eq!((people, told), (vec![A.into(), both.clone(), unseen.clone()], vec![both]));
    let known = format!("{A}\n{DELEGATING}{of_e}\n");
    let (people, told) = changed(&known, &format!("{A}\n{DELEGATING}{unseen}\n"));
    assert_eq!((people, told), (vec![A.into(), says.into(), unseen], vec![]));
}

#[test]
fn delegates_are_bounded_and_named() {
    let many: Vec<String> = (0..30).map(|n| format!("\"mailto:e{n}@example.org\"")).collect();
    let reply = format!(
        "BEGIN:VEVENT\nUID:1\nDTSTAMP:20260301T000000Z\nATTENDEE;PARTSTAT=DELEGATED;DELEGATED-TO=\
         \"mailto:bob@example.org\",\"mailto:ann@example.org\",\"nobody\",{}:mailto:cy@example.org\n\
         ATTENDEE;CN=Eve;CUTYPE=ROOM;PARTSTAT=ACCEPTED;X-Y=1:MAILTO:e0@example.org\nEND:VEVENT\n",
        many.join(",")
    );
    let found = replied(&(master("") + &moved(PEOPLE)), &reply, "cy", &["ATTENDEE"]).unwrap();
    let delegates: Vec<&String> =
        found.iter().filter(|line| line.contains("DELEGATED-FROM")).collect();
    // In the instance that was not answered yet as well.
    assert_eq!(delegates.len(), 40);
    assert_eq!(
        delegates[0],
        "ATTENDEE;PARTSTAT=NEEDS-ACTION;RSVP=TRUE;DELEGATED-FROM=\"mailto:cy@example.org\";CN=Eve;\
         CUTYPE=ROOM:mailto:e0@example.org"
    );
    for known in ["bob@", "ann@", "nobody"] {
        let named = found.iter().filter(|line| line.contains(&format!(":mailto:{known}"))).count();
        assert_eq!(named, if known == "nobody" { 0 } else { 2 }, "{known}");
    }
}

/// An answer goes into every instance that has none: what it may add to all of them is bounded
/// before anything is made of it.
#[test]
fn an_answer_fills_no_memory() {
    let moved = |hour: usize| {
        let id = format!("199707{:02}T{:02}0000Z", 2 + hour / 24, hour % 24);
        event(&format!("{A}\n{C_INVITED}\n"))
            .replace("DTSTART:19970701T180000Z\n", &format!("DTSTART:{id}\nRECURRENCE-ID:{id}\n"))
            .replace("DTEND:19970701T200000Z\n", "DURATION:PT1H\n")
    };
    let master = event(&format!("{A}\n{C_INVITED}\n")).replace("DTEND", "RRULE:FREQ=HOURLY\nDTEND");
    let series = object(&(master + &(0..100).map(moved).collect::<String>()));
    let delegating = |letters: usize| {
        let to = "e".repeat(letters);
        format!("ATTENDEE;PARTSTAT=DELEGATED;DELEGATED-TO=\"mailto:{to}\":mailto:c@example.com\n")
    };
    let room = Limits::default().bytes_max * 4;
    // Twice in each of the 101, with what else stands there.
    let refused = take(&series, "c", &delegating(room / 202)).map(drop);
    assert_eq!(refused, Err(Ignored::TooLarge));
    let taken = take(&series, "c", &delegating(room / 204)).unwrap();
    assert_eq!(taken.parts().filter(|part| part.lines_named("ATTENDEE").count() == 3).count(), 101);
}
