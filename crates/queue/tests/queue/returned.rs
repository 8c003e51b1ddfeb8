//! Copies that were sent on without being kept, and that nobody takes.

use ids::SpoolId;
use mailauth::srs::SrsKey;
use storage::{Address, PreparedMessage, SpoolEntry, SpoolRecipient, SpoolTerms};

use crate::replying;
use crate::scene::{Scene, read};
use crate::server::Server;

const COPY: &str = "Delivered-To: julie@here.test\r\nSubject: x\r\n\r\nHello.\r\n";

/// Spools a copy that Julie's redirection sends on.
async fn send_on(scene: &Scene, envelope: &str, from: &str, to: &str, parameters: &str) -> SpoolId {
    send_text_on(scene, COPY, envelope, from, to, parameters).await
}

async fn send_text_on(
    scene: &Scene,
    text: &str,
    envelope: &str,
    from: &str,
    to: &str,
    parameters: &str,
) -> SpoolId {
    let message = PreparedMessage::new(text.as_bytes().to_vec());
    let [from, to] = [from, to].map(str::to_owned);
    let (mail, parameters) = (read(envelope), read(parameters));
    let spooled = scene.store.write("copy", move |tx| {
        let julie = tx.find_account(&Address::parse("julie@here.test")?)?;
        let entry = SpoolEntry {
            account: julie.map(|julie| julie.id),
            reverse_path: from,
            parameters: mail,
            recipients: vec![SpoolRecipient { forward_path: to, parameters }],
        };
        tx.spool_on(SpoolTerms::default(), entry, &message)
    });
    spooled.await.unwrap().value
}

async fn refusing() -> Server {
    let server = Server::start().await;
    (0..8).for_each(|_| server.then(replying(&[("RCPT", "550 5.1.1 no such user")])));
    server
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sent_it_on_gets_it_where_nobody_is_told() {
    let a = refusing().await;
    let key = SrsKey::new([7; 32]);
    let scene = Scene::with(&[&a], |settings| settings.rewriting = Some(key.clone())).await;
    let day = mailauth::srs::day_of(ids::Clock::now(&*scene.clock).as_secs());
    let sender = message::address::Address::parse_path(b"max@b.test").unwrap();
    let rewritten = mailauth::srs::forward(&sender, "here.test", &key, day).unwrap().to_string();
    let doubtful = r#"{"body":"7BIT","doubtful":true,"unkept":true}"#;
    let believed = r#"{"body":"7BIT","unkept":true}"#;
    let cases = [
        (doubtful, "max@b.test", "{}", "max@b.test"),
        // It is taken for theirs, and not known to be: what was rewritten is not written back to.
        (believed, &*rewritten, "{}", "max@b.test"),
        (believed, "", "{}", ""),
        (believed, "max@b.test", r#"{"notify":"NEVER"}"#, "max@b.test"),
        (believed, "gone@here.test", "{}", "gone@here.test"),
    ];
    let mut inbox = Vec::new();
    for (at, (envelope, from, parameters, sender)) in (1..).zip(cases) {
        send_on(&scene, envelope, from, "x@a.test", parameters).await;
        scene.queue.wait_until(|it| it.failed == at && it.delivered == at && it.active == 0).await;
        inbox.push(format!("Return-Path: <{sender}>\r\n{COPY}"));
        assert_eq!(scene.inbox().await, inbox, "{from}");
    }
    assert_eq!((scene.queue.counters().reports, scene.spool().await.len()), (0, 0));
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_or_kept_does_not_come_back() {
    let a = refusing().await;
    let scene = Scene::new(&[&a]).await;
    let kept = r#"{"body":"7BIT","doubtful":true}"#;
    send_on(&scene, kept, "max@b.test", "x@a.test", "{}").await;
    scene.queue.wait_until(|counters| counters.failed == 1 && counters.active == 0).await;
    assert_eq!((scene.inbox().await.len(), scene.spool().await.len()), (0, 0));
    let told = r#"{"body":"7BIT","unkept":true}"#;
    send_on(&scene, told, "max@b.test", "x@a.test", "{}").await;
    scene.queue.wait_until(|counters| counters.reports == 1 && counters.active == 0).await;
    let waiting = scene.spool().await;
    assert_eq!((waiting.len(), &*waiting[0].recipients[0].forward_path), (1, "max@b.test"));
    assert_eq!(scene.inbox().await, [""; 0]);
    scene.close().await;
}

/// R-ADDR-13: what an account sends on was written by others, also where the account is its sender
/// now (RFC 6009 §6.1).
#[tokio::test(flavor = "multi_thread")]
async fn what_strangers_wrote_is_external_whoever_sends_it_on() {
    let scene = Scene::new(&[]).await;
    let marking = scene.store.write("mark", |tx| tx.set_external_mark("here.test", true));
    marking.await.unwrap();
    let julie = "julie@here.test";
    for (at, (envelope, author, marked)) in (1..).zip([
        (r#"{"body":"7BIT"}"#, "max@b.test", false),
        (r#"{"body":"7BIT","sent_on":true}"#, "max@b.test", true),
        (r#"{"body":"7BIT","sent_on":true}"#, julie, false),
    ]) {
        let copy = format!("From: {author}\r\n\r\nHello.\r\n");
        send_text_on(&scene, &copy, envelope, julie, julie, "{}").await;
        scene.queue.wait_until(|it| it.delivered == at && it.active == 0).await;
        let inbox = scene.inbox().await;
        let mark = if marked { "X-Posthorn-External: yes\r\n" } else { "" };
        let expect = format!("Return-Path: <{julie}>\r\n{mark}{copy}");
        assert_eq!(inbox.last(), Some(&expect), "{envelope} {author}");
    }
    scene.close().await;
}

/// What waited for too long comes back whole, and what cannot come back goes nowhere else.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_given_up_comes_back() {
    let scene = Scene::new(&[]).await;
    let doubtful = r#"{"body":"7BIT","doubtful":true,"unkept":true}"#;
    send_on(&scene, doubtful, "max@b.test", "x@lame.test", "{}").await;
    scene.queue.wait_until(|counters| counters.deferred == 1 && counters.active == 0).await;
    scene.advance(5 * 86_400 + 1);
    scene.queue.wait_until(|it| it.failed == 1 && it.delivered == 1 && it.active == 0).await;
    assert_eq!(scene.inbox().await, [format!("Return-Path: <max@b.test>\r\n{COPY}")]);
    assert_eq!((scene.queue.counters().reports, scene.spool().await.len()), (0, 0));
    scene.close().await;
}

/// RFC 5321 §4.5.4.1: a report for a full mailbox waits as other mail does; nobody is told of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_report_for_a_full_mailbox_waits() {
    let a = refusing().await;
    let scene = Scene::new(&[&a]).await;
    set_quota(&scene, 1).await;
    scene.send(&["x@a.test"]).await;
    let done = |it: queue::CountersSnapshot| (it.failed, it.reports, it.deferred, it.delivered);
    scene.queue.wait_until(|it| done(it) == (1, 1, 1, 0) && it.active == 0).await;
    let waiting = scene.spool().await;
    assert_eq!((waiting.len(), &*waiting[0].reverse_path), (1, ""));
    assert_eq!(waiting[0].recipients[0].forward_path, "julie@here.test");
    assert!(waiting[0].recipients[0].answer.starts_with("4.2.2 "), "{waiting:?}");
    set_quota(&scene, 0).await;
    scene.advance(400);
    scene.queue.wait_until(|it| done(it) == (1, 1, 1, 1) && it.active == 0).await;
    let inbox = scene.inbox().await;
    assert!(inbox[0].contains("Final-Recipient: rfc822; x@a.test\r\nAction: failed\r\n"));
    assert_eq!((inbox.len(), inbox[0].matches("Return-Path: <>\r\n").count()), (1, 1));
    set_quota(&scene, 1).await;
    scene.send(&["x@a.test"]).await;
    scene.queue.wait_until(|it| done(it) == (2, 2, 2, 1) && it.active == 0).await;
    scene.advance(5 * 86_400 + 1);
    scene.queue.wait_until(|it| it.failed == 3 && it.active == 0).await;
    assert_eq!((scene.queue.counters().reports, scene.spool().await.len()), (2, 0));
    assert_eq!(scene.inbox().await.len(), 1);
    scene.close().await;
}

/// Sets how many bytes Julie may have; 0 lifts it.
pub(crate) async fn set_quota(scene: &Scene, bytes: u64) {
    let set = scene.store.write("quota", move |tx| {
        let julie = tx.find_account(&Address::parse("julie@here.test")?)?.unwrap().id;
        tx.account(julie)?.set_quota(bytes)
    });
    set.await.unwrap();
}
