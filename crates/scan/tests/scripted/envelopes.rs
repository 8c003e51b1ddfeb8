//! Milters and the envelope: recipients they refuse, recipients and senders they change.

use std::sync::atomic::{AtomicUsize, Ordering};

use scan::{
    ChainSession, Check, EnvelopeChanges, Mail, Milter, Outcome, Recipient, Reply, Scanner,
};

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
    let of_transactions = |told: &Told| -> Vec<String> {
        told.lines().into_iter().filter(|line| !line.starts_with(['D', 'C', 'H', 'c'])).collect()
    };
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
    let envelope = EnvelopeChanges::default();
    let kept = Outcome::Accept { changed: None, quarantine: true, envelope };
    assert_eq!(session.run(mail(&taken)).await, kept);
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
    let unavailable = "The message cannot be checked now, try again later";
    let unavailable = Outcome::Refuse(reply(451, (4, 3, 0), unavailable));
    for (command, right) in [(b'+', ADD), (b'-', REMOVE), (b'e', SENDER), (b'2', ADD_WITH)] {
        for (agreed, place, times, is_done) in [
            (right, b'E', 1, true),
            (all & !right, b'E', 1, false),
            (all, b'N', 1, false),
            (all, b'E', 1001, false),
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
