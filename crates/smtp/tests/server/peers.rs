//! Hosts that bring mail: lists, HELO, reverse names, greylisting, and who is exempt.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use net::{Dns, DnsError, DnsFuture, MailExchanger};
use smtp::{BlockList, PeerAction, PeerPolicy, PeerSettings, Role, Server};
use storage::GreylistTimes;

use crate::support::{Fixture, settings};

/// The peer of all fixtures is 192.0.2.7.
struct Table;

impl Dns for Table {
    fn mail_exchangers<'a>(&'a self, _: &'a str) -> DnsFuture<'a, Vec<MailExchanger>> {
        Box::pin(std::future::ready(Err(DnsError::NoSuchName)))
    }

    fn addresses<'a>(&'a self, host: &'a str) -> DnsFuture<'a, Vec<IpAddr>> {
        let answer = match host {
            "mx.good.test" => "192.0.2.7",
            "other.good.test" => "192.0.2.8",
            "7.2.0.192.spam.list.test" => "127.0.0.2",
            "7.2.0.192.policy.list.test" => "127.0.0.11",
            "7.2.0.192.refusing.list.test" => "127.255.255.254",
            "7.2.0.192.silent.list.test" => return Box::pin(std::future::pending()),
            "broken.test" => {
                let error = DnsError::Temporary("down".to_owned());
                return Box::pin(std::future::ready(Err(error)));
            }
            _ => return Box::pin(std::future::ready(Err(DnsError::NoSuchName))),
        };
        let answer = answer.parse().map_err(|_| DnsError::NoSuchName);
        Box::pin(std::future::ready(answer.map(|answer| vec![answer])))
    }

    fn names(&self, _: IpAddr) -> DnsFuture<'_, Vec<String>> {
        let names = vec!["other.good.test".to_owned(), "mx.good.test".to_owned()];
        Box::pin(std::future::ready(Ok(names)))
    }
}

fn list(zone: &str, action: PeerAction) -> BlockList {
    let answers = vec!["127.0.0.0/29".parse().unwrap()];
    BlockList { zone: format!("{zone}.list.test"), answers, action }
}

fn quiet() -> PeerSettings {
    PeerSettings {
        exempt: Vec::new(),
        lists: Vec::new(),
        helo: PeerAction::Off,
        reverse: PeerAction::Off,
        greylist: None,
        timeout: Duration::from_millis(50),
    }
}

/// The reply to RCPT, and what was stored of the message.
async fn send(policy: &PeerSettings, helo: &str, to: &str) -> (String, Option<String>) {
    let fixture = Fixture::new().await;
    let outcome = send_to(&fixture, policy, Role::Mx, helo, to).await;
    fixture.close().await;
    outcome
}

async fn send_to(
    fixture: &Fixture,
    policy: &PeerSettings,
    role: Role,
    helo: &str,
    to: &str,
) -> (String, Option<String>) {
    let peers = Arc::new(PeerPolicy::new(Arc::new(Table), policy.clone()));
    let server = Server::new(settings(role), fixture.desk.clone(), fixture.memory.clone());
    let hello = if role == Role::Lmtp { "LHLO" } else { "EHLO" };
    let wire = format!(
        "{hello} {helo}\r\nMAIL FROM:<s@x.test>\r\nRCPT TO:<{to}>\r\nDATA\r\n\
         X-Posthorn-Peer: forged\r\nSubject: a\r\n\r\nb\r\n.\r\nQUIT\r\n"
    );
    let replies = fixture.talk_to(server.looking_at_peers(peers), wire.as_bytes()).await;
    let reply = replies.lines().skip_while(|line| !line.contains("2.1.0")).nth(1).unwrap();
    let stored = fixture.inbox("bob@here.test").await.pop();
    (reply.to_owned(), stored.map(|bytes| String::from_utf8(bytes).unwrap()))
}

const OK: &str = "250 2.1.5 Recipient accepted";
const BOB: &str = "bob@here.test";

#[tokio::test]
async fn lists_refuse_defer_and_mark_by_their_answers() {
    use PeerAction::{Defer, Mark, Off, Refuse};
    let refused = "554 5.7.1 Your address is listed by spam.list.test";
    let deferred = "451 4.7.1 Your address is listed by spam.list.test";
    for (lists, expected) in [
        (vec![list("spam", Refuse)], refused),
        (vec![list("spam", Defer)], deferred),
        (vec![list("spam", Mark)], OK),
        (vec![list("spam", Defer), list("policy", Refuse)], deferred),
        // An answer that was not asked for, an error of the list, none in time, no listing.
        (vec![list("policy", Refuse), list("refusing", Refuse), list("silent", Refuse)], OK),
        (vec![list("empty", Refuse), list("spam", Off)], OK),
    ] {
        let policy = PeerSettings { lists, ..quiet() };
        assert_eq!(send(&policy, "mx.good.test", BOB).await.0, expected);
    }
    let policy = PeerSettings { lists: vec![list("spam", Mark)], ..quiet() };
    let (_, stored) = send(&policy, "mx.good.test", BOB).await;
    let expected = "+0000\r\nX-Posthorn-Peer: listed=spam.list.test\r\nSubject: a\r\n\r\nb\r\n";
    assert!(stored.as_ref().unwrap().ends_with(expected), "{stored:?}");
}

#[tokio::test]
async fn names_in_helo_have_to_exist() {
    let policy = PeerSettings { helo: PeerAction::Refuse, ..quiet() };
    for (helo, expected) in [
        ("mx.good.test", OK),
        // RFC 5321 §4.1.4: that the name is another host's refuses no mail.
        ("other.good.test", OK),
        ("broken.test", OK),
        ("[192.0.2.7]", OK),
        ("[IPv6:::ffff:192.0.2.7]", OK),
        ("[192.0.2.8]", "554 5.7.1 The name given in HELO is not its address"),
        ("192.0.2.7", "554 5.7.1 The name given in HELO is no host name"),
        ("localhost", "554 5.7.1 The name given in HELO is no host name"),
        ("none.test", "554 5.7.1 The name given in HELO is unknown"),
    ] {
        assert_eq!(send(&policy, helo, BOB).await.0, expected, "{helo}");
    }
}

#[tokio::test]
async fn a_name_that_points_back_stands_in_received() {
    let policy = PeerSettings { reverse: PeerAction::Mark, ..quiet() };
    let (_, stored) = send(&policy, "mx.good.test", BOB).await;
    let stored = stored.unwrap();
    assert!(stored.contains("from mx.good.test (mx.good.test [192.0.2.7])"), "{stored}");
    assert!(!stored.contains("X-Posthorn-Peer"), "{stored}");
}

#[tokio::test]
async fn who_answers_for_the_server_hears_from_everybody() {
    let fixture = Fixture::new().await;
    let bob = storage::Address::parse(BOB).unwrap();
    let promoted = fixture.store.write("test", move |tx| {
        let account = tx.find_account(&bob)?.unwrap().id;
        tx.account(account)?.set_role(storage::Role::Administrator)
    });
    promoted.await.unwrap();
    let policy = PeerSettings { lists: vec![list("spam", PeerAction::Refuse)], ..quiet() };
    for to in ["postmaster@here.test", "Abuse@also.test"] {
        assert_eq!(send_to(&fixture, &policy, Role::Mx, "a.test", to).await.0, OK, "{to}");
    }
    let unknown = send_to(&fixture, &policy, Role::Mx, "a.test", "nobody@here.test").await.0;
    assert_eq!(unknown, "550 5.1.1 No such mailbox here");
    assert_eq!(send_to(&fixture, &policy, Role::Lmtp, "a.test", BOB).await.0, OK);
    let exempt = PeerSettings { exempt: vec!["192.0.2.0/24".parse().unwrap()], ..policy };
    assert_eq!(send_to(&fixture, &exempt, Role::Mx, "a.test", BOB).await.0, OK);
    fixture.close().await;
}

#[tokio::test]
async fn unknown_senders_come_again() {
    let times = GreylistTimes { delay_secs: 300, window_secs: 3600, lifetime_secs: 100_000 };
    let policy = PeerSettings { greylist: Some(times), ..quiet() };
    let fixture = Fixture::new().await;
    let ask = || send_to(&fixture, &policy, Role::Mx, "a.test", BOB);
    assert_eq!(ask().await.0, "451 4.7.1 Greylisted, come again in 300 seconds");
    assert_eq!(send_to(&fixture, &policy, Role::Lmtp, "a.test", BOB).await.0, OK);
    fixture.clock.advance_secs(299);
    assert_eq!(ask().await.0, "451 4.7.1 Greylisted, come again in 1 seconds");
    fixture.clock.advance_secs(1);
    assert_eq!(ask().await.0, OK);
    assert_eq!(ask().await.0, OK);
    fixture.close().await;
}
