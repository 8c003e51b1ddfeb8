//! Our client against our server, over sockets: what one says the other understands.

use net::{Encryption, TlsClient, TlsDemand, TlsProfile};
use smtp::client::{
    Client, ConnectError, Credentials, Host, OpeningSettings, Outbound, OutboundContent,
    OutboundRecipient, TlsUse, Verdict,
};
use smtp::types::Body;
use smtp::{Role, Settings};

use crate::support::{Fixture, settings};
use crate::tls::{keys, serve, submission};

fn opening(tls: TlsUse, credentials: bool) -> OpeningSettings {
    let credentials = credentials.then(|| Credentials {
        user: "alice@here.test".to_owned(),
        password: "secret one".to_owned(),
    });
    OpeningSettings { hostname: "far.test".to_owned(), tls, credentials }
}

fn message(recipients: &[&str], body: Body, size_bytes: usize) -> Outbound {
    Outbound {
        reverse_path: "alice@here.test".to_owned(),
        body,
        utf8_header: false,
        size_bytes: size_bytes as u64,
        ret: Some("HDRS".to_owned()),
        envelope_id: Some("q+2B1".to_owned()),
        deliver_by: None,
        priority: None,
        require_tls: false,
        recipients: recipients
            .iter()
            .map(|path| OutboundRecipient {
                forward_path: (*path).to_owned(),
                notify: Some("NEVER".to_owned()),
                original: Some("rfc822;x@y.test".to_owned()),
            })
            .collect(),
    }
}

fn content(body: &[u8]) -> OutboundContent {
    let header = b"From: alice@here.test\r\nSubject: x\r\n\r\n".to_vec();
    OutboundContent { header, body: body.to_vec() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_arrive_byte_for_byte_over_tls() {
    let fixture = Fixture::new().await;
    let (folder, keys) = keys();
    let settings = Settings { starttls: true, ..settings(Role::Mx) };
    let address = serve(&fixture, settings, Encryption::StartTls(keys, TlsProfile::Relays));
    let host = Host { name: "mx.here.test".to_owned(), address, source: None };
    let trusting = TlsClient::new(Some(&folder.path().join("cert.pem"))).unwrap();
    let wanted = opening(TlsUse::Required, false);
    let mut client =
        Client::connect(&host, &wanted, &trusting, &TlsDemand::Verified).await.ok().unwrap();
    assert!(client.is_tls() && client.server().chunking && client.server().dsn);
    let texts: [&[u8]; 3] = [b"a\r\n.\r\n.b\r\n", b"no end", b"bare \n and \r and \0\r\n"];
    for (text, body) in texts.into_iter().zip([Body::SevenBit, Body::SevenBit, Body::BinaryMime]) {
        let content = content(text);
        let envelope = message(&["bob@here.test", "nobody@here.test"], body, content.len());
        let outcome = client.send(&envelope, &content).await;
        assert!(outcome.usable);
        assert!(matches!(&outcome.verdicts[0], Verdict::Accepted(reply) if reply.code == 250));
        let refused = &outcome.verdicts[1];
        assert!(matches!(refused, Verdict::Refused(_, reply) if reply.status().subject == 1));
    }
    // A sender that is refused, and then one that is not.
    let content = content(b"x\r\n");
    let refused = message(&["nobody@here.test"], Body::SevenBit, content.len());
    assert!(client.send(&refused, &content).await.usable);
    let accepted = message(&["bob@here.test"], Body::SevenBit, content.len());
    let outcome = client.send(&accepted, &content).await;
    assert!(matches!(outcome.verdicts[0], Verdict::Accepted(_)));
    client.quit().await;
    let inbox = fixture.inbox("bob@here.test").await;
    assert_eq!(inbox.len(), 4);
    for (found, text) in inbox.iter().zip(texts) {
        assert!(found.ends_with(text), "{}", String::from_utf8_lossy(found));
        assert!(String::from_utf8_lossy(found).contains("ESMTPS"));
    }
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_smart_host_lets_in_who_it_knows() {
    let fixture = Fixture::new().await;
    let (folder, keys) = keys();
    let address = serve(&fixture, submission(), Encryption::Implicit(keys, TlsProfile::Clients));
    let host = Host { name: "mx.here.test".to_owned(), address, source: None };
    let trusting = TlsClient::new(Some(&folder.path().join("cert.pem"))).unwrap();
    let mut wanted = opening(TlsUse::FromTheStart, true);
    let mut client =
        Client::connect(&host, &wanted, &trusting, &TlsDemand::Verified).await.ok().unwrap();
    let content = content(b"x\r\n");
    let envelope = message(&["max@elsewhere.test"], Body::SevenBit, content.len());
    let outcome = client.send(&envelope, &content).await;
    assert!(matches!(outcome.verdicts[0], Verdict::Accepted(_)));
    client.quit().await;
    let [from, parameters, to, rcpt] = fixture.spool().await.pop().unwrap();
    assert_eq!((&*from, &*to), ("alice@here.test", "max@elsewhere.test"));
    assert!(parameters.contains("q+2B1") && rcpt.contains("rfc822;x@y.test"));
    wanted.credentials.as_mut().unwrap().password = "wrong".to_owned();
    let refused = Client::connect(&host, &wanted, &trusting, &TlsDemand::Verified).await;
    match refused.err().unwrap() {
        ConnectError::Refused(failure) => assert!(!failure.is_permanent()),
        other => panic!("{other:?}"),
    }
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_is_looked_at_where_that_is_wanted() {
    let fixture = Fixture::new().await;
    let (folder, theirs) = keys();
    let settings = Settings { starttls: true, ..settings(Role::Mx) };
    let address = serve(&fixture, settings, Encryption::StartTls(theirs, TlsProfile::Relays));
    let (other, _) = keys();
    let strangers = TlsClient::new(Some(&other.path().join("cert.pem"))).unwrap();
    let trusting = TlsClient::new(Some(&folder.path().join("cert.pem"))).unwrap();
    let required = opening(TlsUse::Required, false);
    for (name, tls, demand, good) in [
        ("mx.here.test", &strangers, TlsDemand::Encrypted, true),
        ("other.test", &trusting, TlsDemand::Encrypted, true),
        ("127.0.0.1", &trusting, TlsDemand::Encrypted, true),
        ("mx.here.test", &strangers, TlsDemand::Verified, false),
        ("other.test", &trusting, TlsDemand::Verified, false),
        ("mx.here.test", &trusting, TlsDemand::Verified, true),
    ] {
        let host = Host { name: name.to_owned(), address, source: None };
        match Client::connect(&host, &required, tls, &demand).await {
            Ok(client) => {
                assert!(good && client.is_tls(), "{name} {demand:?}");
                client.quit().await;
            }
            Err(error) => {
                assert!(!good, "{name} {demand:?} {error:?}");
                assert!(matches!(error, ConnectError::Handshake { .. }));
            }
        }
    }
    fixture.close().await;
}
