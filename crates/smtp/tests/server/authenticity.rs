//! Mail from outside is checked, told of, refused and put aside; forged results are removed;
//! bounces find their way through rewritten addresses.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use mailauth::Methods;
use mailauth::srs::{self, SrsKey};
use message::address::Address;
use net::{Dns, DnsError, DnsFuture, MailExchanger};
use smtp::{Authenticity, AuthenticitySettings, Disowned, Role};

use crate::support::{Fixture, settings, without_ids};

/// Texts of names; what is not in it does not exist. `silent.test` is not answered for.
#[derive(Default)]
pub(crate) struct Table(pub(crate) HashMap<&'static str, &'static str>);

impl Dns for Table {
    fn mail_exchangers<'a>(&'a self, _: &'a str) -> DnsFuture<'a, Vec<MailExchanger>> {
        Box::pin(std::future::ready(Err(DnsError::NoSuchName)))
    }

    fn addresses<'a>(&'a self, _: &'a str) -> DnsFuture<'a, Vec<IpAddr>> {
        Box::pin(std::future::ready(Err(DnsError::NoSuchName)))
    }

    fn texts<'a>(&'a self, name: &'a str) -> DnsFuture<'a, Vec<Vec<u8>>> {
        if name.ends_with("silent.test") {
            return Box::pin(std::future::pending());
        }
        let found = self.0.get(name).map(|text| vec![text.as_bytes().to_vec()]);
        Box::pin(std::future::ready(found.ok_or(DnsError::NoSuchName)))
    }
}

fn checks(change: impl FnOnce(&mut AuthenticitySettings)) -> Arc<Authenticity> {
    let table = [
        ("good.test", "v=spf1 ip4:192.0.2.7 -all"),
        ("closed.test", "v=spf1 -all"),
        ("likely.test", "v=spf1 ~all"),
        ("_dmarc.good.test", "v=DMARC1; p=reject"),
        ("_dmarc.bank.test", "v=DMARC1; p=reject; sp=quarantine"),
    ];
    let mut settings = AuthenticitySettings {
        authserv_id: "mx.here.test".to_owned(),
        methods: Methods { spf: true, dkim: true, dmarc: true, arc: true },
        obey: true,
        disowned: Disowned::Mark,
        defer: false,
        trusted_sealers: Vec::new(),
        trusted_networks: Vec::new(),
        trusted_servers: Vec::new(),
        timeout: Duration::from_millis(20),
    };
    change(&mut settings);
    Arc::new(Authenticity::new(Arc::new(Table(HashMap::from(table))), settings))
}

async fn fixture(change: impl FnOnce(&mut AuthenticitySettings)) -> Fixture {
    let mut fixture = Fixture::new().await;
    fixture.desk = fixture.desk.clone().checking(checks(change));
    fixture
}

/// The reply to a message with these header fields.
async fn send(fixture: &Fixture, role: Role, reverse_path: &str, fields: &str) -> String {
    let hello = if role == Role::Lmtp { "LHLO" } else { "EHLO" };
    let wire = format!(
        "{hello} mx.good.test\r\nMAIL FROM:<{reverse_path}>\r\nRCPT TO:<alice@here.test>\r\n\
         DATA\r\n{fields}\r\nHello.\r\n.\r\nQUIT\r\n"
    );
    let replies = fixture.talk(settings(role), wire.as_bytes(), wire.len()).await;
    let after = replies.split_once("354 ").unwrap().1;
    without_ids(after).lines().nth(1).unwrap().to_owned()
}

/// The message in the INBOX, without Return-Path and Received.
async fn arrived(fixture: &Fixture) -> String {
    let inbox = fixture.inbox("alice@here.test").await;
    let text = String::from_utf8(inbox.last().unwrap().clone()).unwrap();
    let (_, text) = text.split_once("\r\n").unwrap();
    let start = text.find("Received: ").unwrap();
    let end = text[start..].find("\r\nFrom: ").unwrap() + start + 2;
    text[..start].to_owned() + &text[end..]
}

#[tokio::test]
async fn what_was_found_is_told_on_top() {
    let fixture = fixture(|_| {}).await;
    let reply = send(&fixture, Role::Mx, "a@good.test", "From: a@good.test\r\n").await;
    assert_eq!(reply, "250 2.0.0 Stored");
    assert_eq!(
        arrived(&fixture).await,
        "Authentication-Results: mx.here.test;\r\n\
         \tspf=pass smtp.mailfrom=good.test;\r\n\
         \tdkim=none;\r\n\
         \tdmarc=pass header.from=good.test policy.dmarc=reject;\r\n\
         \tarc=none\r\n\
         From: a@good.test\r\n\r\nHello.\r\n"
    );
    fixture.close().await;
}

#[tokio::test]
async fn policies_are_obeyed() {
    let fixture = fixture(|_| {}).await;
    let refused = "550 5.7.1 Refused by the DMARC policy of the domain in From";
    for fields in [
        "From: ceo@bank.test\r\n",
        "From: a@good.test, ceo@bank.test\r\n",
        "From: a@good.test\r\nFrom: ceo@bank.test\r\n",
        "FROM :\r\n \"x@good.test\" <ceo@BANK.test>\r\n",
    ] {
        assert_eq!(send(&fixture, Role::Mx, "a@good.test", fields).await, refused, "{fields}");
    }
    assert!(fixture.inbox("alice@here.test").await.is_empty());
    let reply = send(&fixture, Role::Mx, "a@good.test", "From: ceo@news.bank.test\r\n").await;
    assert_eq!(reply, "250 2.0.0 Stored");
    assert!(fixture.inbox("alice@here.test").await.is_empty());
    assert_eq!(fixture.mailbox("alice@here.test", "Junk").await.len(), 1);
    // What is handed in on the same machine is not judged.
    let reply = send(&fixture, Role::Lmtp, "a@good.test", "From: ceo@bank.test\r\n").await;
    assert!(reply.starts_with("250 "), "{reply}");
    fixture.close().await;
}

/// What stands below text in place of a header vouches for nobody: it is text, too.
#[tokio::test]
async fn an_author_below_text_is_none() {
    let fixture = fixture(|_| {}).await;
    send(&fixture, Role::Mx, "a@good.test", "pay here now\r\nFrom: a@good.test\r\n").await;
    let mut stored = fixture.inbox("alice@here.test").await;
    stored.extend(fixture.mailbox("alice@here.test", "Junk").await);
    for message in &stored {
        let text = String::from_utf8_lossy(message);
        assert!(!text.contains("dmarc=pass"), "{text}");
        assert!(
            text.ends_with("\r\n\r\npay here now\r\nFrom: a@good.test\r\n\r\nHello.\r\n"),
            "{text}"
        );
    }
    // A line that is broken further down hides no author.
    let fields = "From: ceo@bank.test\r\npay here now\r\nFrom: a@good.test\r\n";
    let refused = "550 5.7.1 Refused by the DMARC policy of the domain in From";
    assert_eq!(send(&fixture, Role::Mx, "a@good.test", fields).await, refused);
    fixture.close().await;
}

/// A mailbox that fills up leaves its copy to the queue, which tells nobody who may be forged.
#[tokio::test]
async fn who_is_not_proved_is_noted_as_doubtful() {
    let fixture = fixture(|_| {}).await;
    for (reverse_path, proved) in [("a@good.test", true), ("victim@far.test", false)] {
        let wire = format!(
            "EHLO mx.good.test\r\nMAIL FROM:<{reverse_path}>\r\nRCPT TO:<full@here.test>\r\n\
             RCPT TO:<alice@here.test>\r\nDATA\r\nFrom: a@far.test\r\n\r\nb\r\n.\r\nQUIT\r\n"
        );
        fixture.talk(settings(Role::Mx), wire.as_bytes(), wire.len()).await;
        let spool = fixture.spool().await;
        let [_, envelope, to, _] = spool.last().unwrap();
        let noted = |word: &str| envelope.contains(&format!("\"{word}\":true"));
        assert_eq!(to, "full@here.test");
        assert_eq!((noted("verified"), noted("doubtful")), (proved, !proved), "{envelope}");
    }
    fixture.close().await;
}

#[tokio::test]
async fn marking_and_trusted_networks_refuse_nothing() {
    let marking = fixture(|settings| settings.obey = false).await;
    let reply = send(&marking, Role::Mx, "a@good.test", "From: ceo@bank.test\r\n").await;
    assert_eq!(reply, "250 2.0.0 Stored");
    let text = arrived(&marking).await;
    assert!(text.contains("\tdmarc=fail header.from=bank.test policy.dmarc=reject;\r\n"), "{text}");
    marking.close().await;
    let trusting =
        fixture(|settings| settings.trusted_networks = vec!["192.0.2.0/24".parse().unwrap()]).await;
    let reply = send(&trusting, Role::Mx, "a@good.test", "From: ceo@bank.test\r\n").await;
    assert_eq!(reply, "250 2.0.0 Stored");
    assert_eq!(arrived(&trusting).await, "From: ceo@bank.test\r\n\r\nHello.\r\n");
    trusting.close().await;
}

/// RFC 7208 §8.4 and RFC 7372 §3.2
#[tokio::test]
async fn hosts_that_are_disowned_are_treated_as_configured() {
    let far = "From: a@far.test\r\n";
    let refused = "550 5.7.23 Refused by the SPF policy of the domain of the sender";
    for (disowned, reply, in_inbox) in [
        (Disowned::Mark, "250 2.0.0 Stored", 1),
        (Disowned::Junk, "250 2.0.0 Stored", 0),
        (Disowned::Reject, refused, 0),
    ] {
        let fixture = fixture(|settings| settings.disowned = disowned).await;
        assert_eq!(send(&fixture, Role::Mx, "a@closed.test", far).await, reply);
        assert_eq!(fixture.inbox("alice@here.test").await.len(), in_inbox, "{disowned:?}");
        // What is only likely, and what may be.
        assert_eq!(send(&fixture, Role::Mx, "a@likely.test", far).await, "250 2.0.0 Stored");
        assert_eq!(send(&fixture, Role::Mx, "a@good.test", far).await, "250 2.0.0 Stored");
        assert_eq!(fixture.inbox("alice@here.test").await.len(), in_inbox + 2, "{disowned:?}");
        fixture.close().await;
    }
    // The author's domain may yet say that it is genuine.
    let fixture = fixture(|settings| settings.disowned = Disowned::Reject).await;
    let reply = send(&fixture, Role::Mx, "a@closed.test", "From: a@silent.test\r\n").await;
    assert_eq!(reply, "451 4.4.3 The domain in From cannot be checked now, try later");
    fixture.close().await;
}

#[tokio::test]
async fn a_silent_dns_holds_nobody_up() {
    let taking = fixture(|_| {}).await;
    let reply = send(&taking, Role::Mx, "a@silent.test", "From: a@silent.test\r\n").await;
    assert_eq!(reply, "250 2.0.0 Stored");
    let text = arrived(&taking).await;
    assert!(text.contains("spf=temperror smtp.mailfrom=silent.test"), "{text}");
    assert!(text.contains("dmarc=temperror header.from=silent.test"), "{text}");
    taking.close().await;
    let deferring = fixture(|settings| settings.defer = true).await;
    let reply = send(&deferring, Role::Mx, "a@silent.test", "From: a@silent.test\r\n").await;
    assert_eq!(reply, "451 4.4.3 The domain in From cannot be checked now, try later");
    let reply = send(&deferring, Role::Mx, "a@good.test", "From: a@good.test\r\n").await;
    assert_eq!(reply, "250 2.0.0 Stored");
    deferring.close().await;
}

#[tokio::test]
async fn forged_results_are_removed() {
    let fixture = fixture(|settings| settings.methods.arc = false).await;
    let fields = "From: a@good.test\r\n\
                  Authentication-Results: mx.here.test; dkim=pass\r\n\
                  authentication-results :\r\n\t(x) \"MX.here.test\" 1;\r\n\tspf=pass\r\n\
                  Authentication-Results: mx.there.test; spf=pass\r\n";
    send(&fixture, Role::Mx, "a@good.test", fields).await;
    let text = arrived(&fixture).await;
    let (_, rest) = text.split_once("From: ").unwrap();
    let kept = "a@good.test\r\nAuthentication-Results: mx.there.test; spf=pass\r\n\r\nHello.\r\n";
    assert_eq!(rest, kept);
    assert_eq!(text.matches("mx.here.test").count(), 1, "{text}");
    fixture.close().await;
}

#[tokio::test]
async fn a_large_message_is_checked_too() {
    let fixture = fixture(|_| {}).await;
    let fields = format!("From: a@good.test\r\n\r\n{}", "0123456789\r\n".repeat(7_000));
    let reply = send(&fixture, Role::Mx, "a@good.test", &fields).await;
    assert_eq!(reply, "250 2.0.0 Stored");
    let text = arrived(&fixture).await;
    assert!(text.contains("dmarc=pass") && text.ends_with("0123456789\r\n\r\nHello.\r\n"));
    fixture.close().await;
}

#[tokio::test]
async fn only_bounces_go_back_to_who_sent_first() {
    let mut fixture = Fixture::new().await;
    let key = SrsKey::new([7; 32]);
    fixture.desk = fixture.desk.clone().rewriting(key.clone());
    // The fixture's clock.
    let day = 1_795_392_000 / 86_400;
    let rewritten = |text: &str, made: u32| {
        let address = Address::parse(text.as_bytes()).unwrap();
        srs::forward(&address, "here.test", &key, made).unwrap().to_string()
    };
    let away = rewritten("joe@away.test", day);
    let other_key = SrsKey::new([8; 32]);
    let joe = Address::parse(b"joe@away.test").unwrap();
    let forged = srs::forward(&joe, "here.test", &other_key, day).unwrap().to_string();
    for (reverse_path, recipient, reply) in [
        ("", away.clone(), "250 2.1.5 Recipient accepted"),
        ("eve@evil.test", away.clone(), "550 5.7.1 This address takes reports of delivery only"),
        ("", rewritten("bob@here.test", day), "250 2.1.5 Recipient accepted"),
        ("", rewritten("nobody@here.test", day), "550 5.1.1 No such mailbox here"),
        ("", rewritten("joe@away.test", day - 40), "550 5.1.1 No such mailbox here"),
        ("", forged, "550 5.1.1 No such mailbox here"),
        (
            "",
            away.replace("here.test", "there.test"),
            "550 5.7.1 Relaying denied, that domain is not served here",
        ),
    ] {
        let wire = format!(
            "EHLO a.test\r\nMAIL FROM:<{reverse_path}>\r\nRCPT TO:<{recipient}>\r\nQUIT\r\n"
        );
        let replies = fixture.talk(settings(Role::Mx), wire.as_bytes(), wire.len()).await;
        let last = replies.lines().rev().nth(1).unwrap();
        assert_eq!(last, reply, "<{reverse_path}> to {recipient}");
    }
    let wire = format!(
        "EHLO a.test\r\nMAIL FROM:<>\r\nRCPT TO:<{away}>\r\nDATA\r\nSubject: failed\r\n\r\n.\r\n"
    );
    fixture.talk(settings(Role::Mx), wire.as_bytes(), wire.len()).await;
    let [[sender, _, recipient, _]] = <[_; 1]>::try_from(fixture.spool().await).unwrap();
    assert_eq!((sender.as_str(), recipient.as_str()), ("", "joe@away.test"));
    fixture.close().await;
}
