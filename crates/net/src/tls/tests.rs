//! Handshakes in memory, reloading, and errors that name the file.

use std::{net::SocketAddr, os::unix::fs::PermissionsExt};

use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::*;
use crate::Stream;

/// A certificate in a folder of its own, and clients that trust it.
pub(crate) struct Authority {
    folder: TempDir,
    pub(crate) keys: Arc<TlsKeys>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let [certificate, key] = paths(&folder);
        generate_self_signed(&certificate, &key, &names()).unwrap();
        let keys = Arc::new(TlsKeys::load(&certificate, &key).unwrap());
        Self { folder, keys }
    }

    /// A client that trusts the certificate now in the file, and nothing else.
    pub(crate) fn client(&self) -> Arc<ClientConfig> {
        self.client_of(&[&TLS13, &TLS12])
    }

    fn client_of(
        &self,
        versions: &[&'static rustls::SupportedProtocolVersion],
    ) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        let [certificate, _] = paths(&self.folder);
        roots.add(CertificateDer::from_pem_file(certificate).unwrap()).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Arc::new(config)
    }

    /// Puts another certificate into the files.
    fn renew(&self) {
        let [certificate, key] = paths(&self.folder);
        generate_self_signed(&certificate, &key, &names()).unwrap();
    }
}

fn names() -> Vec<String> {
    vec!["mail.example.test".to_owned(), "127.0.0.1".to_owned()]
}

fn paths(folder: &TempDir) -> [PathBuf; 2] {
    [folder.path().join("cert.pem"), folder.path().join("key.pem")]
}

/// The client's side of a handshake.
pub(crate) async fn connect<T>(config: Arc<ClientConfig>, io: T) -> std::io::Result<TlsStream<T>>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let name = ServerName::try_from("mail.example.test").unwrap();
    TlsConnector::from(config).connect(name, io).await
}

/// Our side of a stream in memory, and the other side.
pub(crate) fn pair() -> (Stream, tokio::io::DuplexStream) {
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    let peer: SocketAddr = "192.0.2.7:40000".parse().unwrap();
    let local: SocketAddr = "198.51.100.1:993".parse().unwrap();
    (Stream::memory(ours, peer, local), theirs)
}

async fn handshake(
    keys: &TlsKeys,
    profile: TlsProfile,
    client: Arc<ClientConfig>,
) -> std::io::Result<(Stream, TlsStream<tokio::io::DuplexStream>)> {
    let (mut stream, theirs) = pair();
    let (server, client) = tokio::join!(stream.start_tls(keys, profile), connect(client, theirs));
    let client = client?;
    server?;
    Ok((stream, client))
}

#[tokio::test]
async fn versions_and_facts() {
    let authority = Authority::new();
    let (mut stream, mut client) =
        handshake(&authority.keys, TlsProfile::Clients, authority.client()).await.unwrap();
    let facts = stream.tls().unwrap().clone();
    assert_eq!(&*facts.version, "TLSv1.3");
    assert_eq!(&*facts.cipher, "TLS_AES_256_GCM_SHA384");
    assert_eq!(facts.group.as_deref(), Some("X25519MLKEM768"));
    assert_eq!(facts.server_name.as_deref(), Some("mail.example.test"));
    assert!(!facts.at_proxy);
    assert!(stream.start_tls(&authority.keys, TlsProfile::Clients).await.is_err());

    let old = authority.client_of(&[&TLS12]);
    let (mut stream, mut client12) =
        handshake(&authority.keys, TlsProfile::Clients, old).await.unwrap();
    assert_eq!(&*stream.tls().unwrap().version, "TLSv1.2");
    assert_eq!(&*stream.tls().unwrap().cipher, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384");

    client12.write_all(b"hello").await.unwrap();
    let mut seen = [0; 5];
    stream.read_exact(&mut seen).await.unwrap();
    assert_eq!(&seen, b"hello");
    // The peer goes without ending TLS: an ordinary end.
    drop(client12);
    assert_eq!(stream.read(&mut seen).await.unwrap(), 0);
    assert!(client.write_all(b"x").await.is_ok());
}

#[tokio::test]
async fn resumption_by_ticket_for_clients_only() {
    use rustls::HandshakeKind::{Full, Resumed};
    for versions in [&[&TLS13], &[&TLS12]] {
        for (profile, expect) in [(TlsProfile::Clients, Resumed), (TlsProfile::Relays, Full)] {
            let authority = Authority::new();
            let config = authority.client_of(versions);
            for round in [Full, expect] {
                let (mut stream, mut client) =
                    handshake(&authority.keys, profile, config.clone()).await.unwrap();
                stream.write_all(b"x").await.unwrap();
                stream.flush().await.unwrap();
                // Tickets of TLS 1.3 arrive with the first data.
                client.read_exact(&mut [0]).await.unwrap();
                let kind = client.get_ref().1.handshake_kind();
                // Without tickets TLS 1.2 resumes by session identifier.
                let by_id = *versions == [&TLS12] && round == expect && expect == Full;
                let expect = if by_id { kind } else { Some(round) };
                assert_eq!(kind, expect, "{profile:?} {versions:?}");
                // A reload does not end resumption of clients.
                if profile == TlsProfile::Clients {
                    assert!(!authority.keys.reload().unwrap());
                }
            }
        }
    }
}

#[tokio::test]
async fn reload_is_for_new_handshakes() {
    let authority = Authority::new();
    let trusts_old = authority.client();
    let (mut stream, mut client) =
        handshake(&authority.keys, TlsProfile::Clients, trusts_old.clone()).await.unwrap();

    authority.renew();
    assert!(authority.keys.reload().unwrap());
    assert!(!authority.keys.reload().unwrap());

    // The session from before goes on.
    client.write_all(b"on").await.unwrap();
    let mut seen = [0; 2];
    stream.read_exact(&mut seen).await.unwrap();
    assert_eq!(&seen, b"on");
    // Who trusts only the old certificate sees the new one and leaves.
    let fresh_old = Arc::new(ClientConfig::clone(&trusts_old));
    let mut fresh_old = Arc::unwrap_or_clone(fresh_old);
    fresh_old.resumption = rustls::client::Resumption::disabled();
    assert!(handshake(&authority.keys, TlsProfile::Clients, fresh_old.into()).await.is_err());
    assert!(handshake(&authority.keys, TlsProfile::Clients, authority.client()).await.is_ok());

    // A broken file changes nothing and says which one it is.
    let [certificate, _] = paths(&authority.folder);
    std::fs::write(&certificate, "nothing").unwrap();
    let error = authority.keys.reload().unwrap_err().to_string();
    assert_eq!(error, format!("{}: holds no PEM certificate", certificate.display()));
    let (mut stream, _) = pair();
    let (_, theirs) = tokio::io::duplex(16);
    drop(theirs);
    assert!(stream.write_all(b"x").await.is_err());
}

#[test]
fn errors_name_the_file() {
    let folder = TempDir::new().unwrap();
    let [certificate, key] = paths(&folder);
    let other = TempDir::new().unwrap();
    let [other_certificate, other_key] = paths(&other);
    generate_self_signed(&certificate, &key, &names()).unwrap();
    generate_self_signed(&other_certificate, &other_key, &names()).unwrap();
    let missing = folder.path().join("missing.pem");
    let broken = folder.path().join("broken.pem");
    std::fs::write(&broken, "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n")
        .unwrap();
    let large = folder.path().join("large.pem");
    std::fs::File::create(&large).unwrap().set_len(PEM_BYTES_MAX + 1).unwrap();

    let [c, k] = [certificate.display(), other_key.display()];
    let table = [
        (&certificate, &other_key, format!("{k}: is not the key of {c}")),
        (&missing, &key, format!("{}: No such file or directory (os error 2)", missing.display())),
        (&certificate, &certificate, format!("{c}: holds no PEM private key")),
        (&key, &key, format!("{}: holds no PEM certificate", key.display())),
        (&large, &key, format!("{}: is too large for a PEM file", large.display())),
    ];
    for (certificate, key, expect) in table {
        let error = TlsKeys::load(certificate, key).unwrap_err().to_string();
        assert_eq!(error, expect);
    }
    let error = TlsKeys::load(&broken, &key).unwrap_err().to_string();
    assert!(error.starts_with(&format!("{}: is not PEM: ", broken.display())), "{error}");
}

#[test]
fn self_signed_files() {
    let folder = TempDir::new().unwrap();
    let [certificate, key] = paths(&folder);
    // What is there is replaced, whatever its mode was.
    std::fs::write(&key, "old").unwrap();
    generate_self_signed(&certificate, &key, &names()).unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&key), 0o600);
    let both = folder.path().join("both.pem");
    let text = [std::fs::read(&certificate).unwrap(), std::fs::read(&key).unwrap()].concat();
    std::fs::write(&both, text).unwrap();
    assert!(TlsKeys::load(&both, &both).is_ok());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3);

    let nowhere = folder.path().join("no/key.pem");
    let error = generate_self_signed(&certificate, &nowhere, &names()).unwrap_err().to_string();
    assert!(error.starts_with(&nowhere.display().to_string()), "{error}");
    let odd = generate_self_signed(&certificate, &key, &["\u{fc}.test".to_owned()]).unwrap_err();
    assert!(odd.to_string().contains("\u{fc}.test"), "{odd}");
}

/// Issued to names by somebody who signs it.
fn issued(names: &[&str]) -> (IssuedCertificate, CertificateDer<'static>) {
    let key = rcgen::KeyPair::generate().unwrap();
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let made = rcgen::CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
    let issued = IssuedCertificate { chain_pem: made.pem(), key_der: key.serialize_der() };
    (issued, made.der().clone())
}

/// The certificate that somebody sees who asks for a name.
async fn seen(keys: &TlsKeys, profile: TlsProfile, name: &str) -> CertificateDer<'static> {
    let (mut stream, theirs) = pair();
    let mut config = Arc::unwrap_or_clone(anyone());
    config.enable_sni = !name.is_empty();
    let name = if name.is_empty() { "x.test" } else { name };
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    let (server, client) =
        tokio::join!(stream.start_tls(keys, profile), connector.connect(name, theirs));
    server.unwrap();
    let leaf = client.unwrap().get_ref().1.peer_certificates().unwrap()[0].clone().into_owned();
    // RFC 5929 §4.1: what sign-in is bound to is the certificate the client saw.
    let end_point = stream.channel_bindings().tls_server_end_point;
    assert_eq!(end_point, certificate::end_point(&leaf));
    leaf
}

/// Looks at nothing: with a proof comes a critical extension that only those who prove know.
#[derive(Debug)]
struct Blind;

impl rustls::client::danger::ServerCertVerifier for Blind {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: rustls::pki_types::UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

/// A client that takes any certificate.
fn anyone() -> Arc<ClientConfig> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13, &TLS12])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Blind))
        .with_no_client_auth();
    Arc::new(config)
}

#[tokio::test]
async fn the_name_that_is_asked_for_decides() {
    let own = TempDir::new().unwrap();
    let other = TempDir::new().unwrap();
    let [certificate, key] = paths(&own);
    generate_self_signed(&certificate, &key, &names()).unwrap();
    let [other_certificate, other_key] = paths(&other);
    let other_names = ["Other.test".to_owned(), "*.other.test".to_owned()];
    generate_self_signed(&other_certificate, &other_key, &other_names).unwrap();
    let own_leaf = CertificateDer::from_pem_file(&certificate).unwrap();
    let other_leaf = CertificateDer::from_pem_file(&other_certificate).unwrap();
    let files = |certificate: &Path, key: &Path| PemFiles {
        certificate: certificate.to_owned(),
        key: key.to_owned(),
    };
    let further = vec![files(&other_certificate, &other_key)];
    let keys = TlsKeys::load_several(files(&certificate, &key), further, None)
        .unwrap()
        .named("mail.example.test")
        .unwrap();
    for profile in [TlsProfile::Clients, TlsProfile::Relays, TlsProfile::Http] {
        for (name, leaf) in [
            ("mail.example.test", &own_leaf),
            ("other.test", &other_leaf),
            ("OTHER.test", &other_leaf),
            ("mx.other.test", &other_leaf),
            ("a.mx.other.test", &own_leaf),
            ("unknown.test", &own_leaf),
            ("", &own_leaf),
        ] {
            assert_eq!(seen(&keys, profile, name).await, *leaf, "{profile:?} {name}");
        }
    }
    // What was issued to the server's own name is its own from then on; other names stay.
    let (new, new_leaf) = issued(&["mail.example.test", "other.test"]);
    keys.use_issued(vec![new.clone()]).unwrap();
    let broken = IssuedCertificate { chain_pem: "nothing".to_owned(), ..new.clone() };
    keys.use_issued(vec![broken, new]).unwrap();
    for (name, leaf) in [
        ("mail.example.test", &new_leaf),
        ("unknown.test", &new_leaf),
        ("", &new_leaf),
        ("other.test", &other_leaf),
    ] {
        assert_eq!(seen(&keys, TlsProfile::Relays, name).await, *leaf, "{name}");
    }
    // Files that change leave what was issued alone.
    let stamp = keys.stamp();
    generate_self_signed(&other_certificate, &other_key, &other_names).unwrap();
    assert_ne!(keys.stamp(), stamp);
    assert!(keys.reload().unwrap());
    assert_eq!(seen(&keys, TlsProfile::Clients, "mail.example.test").await, new_leaf);
    assert_ne!(seen(&keys, TlsProfile::Clients, "other.test").await, other_leaf);
}

#[tokio::test]
async fn other_files_take_the_place_of_those_of_before() {
    let (own, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let [[a, a_key], [b, b_key]] = [paths(&own), paths(&other)];
    generate_self_signed(&a, &a_key, &names()).unwrap();
    generate_self_signed(&b, &b_key, &["b.test".to_owned()]).unwrap();
    let leaf = |path: &Path| CertificateDer::from_pem_file(path).unwrap();
    let load = |certificate: &Path, key: &Path| TlsKeys::load(certificate, key).unwrap();
    let keys = load(&a, &a_key);
    let stamp = keys.stamp();
    keys.replace(load(&b, &b_key)).unwrap();
    assert_eq!(seen(&keys, TlsProfile::Relays, "mail.example.test").await, leaf(&b));
    // From here on these files are the ones that are looked at.
    assert_ne!(keys.stamp(), stamp);
    assert!(!keys.reload().unwrap());
    // What was issued goes with who had it issued, and stays with who goes on.
    let proving =
        |keys: TlsKeys| keys.named("mail.example.test").unwrap().proving(Arc::new(OneName));
    keys.replace(proving(load(&a, &a_key))).unwrap();
    let (new, new_leaf) = issued(&["mail.example.test"]);
    keys.use_issued(vec![new]).unwrap();
    keys.replace(proving(load(&b, &b_key))).unwrap();
    assert_eq!(seen(&keys, TlsProfile::Clients, "").await, new_leaf);
    keys.replace(load(&b, &b_key)).unwrap();
    assert_eq!(seen(&keys, TlsProfile::Clients, "mail.example.test").await, leaf(&b));
}

// RFC 7672 §8.1
#[tokio::test]
async fn a_server_is_asked_for_by_the_name_that_the_dns_vouches_for() {
    let authority = Authority::new();
    let [certificate, _] = paths(&authority.folder);
    let record = TlsaRecord::of(&std::fs::read(certificate).unwrap()).unwrap();
    let dane = Dane::new("base.test", vec![record], &["there.test".to_owned()]).unwrap();
    let tls = TlsClient::new(None).unwrap();
    for (demand, name) in
        [(TlsDemand::Dane(Arc::new(dane)), "base.test"), (TlsDemand::Encrypted, "mx.test")]
    {
        let (mut server, theirs) = pair();
        let (ours, there) = (server.peer(), server.local());
        let mut client = Stream::memory(theirs, there, ours);
        let (accepted, connected) = tokio::join!(
            server.start_tls(&authority.keys, TlsProfile::Relays),
            client.start_tls_as_client(&tls, &demand, "mx.test")
        );
        accepted.and(connected).unwrap();
        assert_eq!(server.tls().unwrap().server_name.as_deref(), Some(name));
    }
}

/// Knows one name.
struct OneName;

impl TlsChallenges for OneName {
    fn find<'a>(&'a self, name: &'a str) -> ChallengeFuture<'a> {
        Box::pin(async move { (name == "proved.test").then_some([7; 32]) })
    }
}

#[tokio::test]
async fn proofs_are_given_to_those_who_want_nothing_else() {
    let authority = Authority::new();
    let [certificate, key] = paths(&authority.folder);
    let keys = TlsKeys::load(&certificate, &key).unwrap().proving(Arc::new(OneName));
    let ask = async |protocols: &[&[u8]], name: &'static str, profile| {
        let (mut stream, theirs) = pair();
        let mut config = Arc::unwrap_or_clone(anyone());
        config.alpn_protocols = protocols.iter().map(|one| one.to_vec()).collect();
        let connector = TlsConnector::from(Arc::new(config));
        let name = ServerName::try_from(name).unwrap();
        let (server, client) =
            tokio::join!(stream.start_tls(&keys, profile), connector.connect(name, theirs));
        let seen = client.ok().map(|client| {
            let session = client.get_ref().1;
            let leaf = session.peer_certificates().unwrap()[0].to_vec();
            (session.alpn_protocol().map(<[u8]>::to_vec), leaf)
        });
        (server.is_ok(), seen)
    };
    let acme: &[u8] = b"acme-tls/1";
    let (session, seen) = ask(&[acme], "proved.test", TlsProfile::Http).await;
    assert!(!session);
    let (protocol, leaf) = seen.unwrap();
    assert_eq!(protocol.as_deref(), Some(acme));
    // RFC 8737 §3: critical, an OCTET STRING in an OCTET STRING, 1.3.6.1.5.5.7.1.31.
    let extension =
        [&[0x06, 8, 0x2b, 6, 1, 5, 5, 7, 1, 31, 1, 1, 0xff, 4, 34, 4, 32][..], &[7; 32]].concat();
    assert!(leaf.windows(extension.len()).any(|window| window == extension));
    assert_eq!(certificate::host_names(&leaf), ["proved.test"]);
    let (session, seen) = ask(&[acme], "other.test", TlsProfile::Http).await;
    assert!(!session && seen.is_none());
    // Programs are served as ever.
    for (protocols, expect) in [(&[&b"h2"[..], acme][..], Some(&b"h2"[..])), (&[], None)] {
        let (session, seen) = ask(protocols, "proved.test", TlsProfile::Http).await;
        assert!(session);
        assert_eq!(seen.unwrap().0.as_deref(), expect);
    }
}
