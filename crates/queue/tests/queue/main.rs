//! The queue over a real store and servers on loopback ports; its clock is the tests'.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::panic, reason = "some are about panics")]

mod breaks;
mod calendars;
mod faults;
mod filed;
mod leases;
mod lists;
mod panics;
mod returned;
mod routes;
mod scene;
mod server;
mod sts;
mod terms;
mod untried;
mod ways;

use ids::Clock as _;
use mailauth::srs::SrsKey;
use queue::{Reach, Settings};
use scene::Scene;
use server::{Behaviour, Drop, Server};
use storage::SpoolTerms;

fn replying(replies: &[(&'static str, &'static str)]) -> Behaviour {
    Behaviour { replies: replies.to_vec(), ..Behaviour::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_reaches_each_of_its_recipients_once() {
    let (a, b) = (Server::start().await, Server::start().await);
    let scene = Scene::new(&[&a, &b]).await;
    let id = scene.send(&["one@a.test", "two@A.test", "three@b.test"]).await;
    scene.queue.wait_until(|counters| counters.delivered == 3 && counters.active == 0).await;
    let taken = a.taken();
    assert_eq!(taken.len(), 1);
    assert_eq!(taken[0].mail, "MAIL FROM:<julie@here.test>");
    assert_eq!(taken[0].rcpts, ["RCPT TO:<one@a.test>", "RCPT TO:<two@A.test>"]);
    let text = "Subject: x\r\nMessage-ID: <1@here.test>\r\n\r\nHello.\r\n.dot\r\n";
    assert_eq!(taken[0].content, text);
    assert_eq!(b.taken().len(), 1);
    assert_eq!(scene.spool().await, []);
    let trace = scene.trace(id).await;
    assert_eq!(trace.len(), 3);
    assert!(trace[0].starts_with("delivered "), "{trace:?}");
    assert!(trace[0].contains("250 2.0.0 taken"), "{trace:?}");
    assert_eq!(scene.inbox().await, [""; 0]);
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_for_now_is_tried_again() {
    let a = Server::start().await;
    a.then(replying(&[("RCPT TO:<two", "450 4.2.0 greylisted")]));
    let scene = Scene::new(&[&a]).await;
    let id = scene.send(&["one@a.test", "two@a.test"]).await;
    scene.queue.wait_until(|counters| counters.deferred == 1 && counters.active == 0).await;
    assert_eq!(a.taken()[0].rcpts, ["RCPT TO:<one@a.test>"]);
    let waiting = scene.spool().await;
    assert_eq!(waiting[0].recipients[0].attempts, 1);
    scene.advance(200);
    assert_eq!(a.taken().len(), 1);
    scene.advance(200);
    scene.queue.wait_until(|counters| counters.delivered == 2 && counters.active == 0).await;
    assert_eq!(a.taken()[1].rcpts, ["RCPT TO:<two@a.test>"]);
    assert!(scene.trace(id).await.iter().any(|event| event.contains("greylisted")));
    assert_eq!(scene.spool().await, []);
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_for_ever_is_told_to_its_sender() {
    let a = Server::start().await;
    a.then(replying(&[("RCPT TO:<two", "550 5.1.1 no such user")]));
    let scene = Scene::new(&[&a]).await;
    scene.send(&["one@a.test", "two@a.test", "three@nowhere.test"]).await;
    scene.queue.wait_until(|counters| counters.failed == 2 && counters.active == 0).await;
    let reports = scene.inbox().await;
    assert_eq!(reports.len(), 2);
    let of = |part: &str| reports.iter().find(|report| report.contains(part)).unwrap().clone();
    let two = of("Final-Recipient: rfc822; two@a.test\r\nAction: failed\r\nStatus: 5.1.1\r\n");
    assert!(two.starts_with("Return-Path: <>\r\nFrom: \"Mail Delivery System\""), "{two}");
    assert!(two.contains("Diagnostic-Code: smtp; 550 5.1.1 no such user\r\n"));
    assert!(!two.contains("one@a.test"));
    let three = of("Final-Recipient: rfc822; three@nowhere.test\r\nAction: failed\r\n");
    assert!(three.contains("Status: 5.1.2\r\n"));
    assert_eq!(scene.spool().await, []);
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_go_to_who_wants_them_alone() {
    let a = Server::start().await;
    let refusing = replying(&[("RCPT", "550 5.1.1 no such user")]);
    (0..8).for_each(|_| a.then(refusing.clone()));
    let scene = Scene::new(&[&a]).await;
    // RFC 5321 §4.5.5: of the null sender's mail nobody is told, nor where nobody wants it.
    scene.send_from("", &["x@a.test"], "{}").await;
    scene.send_from("julie@here.test", &["x@a.test"], r#"{"notify":"NEVER"}"#).await;
    scene.send_from("gone@here.test", &["x@a.test"], "{}").await;
    scene.queue.wait_until(|counters| counters.failed == 3 && counters.active == 0).await;
    assert_eq!(scene.queue.counters().reports, 0);
    // A sender elsewhere is told through the spool, with the null sender.
    scene.send_from("max@b.test", &["x@a.test"], "{}").await;
    scene.queue.wait_until(|counters| counters.reports == 1).await;
    let waiting = scene.spool().await;
    assert_eq!((waiting.len(), &*waiting[0].reverse_path), (1, ""));
    assert_eq!(waiting[0].recipients[0].forward_path, "max@b.test");
    assert_eq!(scene.inbox().await, [""; 0]);
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_leaves_once_it_may() {
    let a = Server::start().await;
    let scene = Scene::with(&[&a], |settings| settings.reach = Reach::Here).await;
    scene.send(&["x@a.test"]).await;
    scene.send(&["julie@here.test"]).await;
    scene.queue.wait_until(|counters| counters.delivered == 1 && counters.active == 0).await;
    assert_eq!((a.taken().len(), scene.spool().await.len()), (0, 1));
    let reach = Reach::World;
    scene.queue.replace_settings(Settings { reach, ..scene.settings.clone() });
    // Found by the next look at all of it.
    scene.advance(61);
    scene.queue.wait_until(|counters| counters.delivered == 2 && counters.active == 0).await;
    assert_eq!(a.taken()[0].rcpts, ["RCPT TO:<x@a.test>"]);
    scene.close().await;
}

/// RFC 3461 §5.2.3
#[tokio::test(flavor = "multi_thread")]
async fn who_asks_hears_that_the_mailbox_has_it() {
    let scene = Scene::new(&[]).await;
    let parameters = r#"{"notify":"SUCCESS","orcpt":"rfc822;J@here.test"}"#;
    scene.send_from("julie@here.test", &["julie@here.test"], parameters).await;
    // The message, and the report of it, through the spool; of that nothing is told.
    scene.queue.wait_until(|counters| counters.delivered == 2 && counters.active == 0).await;
    assert_eq!(scene.queue.counters().reports, 1);
    let told = "Original-Recipient: rfc822; J@here.test\r\nFinal-Recipient: rfc822; \
                julie@here.test\r\nAction: delivered\r\nStatus: 2.0.0\r\n";
    let inbox = scene.inbox().await;
    assert!(inbox[1].starts_with("Return-Path: <>\r\n") && inbox[1].contains(told), "{inbox:?}");
    assert_eq!((inbox.len(), scene.spool().await.len()), (2, 0));
    scene.close().await;
}

/// What was taken for several here and found a full mailbox goes on from the spool, whoever sent
/// it.
#[tokio::test(flavor = "multi_thread")]
async fn who_may_be_forged_is_told_nothing() {
    let a = Server::start().await;
    let refusing = replying(&[("RCPT", "550 5.1.1 no such user")]);
    (0..8).for_each(|_| a.then(refusing.clone()));
    let scene = Scene::new(&[&a]).await;
    let doubtful = r#"{"body":"7BIT","doubtful":true}"#;
    let terms = SpoolTerms::default();
    scene.send_on(terms, doubtful, "max@b.test", &["x@a.test"], "{}").await;
    scene.send_on(terms, doubtful, "julie@here.test", &["x@a.test"], "{}").await;
    let wish = r#"{"notify":"SUCCESS,FAILURE,DELAY"}"#;
    scene.send_on(terms, doubtful, "max@b.test", &["nobody@here.test"], wish).await;
    scene.queue.wait_until(|counters| counters.failed == 3 && counters.active == 0).await;
    assert_eq!((scene.queue.counters().reports, scene.spool().await.len()), (0, 0));
    assert_eq!(scene.inbox().await, [""; 0]);
    // Not even that it is late.
    scene.send_on(terms, doubtful, "max@b.test", &["x@lame.test"], "{}").await;
    scene.queue.wait_until(|counters| counters.deferred == 1 && counters.active == 0).await;
    scene.advance(5 * 86_400 + 1);
    scene.queue.wait_until(|counters| counters.failed == 4 && counters.active == 0).await;
    assert_eq!((scene.queue.counters().reports, scene.spool().await.len()), (0, 0));
    scene.close().await;
}

/// A copy that is sent on has a rewritten sender (R-ADDR-10), who is told all the same.
#[tokio::test(flavor = "multi_thread")]
async fn who_was_rewritten_is_told_under_their_own_address() {
    let a = Server::start().await;
    let refusing = replying(&[("RCPT", "550 5.1.1 no such user")]);
    (0..8).for_each(|_| a.then(refusing.clone()));
    let key = SrsKey::new([7; 32]);
    let scene = Scene::with(&[&a], |settings| settings.rewriting = Some(key.clone())).await;
    let day = mailauth::srs::day_of(scene.clock.now().as_secs());
    let rewritten = |key: &SrsKey| {
        let sender = message::address::Address::parse_path(b"max@b.test").unwrap();
        mailauth::srs::forward(&sender, "here.test", key, day).unwrap().to_string()
    };
    let (ours, forged) = (rewritten(&key), rewritten(&SrsKey::new([8; 32])));
    let terms = SpoolTerms::default();
    let known = r#"{"body":"7BIT","verified":true}"#;
    scene.send_on(terms, known, &forged, &["x@a.test"], "{}").await;
    // Who it was is not known for certain.
    scene.send_on(terms, "{}", &ours, &["x@a.test"], "{}").await;
    scene.queue.wait_until(|counters| counters.failed == 2 && counters.active == 0).await;
    assert_eq!((scene.queue.counters().reports, scene.spool().await.len()), (0, 0));
    scene.send_on(terms, known, &ours, &["x@a.test"], "{}").await;
    scene.queue.wait_until(|counters| counters.reports == 1 && counters.active == 0).await;
    let waiting = scene.spool().await;
    assert_eq!((waiting.len(), &*waiting[0].reverse_path), (1, ""));
    assert_eq!(waiting[0].recipients[0].forward_path, "max@b.test");
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_is_refused_makes_no_other() {
    let (a, b) = (Server::start().await, Server::start().await);
    let scene = Scene::new(&[&a, &b]).await;
    for _ in 0..20 {
        a.then(replying(&[("RCPT", "550 5.1.1 no such user")]));
        // Whoever was forged has nobody there, or bounces bounces.
        b.then(replying(&[("RCPT", "550 5.1.1 no such user"), ("MAIL FROM:<>", "550 5.7.1 no")]));
        scene.send_from("forged@b.test", &["x@a.test"], "{}").await;
    }
    scene.queue.wait_until(|counters| counters.failed == 40 && counters.active == 0).await;
    assert_eq!((scene.queue.counters().reports, scene.spool().await.len()), (20, 0));
    assert_eq!(scene.inbox().await, [""; 0]);
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn success_is_told_where_nobody_else_tells_it() {
    let (plain, dsn) = (Server::start().await, Server::start().await);
    dsn.then(Behaviour { keywords: &["DSN", "PIPELINING"], ..Behaviour::default() });
    let scene = Scene::new(&[&plain, &dsn]).await;
    let wish = r#"{"notify":"SUCCESS","orcpt":"rfc822;x@a.test"}"#;
    scene.send_from("julie@here.test", &["x@a.test"], wish).await;
    scene.send_from("julie@here.test", &["x@b.test"], wish).await;
    scene.queue.wait_until(|counters| counters.delivered == 2 && counters.active == 0).await;
    // RFC 3461 §5.2.2: the wish is passed on to a server that knows it.
    let rcpt = "RCPT TO:<x@b.test> NOTIFY=SUCCESS ORCPT=rfc822;x@a.test";
    assert_eq!(dsn.taken()[0].rcpts, [rcpt]);
    let reports = scene.inbox().await;
    assert_eq!(reports.len(), 1);
    assert!(reports[0].contains("Final-Recipient: rfc822; x@a.test\r\nAction: relayed\r\n"));
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_that_is_down_slows_no_other() {
    let (a, b) = (Server::start().await, Server::start().await);
    (0..50)
        .for_each(|_| a.then(Behaviour { drop_at: Some(Drop::Greeting), ..Behaviour::default() }));
    let scene = Scene::new(&[&a, &b]).await;
    for _ in 0..20 {
        scene.send(&["x@a.test"]).await;
    }
    scene.queue.wait_until(|counters| counters.deferred >= 1 && counters.active == 0).await;
    scene.send(&["y@b.test"]).await;
    scene.queue.wait_until(|counters| counters.delivered == 1).await;
    // Of what waits for the first, only what was in hand was touched.
    let tried = |rows: &[storage::SpoolRow]| {
        rows.iter().filter(|row| row.recipients[0].attempts > 0).count()
    };
    let (before, connections) = (tried(&scene.spool().await), a.connections());
    assert!((1..=2).contains(&before), "{before}");
    scene.advance(30);
    scene.send(&["y@b.test"]).await;
    scene.queue.wait_until(|counters| counters.delivered == 2 && counters.active == 0).await;
    assert_eq!(a.connections(), connections, "it is left alone for a while");
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_says_nothing_holds_nobody_up() {
    let (a, b) = (Server::start().await, Server::start().await);
    (0..9).for_each(|_| a.then(Behaviour { silent: true, ..Behaviour::default() }));
    let scene = Scene::with(&[&a, &b], |settings| settings.connections_max = 4).await;
    for _ in 0..200 {
        scene.send(&["x@a.test"]).await;
    }
    for sent in 1..=10 {
        scene.send(&["y@b.test"]).await;
        scene.queue.wait_until(|counters| counters.delivered == sent).await;
    }
    // How many it may have is met; each of them is hung up, whenever it was taken.
    while a.connections() < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!((a.connections(), b.taken().len()), (2, 10));
    a.hang_up();
    scene.queue.wait_until(|counters| counters.active == 0).await;
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_waits_a_little_for_more() {
    let a = Server::start().await;
    let long = std::time::Duration::from_secs(600);
    let scene = Scene::with(&[&a], |settings| settings.rest = long).await;
    for sent in 1..=10 {
        scene.send(&["x@a.test"]).await;
        scene.queue.wait_until(|counters| counters.delivered == sent).await;
    }
    // What comes while the first one is at work may have another.
    assert_eq!(a.taken().len(), 10);
    assert!(a.connections() < 5, "{}", a.connections());
    // The shutdown does not wait for it.
    scene.close().await;
    let a = Server::start().await;
    let short = std::time::Duration::from_millis(1);
    let scene = Scene::with(&[&a], |settings| settings.rest = short).await;
    for sent in 1..=10 {
        scene.send(&["x@a.test"]).await;
        scene.queue.wait_until(|counters| counters.delivered == sent && counters.active == 0).await;
    }
    assert_eq!((a.taken().len(), a.connections()), (10, 10));
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_may_break_at_every_step() {
    for at in [Drop::Greeting, Drop::Ehlo, Drop::Mail, Drop::Rcpt, Drop::Data, Drop::Content] {
        let a = Server::start().await;
        a.then(Behaviour { drop_at: Some(at), ..Behaviour::default() });
        let scene = Scene::new(&[&a]).await;
        scene.send(&["x@a.test"]).await;
        scene.queue.wait_until(|counters| counters.deferred == 1 && counters.active == 0).await;
        assert_eq!(a.taken(), [], "{at:?}");
        scene.advance(400);
        scene.queue.wait_until(|counters| counters.delivered == 1).await;
        assert_eq!(a.taken().len(), 1, "{at:?}");
        assert_eq!(scene.spool().await, []);
        scene.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_closes_after_each_message_gets_all_of_them() {
    for keywords in [&[][..], &["PIPELINING"], &["CHUNKING"], &["PIPELINING", "CHUNKING"]] {
        for drop in [Drop::Next, Drop::Farewell] {
            let a = Server::start().await;
            let closing = Behaviour { drop_at: Some(drop), keywords, ..Behaviour::default() };
            (0..20).for_each(|_| a.then(closing.clone()));
            let scene = Scene::new(&[&a]).await;
            for _ in 0..10 {
                scene.send(&["x@a.test"]).await;
            }
            let ended = |c: queue::CountersSnapshot| c.delivered == 10 || c.deferred > 0;
            scene.queue.wait_until(|counters| ended(counters) && counters.active == 0).await;
            let found = (a.taken().len(), scene.queue.counters().deferred);
            assert_eq!(found, (10, 0), "{keywords:?} {drop:?}");
            scene.close().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_of_nonsense_are_no_end() {
    let a = Server::start().await;
    a.then(replying(&[("EHLO", "what?")]));
    a.then(replying(&[("MAIL", "250-never\r\n251 ending")]));
    a.then(replying(&[(".", "451 4.3.0 disk full")]));
    let scene = Scene::new(&[&a]).await;
    scene.send(&["x@a.test"]).await;
    for attempt in 1..=3 {
        scene
            .queue
            .wait_until(|counters| counters.deferred == attempt && counters.active == 0)
            .await;
        scene.advance(3 * 3600);
    }
    scene.queue.wait_until(|counters| counters.delivered == 1).await;
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_too_long_is_told_and_then_given_up() {
    // It is due again after all that happens here, so that no attempt has it in hand meanwhile.
    let seldom = std::time::Duration::from_secs(30 * 86_400);
    let scene = Scene::with(&[], |settings| {
        (settings.retry_first, settings.retry_max) = (seldom, seldom);
    });
    let scene = scene.await;
    let id = scene.send(&["x@lame.test"]).await;
    scene.queue.wait_until(|counters| counters.deferred == 1 && counters.active == 0).await;
    scene.advance(4 * 3600 + 1);
    scene.queue.wait_until(|counters| counters.reports == 1 && counters.active == 0).await;
    let reports = scene.inbox().await;
    assert!(reports[0].contains("Action: delayed\r\nStatus: 4.4.3\r\n"), "{}", reports[0]);
    // It is told once.
    scene.advance(3600);
    scene.queue.wait_until(|counters| counters.active == 0).await;
    scene.advance(5 * 86_400);
    scene.queue.wait_until(|counters| counters.failed == 1 && counters.active == 0).await;
    let reports = scene.inbox().await;
    assert_eq!(reports.len(), 2);
    assert!(reports[1].contains("Action: failed\r\nStatus: 5.4.3\r\n"), "{}", reports[1]);
    assert_eq!(scene.spool().await, []);
    let trace = scene.trace(id).await;
    assert!(trace.iter().any(|event| event.starts_with("warned ")), "{trace:?}");
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_for_a_mailbox_here_gets_there() {
    let scene = Scene::new(&[]).await;
    let id = scene.send(&["julie@here.test", "nobody@here.test", "Postmaster@here.test"]).await;
    scene.queue.wait_until(|counters| counters.failed == 1 && counters.delivered == 2).await;
    let inbox = scene.inbox().await;
    let copies = inbox
        .iter()
        .filter(|text| text.starts_with("Return-Path: <julie@here.test>\r\nSubject: x\r\n"));
    assert_eq!((copies.count(), inbox.len()), (2, 3));
    assert_eq!(scene.trace(id).await.len(), 3);
    scene.close().await;
}
