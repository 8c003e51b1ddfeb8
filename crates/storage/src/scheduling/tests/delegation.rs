//! Others come instead (RFC 5546 §3.2.2.3, §4.2.5).

use std::sync::Arc;

use ids::AccountId;

use super::fixture::*;
use super::mail::{Pile, mail, take};
use crate::Settings;
use crate::testing::{TestStore, on_both_engines_with};

/// What somebody elsewhere answers who comes instead of another.
fn reply_instead(who: &str, of: &str, answer: &str) -> Vec<u8> {
    let line = format!(
        "ATTENDEE;PARTSTAT={answer};DELEGATED-FROM=\"mailto:{of}\":mailto:{who}@elsewhere.test\r\n"
    );
    let address = format!("{who}@elsewhere.test");
    mail(&address, "REPLY", &part(&line, "DTSTART:20260105T090000Z\r\n"))
}

/// The lines of somebody's copy that are an address's own, and do not only name it.
fn own(store: &TestStore, account: AccountId, address: &str) -> Vec<String> {
    let mut all = lines(store, account, &["ATTENDEE"]);
    all.retain(|line| line.ends_with(&format!(":mailto:{address}")));
    all
}

#[test]
fn a_delegate_elsewhere_may_answer_first_and_decline_later() {
    let pile = Arc::new(Pile::default());
    let change = |settings: &mut Settings| settings.letters = Some(pile.clone());
    on_both_engines_with(change, |store| {
        let [ann, cy] = ["ann", "cy"].map(|name| store.account(name));
        put(store, ann, &meeting(&["cy", "dan@elsewhere.test"], AT_NINE));
        pile.taken();
        let early = reply_instead("eve", "dan@elsewhere.test", "ACCEPTED");
        assert!(take(store, ann, &early, "elsewhere.test"));
        let of_eve = "ATTENDEE;PARTSTAT=ACCEPTED;DELEGATED-FROM=\"mailto:dan@elsewhere.test\"";
        let status = ";SCHEDULE-STATUS=2.0:mailto:eve@elsewhere.test";
        assert_eq!(own(store, ann, "eve@elsewhere.test"), [format!("{of_eve}{status}")]);
        assert_eq!(
            own(store, cy, "eve@elsewhere.test"),
            [format!("{of_eve}:mailto:eve@elsewhere.test")]
        );
        assert!(own(store, ann, "dan@elsewhere.test")[0].contains("PARTSTAT=NEEDS-ACTION"));
        // Nobody of another domain says that they are Eve.
        let forged = reply_instead("eve", "dan@elsewhere.test", "DECLINED");
        assert!(!take(store, ann, &forged, "other.test"));
        let delegating = mail(
            "dan@elsewhere.test",
            "REPLY",
            &part(
                "ATTENDEE;PARTSTAT=DELEGATED;DELEGATED-TO=\"mailto:eve@elsewhere.test\":\
                 mailto:dan@elsewhere.test\r\n",
                "DTSTART:20260105T090000Z\r\n",
            ),
        );
        assert!(take(store, ann, &delegating, "elsewhere.test"));
        assert!(own(store, ann, "dan@elsewhere.test")[0].contains("PARTSTAT=DELEGATED"));
        assert_eq!(pile.taken(), [""; 0]);
        let declining = reply_instead("eve", "dan@elsewhere.test", "DECLINED");
        assert!(take(store, ann, &declining, "elsewhere.test"));
        assert_eq!(pile.taken(), ["dan@elsewhere.test REQUEST of ann@example.test"]);
        assert_eq!(
            own(store, ann, "dan@elsewhere.test"),
            ["ATTENDEE;PARTSTAT=NEEDS-ACTION;SCHEDULE-STATUS=1.1;RSVP=TRUE:\
              mailto:dan@elsewhere.test"]
        );
        // The same again is no news.
        assert!(take(store, ann, &declining, "elsewhere.test"));
        assert_eq!(pile.taken(), [""; 0]);
    });
}

#[test]
fn a_delegator_here_is_asked_again() {
    let pile = Arc::new(Pile::default());
    let change = |settings: &mut Settings| settings.letters = Some(pile.clone());
    on_both_engines_with(change, |store| {
        let [ann, cy] = ["ann", "cy"].map(|name| store.account(name));
        put(store, ann, &meeting(&["cy"], AT_NINE));
        let frank = "cy DELEGATED;DELEGATED-TO=\"mailto:frank@elsewhere.test\"";
        put(store, cy, &meeting(&[frank], AT_NINE));
        assert!(own(store, ann, "cy@example.test")[0].contains("PARTSTAT=DELEGATED"));
        assert!(own(store, ann, "frank@elsewhere.test")[0].contains("PARTSTAT=NEEDS-ACTION"));
        let before = tag(store, cy);
        let declining = reply_instead("frank", "cy@example.test", "DECLINED");
        assert!(take(store, ann, &declining, "elsewhere.test"));
        assert_eq!(inbox(store, cy), ["REQUEST", "REQUEST"]);
        assert_ne!(tag(store, cy), before);
        assert_eq!(
            own(store, cy, "cy@example.test"),
            ["ATTENDEE;PARTSTAT=NEEDS-ACTION;RSVP=TRUE:mailto:cy@example.test"]
        );
        assert_eq!(
            own(store, cy, "frank@elsewhere.test"),
            ["ATTENDEE;PARTSTAT=DECLINED;DELEGATED-FROM=\"mailto:cy@example.test\":\
              mailto:frank@elsewhere.test"]
        );
        assert!(own(store, ann, "cy@example.test")[0].contains("PARTSTAT=NEEDS-ACTION"));
        // Cy can go on.
        put(store, cy, &meeting(&["cy ACCEPTED"], AT_NINE));
        assert!(own(store, ann, "cy@example.test")[0].contains("PARTSTAT=ACCEPTED"));
    });
}

/// Frank has declined before Cy says that he comes instead: what she hears of it, and the
/// organizer.
#[test]
fn a_delegator_who_is_putting_it_is_told_as_well() {
    let pile = Arc::new(Pile::default());
    let change = |settings: &mut Settings| settings.letters = Some(pile.clone());
    on_both_engines_with(change, |store| {
        let [ann, cy] = ["ann", "cy"].map(|name| store.account(name));
        put(store, ann, &meeting(&["cy"], AT_NINE));
        let declining = reply_instead("frank", "cy@example.test", "DECLINED");
        assert!(take(store, ann, &declining, "elsewhere.test"));
        assert_eq!(inbox(store, cy), ["REQUEST"]);
        let frank = "cy DELEGATED;DELEGATED-TO=\"mailto:frank@elsewhere.test\"";
        put(store, cy, &meeting(&[frank], AT_NINE));
        assert_eq!(inbox(store, cy), ["REQUEST", "REQUEST"]);
        assert_eq!(inbox(store, ann), ["REPLY", "REPLY"]);
        assert_eq!(
            own(store, ann, "cy@example.test"),
            ["ATTENDEE;PARTSTAT=NEEDS-ACTION;SCHEDULE-STATUS=1.2;RSVP=TRUE:mailto:cy@example.test"]
        );
        assert_eq!(
            own(store, cy, "cy@example.test"),
            ["ATTENDEE;PARTSTAT=NEEDS-ACTION;RSVP=TRUE:mailto:cy@example.test"]
        );
        assert_eq!(pile.taken(), [""; 0]);
    });
}

/// Dan delegated to Eve; an organizer's copy of it with more in it.
fn delegated_to_eve(lines: &str) -> String {
    let dan = "dan@elsewhere.test DELEGATED;DELEGATED-TO=\"mailto:eve@elsewhere.test\"";
    let eve = "eve@elsewhere.test NEEDS-ACTION;DELEGATED-FROM=\"mailto:dan@elsewhere.test\"";
    meeting(&[dan, eve], lines)
}

#[test]
fn nobody_is_asked_again_by_what_is_not_written() {
    let pile = Arc::new(Pile::default());
    let change = |settings: &mut Settings| {
        settings.letters = Some(pile.clone());
        settings.scheduling.objects.bytes_max = 2_000;
    };
    on_both_engines_with(change, |store| {
        let ann = store.account("ann");
        put(store, ann, &meeting(&["dan@elsewhere.test"], AT_NINE));
        pile.taken();
        // Such as one from before a limit was lowered.
        let large = format!("{AT_NINE}DESCRIPTION:{}\r\n", "x".repeat(3_000));
        put_quietly(store, ann, "m.ics", &delegated_to_eve(&large));
        let declining = reply_instead("eve", "dan@elsewhere.test", "DECLINED");
        assert!(!take(store, ann, &declining, "elsewhere.test"));
        assert_eq!(pile.taken(), [""; 0]);
        assert!(own(store, ann, "dan@elsewhere.test")[0].contains("PARTSTAT=DELEGATED"));
        assert_eq!(inbox(store, ann), [""; 0]);
        put_quietly(store, ann, "m.ics", &delegated_to_eve(AT_NINE));
        assert!(take(store, ann, &declining, "elsewhere.test"));
        assert_eq!(pile.taken(), ["dan@elsewhere.test REQUEST of ann@example.test"]);
    });
}

#[test]
fn who_cannot_be_asked_again_is_marked() {
    let pile = Arc::new(Pile::default());
    let change = |settings: &mut Settings| {
        settings.letters = Some(pile.clone());
        settings.sent_messages_max = 1;
    };
    on_both_engines_with(change, |store| {
        let ann = store.account("ann");
        put(store, ann, &meeting(&["dan@elsewhere.test"], AT_NINE));
        pile.taken();
        put_quietly(store, ann, "m.ics", &delegated_to_eve(AT_NINE));
        let declining = reply_instead("eve", "dan@elsewhere.test", "DECLINED");
        assert!(take(store, ann, &declining, "elsewhere.test"));
        assert_eq!(pile.taken(), [""; 0]);
        assert_eq!(
            own(store, ann, "dan@elsewhere.test"),
            ["ATTENDEE;PARTSTAT=NEEDS-ACTION;RSVP=TRUE;SCHEDULE-STATUS=5.1:\
              mailto:dan@elsewhere.test"]
        );
    });
}
