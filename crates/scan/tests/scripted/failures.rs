//! Scanners that are down, slow, cut off, or talk nonsense.

use std::time::Duration;

use scan::{
    Chain, Check, Clamd, Milter, OnFailure, Outcome, Reply, Rspamd, Scanner, ScannerAddress,
};

use crate::peers::{milter, once, options, packet, silent};
use crate::{accepted, chain, check, mail, nobody, to};

fn each(address: &ScannerAddress) -> [Scanner; 3] {
    let address = address.clone();
    [
        Scanner::Rspamd(Rspamd { address: address.clone() }),
        Scanner::Milter(Milter { address: address.clone() }),
        Scanner::Clamd(Clamd { address }),
    ]
}

async fn ask(check: Check) -> Outcome {
    chain(check).begin().run(mail(&to(&["b@y.test"]))).await
}

fn deferred() -> Outcome {
    let text = "The message cannot be checked now, try again later".to_owned();
    Outcome::Refuse(Reply { code: 451, enhanced: (4, 3, 0), text })
}

#[tokio::test]
async fn who_is_down_defers_or_lets_pass_as_configured() {
    for scanner in each(&nobody()) {
        assert_eq!(ask(check(scanner.clone())).await, deferred());
        let lenient = Check { on_failure: OnFailure::Accept, ..check(scanner) };
        let counters = lenient.counters.clone();
        assert_eq!(ask(lenient).await, accepted());
        assert_eq!(counters.failed.load(std::sync::atomic::Ordering::Relaxed), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_slow_runs_out_of_time() {
    let address = silent().await;
    for scanner in each(&address) {
        let impatient = Check { timeout: Duration::from_secs(5), ..check(scanner) };
        assert_eq!(ask(impatient).await, deferred());
    }
}

#[tokio::test]
async fn who_closes_half_way_gave_no_answer() {
    for answer in ["", "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{\"action\"", "\0\0\0\x10O\0"]
    {
        let address = once(b"", answer.as_bytes()).await;
        for scanner in each(&address) {
            assert_eq!(ask(check(scanner)).await, deferred(), "{answer:?}");
        }
    }
    // A milter that is gone in the middle of a message.
    let (address, _) = milter(|command, _| match command {
        b'O' => Some(options(6, 0, 0)),
        b'D' => Some(Vec::new()),
        b'B' => None,
        _ => Some(packet(b'c', b"")),
    })
    .await;
    assert_eq!(ask(check(Scanner::Milter(Milter { address }))).await, deferred());
}

#[tokio::test]
async fn an_answer_too_many_is_none_to_what_follows() {
    // Taken for the answers to what follows, they would have the message accepted before it is
    // read.
    let (address, told) = milter(|command, _| match command {
        b'O' => Some(options(6, 0, 0)),
        b'D' => Some(Vec::new()),
        b'M' => Some([packet(b'c', b""), packet(b'c', b"")].concat()),
        b'E' => Some(packet(b'r', b"")),
        _ => Some(packet(b'c', b"")),
    })
    .await;
    assert_eq!(ask(check(Scanner::Milter(Milter { address }))).await, deferred());
    assert!(!told.lines().contains(&"E ".to_owned()));
    // After the end of a message, the next is shown on another connection.
    let (address, told) = milter(|command, _| match command {
        b'O' => Some(options(6, 0, 0)),
        b'D' => Some(Vec::new()),
        b'E' => Some([packet(b'c', b""), packet(b'r', b"")].concat()),
        _ => Some(packet(b'c', b"")),
    })
    .await;
    let mut session = chain(check(Scanner::Milter(Milter { address }))).begin();
    for _ in 0..2 {
        assert_eq!(session.run(mail(&to(&["b@y.test"]))).await, accepted());
    }
    let lines = told.lines();
    assert_eq!(lines.iter().filter(|line| *line == "connect").count(), 2, "{lines:?}");
}

#[tokio::test]
async fn giant_answers_are_none() {
    let (address, _) = milter(|command, _| match command {
        b'O' => Some(options(6, 0x1, 0)),
        b'D' => Some(Vec::new()),
        b'E' => {
            let field = [b"X-Large\0", &[b'x'; 60_000][..], b"\0"].concat();
            Some([packet(b'h', &field).repeat(18), packet(b'c', b"")].concat())
        }
        _ => Some(packet(b'c', b"")),
    })
    .await;
    assert_eq!(ask(check(Scanner::Milter(Milter { address }))).await, deferred());
    let body = format!("{{\"action\":\"no action\",\"x\":\"{}\"}}", "x".repeat(1024 * 1024));
    let length = body.len();
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}");
    let address = once(b"line", answer.leak().as_bytes()).await;
    assert_eq!(ask(check(Scanner::Rspamd(Rspamd { address }))).await, deferred());
}

#[tokio::test]
async fn nonsense_is_no_answer() {
    for answer in
        ["\u{1}\u{2}garbage\r\n\r\n", "220 mx.test ESMTP\r\n", "HTTP/1.1 500 Oops\r\n\r\n"]
    {
        let address = once(b"line", answer.as_bytes()).await;
        let [rspamd, _, clamd] = each(&address);
        assert_eq!(ask(check(rspamd)).await, deferred(), "{answer:?}");
        assert_eq!(ask(check(clamd)).await, deferred(), "{answer:?}");
        let address = once(b"O", answer.as_bytes()).await;
        let [_, milter, _] = each(&address);
        assert_eq!(ask(check(milter)).await, deferred(), "{answer:?}");
    }
}

#[tokio::test]
async fn what_is_too_large_is_not_shown() {
    let [scanner, ..] = each(&nobody());
    let small = Check { size_bytes_max: 10, ..check(scanner) };
    let counters = small.counters.clone();
    assert_eq!(ask(small).await, accepted());
    assert_eq!(counters.skipped.load(std::sync::atomic::Ordering::Relaxed), 1);
}

#[tokio::test]
async fn checks_follow_each_other_and_see_what_was_changed() {
    let spam = once(
        b".line",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"action\":\"add header\",\"score\":7,\
          \"required_score\":15}",
    )
    .await;
    // It answers only where it has read what the first check added.
    let virus = once(b"X-Spam: Yes", b"stream: Eicar FOUND\0").await;
    let first = check(Scanner::Rspamd(Rspamd { address: spam }));
    let second = check(Scanner::Clamd(Clamd { address: virus }));
    let checks = vec![first.clone(), Check { refuses: false, ..second.clone() }];
    let Outcome::Accept { changed: Some(changed), quarantine: true, .. } =
        Chain::new(checks).begin().run(mail(&to(&["b@y.test"]))).await
    else {
        panic!("it is marked and kept apart");
    };
    let start = "X-Spam: Yes\r\nX-Spam-Score: 7.00 / 15.00\r\nFrom: a@x.test\r\n";
    assert!(changed.starts_with(start.as_bytes()), "{}", String::from_utf8_lossy(&changed));
    let reply = Reply { code: 554, enhanced: (5, 7, 1), text: "Malware found: Eicar".to_owned() };
    let refused = Chain::new(vec![first, second]).begin().run(mail(&to(&["b@y.test"]))).await;
    assert_eq!(refused, Outcome::Refuse(reply));
}
