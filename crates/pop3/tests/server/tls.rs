//! STLS and implicit TLS over real sockets on loopback, with a client that was not written from
//! our parser.

use std::net::SocketAddr;
use std::sync::Arc;

use net::{
    AddressLimits, ConnectionSettings, Encryption, Listener, ListenerSettings, TlsKeys, TlsProfile,
    generate_self_signed,
};
use pop3::{Pop3Service, Settings};
use storage::Database;
use testkit::client::{Pop3Client, Security};

use crate::scene::{House, settings_for_tests};

const USER: &str = "USER julie@example.test";
const PASS: &str = "PASS right password";

/// As the binary sets it up: no sign-in without TLS.
fn serve(house: &House, encryption: Encryption, connections_max: usize) -> SocketAddr {
    let listener = Listener::bind(ListenerSettings {
        name: "pop3".to_owned(),
        bind: vec!["127.0.0.1:0".parse().unwrap()],
        encryption,
        proxy_from: Vec::new(),
        connections_max,
        address_limits: Arc::new(AddressLimits::new(10, true)),
        connection: ConnectionSettings::default(),
    })
    .unwrap();
    let address = listener.local_addresses()[0];
    let settings = Settings { plaintext_auth: false, ..settings_for_tests() };
    let service = Pop3Service::new(house.store.clone(), house.authenticator.clone(), settings);
    listener.serve(Arc::new(service), &house.shutdown);
    address
}

fn keys() -> (tempfile::TempDir, Arc<TlsKeys>) {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    generate_self_signed(&certificate, &key, &["pop.example.test".to_owned()]).unwrap();
    let keys = TlsKeys::load(&certificate, &key).unwrap();
    (folder, Arc::new(keys))
}

async fn blocking<T: Send + 'static>(dialog: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(dialog).await.unwrap()
}

fn capabilities(client: &mut Pop3Client) -> Vec<String> {
    let (_, lines) = client.listing("CAPA").unwrap();
    lines.into_iter().map(|line| String::from_utf8(line).unwrap()).collect()
}

fn has(capabilities: &[String], name: &str) -> bool {
    capabilities.iter().any(|line| line.split(' ').next() == Some(name))
}

/// RFC 5034 §6: the mechanisms appear after STLS, which disappears.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sign_in_after_stls() {
    let house = House::build(Database::Sqlite).await;
    house.deliver_file("one").await;
    let (_folder, keys) = keys();
    let address = serve(&house, Encryption::StartTls(keys, TlsProfile::Clients), 10);
    blocking(move || {
        let mut client = Pop3Client::connect(address, Security::Plain).unwrap();
        let before = capabilities(&mut client);
        assert!(has(&before, "STLS") && !has(&before, "USER") && !has(&before, "SASL"));
        assert_eq!(client.command(USER).unwrap(), "-ERR Sign-in needs TLS, say STLS first");

        let mut client = Pop3Client::connect(address, Security::StartTls).unwrap();
        let after = capabilities(&mut client);
        assert!(!has(&after, "STLS") && has(&after, "USER"));
        assert!(after.iter().any(|line| line.starts_with("SASL ") && line.contains("PLAIN")));
        // RFC 2595 §4.
        assert_eq!(client.command("STLS").unwrap(), "-ERR TLS is active already");
        assert_eq!(client.command(USER).unwrap(), "+OK Send the password");
        assert_eq!(client.command(PASS).unwrap(), "+OK Signed in, maildrop has 1 message");
        let signed_in = capabilities(&mut client);
        // RFC 2449 §5, RFC 5034 §3: USER and SASL are still announced.
        assert!(has(&signed_in, "USER") && has(&signed_in, "SASL") && !has(&signed_in, "STLS"));
        assert_eq!(client.command("STLS").unwrap(), "-ERR Already signed in");
        let (first, lines) = client.listing("RETR 1").unwrap();
        assert_eq!((first.as_str(), lines[1].as_slice()), ("+OK 120 octets", &b"Subject: one"[..]));
    })
    .await;
    assert_eq!(house.close().await, Vec::<String>::new());
}

/// What came before TLS counts for nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_injected_before_tls_end_the_connection() {
    let house = House::build(Database::Sqlite).await;
    let (_folder, keys) = keys();
    let address = serve(&house, Encryption::StartTls(keys, TlsProfile::Clients), 10);
    blocking(move || {
        let mut client = Pop3Client::connect(address, Security::Plain).unwrap();
        client.send_raw(format!("STLS\r\n{USER}\r\n").as_bytes()).unwrap();
        let refused = "-ERR Nothing may come before the handshake";
        assert_eq!(client.read_line().unwrap(), refused);
        assert!(client.read_line().is_err());
    })
    .await;
    assert_eq!(house.close().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn implicit_tls_offers_sign_in_at_once() {
    let house = House::build(Database::Sqlite).await;
    let (_folder, keys) = keys();
    let address = serve(&house, Encryption::Implicit(keys, TlsProfile::Clients), 10);
    blocking(move || {
        let mut client = Pop3Client::connect(address, Security::Tls).unwrap();
        let offered = capabilities(&mut client);
        assert!(has(&offered, "SASL") && !has(&offered, "STLS"));
        assert_eq!(client.command(USER).unwrap(), "+OK Send the password");
        assert_eq!(client.command(PASS).unwrap(), "+OK Signed in, maildrop has 0 messages");
        assert_eq!(client.command("QUIT").unwrap(), "+OK Goodbye, 0 messages left");
    })
    .await;
    assert_eq!(house.close().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_connection_too_many_is_told_so() {
    let house = House::build(Database::Sqlite).await;
    let address = serve(&house, Encryption::None, 1);
    blocking(move || {
        let first = Pop3Client::connect(address, Security::Plain).unwrap();
        assert_eq!(first.greeting, "+OK pop.example.test Posthorn ready");
        let second = Pop3Client::connect(address, Security::Plain).unwrap();
        assert_eq!(second.greeting, "-ERR [SYS/TEMP] Too many connections, try again later");
    })
    .await;
    assert_eq!(house.close().await, Vec::<String>::new());
}
