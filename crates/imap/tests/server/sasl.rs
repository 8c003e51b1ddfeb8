//! AUTHENTICATE with every mechanism, over TLS on loopback.

use std::net::SocketAddr;
use std::sync::Arc;

use auth::NewSecret;
use ids::{Clock, Timestamp};
use imap::{ImapService, Settings};
use net::{
    AddressLimits, ConnectionSettings, Encryption, Listener, ListenerSettings, TlsKeys, TlsProfile,
    generate_self_signed,
};
use storage::{AccessKeyKind, NewAccessKey, Protocols};
use testkit::client::{Binding, ImapClient, ScramClient, Security, base64};

use crate::scene::House;

const JULIE: &str = "julie@example.test";
const PASSWORD: &str = "right password";

fn serve(house: &House, settings: Settings, folder: &std::path::Path) -> SocketAddr {
    let (certificate, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    generate_self_signed(&certificate, &key, &["localhost".to_owned()]).unwrap();
    let keys = Arc::new(TlsKeys::load(&certificate, &key).unwrap());
    let listener = Listener::bind(ListenerSettings {
        name: "imaps".to_owned(),
        bind: vec!["127.0.0.1:0".parse().unwrap()],
        encryption: Encryption::Implicit(keys, TlsProfile::Clients),
        proxy_from: Vec::new(),
        connections_max: 10,
        address_limits: Arc::new(AddressLimits::new(10, true)),
        connection: ConnectionSettings::default(),
    })
    .unwrap();
    let address = listener.local_addresses()[0];
    let service = ImapService::new(house.store.clone(), house.authenticator.clone(), settings);
    listener.serve(Arc::new(service), &house.shutdown);
    address
}

/// Sends one line and reads one.
fn ask(client: &mut ImapClient, line: &str) -> String {
    client.send_raw(format!("{line}\r\n").as_bytes()).unwrap();
    let answer = client.read_response().unwrap();
    String::from_utf8(answer).unwrap().trim_end().to_owned()
}

/// Starts an exchange and plays a client through; the tagged response.
fn scram(client: &mut ImapClient, mechanism: &str, mut scram: ScramClient) -> String {
    let first = base64::encode(scram.first().as_bytes());
    let answer = ask(client, &format!("a AUTHENTICATE {mechanism} {first}"));
    let Some(challenge) = answer.strip_prefix("+ ") else { return answer };
    let last = scram.last(&String::from_utf8(base64::decode(challenge)).unwrap());
    let answer = ask(client, &base64::encode(last.as_bytes()));
    let Some(challenge) = answer.strip_prefix("+ ") else { return answer };
    let proof = String::from_utf8(base64::decode(challenge)).unwrap();
    assert!(scram.is_server_proven(&proof), "{proof}");
    ask(client, "")
}

async fn blocking(dialog: impl FnOnce() + Send + 'static) {
    tokio::task::spawn_blocking(dialog).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scram_over_tls() {
    let house = House::with_scram().await;
    let folder = tempfile::tempdir().unwrap();
    let address = serve(&house, Settings::default(), folder.path());
    blocking(move || {
        let connect = || ImapClient::connect(address, Security::Tls).unwrap();
        let mut client = connect();
        let announced = " AUTH=PLAIN AUTH=LOGIN AUTH=SCRAM-SHA-256-PLUS AUTH=SCRAM-SHA-256 \
                         AUTH=SCRAM-SHA-1-PLUS AUTH=SCRAM-SHA-1 AUTH=OAUTHBEARER AUTH=XOAUTH2 ";
        assert!(client.greeting.contains(announced), "{}", client.greeting);
        // What SCRAM needs is kept when the password is first used without it.
        assert!(connect().login(JULIE, PASSWORD).unwrap().is_ok());
        let bound = |client: &ImapClient| Binding::Bound("tls-exporter", client.exporter());
        let other = bound(&connect());
        let no = "a NO [AUTHENTICATIONFAILED] ";
        for (mechanism, password, binding, expect) in [
            ("SCRAM-SHA-256-PLUS", PASSWORD, other, format!("{no}Channel binding does not match")),
            ("SCRAM-SHA-256", PASSWORD, Binding::NotOffered, format!("{no}Channel binding does")),
            ("SCRAM-SHA-1-PLUS", "wrong", bound(&client), format!("{no}Wrong address or password")),
            ("SCRAM-SHA-256-PLUS", PASSWORD, bound(&client), "a OK [CAPABILITY ".to_owned()),
        ] {
            let played = ScramClient::new(mechanism, JULIE, password, binding);
            let answer = scram(&mut client, mechanism, played);
            assert!(answer.starts_with(&expect), "{mechanism}: {answer}");
        }
        assert!(client.command("SELECT INBOX").unwrap().is_ok());
        let played = ScramClient::new("SCRAM-SHA-1", JULIE, PASSWORD, Binding::Unsupported);
        let answer = scram(&mut connect(), "SCRAM-SHA-1", played);
        assert!(answer.starts_with("a OK [CAPABILITY "), "{answer}");
        // A client that goes away before it has seen the server's proof was never signed in.
        let mut client = connect();
        let answer = ask(&mut client, "a AUTHENTICATE SCRAM-SHA-256 *");
        assert!(answer.starts_with("a BAD"), "{answer}");
        assert_eq!(client.command("SELECT INBOX").unwrap().status, "BAD");
    })
    .await;
    assert_eq!(house.close().await, Vec::<String>::new());
}

async fn add_token(house: &House, name: &str, secret: &NewSecret, expires: Option<Timestamp>) {
    let new = NewAccessKey {
        kind: AccessKeyKind::Token,
        name: Some(name.to_owned()),
        secret_hash: secret.hash,
        protocols: Protocols::ALL,
        expires,
    };
    let account = house.account;
    let add = house.store.write("test", move |tx| tx.account(account)?.add_access_key(new));
    add.await.unwrap();
}

fn bearer(token: &str) -> String {
    let message = format!("n,a={JULIE},\x01host=x\x01port=993\x01auth=Bearer {token}\x01\x01");
    format!("a AUTHENTICATE OAUTHBEARER {}", base64::encode(message.as_bytes()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_expired_token_ends_its_session() {
    let house = House::with_scram().await;
    let folder = tempfile::tempdir().unwrap();
    let address = serve(&house, Settings::default(), folder.path());
    let secret = NewSecret::make(AccessKeyKind::Token).unwrap();
    // The clock of the house stands until it is moved.
    let expires = Timestamp::from_micros(house.clock.now().as_micros() + 1000);
    add_token(&house, "phone", &secret, Some(expires)).await;
    let (token, clock) = (secret.secret.as_str().to_owned(), house.clock.clone());
    blocking(move || {
        let mut client = ImapClient::connect(address, Security::Tls).unwrap();
        let answer = ask(&mut client, &bearer(&token));
        assert!(answer.starts_with("a OK [CAPABILITY "), "{answer}");
        assert!(client.command("NOOP").unwrap().is_ok());
        clock.advance_secs(1);
        let bye = client.read_response().unwrap();
        assert_eq!(bye, b"* BYE Credentials have changed, sign in again");
    })
    .await;
    assert_eq!(house.close().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_token_ends_its_session() {
    let house = House::with_scram().await;
    let folder = tempfile::tempdir().unwrap();
    let address = serve(&house, Settings::default(), folder.path());
    let secret = NewSecret::make(AccessKeyKind::Token).unwrap();
    add_token(&house, "phone", &secret, None).await;
    let account = house.account;
    let token = secret.secret.as_str().to_owned();
    let (store, told) = (house.store.clone(), tokio::runtime::Handle::current());
    blocking(move || {
        let mut client = ImapClient::connect(address, Security::Tls).unwrap();
        // RFC 7628 §4.3: the error, the dummy response, the refusal.
        let answer = ask(&mut client, &bearer("vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg=="));
        let error = base64::encode(br#"{"status":"invalid_token","schemes":"bearer"}"#);
        assert_eq!(answer, format!("+ {error}"));
        let answer = ask(&mut client, "AQ==");
        assert_eq!(answer, "a NO [AUTHENTICATIONFAILED] Wrong address or password");
        let answer = ask(&mut client, &bearer(&token));
        assert!(answer.starts_with("a OK [CAPABILITY "), "{answer}");
        let mut other = ImapClient::connect(address, Security::Tls).unwrap();
        assert!(other.login(JULIE, PASSWORD).unwrap().is_ok());
        let revoke = store.write("test", move |tx| {
            tx.account(account)?.revoke_access_key(AccessKeyKind::Token, "phone")
        });
        told.block_on(revoke).unwrap();
        let bye = client.read_response().unwrap();
        assert_eq!(bye, b"* BYE Credentials have changed, sign in again");
        assert!(other.command("NOOP").unwrap().is_ok());
    })
    .await;
    assert_eq!(house.close().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shorter_list_of_mechanisms() {
    let house = House::with_scram().await;
    let folder = tempfile::tempdir().unwrap();
    let mechanisms = vec![::sasl::Name::parse(b"SCRAM-SHA-256").unwrap()];
    let address = serve(&house, Settings { mechanisms, ..Settings::default() }, folder.path());
    blocking(move || {
        let mut client = ImapClient::connect(address, Security::Tls).unwrap();
        assert!(client.greeting.contains(" AUTH=SCRAM-SHA-256 LOGINDISABLED "));
        let refused = client.login(JULIE, PASSWORD).unwrap();
        assert_eq!(refused.text, "[CANNOT] LOGIN is switched off");
        let answer = ask(&mut client, "a AUTHENTICATE PLAIN");
        assert_eq!(answer, "a NO [CANNOT] Unknown authentication mechanism");
    })
    .await;
    assert_eq!(house.close().await, Vec::<String>::new());
}
