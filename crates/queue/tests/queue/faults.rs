//! Servers that misbehave: what they do defers mail or goes round it; nothing gets stuck or
//! doubled.

use ids::Clock as _;
use queue::{Reach, RelayTls};
use storage::{PreparedMessage, RcptParameters, SpoolEntry, SpoolRecipient, SpoolTerms};

use crate::scene::{Scene, one_long_visit, read};
use crate::server::{Behaviour, Drop, Server};

const JULIE: &str = "julie@here.test";

fn replying(command: &'static str, reply: &'static str) -> Behaviour {
    Behaviour { replies: vec![(command, reply)], ..Behaviour::default() }
}

/// More of a reply than is read of any.
fn endless(line: &str) -> &'static str {
    let lines = line.repeat(5_000_000 / line.len());
    Box::leak(lines.into_boxed_str())
}

#[tokio::test(flavor = "multi_thread")]
async fn replies_that_do_not_end_are_given_up() {
    for (command, line) in [
        ("EHLO", "250-X\r\n"),
        // No line of it ends, either.
        ("EHLO", "250-X"),
        ("MAIL", "250-and so on\r\n"),
        ("RCPT", "250-and so on\r\n"),
        ("DATA", "354-go\r\n"),
        (".", "250-taken\r\n"),
    ] {
        let a = Server::start().await;
        a.then(replying(command, endless(line)));
        let scene = Scene::new(&[&a]).await;
        scene.send(&["x@a.test"]).await;
        scene.queue.wait_until(|counters| counters.deferred == 1 && counters.active == 0).await;
        scene.advance(400);
        scene.queue.wait_until(|counters| counters.delivered == 1 && counters.active == 0).await;
        assert_eq!((a.taken().len(), scene.spool().await.len()), (1, 0), "{command}");
        scene.close().await;
    }
}

/// RFC 5321 §4.2.5: with the code the server has the message, and it is not sent again, however
/// much stands behind it.
#[tokio::test(flavor = "multi_thread")]
async fn the_code_of_a_reply_of_a_megabyte_counts() {
    for (line, code) in [("250 no end of thanks ", ""), ("250-taken\r\n", "250 at last")] {
        let a = Server::start().await;
        let reply = format!("{}{code}", line.repeat(1_000_000 / line.len()));
        a.then(replying(".", Box::leak(reply.into_boxed_str())));
        let scene = Scene::new(&[&a]).await;
        scene.send(&["x@a.test"]).await;
        scene.queue.wait_until(|counters| counters.delivered == 1 && counters.active == 0).await;
        assert_eq!((a.connections(), scene.spool().await.len()), (1, 0), "{line}");
        scene.close().await;
    }
}

/// What was taken is not sent again, also where MAIL before it was refused with a goodbye.
#[tokio::test(flavor = "multi_thread")]
async fn content_that_is_taken_behind_a_goodbye_is_taken() {
    let a = Server::start().await;
    a.then(Behaviour {
        keywords: &["PIPELINING", "CHUNKING"],
        ..replying("MAIL FROM:<max", "421 4.3.2 going down")
    });
    let scene = Scene::with(&[&a], one_long_visit).await;
    scene.send(&["x@a.test"]).await;
    scene.queue.wait_until(|counters| counters.delivered == 1).await;
    scene.send_from("max@here.test", &["x@a.test"], "{}").await;
    scene.queue.wait_until(|counters| counters.delivered == 2 && counters.active == 0).await;
    assert_eq!((a.taken().len(), a.connections()), (2, 1));
    scene.close().await;
}

/// Who sends more than a server takes keeps nobody else's mail, and is not refused letter by
/// letter.
#[tokio::test(flavor = "multi_thread")]
async fn a_sender_who_is_refused_now_stalls_no_other() {
    let a = Server::start().await;
    a.then(replying("MAIL FROM:<julie", "451 4.7.1 you send too much"));
    let scene = Scene::with(&[&a], one_long_visit).await;
    send_at_once(&scene, "x@a.test", ["julie", "julie", "max", "julie"].map(str::to_owned)).await;
    scene.queue.wait_until(|now| now.deferred == 3 && now.delivered == 1).await;
    assert_eq!(scene.queue.counters().left_alone, 0);
    assert_eq!(a.taken()[0].mail.split(' ').nth(1), Some("FROM:<max@here.test>"));
    // The second of hers was not brought: the first had been refused. The last was: max had been
    // let in.
    assert_eq!((a.refused(), a.connections()), (2, 1));
    // However long the visit lasts, she is asked for again.
    scene.rests("a.test").await;
    scene.send(&["x@a.test"]).await;
    scene.queue.wait_until(|now| now.deferred == 4).await;
    assert_eq!((a.refused(), a.connections()), (3, 1));
    scene.close().await;
    // It is the server where it says the same to others: what is behind those is not touched.
    let a = Server::start().await;
    a.then(replying("MAIL", "451 4.3.1 no room"));
    let scene = Scene::with(&[&a], one_long_visit).await;
    send_at_once(&scene, "x@a.test", (0..20).map(|sender| sender.to_string())).await;
    scene.queue.wait_until(|now| now.left_alone == 1 && now.active == 0).await;
    assert_eq!((a.refused(), scene.queue.counters().deferred), (2, 2));
    scene.close().await;
}

/// So it is where the next host cannot be reached.
#[tokio::test(flavor = "multi_thread")]
async fn a_sender_who_is_refused_now_stalls_no_other_beside_a_host_that_is_down() {
    let first = Server::start().await;
    let port = first.address.port();
    let scene = Scene::with(&[], |settings| {
        one_long_visit(settings);
        settings.port = port;
    });
    let scene = scene.await;
    (0..4).for_each(|_| first.then(replying("MAIL FROM:<julie", "451 4.7.1 you send too much")));
    send_at_once(&scene, "x@two.test", ["julie", "julie", "max"].map(str::to_owned)).await;
    scene.queue.wait_until(|now| now.deferred == 2 && now.delivered == 1).await;
    assert_eq!((scene.queue.counters().left_alone, first.refused()), (0, 1));
    scene.close().await;
}

/// Letters of these senders that one visit brings, in this order.
pub(crate) async fn send_at_once(
    scene: &Scene,
    to: &str,
    senders: impl IntoIterator<Item = String>,
) {
    let begins = scene.clock.now().plus_secs(10);
    for (at, sender) in (0..).zip(senders) {
        let terms = SpoolTerms { begins: Some(begins.plus_secs(at)), ..SpoolTerms::default() };
        let from = format!("{sender}@here.test");
        scene.send_on(terms, r#"{"body":"7BIT"}"#, &from, &[to], "{}").await;
    }
    scene.advance(40);
}

/// The password of a route goes to its host alone: hosts that were found before it was set are
/// asked for anew; and so they are after a while, however busy a destination is.
#[tokio::test(flavor = "multi_thread")]
async fn hosts_are_found_by_the_settings_of_the_message() {
    let (first, second) = (Server::start().await, Server::start().await);
    let scene = Scene::with(&[&first], one_long_visit).await;
    scene.send(&["x@a.test"]).await;
    scene.queue.wait_until(|counters| counters.delivered == 1).await;
    let mut settings = scene.settings.clone();
    settings.routes[0].relay.port = second.address.port();
    scene.queue.replace_settings(settings);
    scene.send(&["x@a.test"]).await;
    scene.queue.wait_until(|counters| counters.delivered == 2).await;
    assert_eq!((first.taken().len(), second.taken().len()), (1, 1));
    assert_eq!(second.connections(), 1);
    // A visit that is on its way when the clock jumps has lost its lease.
    scene.rests("a.test").await;
    scene.advance(299);
    scene.send(&["x@a.test"]).await;
    scene.queue.wait_until(|counters| counters.delivered == 3).await;
    assert_eq!(second.connections(), 1);
    scene.rests("a.test").await;
    scene.advance(1);
    scene.send(&["x@a.test"]).await;
    scene.queue.wait_until(|counters| counters.delivered == 4).await;
    assert_eq!(second.connections(), 2);
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_that_fails_is_gone_round_where_nothing_asks_for_it() {
    // What stands behind the reply to STARTTLS was put there by somebody in between (RFC 3207
    // §4.2); what ends the connection instead of a handshake fails as well.
    for reply in ["220 go", "220 go\r\n250 injected", "220 go\r\n250-a\r\n250 REQUIRETLS"] {
        let offering = Behaviour { keywords: &["STARTTLS"], ..replying("STARTTLS", reply) };
        let a = Server::start().await;
        a.then(offering.clone());
        let scene = Scene::new(&[&a]).await;
        scene.send(&["x@a.test"]).await;
        scene.queue.wait_until(|counters| counters.delivered == 1 && counters.active == 0).await;
        assert_eq!((a.taken().len(), a.connections()), (1, 2), "{reply}");
        scene.close().await;
        // Where a route asks for it, nothing is sent.
        let a = Server::start().await;
        a.then(offering);
        let verified = |settings: &mut queue::Settings| {
            settings.routes.iter_mut().for_each(|route| route.relay.tls = RelayTls::Verified);
        };
        let scene = Scene::with(&[&a], verified).await;
        scene.send(&["x@a.test"]).await;
        scene.queue.wait_until(|counters| counters.deferred == 1 && counters.active == 0).await;
        assert_eq!((a.taken().len(), a.connections()), (0, 1), "{reply}");
        scene.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_of_seven_bits_get_seven() {
    let (old, new) = (Server::start().await, Server::start().await);
    new.then(Behaviour { keywords: &["8BITMIME"], ..Behaviour::default() });
    let scene = Scene::new(&[&old, &new]).await;
    let send = |text: &'static str, to: &'static str| {
        let message = PreparedMessage::new(text.as_bytes().to_vec());
        let entry = SpoolEntry {
            account: None,
            reverse_path: JULIE.to_owned(),
            parameters: read(r#"{"body":"8BITMIME"}"#),
            recipients: vec![SpoolRecipient {
                forward_path: to.to_owned(),
                parameters: RcptParameters::default(),
            }],
        };
        scene.store.write("send", move |tx| tx.spool_on(SpoolTerms::default(), entry, &message))
    };
    let text = "Subject: x\r\n\r\nZürich, and what is there beside it\r\n";
    send(text, "x@a.test").await.unwrap();
    send(text, "x@b.test").await.unwrap();
    scene.queue.wait_until(|counters| counters.delivered == 2 && counters.active == 0).await;
    assert!(old.taken()[0].content.ends_with("\r\nZ=C3=BCrich, and what is there beside it\r\n"));
    assert_eq!(
        (&*new.taken()[0].content, &*new.taken()[0].mail),
        (text, "MAIL FROM:<julie@here.test> BODY=8BITMIME",)
    );
    // What cannot be converted goes back (RFC 6152 §3).
    let signed = "Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\nZürich\r\n--b--\r\n";
    send(signed, "x@a.test").await.unwrap();
    // Nor is a bare LF sent: a line `.` behind it would end the message for some (RFC 5321 §2.3.8).
    send("Subject: x\r\n\r\nx\n.\nMAIL FROM:<evil@here.test>\r\n", "x@a.test").await.unwrap();
    scene.queue.wait_until(|counters| counters.failed == 2 && counters.active == 0).await;
    let reports = scene.inbox().await;
    for status in ["5.6.3", "5.6.0"] {
        let told = format!("Status: {status}\r\n");
        assert_eq!(reports.iter().filter(|text| text.contains(&told)).count(), 1, "{status}");
    }
    assert_eq!(old.taken().len(), 1);
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nothing_is_sent_mailboxes_here_get_their_mail() {
    let far = Server::start().await;
    let scene = Scene::with(&[&far], |settings| settings.reach = Reach::Here).await;
    scene.send(&["one@a.test", "julie@here.test"]).await;
    scene.queue.wait_until(|counters| counters.delivered == 1 && counters.active == 0).await;
    assert_eq!(scene.inbox().await.len(), 1);
    // However long it is there, nobody has tried it.
    scene.advance(10 * 86_400);
    scene.send(&["julie@here.test"]).await;
    scene.queue.wait_until(|counters| counters.delivered == 2 && counters.active == 0).await;
    let waiting = scene.spool().await;
    assert_eq!((waiting.len(), waiting[0].recipients[0].attempts), (1, 0));
    assert_eq!((far.taken().len(), scene.inbox().await.len()), (0, 2));
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_as_large_as_may_be_goes_back() {
    let far = Server::start().await;
    (0..8).for_each(|_| far.then(replying("RCPT", "550 5.1.1 no such user")));
    let scene = Scene::on(&[&far], |_| {}, |storage| storage.message_bytes_max = 10_000).await;
    let text = format!("Subject: x\r\n\r\n{}", "Hello.\r\n".repeat(1_248));
    let message = PreparedMessage::new(text.into_bytes());
    let entry = SpoolEntry {
        account: None,
        reverse_path: JULIE.to_owned(),
        parameters: read(r#"{"ret":"FULL"}"#),
        recipients: vec![SpoolRecipient {
            forward_path: "x@a.test".to_owned(),
            parameters: RcptParameters::default(),
        }],
    };
    let send = scene.store.write("send", move |tx| tx.spool(entry, &message));
    send.await.unwrap();
    scene.queue.wait_until(|counters| counters.failed + counters.active == 1).await;
    scene.queue.wait_until(|counters| counters.active == 0).await;
    let reports = scene.inbox().await;
    assert_eq!((reports.len(), scene.spool().await.len()), (1, 0));
    assert!(reports[0].contains("Content-Type: text/rfc822-headers\r\n"), "{}", reports[0]);
    scene.close().await;
}

/// What cannot be told keeps nobody's mail in hand, to be sent anew after the next start.
#[tokio::test(flavor = "multi_thread")]
async fn an_outcome_is_written_down_without_a_report_that_cannot_be() {
    let far = Server::start().await;
    let scene = Scene::on(&[&far], |_| {}, |storage| storage.message_bytes_max = 300).await;
    scene.send_from(JULIE, &["x@a.test"], r#"{"notify":"SUCCESS"}"#).await;
    scene.queue.wait_until(|counters| far.taken().len() + counters.active as usize == 1).await;
    scene.queue.wait_until(|counters| counters.active == 0).await;
    let counters = scene.queue.counters();
    assert_eq!((counters.delivered, counters.reports, scene.spool().await.len()), (1, 0, 0));
    scene.close().await;
}

/// Servers that do anything: what they took they get once, and everything has an end.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_server_does_nothing_is_lost_or_doubled() {
    const MESSAGES: u64 = 6;
    for seed in 0..12 {
        let mut random = fastrand::Rng::with_seed(seed);
        let far = Server::start().await;
        (0..10).for_each(|_| far.then(anything(&mut random)));
        let scene = Scene::new(&[&far]).await;
        for number in 0..MESSAGES {
            let to = [format!("a{number}@a.test"), format!("b{number}@a.test")];
            scene.send(&[&*to[0], &*to[1]]).await;
        }
        let ended = |c: &queue::CountersSnapshot| c.delivered + c.failed;
        let mut seen = 0;
        for _ in 0..20 {
            let moved = |c| ended(&c) == 2 * MESSAGES || ended(&c) + c.deferred > seen;
            scene.queue.wait_until(|c| c.active == 0 && moved(c)).await;
            let counters = scene.queue.counters();
            if ended(&counters) == 2 * MESSAGES {
                break;
            }
            seen = ended(&counters) + counters.deferred;
            // Whatever waits is due then, and far from its lifetime.
            scene.advance(5 * 3600);
        }
        let counters = scene.queue.counters();
        assert_eq!(ended(&counters), 2 * MESSAGES, "seed {seed}");
        let mut paths: Vec<String> = far.taken().into_iter().flat_map(|one| one.rcpts).collect();
        let taken = paths.len() as u64;
        paths.sort();
        paths.dedup();
        assert_eq!(paths.len() as u64, taken, "seed {seed}: doubled");
        assert_eq!(taken, counters.delivered, "seed {seed}");
        scene.close().await;
    }
}

/// A connection that goes wrong somewhere, or does not.
fn anything(random: &mut fastrand::Rng) -> Behaviour {
    const DROPS: [Drop; 7] = [
        Drop::Greeting,
        Drop::Ehlo,
        Drop::Mail,
        Drop::Rcpt,
        Drop::Data,
        Drop::Next,
        Drop::Farewell,
    ];
    const COMMANDS: [&str; 6] = ["EHLO", "MAIL", "RCPT TO:<a", "RCPT", "DATA", "RSET"];
    const REPLIES: [&str; 9] = [
        "421 4.3.2 not now",
        "450 4.2.0 later",
        "452 4.5.3 too many",
        "550 5.1.1 never",
        "354 what",
        "250-never\r\n251 ending",
        "what?",
        "",
        "999 no code",
    ];
    const NO_REPLIES: [&str; 4] = ["250-never\r\n251 ending", "what?", "", "999 no code"];
    const KEYWORDS: [&[&str]; 4] =
        [&[], &["PIPELINING"], &["CHUNKING"], &["PIPELINING", "CHUNKING", "LIMITS RCPTMAX=1"]];
    let special = (random.choice(COMMANDS), random.choice(REPLIES));
    let (Some(command), Some(reply)) = special else { return Behaviour::default() };
    let replies = if random.bool() { vec![(command, reply)] } else { Vec::new() };
    // Who says what is no reply, takes the content all the same, and leaves without a goodbye, has
    // not said what became of it: such mail comes twice (RFC 5321 §4.2.5).
    let is_no_reply = NO_REPLIES.contains(&reply) && !replies.is_empty();
    let is_understood = |at: &Drop| !(is_no_reply && matches!(at, Drop::Next | Drop::Farewell));
    Behaviour {
        drop_at: random.choice(DROPS).filter(|_| random.bool()).filter(is_understood),
        replies,
        keywords: random.choice(KEYWORDS).unwrap_or_default(),
        ..Behaviour::default()
    }
}

/// RFC 7504 §3: who greets with 521 takes no mail, and the domain's other servers may.
#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_takes_no_mail_is_passed_over() {
    let never = || Behaviour { greeting: Some("521 no mail here"), ..Behaviour::default() };
    let later = || Behaviour { greeting: Some("421 4.3.2 busy"), ..Behaviour::default() };
    let first = Server::start().await;
    let port = first.address.port();
    let second = Server::start_at(([127, 0, 0, 2], port).into()).await;
    let scene = Scene::with(&[], |settings| settings.port = port).await;
    // Another server takes it.
    first.then(never());
    scene.send(&["x@two.test"]).await;
    scene.queue.wait_until(|counters| counters.delivered == 1 && counters.active == 0).await;
    assert_eq!((first.taken().len(), second.taken().len()), (0, 1));
    // Another may yet take it, whichever is asked first.
    for (one, other) in [(never(), later()), (later(), never())] {
        first.then(one);
        second.then(other);
        let before = scene.queue.counters().deferred;
        scene.send(&["x@two.test"]).await;
        let waits = before + 1;
        scene.queue.wait_until(|now| now.deferred == waits && now.active == 0).await;
        let delivered = scene.queue.counters().delivered + 1;
        scene.advance(2_000);
        scene.queue.wait_until(|now| now.delivered == delivered && now.active == 0).await;
    }
    // None of them takes any.
    first.then(never());
    second.then(never());
    let id = scene.send(&["x@two.test"]).await;
    scene.queue.wait_until(|counters| counters.failed == 1 && counters.active == 0).await;
    let trace = scene.trace(id).await;
    assert!(trace[0].starts_with("failed x@two.test 5.3.2 "), "{trace:?}");
    scene.close().await;
}

/// RFC 7504 §4: 556 is final as any other 5xx. A route is the operator's to mend.
#[tokio::test(flavor = "multi_thread")]
async fn a_domain_that_takes_no_mail_is_not_asked_again() {
    let a = Server::start().await;
    let scene = Scene::new(&[&a]).await;
    a.then(replying("RCPT", "556 Domain does not accept mail"));
    let id = scene.send(&["x@a.test"]).await;
    scene.queue.wait_until(|counters| counters.failed == 1 && counters.active == 0).await;
    let trace = scene.trace(id).await;
    assert!(trace[0].starts_with("failed x@a.test 5.1.10 "), "{trace:?}");
    a.then(Behaviour { greeting: Some("521 no mail here"), ..Behaviour::default() });
    scene.send(&["y@a.test"]).await;
    scene.queue.wait_until(|counters| counters.deferred == 1 && counters.active == 0).await;
    scene.advance(2_000);
    scene.queue.wait_until(|counters| counters.delivered == 1 && counters.active == 0).await;
    scene.close().await;
}

/// RFC 5321 §5.1: what a host does not take now the next one may; one that may have it is no reason
/// to send it to another.
#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_takes_nothing_now_is_passed_over() {
    let first = Server::start().await;
    let port = first.address.port();
    let second = Server::start_at(([127, 0, 0, 2], port).into()).await;
    let scene = Scene::with(&[], |settings| settings.port = port).await;
    let dropping = |at| Behaviour { drop_at: Some(at), ..Behaviour::default() };
    let behaviours = [
        replying("MAIL", "451 4.3.1 no room"),
        replying("MAIL", "421 4.3.2 going down"),
        replying("RCPT", "421 4.3.2 going down"),
        replying("DATA", "421 4.3.2 going down"),
        dropping(Drop::Mail),
        dropping(Drop::Rcpt),
        dropping(Drop::Data),
        // What stands behind MAIL is refused with it, content and all.
        Behaviour {
            keywords: &["PIPELINING", "CHUNKING"],
            replies: vec![("MAIL", "451 4.3.1 no room"), ("RCPT", "503 no MAIL")],
            ..Behaviour::default()
        },
    ];
    for (count, behaviour) in (1..).zip(behaviours) {
        let shown = format!("{behaviour:?}");
        first.then(behaviour);
        scene.send(&["x@two.test", "y@two.test"]).await;
        scene
            .queue
            .wait_until(|now| now.delivered + now.deferred == 2 * count && now.active == 0)
            .await;
        assert_eq!((first.taken().len(), second.taken().len() as u64), (0, count), "{shown}");
        assert_eq!(second.taken().last().unwrap().rcpts.len(), 2, "{shown}");
    }
    assert_eq!(scene.queue.counters().left_alone, 0);
    // What was refused for good is not asked for elsewhere.
    first.then(Behaviour {
        replies: vec![("RCPT TO:<x", "550 5.1.1 no such user"), ("DATA", "421 4.3.2 going down")],
        ..Behaviour::default()
    });
    scene.send(&["x@two.test", "y@two.test"]).await;
    scene.queue.wait_until(|now| now.delivered + now.failed == 18 && now.active == 0).await;
    assert_eq!(second.taken().last().unwrap().rcpts, ["RCPT TO:<y@two.test>"]);
    // Where all take nothing, it waits, and the first is asked first again.
    first.then(replying("MAIL", "451 4.3.1 no room"));
    second.then(replying("MAIL", "452 4.3.1 nor here"));
    let id = scene.send(&["x@two.test"]).await;
    scene.queue.wait_until(|now| now.deferred == 1 && now.active == 0).await;
    assert!(scene.trace(id).await[0].contains("452 4.3.1 nor here"));
    scene.advance(2_000);
    scene.queue.wait_until(|now| now.delivered == 18 && now.active == 0).await;
    // The first may take it yet, whatever the second says.
    first.then(replying("MAIL", "451 4.3.1 no room"));
    second.then(Behaviour { greeting: Some("521 no mail here"), ..Behaviour::default() });
    scene.send(&["x@two.test"]).await;
    scene.queue.wait_until(|now| now.deferred == 2 && now.active == 0).await;
    scene.advance(2_000);
    scene.queue.wait_until(|now| now.delivered == 19 && now.active == 0).await;
    first.then(dropping(Drop::Content));
    scene.send(&["x@two.test"]).await;
    scene.queue.wait_until(|now| now.deferred == 3 && now.active == 0).await;
    assert_eq!((first.taken().len(), second.taken().len()), (2, 9));
    scene.close().await;
}

/// What the next host can never take, the one that was passed over may.
#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_not_fit_is_not_the_last_word() {
    let first = Server::start().await;
    let port = first.address.port();
    let second = Server::start_at(([127, 0, 0, 2], port).into()).await;
    let scene = Scene::with(&[], |settings| settings.port = port).await;
    let keywords = &["8BITMIME", "SMTPUTF8"];
    first.then(Behaviour { keywords, ..replying("MAIL", "451 4.3.1 no room") });
    let message = PreparedMessage::for_elsewhere("Subject: ü\r\n\r\nHello.\r\n".into());
    let entry = SpoolEntry {
        account: None,
        reverse_path: JULIE.to_owned(),
        parameters: read(r#"{"body":"8BITMIME","smtputf8":true}"#),
        recipients: vec![SpoolRecipient {
            forward_path: "x@two.test".to_owned(),
            parameters: RcptParameters::default(),
        }],
    };
    let spool =
        scene.store.write("send", move |tx| tx.spool_on(SpoolTerms::default(), entry, &message));
    spool.await.unwrap();
    scene.queue.wait_until(|now| now.deferred + now.failed == 1 && now.active == 0).await;
    assert_eq!(scene.queue.counters().failed, 0);
    first.then(Behaviour { keywords, ..Behaviour::default() });
    scene.advance(2_000);
    scene.queue.wait_until(|now| now.delivered == 1 && now.active == 0).await;
    assert_eq!((first.taken().len(), second.taken().len()), (1, 0));
    scene.close().await;
}

/// RFC 6531 §3.2: a message that was handed in as one in UTF-8 goes to servers that take such, or
/// back; who said nothing of it is not held to it.
#[tokio::test(flavor = "multi_thread")]
async fn headers_outside_ascii_go_as_they_were_announced() {
    let (plain, modern) = (Server::start().await, Server::start().await);
    let scene = Scene::new(&[&plain, &modern]).await;
    let send = |subject: &'static [u8], smtputf8: bool, to: &'static str| {
        let text = [&b"Subject: "[..], subject, b"\r\n\r\nHello.\r\n"].concat();
        let message = PreparedMessage::for_elsewhere(text);
        let entry = SpoolEntry {
            account: None,
            reverse_path: JULIE.to_owned(),
            parameters: read(&format!(r#"{{"body":"8BITMIME","smtputf8":{smtputf8}}}"#)),
            recipients: vec![SpoolRecipient {
                forward_path: to.to_owned(),
                parameters: RcptParameters::default(),
            }],
        };
        scene.store.write("send", move |tx| tx.spool_on(SpoolTerms::default(), entry, &message))
    };
    let (utf8, latin1) = ("Gr\u{fc}\u{df}e".as_bytes(), &b"Gr\xfc\xdfe"[..]);
    let eight_bit = "MAIL FROM:<julie@here.test> BODY=8BITMIME";
    let mut delivered = 0;
    for (subject, smtputf8, to, expect) in [
        (utf8, false, "x@a.test", Some(eight_bit.to_owned())),
        (latin1, false, "x@a.test", Some(eight_bit.to_owned())),
        (utf8, true, "x@a.test", None),
        (utf8, false, "x@b.test", Some(format!("{eight_bit} SMTPUTF8"))),
        (latin1, false, "x@b.test", Some(eight_bit.to_owned())),
        (utf8, true, "x@b.test", Some(format!("{eight_bit} SMTPUTF8"))),
    ] {
        // Each on a connection of its own.
        plain.then(Behaviour { keywords: &["8BITMIME", "CHUNKING"], ..Behaviour::default() });
        let keywords = &["8BITMIME", "CHUNKING", "SMTPUTF8"];
        modern.then(Behaviour { keywords, ..Behaviour::default() });
        send(subject, smtputf8, to).await.unwrap();
        delivered += u64::from(expect.is_some());
        let failed = u64::from(delivered >= 2 && expect.is_none() || delivered > 2);
        scene
            .queue
            .wait_until(|now| (now.delivered, now.failed, now.active) == (delivered, failed, 0))
            .await;
        let server = if to == "x@a.test" { &plain } else { &modern };
        if let Some(expect) = expect {
            assert_eq!(server.taken().last().unwrap().mail, expect, "{subject:?} {smtputf8}");
        }
    }
    let report = scene.inbox().await.remove(0);
    assert!(report.contains("Status: 5.6.7\r\n"), "{report}");
    scene.close().await;
}
