//! Mail that goes by a relay: one copy for all whom it gets it for (RFC 5321 §4.5.4.1).

use queue::{Relay, RelayTls, Route};

use crate::scene::Scene;
use crate::server::{Behaviour, Server};

/// Everything to `relay`, but for `b.test` to `exact`.
fn by_relay(relay: &Server, exact: &Server) -> impl FnOnce(&mut queue::Settings) {
    let routes = [("*", relay), ("b.test", exact)].map(|(domain, server)| Route {
        domain: domain.to_owned(),
        relay: Relay {
            host: server.address.ip().to_string(),
            port: server.address.port(),
            tls: RelayTls::Opportunistic,
            credentials: None,
            sources: Vec::new(),
        },
        connections_max: None,
        messages_per_minute_max: None,
    });
    |settings| settings.routes.extend(routes)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_gets_one_copy() {
    let (relay, exact) = (Server::start().await, Server::start().await);
    let scene = Scene::with(&[], by_relay(&relay, &exact)).await;
    scene.send(&["x@a.test", "y@b.test", "z@c.test", "julie@here.test", "v@a.test"]).await;
    scene.queue.wait_until(|now| now.delivered == 5 && now.active == 0).await;
    assert_eq!(relay.taken().len(), 1);
    let named = ["RCPT TO:<x@a.test>", "RCPT TO:<z@c.test>", "RCPT TO:<v@a.test>"];
    assert_eq!(relay.taken()[0].rcpts, named);
    assert_eq!(exact.taken()[0].rcpts, ["RCPT TO:<y@b.test>"]);
    assert_eq!((scene.inbox().await.len(), scene.spool().await.len()), (1, 0));
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_refused_for_now_is_tried_again_alone() {
    let (relay, exact) = (Server::start().await, Server::start().await);
    let replies = vec![("RCPT TO:<z", "450 4.2.0 later"), ("RCPT TO:<v", "550 5.1.1 nobody")];
    relay.then(Behaviour { replies, ..Behaviour::default() });
    let scene = Scene::with(&[], by_relay(&relay, &exact)).await;
    let id = scene.send(&["x@a.test", "z@c.test", "v@d.test"]).await;
    let done = |now: queue::CountersSnapshot| (now.delivered, now.deferred, now.failed);
    scene.queue.wait_until(|now| done(now) == (1, 1, 1) && now.active == 0).await;
    let waiting = scene.spool().await;
    assert_eq!(waiting[0].recipients.len(), 1);
    assert_eq!(waiting[0].recipients[0].forward_path, "z@c.test");
    scene.advance(400);
    scene.queue.wait_until(|now| done(now) == (2, 1, 1) && now.active == 0).await;
    assert_eq!(relay.taken()[1].rcpts, ["RCPT TO:<z@c.test>"]);
    let trace = scene.trace(id).await;
    assert_eq!(trace.iter().filter(|line| line.starts_with("failed v@d.test 5.1.1 ")).count(), 1);
    scene.close().await;
}

/// RFC 5321 §4.5.3.1.8: of more than any server has to take there are several copies.
#[tokio::test(flavor = "multi_thread")]
async fn of_very_many_there_are_several_copies() {
    let (relay, exact) = (Server::start().await, Server::start().await);
    let scene = Scene::with(&[], by_relay(&relay, &exact)).await;
    let all: Vec<String> = (0..120).map(|number| format!("x@{number}.test")).collect();
    scene.send(&all.iter().map(String::as_str).collect::<Vec<_>>()).await;
    scene.queue.wait_until(|now| now.delivered == 120 && now.active == 0).await;
    let copies = relay.taken();
    assert!((2..10).contains(&copies.len()), "{}", copies.len());
    let mut named: Vec<&str> = copies.iter().flat_map(|one| &one.rcpts).map(|one| &**one).collect();
    named.sort_unstable();
    named.dedup();
    assert_eq!(named.len(), 120);
    scene.close().await;
}

/// A turn is for a copy, whoever asked for it: who finds that others brought theirs along takes
/// none.
#[tokio::test(flavor = "multi_thread")]
async fn a_paced_route_takes_one_turn_for_each_copy() {
    let (relay, exact) = (Server::start().await, Server::start().await);
    let routes = by_relay(&relay, &exact);
    let paced = |settings: &mut queue::Settings| {
        routes(settings);
        settings.routes[0].messages_per_minute_max = Some(60);
    };
    let scene = Scene::with(&[], paced).await;
    let all: Vec<String> = (0..520).map(|number| format!("x@{number}.test")).collect();
    scene.send(&all.iter().map(String::as_str).collect::<Vec<_>>()).await;
    // Six copies at once, a tenth of what a minute may bring, then one a second.
    for (copies, delivered) in [(6, 306), (7, 357), (8, 408), (9, 459), (10, 510), (11, 520)] {
        scene.queue.wait_until(|now| now.delivered == delivered).await;
        assert_eq!(relay.taken().len(), copies);
        scene.advance(1);
    }
    scene.queue.wait_until(|now| now.active == 0).await;
    // Mail for here takes no turn.
    scene.send(&["julie@here.test"]).await;
    scene.queue.wait_until(|now| now.delivered == 521 && now.active == 0).await;
    scene.close().await;
}

/// RFC 9422 §4: of a server that takes so many domains, no more are named on a connection.
#[tokio::test(flavor = "multi_thread")]
async fn a_relay_gets_no_more_domains_than_it_takes() {
    let (relay, exact) = (Server::start().await, Server::start().await);
    let keywords = &["LIMITS RCPTDOMAINMAX=2"][..];
    (0..9).for_each(|_| relay.then(Behaviour { keywords, ..Behaviour::default() }));
    let scene = Scene::with(&[], by_relay(&relay, &exact)).await;
    scene.send(&["x@a.test", "z@c.test", "v@d.test", "w@A.test", "u@e.test"]).await;
    scene.queue.wait_until(|now| now.delivered == 5 && now.active == 0).await;
    let mut named: Vec<Vec<String>> = relay.taken().into_iter().map(|one| one.rcpts).collect();
    named.sort();
    let first = ["RCPT TO:<x@a.test>", "RCPT TO:<z@c.test>", "RCPT TO:<w@A.test>"].to_vec();
    assert_eq!(named, [["RCPT TO:<v@d.test>", "RCPT TO:<u@e.test>"].to_vec(), first]);
    assert_eq!(relay.connections(), 2);
    assert_eq!(scene.spool().await.len(), 0);
    scene.close().await;
}
