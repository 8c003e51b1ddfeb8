//! TLS over real sockets on loopback, with a client that was not written from our parser.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::support::{Fixture, settings};
use net::{
    AddressLimits, ConnectionSettings, Encryption, Listener, ListenerSettings, TlsKeys, TlsProfile,
    generate_self_signed,
};
use smtp::{Role, Server, Settings};
use testkit::client::{Security, SmtpClient};

const SIGN_IN: &str = "AUTH PLAIN AGFsaWNlQGhlcmUudGVzdABzZWNyZXQgb25l";

pub(crate) fn serve(fixture: &Fixture, settings: Settings, encryption: Encryption) -> SocketAddr {
    let listener = Listener::bind(ListenerSettings {
        name: "smtp".to_owned(),
        bind: vec!["127.0.0.1:0".parse().unwrap()],
        encryption,
        proxy_from: Vec::new(),
        connections_max: 10,
        address_limits: Arc::new(AddressLimits::new(10, true)),
        connection: ConnectionSettings::default(),
    })
    .unwrap();
    let address = listener.local_addresses()[0];
    let server = Server::new(settings, fixture.desk.clone(), fixture.memory.clone());
    listener.serve(Arc::new(server), &fixture.shutdown);
    address
}

pub(crate) fn keys() -> (tempfile::TempDir, Arc<TlsKeys>) {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    generate_self_signed(&certificate, &key, &["mx.here.test".to_owned()]).unwrap();
    let keys = TlsKeys::load(&certificate, &key).unwrap();
    (folder, Arc::new(keys))
}

/// Submission as the binary sets it up: no sign-in without TLS.
pub(crate) fn submission() -> Settings {
    Settings { plaintext_auth: false, ..settings(Role::Submission) }
}

pub(crate) async fn blocking<T: Send + 'static>(dialog: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(dialog).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sign_in_after_starttls() {
    let fixture = Fixture::new().await;
    let (_folder, keys) = keys();
    let address = serve(&fixture, submission(), Encryption::StartTls(keys, TlsProfile::Clients));
    blocking(move || {
        let mut client = SmtpClient::connect(address, Security::Plain).unwrap();
        let extensions = client.command("EHLO a").unwrap().lines;
        assert!(extensions.contains(&"STARTTLS".to_owned()));
        assert!(!extensions.iter().any(|line| line.starts_with("AUTH")));
        assert_eq!(client.command(SIGN_IN).unwrap().code, 530);

        let mut client = SmtpClient::connect(address, Security::StartTls).unwrap();
        assert_eq!(client.command("MAIL FROM:<alice@here.test>").unwrap().code, 503);
        let extensions = client.command("EHLO a").unwrap().lines;
        assert!(!extensions.contains(&"STARTTLS".to_owned()));
        assert!(extensions.contains(&"AUTH PLAIN LOGIN OAUTHBEARER XOAUTH2".to_owned()));
        assert_eq!(client.command(SIGN_IN).unwrap().code, 235);
        let protocol = testkit::client::Protocol::Smtp;
        let delivery = client
            .deliver("alice@here.test", &["bob@here.test"], b"Subject: a\r\n\r\nb\r\n", protocol)
            .unwrap();
        assert_eq!(delivery.data[0].code, 250);
    })
    .await;
    let messages = fixture.inbox("bob@here.test").await;
    let text = String::from_utf8(messages[0].clone()).unwrap();
    assert!(text.contains(" with ESMTPSA (TLSv1.3 TLS_"), "{text}");
    // RFC 6409 §8.2 and §8.3: what was missing is there.
    assert!(text.contains("\r\nDate: Mon, 23 Nov 2026 00:00:00 +0000\r\nMessage-ID: <"), "{text}");
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_injected_before_tls_end_the_connection() {
    let fixture = Fixture::new().await;
    let (_folder, keys) = keys();
    let settings = settings(Role::Mx);
    let address = serve(&fixture, settings, Encryption::StartTls(keys, TlsProfile::Relays));
    blocking(move || {
        let mut client = SmtpClient::connect(address, Security::Plain).unwrap();
        client.command("EHLO a").unwrap();
        client.send_raw(b"STARTTLS\r\nMAIL FROM:<>\r\nRCPT TO:<alice@here.test>\r\n").unwrap();
        assert_eq!(client.read_reply().unwrap().code, 220);
        assert!(client.read_reply().is_err());
    })
    .await;
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn implicit_tls_offers_sign_in_at_once() {
    let fixture = Fixture::new().await;
    let (_folder, keys) = keys();
    let address = serve(&fixture, submission(), Encryption::Implicit(keys, TlsProfile::Clients));
    blocking(move || {
        let mut client = SmtpClient::connect(address, Security::Tls).unwrap();
        let extensions = client.command("EHLO a").unwrap().lines;
        assert!(extensions.contains(&"AUTH PLAIN LOGIN OAUTHBEARER XOAUTH2".to_owned()));
        assert_eq!(client.command("STARTTLS").unwrap().code, 503);
        assert_eq!(client.command(SIGN_IN).unwrap().code, 235);
        assert_eq!(client.command("QUIT").unwrap().code, 221);
    })
    .await;
    fixture.close().await;
}
