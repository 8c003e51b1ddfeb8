//! Milters and the envelope: recipients they refuse, recipients and senders they change.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use scan::{
    Chain, ChainSession, Check, EnvelopeChanges, Mail, Milter, OnFailure, Origin, Outcome,
    Recipient, Reply, Scanner,
};
use tokio::time::Instant;

use crate::peers::{Script, Told, milter, options, packet};
use crate::{accepted, chain, check, mail, to};

async fn session(script: Script) -> (ChainSession, Told) {
    let (address, told) = milter(script).await;
    (chain(check(Scanner::Milter(Milter { address }))).begin(), told)
}

fn reply(code: u16, enhanced: (u8, u8, u8), text: &str) -> Reply {
    Reply { code, enhanced, text: text.to_owned() }
}

/// Names recipients one after the other, as a client does; those that were taken come back.
async fn name(
    session: &mut ChainSession,
    mail: Mail<'_>,
    named: &[Recipient],
) -> (Vec<Recipient>, Vec<Reply>) {
    let (mut taken, mut refused) = (Vec::new(), Vec::new());
    for recipient in named {
        let before = Mail { recipients: &taken, id: "", message: b"", ..mail };
        match session.recipient(before, recipient).await {
            Ok(()) => taken.push(recipient.clone()),
            Err(reply) => refused.push(reply),
        }
    }
    (taken, refused)
}

#[tokio::test]
async fn a_recipient_is_refused_alone() {
    let (mut session, told) = session(|command, data| {
        Some(match command {
            b'O' => options(6, 0, 0),
            b'D' | b'A' | b'Q' => Vec::new(),
            b'R' if data.starts_with(b"<no@") => packet(b'y', b"550 5.1.1 Nobody of that name\0"),
            b'R' if data.starts_with(b"<later@") => packet(b't', b""),
            b'R' if data.starts_with(b"<never@") => packet(b'r', b""),
            _ => packet(b'c', b""),
        })
    })
    .await;
    let notified = Recipient { parameters: vec!["NOTIFY=NEVER".to_owned()], .."b@y.test".into() };
    let others = to(&["no@y.test", "later@y.test", "never@y.test", "c@y.test"]);
    let named = [vec![notified], others].concat();
    let parameters = ["SIZE=100".to_owned(), "BODY=8BITMIME".to_owned()];
    let mail = Mail { parameters: &parameters, ..mail(&[]) };
    let (taken, refused) = name(&mut session, mail, &named).await;
    assert_eq!(taken, [named[0].clone(), named[4].clone()]);
    let expected = [
        reply(550, (5, 1, 1), "Nobody of that name"),
        reply(451, (4, 7, 1), "Try again later"),
        reply(554, (5, 7, 1), "Message refused"),
    ];
    assert_eq!(refused, expected);
    assert_eq!(session.run(Mail { recipients: &taken, ..mail }).await, accepted());
    let expected = [
        "M <a@x.test>|SIZE=100|BODY=8BITMIME|",
        "R <b@y.test>|NOTIFY=NEVER|",
        "R <no@y.test>|",
        "R <later@y.test>|",
        "R <never@y.test>|",
        "R <c@y.test>|",
        "T ",
        "L From|a@x.test|",
        "L Subject|one\n two|",
        "N ",
        "B Body\r\n.line\r\n",
        "E ",
    ];
    assert_eq!(of_transactions(&told), expected);
    // What a client gives up is given up before something else begins.
    name(&mut session, Mail { transaction: 2, ..mail }, &named[..1]).await;
    let (taken, _) = name(&mut session, Mail { transaction: 3, ..mail }, &named[4..]).await;
    session.run(Mail { transaction: 3, recipients: &taken, ..mail }).await;
    let begun = of_transactions(&told).into_iter().take(5).collect::<Vec<_>>();
    let mail = "M <a@x.test>|SIZE=100|BODY=8BITMIME|";
    assert_eq!(begun, [mail, "R <b@y.test>|NOTIFY=NEVER|", "A ", mail, "R <c@y.test>|"]);
}

#[tokio::test]
async fn a_sender_who_is_refused_has_no_recipient_taken() {
    for (place, answer) in [('C', b'r'), ('H', b'r'), ('M', b'r'), ('M', b't')] {
        static ASKED: AtomicUsize = AtomicUsize::new(0);
        ASKED.store(usize::from(place as u8) << 8 | usize::from(answer), Ordering::Relaxed);
        let (mut session, _) = session(|command, _| {
            let asked = ASKED.load(Ordering::Relaxed);
            Some(match command {
                b'O' => options(6, 0, 0),
                b'D' | b'A' => Vec::new(),
                _ if usize::from(command) == asked >> 8 => packet((asked & 0xff) as u8, b""),
                _ => packet(b'c', b""),
            })
        })
        .await;
        let (taken, refused) = name(&mut session, mail(&[]), &to(&["b@y.test", "c@y.test"])).await;
        assert_eq!(taken, []);
        let codes: Vec<u16> = refused.iter().map(|reply| reply.code).collect();
        let code = if answer == b'r' { 554 } else { 451 };
        assert_eq!(codes, [code, code], "{place}");
    }
}

#[tokio::test]
async fn where_refusals_are_no_refusals_the_message_is_kept_apart() {
    let (address, _) = milter(|command, data| {
        Some(match command {
            b'O' => options(6, 0, 0),
            b'D' | b'A' => Vec::new(),
            b'R' if data.starts_with(b"<c@") => packet(b'r', b""),
            _ => packet(b'c', b""),
        })
    })
    .await;
    let lenient = Check { refuses: false, ..check(Scanner::Milter(Milter { address })) };
    let mut session = chain(lenient).begin();
    let named = to(&["b@y.test", "c@y.test", "d@y.test"]);
    let (taken, refused) = name(&mut session, mail(&[]), &named).await;
    assert_eq!((&taken, refused), (&named, Vec::new()));
    assert_eq!(session.run(mail(&taken)).await, kept_apart());
}

fn unavailable() -> Reply {
    reply(451, (4, 3, 0), "The message cannot be checked now, try again later")
}

fn kept_apart() -> Outcome {
    let envelope = EnvelopeChanges::default();
    Outcome::Accept { changed: None, quarantine: true, envelope }
}

/// What a milter was told, without macros and of the peer.
fn of_transactions(told: &Told) -> Vec<String> {
    told.lines().into_iter().filter(|line| !line.starts_with(['D', 'C', 'H', 'c'])).collect()
}

/// As in Sendmail and Postfix, it is accepted for all its recipients, and nothing more is asked.
#[tokio::test]
async fn who_accepts_at_rcpt_accepts_the_message() {
    let (mut session, told) = session(|command, data| {
        Some(match command {
            b'O' => options(6, 0, 0),
            b'D' | b'A' => Vec::new(),
            b'R' if data.starts_with(b"<c@") => packet(b'a', b""),
            b'R' => packet(b'c', b""),
            b'M' => packet(b'c', b""),
            b'C' | b'H' => packet(b'c', b""),
            _ => packet(b'r', b""),
        })
    })
    .await;
    let named = to(&["b@y.test", "c@y.test", "d@y.test"]);
    let (taken, refused) = name(&mut session, mail(&[]), &named).await;
    assert_eq!((&taken, refused), (&named, Vec::new()));
    assert_eq!(session.run(mail(&taken)).await, accepted());
    // The next message is another.
    let (taken, _) = name(&mut session, Mail { transaction: 2, ..mail(&[]) }, &named[..1]).await;
    assert_eq!(taken, named[..1]);
    let expected =
        ["M <a@x.test>|", "R <b@y.test>|", "R <c@y.test>|", "A ", "M <a@x.test>|", "R <b@y.test>|"];
    assert_eq!(of_transactions(&told), expected);
}

#[tokio::test]
async fn who_discards_at_rcpt_has_the_message_kept_apart_however_large_it_is() {
    let (address, told) = milter(|command, _| {
        Some(match command {
            b'O' => options(6, 0, 0),
            b'D' | b'A' => Vec::new(),
            b'R' => packet(b'd', b""),
            _ => packet(b'c', b""),
        })
    })
    .await;
    let small = Check { size_bytes_max: 10, ..check(Scanner::Milter(Milter { address })) };
    let mut session = chain(small).begin();
    let named = to(&["b@y.test", "c@y.test"]);
    let (taken, _) = name(&mut session, mail(&[]), &named).await;
    assert_eq!(session.run(mail(&taken)).await, kept_apart());
    // The next is told behind what gave up this one.
    name(&mut session, Mail { transaction: 2, ..mail(&[]) }, &named).await;
    let expected = ["M <a@x.test>|", "R <b@y.test>|", "A ", "M <a@x.test>|", "R <b@y.test>|"];
    assert_eq!(of_transactions(&told), expected);
}

#[tokio::test]
async fn who_skips_recipients_hears_of_no_more_of_them() {
    let (mut session, told) = session(|command, _| {
        Some(match command {
            b'O' => options(6, 0, 0),
            b'D' => Vec::new(),
            b'R' => packet(b's', b""),
            _ => packet(b'c', b""),
        })
    })
    .await;
    let named = to(&["b@y.test", "c@y.test"]);
    let (taken, _) = name(&mut session, mail(&[]), &named).await;
    assert_eq!(session.run(mail(&taken)).await, accepted());
    let told = of_transactions(&told);
    assert_eq!(told[..3], ["M <a@x.test>|", "R <b@y.test>|", "T "]);
}

/// It is waited for once in a transaction, and not once for each recipient.
#[tokio::test(start_paused = true)]
async fn who_hangs_at_rcpt_is_waited_for_once() {
    let script: Script = |command, _| {
        Some(match command {
            b'O' => options(6, 0, 0),
            b'D' | b'R' => Vec::new(),
            _ => packet(b'c', b""),
        })
    };
    let named = to(&["b@y.test", "c@y.test", "d@y.test"]);
    for (on_failure, is_taken) in [(OnFailure::Defer, false), (OnFailure::Accept, true)] {
        let (address, told) = milter(script).await;
        let timeout = Duration::from_secs(5);
        let scanner = Scanner::Milter(Milter { address });
        let impatient = Check { timeout, on_failure, ..check(scanner) };
        let counters = impatient.counters.clone();
        let mut session = chain(impatient).begin();
        for transaction in 1..3 {
            let begun = Instant::now();
            let mail = Mail { transaction, ..mail(&[]) };
            let (taken, refused) = name(&mut session, mail, &named).await;
            let expected = if is_taken { 0 } else { 3 };
            assert_eq!(refused, vec![unavailable(); expected]);
            assert_eq!(taken.len(), 3 - expected);
            let outcome = session.run(Mail { recipients: &named, ..mail }).await;
            let expected = if is_taken { accepted() } else { Outcome::Refuse(unavailable()) };
            assert_eq!(outcome, expected);
            // Timers are rounded up to milliseconds.
            let took = begun.elapsed();
            assert!(took >= timeout && took < timeout + Duration::from_secs(1), "{took:?}");
            assert_eq!(counters.failed.load(Ordering::Relaxed), transaction);
        }
        let told = told.lines();
        assert_eq!(told.iter().filter(|line| *line == "connect").count(), 2, "{told:?}");
    }
}

#[tokio::test]
async fn who_drops_out_at_rcpt_is_asked_again_of_the_next_message() {
    static FIRST: AtomicUsize = AtomicUsize::new(0);
    let (mut session, told) = session(|command, data| match command {
        b'O' => Some(options(6, 0, 0)),
        b'D' => Some(Vec::new()),
        // On the connection that was there, and on the one after it.
        b'R' if data.starts_with(b"<c@") && FIRST.fetch_add(1, Ordering::Relaxed) < 2 => None,
        _ => Some(packet(b'c', b"")),
    })
    .await;
    let named = to(&["b@y.test", "c@y.test", "d@y.test"]);
    let (taken, refused) = name(&mut session, mail(&[]), &named).await;
    assert_eq!(taken, named[..1]);
    assert_eq!(refused, [unavailable(), unavailable()]);
    assert_eq!(session.run(mail(&taken)).await, Outcome::Refuse(unavailable()));
    assert_eq!(told.lines().iter().filter(|line| *line == "connect").count(), 2);
    let (taken, _) = name(&mut session, Mail { transaction: 2, ..mail(&[]) }, &named).await;
    assert_eq!(taken, named);
    let outcome = session.run(Mail { transaction: 2, ..mail(&taken) }).await;
    assert_eq!(outcome, accepted());
}

/// The first that refuses ends it. What one wants kept apart for a recipient is not, where another
/// refuses that one.
#[tokio::test]
async fn milters_are_asked_of_a_recipient_in_order() {
    let refusing_b: Script = |command, data| {
        Some(match command {
            b'O' => options(6, 0, 0),
            b'D' | b'A' => Vec::new(),
            b'R' if data.starts_with(b"<b@") => packet(b'r', b""),
            _ => packet(b'c', b""),
        })
    };
    let (address, first_told) = milter(refusing_b).await;
    let first = check(Scanner::Milter(Milter { address }));
    let (address, second_told) = milter(refusing_b).await;
    let second = check(Scanner::Milter(Milter { address }));
    let named = to(&["b@y.test", "c@y.test"]);
    for (refuses, asked) in [(true, 0), (false, 1)] {
        let first = Check { refuses, ..first.clone() };
        let mut session = Chain::new(vec![first, second.clone()]).begin();
        let (taken, refused) = name(&mut session, mail(&[]), &named).await;
        assert_eq!(taken, named[1..]);
        assert_eq!(refused, [reply(554, (5, 7, 1), "Message refused")]);
        assert_eq!(session.run(mail(&taken)).await, accepted());
        let asked_of_b =
            |told: &Told| told.lines().iter().filter(|line| *line == "R <b@y.test>|").count();
        assert_eq!((asked_of_b(&first_told), asked_of_b(&second_told)), (1, asked));
    }
}

#[test]
fn recipients_are_shown_to_milters_that_look_at_such_mail() {
    let milter = check(Scanner::Milter(Milter { address: crate::nobody() }));
    let rspamd = check(Scanner::Rspamd(scan::Rspamd { address: crate::nobody() }));
    assert!(!chain(rspamd).asks_recipients(Origin::Incoming));
    assert!(chain(milter.clone()).asks_recipients(Origin::Incoming));
    assert!(!chain(milter).asks_recipients(Origin::Local));
}

#[tokio::test]
async fn a_milter_that_is_gone_in_between_is_told_again() {
    static ENDED: AtomicUsize = AtomicUsize::new(0);
    let (mut session, told) = session(|command, _| match command {
        b'O' => Some(options(6, 0, 0)),
        b'D' => Some(Vec::new()),
        b'T' if ENDED.fetch_add(1, Ordering::Relaxed) == 0 => None,
        _ => Some(packet(b'c', b"")),
    })
    .await;
    let (taken, _) = name(&mut session, mail(&[]), &to(&["b@y.test", "c@y.test"])).await;
    assert_eq!(session.run(mail(&taken)).await, accepted());
    let told = told.lines();
    for (line, times) in [("connect", 2), ("R <b@y.test>|", 2), ("R <c@y.test>|", 2), ("E ", 1)] {
        assert_eq!(told.iter().filter(|told| *told == line).count(), times, "{line}");
    }
}

const ADD: u32 = 0x4;
const REMOVE: u32 = 0x8;
const SENDER: u32 = 0x40;
const ADD_WITH: u32 = 0x80;

#[tokio::test]
async fn an_envelope_is_changed_as_agreed() {
    let (mut session, _) = session(|command, _| {
        Some(match command {
            b'O' => options(6, ADD | REMOVE | SENDER | ADD_WITH, 0),
            b'D' => Vec::new(),
            b'E' => [
                packet(b'-', b"<B@y.test>\0"),
                packet(b'+', b"<d@y.test>\0"),
                packet(b'2', b"e@y.test\0NOTIFY=NEVER\0"),
                packet(b'e', b"<other@x.test>\0"),
                packet(b'c', b""),
            ]
            .concat(),
            _ => packet(b'c', b""),
        })
    })
    .await;
    let outcome = session.run(mail(&to(&["b@y.test", "c@y.test"]))).await;
    let with = Recipient { parameters: vec!["NOTIFY=NEVER".to_owned()], .."e@y.test".into() };
    let envelope = EnvelopeChanges {
        sender: Some("other@x.test".to_owned()),
        removed: vec![0],
        added: vec!["d@y.test".into(), with],
    };
    assert_eq!(outcome, Outcome::Accept { changed: None, quarantine: false, envelope });
}

/// Each of the four without the right to it; with it, before the end of the message; too many.
#[tokio::test]
async fn an_envelope_is_changed_only_as_agreed() {
    static AGREED: AtomicUsize = AtomicUsize::new(0);
    static COMMAND: AtomicUsize = AtomicUsize::new(0);
    static PLACE: AtomicUsize = AtomicUsize::new(0);
    let all = ADD | REMOVE | SENDER | ADD_WITH;
    let unavailable = Outcome::Refuse(unavailable());
    for (command, right) in [(b'+', ADD), (b'-', REMOVE), (b'e', SENDER), (b'2', ADD_WITH)] {
        for (agreed, place, times, is_done) in [
            (right, b'E', 1, true),
            (all & !right, b'E', 1, false),
            (all, b'N', 1, false),
            // One for each recipient, 1,000 more and a few.
            (all, b'E', 1011, true),
            (all, b'E', 1012, false),
        ] {
            AGREED.store(agreed as usize, Ordering::Relaxed);
            COMMAND.store(usize::from(command) << 16 | times, Ordering::Relaxed);
            PLACE.store(usize::from(place), Ordering::Relaxed);
            let (mut session, _) = session(|command, _| {
                let said = COMMAND.load(Ordering::Relaxed);
                Some(match command {
                    b'O' => options(6, AGREED.load(Ordering::Relaxed) as u32, 0),
                    b'D' => Vec::new(),
                    _ if usize::from(command) == PLACE.load(Ordering::Relaxed) => {
                        let change = packet((said >> 16) as u8, b"<b@y.test>\0");
                        [change.repeat(said & 0xffff), packet(b'c', b"")].concat()
                    }
                    _ => packet(b'c', b""),
                })
            })
            .await;
            let outcome = session.run(mail(&to(&["b@y.test"]))).await;
            let shown = (char::from(command), char::from(place), times);
            assert_eq!(outcome != unavailable, is_done, "{shown:?}: {outcome:?}");
        }
    }
}

/// Changes of the envelope do not count among those of the message.
#[tokio::test]
async fn a_message_for_very_many_goes_to_nobody() {
    let (mut session, _) = session(|command, _| {
        Some(match command {
            b'O' => options(6, REMOVE | 0x1, 0),
            b'D' => Vec::new(),
            b'E' => {
                let removed = (0..3000).map(|number| format!("<b{number}@y.test>\0"));
                let removed = removed.flat_map(|address| packet(b'-', address.as_bytes()));
                let field = packet(b'h', b"X-End\0last\0");
                removed.chain(field).chain(packet(b'c', b"")).collect()
            }
            _ => packet(b'c', b""),
        })
    })
    .await;
    let recipients: Vec<_> =
        (0..3000).map(|number| Recipient::from(format!("b{number}@y.test").as_str())).collect();
    let outcome = session.run(mail(&recipients)).await;
    let Outcome::Accept { changed, envelope, .. } = outcome else { panic!("{outcome:?}") };
    assert!(String::from_utf8(changed.unwrap()).unwrap().contains("X-End: last\r\n"));
    let removed = (0..3000).collect();
    assert_eq!(envelope, EnvelopeChanges { removed, ..EnvelopeChanges::default() });
}

/// A milter may be restarted between a recipient and the message.
#[tokio::test]
async fn what_was_said_at_rcpt_stays_said_without_who_said_it() {
    static SAID: AtomicUsize = AtomicUsize::new(0);
    for (said, refuses) in [(b'd', true), (b'r', false)] {
        SAID.store(usize::from(said), Ordering::Relaxed);
        // What it says after that ends its connection.
        let (address, told) = milter(|command, _| {
            Some(match command {
                b'O' => options(6, 0, 0),
                b'D' | b'A' => Vec::new(),
                b'R' => {
                    let said = packet(SAID.load(Ordering::Relaxed) as u8, b"");
                    [said, packet(b'c', b"")].concat()
                }
                _ => packet(b'c', b""),
            })
        })
        .await;
        let check = Check { refuses, ..check(Scanner::Milter(Milter { address })) };
        let mut session = chain(check).begin();
        let named = to(&["b@y.test", "c@y.test"]);
        let (taken, refused) = name(&mut session, mail(&[]), &named).await;
        assert_eq!((&taken, refused), (&named, Vec::new()));
        assert_eq!(session.run(mail(&taken)).await, kept_apart());
        let connected = told.lines().iter().filter(|line| *line == "connect").count();
        assert_eq!(connected, 1);
    }
}

#[tokio::test]
async fn what_was_said_of_the_peer_is_said_of_messages_however_large_they_are() {
    let (address, _) = milter(|command, _| {
        Some(match command {
            b'O' => options(6, 0, 0),
            b'D' => Vec::new(),
            b'C' => packet(b'r', b""),
            _ => packet(b'c', b""),
        })
    })
    .await;
    let scanner = Scanner::Milter(Milter { address });
    let lenient = Check { refuses: false, size_bytes_max: 10, ..check(scanner) };
    let mut session = chain(lenient).begin();
    for transaction in 1..3 {
        let mail = Mail { transaction, ..mail(&[]) };
        let (taken, _) = name(&mut session, mail, &to(&["b@y.test"])).await;
        assert_eq!(session.run(Mail { recipients: &taken, ..mail }).await, kept_apart());
    }
}
