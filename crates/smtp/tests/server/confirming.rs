//! RFC 3461 §5.2.3: who asks hears that a message has arrived, in the transaction that stored it.

use std::collections::HashMap;
use std::time::Duration;

use ids::ContentId;
use smtp::{Authenticity, AuthenticitySettings, Disowned, Role};
use storage::Want;

use crate::authenticity::Table;
use crate::support::{Fixture, settings, without_ids};

const SIGN_IN: &str = "AUTH PLAIN AGFsaWNlQGhlcmUudGVzdABzZWNyZXQgb25l\r\n";

/// MAIL, RCPT with these parameters, and a message.
fn mail(from: &str, recipients: &[&str]) -> String {
    let mut lines = format!("MAIL FROM:<{from}> RET=FULL ENVID=q+2B1\r\n");
    for recipient in recipients {
        lines += &format!("RCPT TO:{recipient}\r\n");
    }
    lines + &format!("DATA\r\nFrom: {from}\r\nMessage-ID: <1@a.test>\r\n\r\nHello.\r\n.\r\n")
}

/// The replies to what ends messages.
async fn say(fixture: &Fixture, role: Role, lines: &str) -> Vec<String> {
    let (hello, sign_in) = match role {
        Role::Lmtp => ("LHLO a", ""),
        Role::Mx => ("EHLO a", ""),
        Role::Submission => ("EHLO a", SIGN_IN),
    };
    let wire = format!("{hello}\r\n{sign_in}{lines}QUIT\r\n");
    let replies = fixture.talk(settings(role), wire.as_bytes(), wire.len()).await;
    let replies = without_ids(&replies);
    let lines: Vec<&str> = replies.lines().collect();
    let data = lines.iter().position(|line| line.starts_with("354 ")).unwrap();
    let ends = &lines[data + 1..lines.len() - 1];
    ends.iter().map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" ")).collect()
}

/// The reports in the spool: to whom, and the fields for programs.
async fn reports(fixture: &Fixture) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for ([from, _, to, parameters], content) in
        fixture.spool().await.into_iter().zip(fixture.spooled_contents())
    {
        assert_eq!(
            (from.as_str(), parameters.as_str()),
            ("", r#"{"notify":"NEVER","orcpt":null}"#)
        );
        let text = whole(fixture, content).await;
        assert!(text.contains("Auto-Submitted: auto-replied\r\n"), "{text}");
        // RFC 3461 §4.3: RET is about failures.
        assert!(text.contains("Content-Type: text/rfc822-headers\r\n"), "{text}");
        assert!(text.contains("Message-ID: <1@a.test>\r\n") && !text.contains("Hello."), "{text}");
        let (_, fields) = text.split_once("Reporting-MTA").unwrap();
        let (fields, _) = fields.split_once("--=_report").unwrap();
        found.push((to, fields.to_owned()));
    }
    found
}

async fn whole(fixture: &Fixture, content: ContentId) -> String {
    let ids = [content];
    let read = fixture.store.read(move |tx| tx.load_contents(&ids, Want::HEADER | Want::TEXT));
    let content = read.await.unwrap().remove(0);
    String::from_utf8([content.header().unwrap(), content.text().unwrap()].concat()).unwrap()
}

#[tokio::test]
async fn who_asks_hears_of_those_it_asked_about() {
    let fixture = Fixture::new().await;
    let lines = mail(
        "y@there.test",
        &[
            "<ally@here.test> NOTIFY=SUCCESS ORCPT=rfc822;A+2Bb@x.test",
            "<bob@here.test> NOTIFY=SUCCESS,DELAY",
            "<postmaster@here.test> NOTIFY=NEVER",
            "<alice+x@here.test> NOTIFY=FAILURE",
            "<alice@here.test>",
        ],
    );
    assert_eq!(say(&fixture, Role::Mx, &lines).await, ["250 2.0.0"]);
    let reports = reports(&fixture).await;
    let [(to, fields)] = &reports[..] else { panic!("{reports:?}") };
    assert_eq!(to, "y@there.test");
    let date = "Mon, 23 Nov 2026 00:00:00 +0000";
    let expect = format!(
        ": dns; mx.here.test\r\nArrival-Date: {date}\r\n\r\n\
         Original-Recipient: rfc822; A+b@x.test\r\nFinal-Recipient: rfc822; ally@here.test\r\n\
         Action: delivered\r\nStatus: 2.0.0\r\nLast-Attempt-Date: {date}\r\n\r\n\
         Final-Recipient: rfc822; bob@here.test\r\n\
         Action: delivered\r\nStatus: 2.0.0\r\nLast-Attempt-Date: {date}\r\n\r\n"
    );
    assert_eq!(*fields, expect);
    assert_eq!(fixture.inbox("bob@here.test").await.len(), 1);
    fixture.close().await;
}

#[tokio::test]
async fn senders_here_hear_through_the_spool_and_the_null_sender_nothing() {
    let fixture = Fixture::new().await;
    let to = &["<bob@here.test> NOTIFY=SUCCESS"];
    assert_eq!(say(&fixture, Role::Mx, &mail("", to)).await, ["250 2.0.0"]);
    assert_eq!(reports(&fixture).await, []);
    let lines = mail("alice@here.test", to);
    assert_eq!(say(&fixture, Role::Submission, &lines).await, ["250 2.0.0"]);
    let reports = reports(&fixture).await;
    assert_eq!(reports.len(), 1);
    assert_eq!(reports[0].0, "alice@here.test");
    fixture.close().await;
}

/// RFC 2033 §4.2: each recipient has an end of its own, and so a report.
#[tokio::test]
async fn over_lmtp_those_who_have_it_are_told_of() {
    let fixture = Fixture::new().await;
    let to = ["<alice@here.test> NOTIFY=SUCCESS", "<bob@here.test> NOTIFY=SUCCESS"];
    let lines = mail("y@there.test", &[to[0], "<full@here.test> NOTIFY=SUCCESS", to[1]]);
    let lines = lines.replace("Hello.", &format!("Hello.{}", "\r\n0123456789".repeat(20)));
    let ends = say(&fixture, Role::Lmtp, &lines).await;
    assert_eq!(ends, ["250 2.0.0", "452 4.2.2", "250 2.0.0"]);
    let reports = reports(&fixture).await;
    assert_eq!(reports.len(), 2);
    for ((_, fields), name) in reports.iter().zip(["alice", "bob"]) {
        assert!(fields.contains(&format!("Final-Recipient: rfc822; {name}@here.test\r\n")));
        assert_eq!(fields.matches("Action: ").count(), 1);
    }
    fixture.close().await;
}

/// R-SMTP-2: no backscatter.
#[tokio::test]
async fn who_may_not_be_the_sender_is_told_nothing() {
    let mut fixture = Fixture::new().await;
    let names = [("good.test", "v=spf1 ip4:192.0.2.7 -all")];
    let settings = |trusted: &[&str]| AuthenticitySettings {
        authserv_id: "mx.here.test".to_owned(),
        methods: mailauth::Methods { spf: true, dkim: true, dmarc: true, arc: true },
        obey: true,
        disowned: Disowned::Mark,
        defer: false,
        trusted_sealers: Vec::new(),
        trusted_servers: Vec::new(),
        trusted_networks: trusted.iter().map(|network| network.parse().unwrap()).collect(),
        timeout: Duration::from_secs(5),
    };
    let strict = fixture.desk.clone();
    let desk = |trusted: &[&str]| {
        let dns = std::sync::Arc::new(Table(HashMap::from(names)));
        strict.clone().checking(std::sync::Arc::new(Authenticity::new(dns, settings(trusted))))
    };
    let to = &["<bob@here.test> NOTIFY=SUCCESS"];
    for (trusted, from, told) in [
        (&[][..], "y@forged.test", 0),
        (&[][..], "y@good.test", 1),
        // What the operator has not checked is believed.
        (&["192.0.2.0/24"][..], "y@forged.test", 2),
    ] {
        fixture.desk = desk(trusted);
        assert_eq!(say(&fixture, Role::Mx, &mail(from, to)).await, ["250 2.0.0"]);
        assert_eq!(reports(&fixture).await.len(), told, "{from}");
    }
    // What waits for a mailbox that is full asks as it was asked to; the queue tells nobody in
    // doubt.
    fixture.desk = desk(&[]);
    let to = &["<full@here.test> NOTIFY=SUCCESS,FAILURE", "<bob@here.test>"];
    let lines = mail("y@forged.test", to);
    let lines = lines.replace("Hello.", &"0123456789\r\n".repeat(20));
    assert_eq!(say(&fixture, Role::Mx, &lines).await, ["250 2.0.0"]);
    let spool = fixture.spool().await;
    assert_eq!(spool[2][3], r#"{"notify":"SUCCESS,FAILURE","orcpt":null}"#);
    assert!(spool[2][1].contains(r#""doubtful":true"#), "{spool:?}");
    fixture.close().await;
}

/// Who sends in our name signs in. What comes from outside in it, where nothing is checked, is not
/// believed: the mailbox that is told of it would be that of who never wrote.
#[tokio::test]
async fn strangers_with_an_address_of_ours_are_told_nothing() {
    let fixture = Fixture::new().await;
    let to = &["<bob@here.test> NOTIFY=SUCCESS"];
    for from in ["alice@here.test", "nobody@HERE.test", "x@also.test"] {
        assert_eq!(say(&fixture, Role::Mx, &mail(from, to)).await, ["250 2.0.0"]);
        assert_eq!(reports(&fixture).await, [], "{from}");
    }
    // What is in front of us has looked at it.
    assert_eq!(say(&fixture, Role::Lmtp, &mail("alice@here.test", to)).await, ["250 2.0.0"]);
    assert_eq!(reports(&fixture).await.len(), 1);
    fixture.close().await;
}
