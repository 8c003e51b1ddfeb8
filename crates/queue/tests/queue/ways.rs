//! The way to a server: from which of our addresses, to which of its own, how fast, how much on one
//! connection, and in what form.

use std::net::{IpAddr, Ipv6Addr};

use ids::{Clock as _, SpoolId};
use queue::Settings;
use storage::{SpoolChange, SpoolFilter};

use crate::scene::{Scene, one_long_visit};
use crate::server::{Behaviour, Server};

const JULIE: &str = "julie@here.test";

#[tokio::test(flavor = "multi_thread")]
async fn servers_see_the_address_that_was_chosen() {
    let (a, b) = (Server::start().await, Server::start().await);
    let [all, own] = [3, 4].map(|last| IpAddr::from([127, 0, 0, last]));
    let choosing = |settings: &mut Settings| {
        // Of one of IPv6 no server of IPv4 sees anything.
        settings.sources = vec![IpAddr::from([0, 0, 0, 0, 0, 0, 0, 9]), all];
        settings.routes[1].relay.sources = vec![own];
    };
    let scene = Scene::with(&[&a, &b], choosing).await;
    scene.send(&["x@a.test", "y@b.test"]).await;
    scene.queue.wait_until(|counters| counters.delivered == 2 && counters.active == 0).await;
    assert_eq!((a.clients(), b.clients()), (vec![all], vec![own]));
    // It can be changed while the queue runs.
    let mut settings = scene.settings.clone();
    settings.sources = vec![own];
    settings.routes[1].relay.sources = Vec::new();
    scene.queue.replace_settings(settings);
    scene.send(&["x@a.test", "y@b.test"]).await;
    scene.queue.wait_until(|counters| counters.delivered == 4 && counters.active == 0).await;
    assert_eq!((a.clients(), b.clients()), (vec![all, own], vec![own; 2]));
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_of_ipv6_get_their_mail() {
    let local = IpAddr::from(Ipv6Addr::LOCALHOST);
    if std::net::TcpListener::bind((local, 0)).is_err() {
        eprintln!("skipped: this machine has no loopback of IPv6");
        return;
    }
    let a = Server::start_at((local, 0).into()).await;
    let scene = Scene::new(&[&a]).await;
    let id = scene.send(&["x@a.test"]).await;
    scene.queue.wait_until(|counters| counters.delivered == 1 && counters.active == 0).await;
    assert_eq!((a.taken().len(), a.clients()), (1, vec![local]));
    let trace = scene.trace(id).await;
    assert!(trace[0].contains("::1"), "{trace:?}");
    // Who sends from an address of IPv4 alone does not reach it.
    let mut settings = scene.settings.clone();
    settings.sources = vec![IpAddr::from([127, 0, 0, 3])];
    scene.queue.replace_settings(settings);
    scene.send(&["x@a.test"]).await;
    scene.queue.wait_until(|now| now.deferred == 1 && now.active == 0).await;
    assert_eq!((a.taken().len(), a.connections()), (1, 1));
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_messages_a_minute_than_may_go_there() {
    let a = Server::start().await;
    let slow = |settings: &mut Settings| {
        settings.messages_per_minute_max = 20;
        settings.connections_per_destination_max = 1;
    };
    let scene = Scene::with(&[&a], slow).await;
    let at = scene.clock.now().plus_secs(10);
    for _ in 0..4 {
        let terms = storage::SpoolTerms { begins: Some(at), ..Default::default() };
        scene.send_on(terms, r#"{"body":"7BIT"}"#, JULIE, &["x@a.test"], "{}").await;
    }
    // Two at once, a tenth of what a minute may bring; then one each three seconds.
    let mut now = scene.advance(10);
    for (delivered, paced) in [(2, 1), (3, 2)] {
        scene.queue.wait_until(|c| (c.delivered, c.paced, c.active) == (delivered, paced, 0)).await;
        assert_eq!(a.taken().len() as u64, delivered);
        let states = scene.queue.destinations();
        let state = states.iter().find(|state| state.destination == "a.test").unwrap();
        let until = Some(now.plus_secs(3));
        assert_eq!((state.per_minute, state.paced_until), (Some(20), until));
        // Nobody was tried and found wanting.
        let waiting = scene.spool().await;
        assert!(waiting.iter().all(|row| row.recipients[0].attempts == 0), "{waiting:?}");
        assert_eq!(waiting.len() as u64, 4 - delivered);
        now = scene.advance(3);
    }
    scene.queue.wait_until(|c| c.delivered == 4 && c.active == 0).await;
    assert_eq!((a.taken().len(), scene.queue.counters().paced), (4, 2));
    scene.close().await;
}

/// A visit that was woken for nothing and rests again is woken as well, where there is a bound.
#[tokio::test(flavor = "multi_thread")]
async fn who_rests_with_a_bound_is_woken_each_time() {
    let (a, b) = (Server::start().await, Server::start().await);
    let slow = |settings: &mut Settings| {
        one_long_visit(settings);
        settings.messages_per_minute_max = 600;
    };
    let scene = Scene::with(&[&a, &b], slow).await;
    scene.send(&["x@a.test"]).await;
    scene.queue.wait_until(|counters| counters.delivered == 1).await;
    scene.rests("a.test").await;
    // Of what is due an operator takes away what is for the one that rests.
    let terms =
        storage::SpoolTerms { begins: Some(scene.clock.now().plus_secs(10)), ..<_>::default() };
    let gone = scene.send_on(terms, r#"{"body":"7BIT"}"#, JULIE, &["x@a.test"], "{}").await;
    scene.send_on(terms, r#"{"body":"7BIT"}"#, JULIE, &["x@b.test"], "{}").await;
    let removing = scene.store.write("remove", move |tx| {
        let only = SpoolFilter { id: Some(gone), ..SpoolFilter::default() };
        tx.change_spooled(SpoolChange::Remove, &only, SpoolId::new(0), 1)
    });
    assert_eq!(removing.await.unwrap().value.0, 1);
    scene.advance(10);
    // Who is first by name was woken before.
    scene.queue.wait_until(|counters| counters.delivered == 2).await;
    scene.rests("a.test").await;
    scene.send(&["x@a.test"]).await;
    scene.queue.wait_until(|counters| counters.delivered == 3).await;
    assert_eq!((a.taken().len(), a.connections()), (2, 1));
    scene.close().await;
}

/// RFC 9422 §4.1
#[tokio::test(flavor = "multi_thread")]
async fn no_more_messages_on_a_connection_than_the_server_takes() {
    for keywords in [&["LIMITS MAILMAX=2"][..], &["PIPELINING", "CHUNKING", "LIMITS MAILMAX=2"]] {
        let a = Server::start().await;
        (0..9).for_each(|_| a.then(Behaviour { keywords, ..Behaviour::default() }));
        let scene = Scene::with(&[&a], one_long_visit).await;
        let at = scene.clock.now().plus_secs(10);
        for _ in 0..7 {
            let terms = storage::SpoolTerms { begins: Some(at), ..Default::default() };
            scene.send_on(terms, r#"{"body":"7BIT"}"#, JULIE, &["x@a.test"], "{}").await;
        }
        scene.advance(11);
        scene.queue.wait_until(|counters| counters.delivered == 7).await;
        assert_eq!((a.taken().len(), a.connections()), (7, 4), "{keywords:?}");
        assert_eq!(scene.queue.counters().deferred, 0);
        scene.close().await;
    }
}

/// RFC 3030 §3
#[tokio::test(flavor = "multi_thread")]
async fn binary_messages_go_as_they_are_converted_or_back() {
    const BINARY: &str = r#"{"body":"BINARYMIME"}"#;
    let (old, new) = (Server::start().await, Server::start().await);
    (0..9).for_each(|_| {
        new.then(Behaviour { keywords: &["CHUNKING", "BINARYMIME"], ..Behaviour::default() });
        // Without CHUNKING the other says nothing.
        old.then(Behaviour { keywords: &["8BITMIME", "BINARYMIME"], ..Behaviour::default() });
    });
    let scene = Scene::new(&[&old, &new]).await;
    let text = "MIME-Version: 1.0\r\nContent-Type: application/octet-stream\r\n\
                Content-Transfer-Encoding: binary\r\n\r\n\0bare\nand\rbare\r\n.\r\nmore";
    scene.send_text(text, BINARY, JULIE, "x@b.test").await;
    scene.queue.wait_until(|counters| counters.delivered == 1 && counters.active == 0).await;
    let taken = new.taken();
    assert_eq!((taken.len(), &*taken[0].content), (1, text));
    assert!(taken[0].mail.ends_with(" BODY=BINARYMIME"), "{}", taken[0].mail);
    scene.send_text(text, BINARY, JULIE, "x@a.test").await;
    scene.queue.wait_until(|counters| counters.delivered == 2 && counters.active == 0).await;
    let taken = old.taken();
    let base64 = "Content-Transfer-Encoding: base64\r\n\r\nAGJhcmUKYW5kDWJhcmUNCi4NCm1vcmU=\r\n";
    assert!(taken[0].content.ends_with(base64), "{:?}", taken[0].content);
    assert!(!taken[0].mail.contains("BINARYMIME"), "{}", taken[0].mail);
    // What is signed must not be changed, so that it goes back.
    let signed = "Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\
                  Content-Transfer-Encoding: binary\r\n\r\nbare\nline\r\n--b--\r\n";
    scene.send_text(signed, BINARY, JULIE, "x@a.test").await;
    scene.queue.wait_until(|counters| counters.failed == 1 && counters.active == 0).await;
    assert_eq!((old.taken().len(), scene.spool().await.len()), (1, 0));
    let reports = scene.inbox().await;
    assert!(reports[0].contains("\r\nStatus: 5.6.1\r\n"), "{reports:?}");
    scene.close().await;
}
