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
