//! Visits that panic: what they had in hand goes back, and nothing else suffers for long.

use std::sync::Arc;

use ids::Clock as _;
use mailauth::{Author, Signatory, Signing};
use storage::SpoolTerms;

use crate::scene::Scene;
use crate::server::Server;

/// Panics when it is asked.
#[derive(Debug)]
struct Mad;

impl Signatory for Mad {
    fn sign(&self, _: Vec<u8>, _: usize, _: Author) -> Signing<'_> {
        Box::pin(async { panic!("as asked") })
    }

    fn seal<'a>(&'a self, _: Vec<u8>, _: usize, _: &'a str) -> Signing<'a> {
        Box::pin(async { panic!("as asked") })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_defers_one_message_and_gives_the_rest_back() {
    let a = Server::start().await;
    let scene = Scene::with(&[&a], |settings| settings.signatory = Some(Arc::new(Mad))).await;
    let (terms, signed) = (SpoolTerms::default(), r#"{"body":"7BIT","sign":true}"#);
    let bad = scene.send_on(terms, signed, "julie@here.test", &["x@a.test"], "{}").await;
    let good = scene.send(&["y@a.test", "z@a.test"]).await;
    scene.queue.wait_until(|counters| counters.panicked > 0 && counters.active == 0).await;
    // How many visits there were before the other message came to be spooled is chance; it may
    // have gone with one of them.
    let rows = scene.spool().await;
    let row = rows.iter().find(|row| row.id == bad).unwrap();
    assert_eq!((row.recipients[0].attempts, row.recipients[0].owned), (1, false));
    assert!(rows.iter().flat_map(|row| &row.recipients).all(|one| !one.owned));
    let trace = scene.trace(bad).await;
    assert_eq!(trace, ["deferred x@a.test 4.3.0 - an error in this server"]);
    scene.advance(100);
    scene.queue.wait_until(|counters| counters.delivered == 2 && counters.active == 0).await;
    assert_eq!(scene.trace(good).await.len(), 2);
    assert_eq!(a.taken().len(), 1);
    // It is tried again by its own schedule, and to no better end.
    scene.advance(400);
    scene.queue.wait_until(|counters| counters.panicked == 2 && counters.active == 0).await;
    let row = scene.spool().await.remove(0);
    assert_eq!((row.id, row.recipients[0].attempts), (bad, 2));
    assert!(row.recipients[0].due > scene.clock.now());
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_before_a_server_is_found_leaves_the_destination_alone() {
    let scene = Scene::new(&[]).await;
    let id = scene.send(&["x@panic.test"]).await;
    scene.queue.wait_until(|counters| counters.panicked == 1 && counters.active == 0).await;
    let states = scene.queue.destinations();
    let state = states.iter().find(|state| state.destination == "panic.test").unwrap();
    assert_eq!(state.failures, 1);
    assert!(state.blocked_until > Some(scene.clock.now()));
    assert_eq!(scene.trace(id).await.len(), 1);
    let rows = scene.spool().await;
    assert!(!rows[0].recipients[0].owned);
    scene.close().await;
}
