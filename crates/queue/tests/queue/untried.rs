//! What waits untried behind a destination that takes nothing: what is told of it, and where.

use std::time::Duration;

use ids::{Clock as _, Timestamp};
use message::date::{DateTime, format_rfc5322};
use queue::Settings;
use storage::SpoolTerms;

use crate::faults::send_at_once;
use crate::replying;
use crate::scene::{Scene, one_long_visit};
use crate::server::{Behaviour, Server};

const GREETING: &str = "421 4.7.0 too busy for <ann@there.test> now";

/// What was tried once is due again after all that happens here.
fn seldom(settings: &mut Settings) {
    let seldom = Duration::from_secs(30 * 86_400);
    (settings.retry_first, settings.retry_max) = (seldom, seldom);
}

/// A scene whose `a.test` takes nothing, and is left alone for 25 minutes at least.
async fn shut(a: &Server) -> Scene {
    const VISITS: u64 = 50;
    let busy = Behaviour { greeting: Some(GREETING), ..Behaviour::default() };
    (0..VISITS).for_each(|_| a.then(busy.clone()));
    let change = |settings: &mut Settings| {
        settings.warn_after = Duration::from_secs(300);
        (settings.retry_first, settings.retry_max) =
            (Duration::from_secs(60), Duration::from_secs(60));
    };
    let scene = Scene::with(&[a], change).await;
    // Nobody is told of that one.
    scene.send_from("", &["first@a.test"], "{}").await;
    for visits in 1..VISITS {
        scene.queue.wait_until(|counters| counters.deferred == visits).await;
        scene.queue.wait_until(|counters| counters.active == 0).await;
        let blocked_until = scene.queue.destinations()[0].blocked_until;
        // Where a visit came while the message was in another's hand, how often it failed is
        // forgotten.
        if blocked_until.is_some_and(|until| until >= scene.clock.now().plus_secs(1_500)) {
            break;
        }
        scene.advance(4_400);
    }
    scene
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_untried_hears_why() {
    let a = Server::start().await;
    let scene = shut(&a).await;
    scene.send(&["x@a.test"]).await;
    scene.advance(301);
    scene.queue.wait_until(|counters| counters.reports == 1 && counters.active == 0).await;
    let rows = scene.spool().await;
    let untried = |rows: &[storage::SpoolRow]| {
        let attempts = rows.iter().flat_map(|row| &row.recipients).map(|one| one.attempts);
        attempts.collect::<Vec<_>>()
    };
    assert!(matches!(untried(&rows)[..], [1..=u64::MAX, 0]), "{rows:?}");
    // Who said it and what, but for whom it was said of; RFC 3464 §2.3.7: no date, as nobody tried.
    let fields = "Final-Recipient: rfc822; x@a.test\r\nAction: delayed\r\nStatus: 4.7.0\r\n\
         Remote-MTA: dns; 127.0.0.1\r\n\
         Diagnostic-Code: smtp; 421 4.7.0 too busy for (an address) now\r\nWill-Retry-Until: ";
    let report = &scene.inbox().await[0];
    assert!(report.contains(fields), "{report}");
    let lifetime = Duration::from_secs(300);
    scene.queue.replace_settings(Settings { lifetime, ..scene.settings.clone() });
    scene.advance(61);
    scene.queue.wait_until(|counters| counters.failed == 2 && counters.active == 0).await;
    let fields = "Final-Recipient: rfc822; x@a.test\r\nAction: failed\r\nStatus: 5.7.0\r\n\
         Remote-MTA: dns; 127.0.0.1\r\n\
         Diagnostic-Code: smtp; 421 4.7.0 too busy for (an address) now\
         \x20(given up: it waited for too long)\r\n\r\n--";
    let report = &scene.inbox().await[1];
    assert!(report.contains(fields), "{report}");
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_without_an_attempt_has_the_date_of_the_last() {
    let a = Server::start().await;
    a.then(Behaviour { replies: vec![("RCPT", "450 4.2.0 later")], ..Behaviour::default() });
    let scene = Scene::with(&[&a], seldom).await;
    scene.send(&["x@a.test"]).await;
    scene.queue.wait_until(|counters| counters.deferred == 1 && counters.active == 0).await;
    let date = format_rfc5322(DateTime::from_unix_secs(scene.clock.now().as_secs()));
    scene.advance(4 * 3600 + 1);
    scene.queue.wait_until(|counters| counters.reports == 1).await;
    scene.advance(5 * 86_400);
    scene.queue.wait_until(|counters| counters.failed == 1).await;
    let fields = format!("\r\nLast-Attempt-Date: {date}\r\n");
    let reports = scene.inbox().await;
    assert_eq!(reports.len(), 2);
    assert!(reports.iter().all(|report| report.contains(&fields)), "{reports:?}");
    scene.close().await;
}

/// RFC 3464 §2.3.7: who was put off for what another letter of theirs was told was not tried.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_put_off_unasked_was_not_tried() {
    let a = Server::start().await;
    (0..9).for_each(|_| a.then(replying(&[("MAIL", "451 4.7.1 you send too much")])));
    let scene = Scene::with(&[&a], seldom).await;
    send_at_once(&scene, "x@a.test", ["julie", "julie"].map(str::to_owned)).await;
    scene.queue.wait_until(|counters| counters.deferred == 2 && counters.active == 0).await;
    let rows = scene.spool().await;
    let recipients: Vec<_> = rows.iter().map(|row| &row.recipients[0]).collect();
    assert_eq!((a.refused(), recipients[0].attempts, recipients[1].attempts), (1, 1, 0));
    assert_eq!(recipients[1].attempted, None);
    assert_eq!(recipients[0].answer, recipients[1].answer);
    assert!(recipients[1].due > scene.clock.now().plus_secs(20 * 86_400), "{rows:?}");
    assert_eq!(
        scene.store.read(|tx| tx.spool_totals(Timestamp::default())).await.unwrap().deferred,
        2
    );
    scene.advance(4 * 3600 + 1);
    scene.queue.wait_until(|counters| counters.reports == 2).await;
    scene.advance(5 * 86_400);
    scene.queue.wait_until(|counters| counters.failed == 2).await;
    let reports = scene.inbox().await;
    let count = |text: &str| reports.iter().filter(|report| report.contains(text)).count();
    assert_eq!((reports.len(), count("Last-Attempt-Date: ")), (4, 2), "{reports:?}");
    assert_eq!((count("it was tried for too long"), count("it waited for too long")), (1, 1));
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_put_off_unasked_waits_as_long_as_before() {
    let a = Server::start().await;
    (0..9).for_each(|_| a.then(replying(&[("MAIL", "451 4.7.1 you send too much")])));
    let scene = Scene::new(&[&a]).await;
    send_at_once(&scene, "x@a.test", ["julie", "julie"].map(str::to_owned)).await;
    for (round, secs) in [(1, 370), (2, 1_200), (3, 3_600)] {
        let deferred = u64::try_from(2 * round).unwrap();
        scene.queue.wait_until(|now| now.deferred == deferred && now.active == 0).await;
        let rows = scene.spool().await;
        let attempts: u64 = rows.iter().map(|row| row.recipients[0].attempts).sum();
        assert_eq!((a.refused(), attempts), (round, u64::try_from(round).unwrap()));
        let soonest = rows.iter().map(|row| row.recipients[0].due).min();
        assert!(soonest >= Some(scene.clock.now().plus_secs(240)), "{rows:?}");
        scene.advance(secs);
    }
    scene.close().await;
}

/// Of two senders who fill a claim each, too, it is known that both were refused.
#[tokio::test(flavor = "multi_thread")]
async fn who_takes_nobody_s_is_left_alone_however_much_waits() {
    let a = Server::start().await;
    (0..9).for_each(|_| a.then(replying(&[("MAIL", "451 4.3.1 no room")])));
    let scene = Scene::with(&[&a], one_long_visit).await;
    let terms =
        SpoolTerms { begins: Some(scene.clock.now().plus_secs(10)), ..SpoolTerms::default() };
    for at in 0..200 {
        let from = if at < 100 { "julie@here.test" } else { "max@here.test" };
        scene.send_on(terms, r#"{"body":"7BIT"}"#, from, &["x@a.test"], "{}").await;
    }
    scene.advance(10);
    scene.queue.wait_until(|now| now.left_alone == 1 && now.active == 0).await;
    // Julie's once for each of two claims, then the first of max's.
    assert_eq!((a.refused(), scene.queue.counters().deferred), (3, 101));
    scene.close().await;
}

/// What the host of other settings said of another sender says nothing of this one.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_refused_before_a_reload_does_not_count() {
    let a = Server::start().await;
    (0..9).for_each(|_| a.then(replying(&[("MAIL", "451 4.3.1 no room")])));
    let scene = Scene::with(&[&a], one_long_visit).await;
    let refused = async |sender: &str, deferred: u64| {
        scene.send_from(sender, &["x@a.test"], "{}").await;
        scene.queue.wait_until(|now| now.deferred == deferred).await;
    };
    refused("julie@here.test", 1).await;
    scene.rests("a.test").await;
    scene.queue.replace_settings(scene.settings.clone());
    refused("max@here.test", 2).await;
    scene.rests("a.test").await;
    assert_eq!((scene.queue.counters().left_alone, a.connections()), (0, 2));
    refused("ann@here.test", 3).await;
    scene.queue.wait_until(|now| now.left_alone == 1 && now.active == 0).await;
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_see_why_a_destination_is_left_alone() {
    let a = Server::start().await;
    let scene = shut(&a).await;
    let states = scene.queue.destinations();
    let answer = states[0].answer.as_deref().unwrap();
    assert!(answer.starts_with("4.7.0 127.0.0.1["), "{answer}");
    assert!(answer.ends_with(GREETING), "{answer}");
    assert_eq!(scene.queue.answer_of("a.test").as_deref(), Some(answer));
    assert_eq!(scene.queue.answer_of("b.test"), None);
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_counted_by_how() {
    let a = Server::start().await;
    a.then(Behaviour { replies: vec![("RCPT", "450 4.2.0 later")], ..Behaviour::default() });
    let scene = Scene::with(&[&a], seldom).await;
    scene.send(&["x@a.test"]).await;
    scene.queue.wait_until(|counters| counters.deferred == 1 && counters.active == 0).await;
    let begins = Some(scene.clock.now().plus_secs(9999));
    let later = SpoolTerms { begins, ..SpoolTerms::default() };
    scene.send_on(later, "{}", "julie@here.test", &["x@a.test", "y@a.test"], "{}").await;
    // The more the count before took, the later is the next.
    scene.advance(3600);
    let queue = &scene.queue;
    queue.wait_until(|_| queue.backlog().scheduled == 2).await;
    let backlog = queue.backlog();
    assert_eq!((backlog.held, backlog.deferred), (0, 1));
    assert_eq!(backlog.oldest, Duration::from_secs(3600));
    scene.close().await;
}
