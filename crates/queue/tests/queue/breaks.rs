//! Connections that end in the middle of something: nothing is lost, and nothing comes twice but
//! what the server may have taken.

use queue::{RelayTls, Settings};
use smtp::client::Credentials;

use crate::scene::{Scene, one_long_visit};
use crate::server::{Behaviour, Drop, Server};

const JULIE: &str = "julie@here.test";

fn ending(at: Drop, keywords: &'static [&'static str]) -> Behaviour {
    Behaviour { drop_at: Some(at), keywords, ..Behaviour::default() }
}

/// More than a connection holds on its way.
fn large() -> String {
    format!("Subject: large\r\n\r\n{}", "A line of many that are on their way.\r\n".repeat(200_000))
}

#[tokio::test(flavor = "multi_thread")]
async fn in_the_middle_of_the_content() {
    for (at, keywords) in [
        (Drop::Line, &[][..]),
        (Drop::Line, &["PIPELINING"]),
        (Drop::Chunk, &["CHUNKING"]),
        (Drop::Chunk, &["CHUNKING", "PIPELINING"]),
    ] {
        let a = Server::start().await;
        a.then(ending(at, keywords));
        a.then(Behaviour { keywords, ..Behaviour::default() });
        let scene = Scene::new(&[&a]).await;
        let text = large();
        let id = scene.send_text(&text, r#"{"body":"7BIT"}"#, JULIE, "x@a.test").await;
        scene.queue.wait_until(|counters| counters.deferred == 1 && counters.active == 0).await;
        assert_eq!((a.taken(), a.connections()), (Vec::new(), 1), "{at:?} {keywords:?}");
        let waiting = scene.spool().await;
        assert_eq!((waiting.len(), waiting[0].recipients[0].attempts), (1, 1));
        scene.advance(400);
        scene.queue.wait_until(|counters| counters.delivered == 1 && counters.active == 0).await;
        let taken = a.taken();
        assert_eq!((taken.len(), taken[0].content == text), (1, true), "{at:?} {keywords:?}");
        let trace = scene.trace(id).await;
        let events: Vec<_> = trace.iter().filter_map(|event| event.split(' ').next()).collect();
        assert_eq!(events, ["deferred", "delivered"]);
        scene.close().await;
    }
}

/// RFC 5321 §4.5.3.2.6 and RFC 1047: who hears nothing of what it sent sends it again.
#[tokio::test(flavor = "multi_thread")]
async fn behind_what_was_taken_without_a_word() {
    for keywords in [&[][..], &["PIPELINING"], &["CHUNKING"], &["CHUNKING", "PIPELINING"]] {
        let a = Server::start().await;
        a.then(ending(Drop::Taken, keywords));
        let scene = Scene::new(&[&a]).await;
        scene.send(&["x@a.test"]).await;
        scene.queue.wait_until(|counters| counters.deferred == 1 && counters.active == 0).await;
        assert_eq!(a.taken().len(), 1, "{keywords:?}");
        scene.advance(400);
        scene.queue.wait_until(|counters| counters.delivered == 1 && counters.active == 0).await;
        assert_eq!((a.taken().len(), scene.spool().await.len()), (2, 0), "{keywords:?}");
        scene.close().await;
    }
}

/// What is begun anew behind a message of which nobody was taken: the server has nothing of the
/// next one yet, and another connection brings that at once.
#[tokio::test(flavor = "multi_thread")]
async fn between_two_messages() {
    for keywords in [&[][..], &["PIPELINING"], &["CHUNKING"], &["CHUNKING", "PIPELINING"]] {
        let a = Server::start().await;
        let replies = vec![("RCPT TO:<x", "450 4.2.0 later")];
        a.then(Behaviour { replies, ..ending(Drop::Rset, keywords) });
        let scene = Scene::with(&[&a], one_long_visit).await;
        scene.send(&["x@a.test"]).await;
        scene.queue.wait_until(|counters| counters.deferred == 1).await;
        scene.rests("a.test").await;
        scene.send(&["y@a.test"]).await;
        scene.queue.wait_until(|now| now.delivered + now.deferred == 2).await;
        let rcpts = || a.taken().into_iter().flat_map(|taken| taken.rcpts).collect::<Vec<_>>();
        assert_eq!(rcpts(), ["RCPT TO:<y@a.test>"], "{keywords:?}");
        assert_eq!((scene.queue.counters().deferred, a.connections()), (1, 2), "{keywords:?}");
        scene.rests("a.test").await;
        scene.advance(400);
        scene.queue.wait_until(|counters| counters.delivered == 2).await;
        assert_eq!(rcpts(), ["RCPT TO:<y@a.test>", "RCPT TO:<x@a.test>"], "{keywords:?}");
        scene.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_we_sign_in() {
    let signing_in = |settings: &mut Settings| {
        for route in &mut settings.routes {
            route.relay.tls = RelayTls::Never;
            let (user, password) = ("relay".to_owned(), "secret".to_owned());
            route.relay.credentials = Some(Credentials { user, password });
        }
    };
    for keywords in [&["AUTH PLAIN"], &["AUTH LOGIN"]] {
        let a = Server::start().await;
        a.then(ending(Drop::Auth, keywords));
        a.then(Behaviour { keywords: &["AUTH PLAIN"], ..Behaviour::default() });
        let scene = Scene::with(&[&a], signing_in).await;
        let id = scene.send(&["x@a.test"]).await;
        scene.queue.wait_until(|counters| counters.deferred == 1 && counters.active == 0).await;
        assert_eq!((a.taken(), a.connections()), (Vec::new(), 1), "{keywords:?}");
        scene.advance(400);
        scene.queue.wait_until(|counters| counters.delivered == 1 && counters.active == 0).await;
        assert_eq!((a.taken().len(), scene.spool().await.len()), (1, 0), "{keywords:?}");
        assert!(!scene.trace(id).await.iter().any(|event| event.contains("secret")));
        scene.close().await;
    }
}
