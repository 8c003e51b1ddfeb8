//! FUTURERELEASE, DELIVERBY and MT-PRIORITY.

use ids::{Clock as _, Timestamp};
use storage::{SpoolTerms, Urgency};

use crate::scene::Scene;
use crate::server::{Behaviour, Server};

const JULIE: &str = "julie@here.test";

fn by(at: Timestamp, mode: &str) -> (SpoolTerms, String) {
    let envelope = format!(
        r#"{{"body":"7BIT","by":{{"at":{},"mode":"{mode}","trace":false}}}}"#,
        at.as_micros()
    );
    (SpoolTerms { deadline: Some(at), ..SpoolTerms::default() }, envelope)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_for_later_goes_at_its_time() {
    let a = Server::start().await;
    let scene = Scene::new(&[&a]).await;
    let terms =
        SpoolTerms { begins: Some(scene.clock.now().plus_secs(3600)), ..Default::default() };
    let envelope = r#"{"body":"7BIT","hold":"for;3600"}"#;
    scene.send_on(terms, envelope, JULIE, &["x@a.test", JULIE], "{}").await;
    scene.send_on(terms, envelope, JULIE, &["x@nowhere.test"], "{}").await;
    scene.send(&["y@a.test"]).await;
    scene.queue.wait_until(|counters| counters.delivered == 1 && counters.active == 0).await;
    scene.advance(3500);
    assert_eq!(scene.spool().await.len(), 2);
    scene.advance(101);
    scene.queue.wait_until(|counters| counters.delivered == 3 && counters.failed == 1).await;
    assert_eq!(a.taken()[1].rcpts, ["RCPT TO:<x@a.test>"]);
    let inbox = scene.inbox().await;
    assert_eq!(inbox.len(), 2);
    // RFC 4865 §5.1.2: a report tells what was asked for.
    let told = "\r\nFuture-Release-Request: for;3600\r\n";
    assert_eq!(inbox.iter().filter(|text| text.contains(told)).count(), 1);
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_must_not_be_late_goes_back() {
    let a = Server::start().await;
    let knowing = Behaviour { keywords: &["DELIVERBY"], ..Behaviour::default() };
    let busy = Behaviour { replies: vec![("RCPT", "450 4.2.0 later")], ..knowing.clone() };
    a.then(busy);
    a.then(knowing);
    let scene = Scene::new(&[&a]).await;
    let (terms, envelope) = by(scene.clock.now().plus_secs(100), "R");
    scene.send_on(terms, &envelope, JULIE, &["x@a.test"], "{}").await;
    scene.queue.wait_until(|counters| counters.deferred == 1 && counters.active == 0).await;
    scene.advance(101);
    scene.queue.wait_until(|counters| counters.failed == 1 && counters.active == 0).await;
    let report = &scene.inbox().await[0];
    assert!(report.contains("Action: failed\r\nStatus: 5.4.7\r\n"), "{report}");
    assert!(report.contains("\r\nDeliver-By-Date: "), "{report}");
    // In time, it leaves with the seconds that are left.
    let (terms, envelope) = by(scene.clock.now().plus_secs(100), "R");
    scene.send_on(terms, &envelope, JULIE, &["x@a.test"], "{}").await;
    scene.queue.wait_until(|counters| counters.delivered == 1 && counters.active == 0).await;
    assert_eq!(a.taken()[0].mail, "MAIL FROM:<julie@here.test> BY=100;R");
    // A server that knows nothing of it gets nothing.
    let (terms, envelope) = by(scene.clock.now().plus_secs(100), "R");
    scene.send_on(terms, &envelope, JULIE, &["x@a.test"], "{}").await;
    scene.queue.wait_until(|counters| counters.failed == 2 && counters.active == 0).await;
    assert!(scene.inbox().await[1].contains("Status: 5.3.3\r\n"));
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_be_late_is_told_once() {
    let a = Server::start().await;
    a.then(Behaviour { replies: vec![("RCPT", "450 4.2.0 later")], ..Behaviour::default() });
    let scene = Scene::new(&[&a]).await;
    let (terms, envelope) = by(scene.clock.now().plus_secs(100), "N");
    scene.send_on(terms, &envelope, JULIE, &["x@a.test"], "{}").await;
    scene.queue.wait_until(|counters| counters.deferred == 1 && counters.active == 0).await;
    scene.advance(101);
    scene.queue.wait_until(|counters| counters.reports == 1 && counters.active == 0).await;
    assert!(scene.inbox().await[0].contains("Action: delayed\r\nStatus: 4.4.7\r\n"));
    scene.advance(400);
    scene.queue.wait_until(|counters| counters.delivered == 1 && counters.active == 0).await;
    // RFC 2852 §4.1.4.2: a server that knows nothing of it is told of, once.
    let inbox = scene.inbox().await;
    assert_eq!(inbox.len(), 2);
    assert!(inbox[1].contains("Action: relayed\r\n"), "{}", inbox[1]);
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_urgent_go_before_others() {
    let a = Server::start().await;
    let scene = Scene::with(&[&a], |settings| settings.connections_per_destination_max = 1).await;
    let at = scene.clock.now().plus_secs(10);
    for (urgency, name) in [
        (Urgency::Bulk, "last@a.test"),
        (Urgency::Normal, "b@a.test"),
        (Urgency::Urgent, "a@a.test"),
    ] {
        let terms = SpoolTerms { urgency, begins: Some(at), ..SpoolTerms::default() };
        scene.send_on(terms, r#"{"body":"7BIT"}"#, JULIE, &[name], "{}").await;
    }
    scene.advance(11);
    scene.queue.wait_until(|counters| counters.delivered == 3 && counters.active == 0).await;
    let order: Vec<_> = a.taken().into_iter().flat_map(|taken| taken.rcpts).collect();
    assert_eq!(order, ["RCPT TO:<a@a.test>", "RCPT TO:<b@a.test>", "RCPT TO:<last@a.test>"]);
    scene.close().await;
}
