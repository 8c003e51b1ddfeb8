//! AUTH with every mechanism, over TLS on loopback.

use auth::NewSecret;
use net::{Encryption, TlsProfile};
use smtp::Settings;
use storage::{AccessKeyKind, Address, NewAccessKey, Protocols};
use testkit::client::{Binding, ScramClient, Security, SmtpClient, base64};

use crate::support::Fixture;
use crate::tls::{blocking, keys, serve, submission};

const ALICE: &str = "alice@here.test";
const PASSWORD: &str = "secret one";
/// What SCRAM needs is kept when the password is first used without it.
const PLAIN: &str = "AUTH PLAIN AGFsaWNlQGhlcmUudGVzdABzZWNyZXQgb25l";

/// Starts an exchange and plays a client through; the code of the last reply.
fn scram(client: &mut SmtpClient, mechanism: &str, mut scram: ScramClient) -> u16 {
    let first = base64::encode(scram.first().as_bytes());
    let reply = client.command(&format!("AUTH {mechanism} {first}")).unwrap();
    if reply.code != 334 {
        return reply.code;
    }
    let challenge = |lines: &[String]| String::from_utf8(base64::decode(&lines[0])).unwrap();
    let last = scram.last(&challenge(&reply.lines));
    let reply = client.command(&base64::encode(last.as_bytes())).unwrap();
    if reply.code != 334 {
        return reply.code;
    }
    assert!(scram.is_server_proven(&challenge(&reply.lines)));
    // RFC 4954 §4: additional data with success is acknowledged by an empty response.
    client.command("").unwrap().code
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scram_over_tls() {
    let fixture = Fixture::with_scram().await;
    let (_folder, keys) = keys();
    let address = serve(&fixture, submission(), Encryption::Implicit(keys, TlsProfile::Clients));
    blocking(move || {
        let connect = || {
            let mut client = SmtpClient::connect(address, Security::Tls).unwrap();
            let extensions = client.command("EHLO a").unwrap().lines;
            let announced = "AUTH PLAIN LOGIN SCRAM-SHA-256-PLUS SCRAM-SHA-256 SCRAM-SHA-1-PLUS \
                             SCRAM-SHA-1 OAUTHBEARER XOAUTH2";
            assert!(extensions.contains(&announced.to_owned()), "{extensions:?}");
            client
        };
        assert_eq!(connect().command(PLAIN).unwrap().code, 235);
        let mut client = connect();
        let bound = |client: &SmtpClient| Binding::Bound("tls-exporter", client.exporter());
        let other = bound(&connect());
        for (mechanism, password, binding, expect) in [
            ("SCRAM-SHA-256-PLUS", PASSWORD, other, 535),
            ("SCRAM-SHA-256-PLUS", "wrong password", bound(&client), 535),
            ("SCRAM-SHA-256", PASSWORD, Binding::NotOffered, 535),
            ("SCRAM-SHA-512", PASSWORD, Binding::Unsupported, 504),
            ("SCRAM-SHA-256-PLUS", PASSWORD, bound(&client), 235),
        ] {
            let played = ScramClient::new(mechanism, ALICE, password, binding);
            assert_eq!(scram(&mut client, mechanism, played), expect, "{mechanism} {password}");
        }
        let protocol = testkit::client::Protocol::Smtp;
        let message = b"Subject: a\r\n\r\nb\r\n";
        let delivery = client.deliver(ALICE, &["bob@here.test"], message, protocol).unwrap();
        assert_eq!(delivery.data[0].code, 250);
        for mechanism in ["SCRAM-SHA-1", "SCRAM-SHA-256"] {
            let played = ScramClient::new(mechanism, ALICE, PASSWORD, Binding::Unsupported);
            assert_eq!(scram(&mut connect(), mechanism, played), 235, "{mechanism}");
        }
    })
    .await;
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_and_app_passwords() {
    let fixture = Fixture::new().await;
    let (_folder, keys) = keys();
    let address = serve(&fixture, submission(), Encryption::Implicit(keys, TlsProfile::Clients));
    let token = add_key(&fixture, AccessKeyKind::Token, "submission").await;
    let app_password = add_key(&fixture, AccessKeyKind::AppPassword, "submission").await;
    let elsewhere = add_key(&fixture, AccessKeyKind::AppPassword, "imap").await;
    blocking(move || {
        let connect = || {
            let mut client = SmtpClient::connect(address, Security::Tls).unwrap();
            client.command("EHLO a").unwrap();
            client
        };
        let bearer = |token: &str| {
            base64::encode(format!("n,a={ALICE},\x01auth=Bearer {token}\x01\x01").as_bytes())
        };
        let mut client = connect();
        // RFC 7628 §4.4: the error, the dummy response, the refusal.
        let refused = client.command(&format!("AUTH OAUTHBEARER {}", bearer("t0k"))).unwrap();
        let error = base64::encode(br#"{"status":"invalid_token","schemes":"bearer"}"#);
        assert_eq!((refused.code, refused.lines[0].as_str()), (334, error.as_str()));
        assert_eq!(client.command("AQ==").unwrap().code, 535);
        let signed_in = client.command(&format!("AUTH OAUTHBEARER {}", bearer(&token))).unwrap();
        assert_eq!(signed_in.code, 235);
        let xoauth2 = format!("user={ALICE}\x01auth=Bearer {token}\x01\x01");
        let xoauth2 = base64::encode(xoauth2.as_bytes());
        assert_eq!(connect().command(&format!("AUTH XOAUTH2 {xoauth2}")).unwrap().code, 235);
        for (password, code) in [(app_password, 235), (elsewhere, 535)] {
            let plain = base64::encode(format!("\0{ALICE}\0{password}").as_bytes());
            assert_eq!(connect().command(&format!("AUTH PLAIN {plain}")).unwrap().code, code);
        }
    })
    .await;
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shorter_list_of_mechanisms() {
    let fixture = Fixture::with_scram().await;
    let (_folder, keys) = keys();
    let scram_without_plus = ::sasl::Name::parse(b"SCRAM-SHA-256").unwrap();
    let mechanisms = vec![::sasl::Name::Login, scram_without_plus];
    let settings = Settings { mechanisms, ..submission() };
    let address = serve(&fixture, settings, Encryption::Implicit(keys, TlsProfile::Clients));
    blocking(move || {
        let mut client = SmtpClient::connect(address, Security::Tls).unwrap();
        let extensions = client.command("EHLO a").unwrap().lines;
        assert!(extensions.contains(&"AUTH LOGIN SCRAM-SHA-256".to_owned()), "{extensions:?}");
        assert_eq!(client.command(PLAIN).unwrap().code, 504);
        // LOGIN once, for what SCRAM needs; then a client that could bind and was not offered to.
        client.command("AUTH LOGIN").unwrap();
        client.command(&base64::encode(ALICE.as_bytes())).unwrap();
        assert_eq!(client.command(&base64::encode(PASSWORD.as_bytes())).unwrap().code, 235);
        let mut client = SmtpClient::connect(address, Security::Tls).unwrap();
        client.command("EHLO a").unwrap();
        let played = ScramClient::new("SCRAM-SHA-256", ALICE, PASSWORD, Binding::NotOffered);
        assert_eq!(scram(&mut client, "SCRAM-SHA-256", played), 235);
    })
    .await;
    fixture.close().await;
}

async fn add_key(fixture: &Fixture, kind: AccessKeyKind, protocols: &str) -> String {
    let secret = NewSecret::make(kind).unwrap();
    let (secret_hash, protocols): (_, Protocols) = (secret.hash, protocols.parse().unwrap());
    let new = NewAccessKey { kind, name: None, secret_hash, protocols, expires: None };
    let write = fixture.store.write("test", move |tx| {
        let alice = tx.find_account(&Address::parse(ALICE)?)?.map(|account| account.id);
        tx.account(alice.unwrap())?.add_access_key(new)
    });
    write.await.unwrap();
    secret.secret.as_str().to_owned()
}
