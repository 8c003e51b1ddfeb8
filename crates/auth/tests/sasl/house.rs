//! A store with Julie and Paul, and connections to it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use auth::{
    AuthError, AuthSettings, Authenticator, Dialog, Link, NewSecret, PasswordPolicy, Protocol,
    ScramKey, ScramSettings, SignedIn, Turn,
};
use ids::{AccountId, Clock};
use net::{Connection, ConnectionSettings, Stream, TlsKeys, TlsProfile};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SanType};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion, crypto::aws_lc_rs};
use sasl::Name;
use storage::{
    AccessKey, AccessKeyKind, Address, Grant, NewAccessKey, NewAccount, Role, Settings, Store,
};
use testkit::ManualClock;
use testkit::client::ScramClient;
use tokio_rustls::TlsConnector;

pub(crate) const JULIE: &str = "julie@example.test";

const QUICK: PasswordPolicy =
    PasswordPolicy { chars_min: 8, argon2_memory_kib: 16, argon2_passes: 1 };

/// `julie@example.test`, password `first password`, alias `info`; `paul@example.test`; and
/// `example.org` as alias of their domain.
pub(crate) struct House {
    folder: tempfile::TempDir,
    pub(crate) store: Store,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) authenticator: Authenticator,
    julie: AccountId,
    keys: TlsKeys,
    authority: Issuer<'static, KeyPair>,
}

/// A connection as the server sees it, with what the client knows of it.
pub(crate) struct Client {
    connection: Connection,
    link: Link,
    pub(crate) exporter: Vec<u8>,
}

impl Client {
    pub(crate) fn offered(&self) -> Vec<Name> {
        self.link.offered(&Name::ALL)
    }
}

/// What came of an exchange.
pub(crate) fn outcome(turn: Turn) -> Result<Grant, AuthError> {
    match turn {
        Turn::SignedIn(signed_in) => Ok(signed_in.grant),
        Turn::Refused(error) => Err(error),
        Turn::Challenge(_) | Turn::Failed(_) => panic!("the exchange has no outcome: {turn:?}"),
    }
}

impl House {
    pub(crate) async fn new(scram: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::default());
        let store = Store::open(Settings::new(folder.path(), clock.clone())).unwrap();
        let new = |address: &str, password: &str| NewAccount {
            address: Address::parse(address).unwrap(),
            name: String::new(),
            role: Role::Collaborator,
            password_hash: QUICK.hash("", &password.into()).unwrap(),
            quota_bytes: 0,
            mail_only: false,
        };
        let (julie, paul) = (new(JULIE, "first password"), new("paul@example.test", "pauls own"));
        let made = store.write("test", move |tx| {
            tx.create_domain("example.test")?;
            tx.create_domain_alias("example.org", "example.test")?;
            tx.create_account(paul)?;
            let julie = tx.create_account(julie)?;
            tx.add_alias(julie, &Address::parse("info@example.test")?)?;
            Ok(julie)
        });
        let julie = made.await.unwrap().value;
        let key = ScramKey::new([7; 32]);
        let scram = scram.then_some(ScramSettings { key, iterations: 4096 });
        let settings = AuthSettings { passwords: QUICK, scram, ..Default::default() };
        let authenticator = Authenticator::new(store.clone(), clock.clone(), settings).unwrap();
        let (keys, authority) = certificates(folder.path());
        Self { folder, store, clock, authenticator, julie, keys, authority }
    }

    /// A connection without TLS over which passwords may be sent.
    pub(crate) fn clear(&self) -> Client {
        let (_theirs, ours) = tokio::io::duplex(1);
        self.client(stream(ours), Vec::new())
    }

    /// A connection with TLS 1.3; the client has a certificate for these addresses.
    pub(crate) async fn tls(&self, addresses: Option<&[&str]>) -> Client {
        self.handshake(&rustls::version::TLS13, addresses).await
    }

    pub(crate) async fn tls12(&self) -> Client {
        self.handshake(&rustls::version::TLS12, None).await
    }

    async fn handshake(
        &self,
        version: &'static SupportedProtocolVersion,
        addresses: Option<&[&str]>,
    ) -> Client {
        let (theirs, ours) = tokio::io::duplex(64 * 1024);
        let mut ours = stream(ours);
        let connector = TlsConnector::from(Arc::new(self.client_config(version, addresses)));
        let name = ServerName::try_from("localhost").unwrap();
        let (accepted, connected) = tokio::join!(
            ours.start_tls(&self.keys, TlsProfile::Clients),
            connector.connect(name, theirs)
        );
        accepted.unwrap();
        let connected = connected.unwrap();
        let session = connected.get_ref().1;
        let label = b"EXPORTER-Channel-Binding";
        let exporter = session.export_keying_material(vec![0; 32], label, Some(b""));
        self.client(ours, exporter.unwrap())
    }

    fn client_config(
        &self,
        version: &'static SupportedProtocolVersion,
        addresses: Option<&[&str]>,
    ) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate()).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots);
        let Some(addresses) = addresses else { return builder.with_no_client_auth() };
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        for address in addresses {
            params.subject_alt_names.push(SanType::Rfc822Name((*address).try_into().unwrap()));
        }
        let certificate = params.signed_by(&key, &self.authority).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        builder.with_client_auth_cert(vec![certificate.der().clone()], key).unwrap()
    }

    fn client(&self, stream: Stream, exporter: Vec<u8>) -> Client {
        let connection = Connection::new(stream, ConnectionSettings::default());
        let link = Link::new(&self.authenticator, Protocol::Imap, &connection, true);
        Client { connection, link, exporter }
    }

    fn certificate(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_file(self.folder.path().join("cert.pem")).unwrap()
    }

    /// The server's certificate is signed with SHA-256.
    pub(crate) fn end_point(&self) -> Vec<u8> {
        let suite = aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256.tls13().unwrap();
        suite.common.hash_provider.hash(&self.certificate()).as_ref().to_vec()
    }

    pub(crate) fn begin(&self, client: &Client, mechanism: &str) -> Option<Dialog> {
        let link = client.link.clone();
        self.authenticator.begin(link, &Name::ALL, mechanism.as_bytes()).unwrap()
    }

    pub(crate) fn begin_over(
        &self,
        client: &Client,
        protocol: Protocol,
        mechanism: &str,
    ) -> Option<Dialog> {
        let link = Link::new(&self.authenticator, protocol, &client.connection, true);
        self.authenticator.begin(link, &Name::ALL, mechanism.as_bytes()).unwrap()
    }

    /// Plays a client through; the last turn.
    pub(crate) async fn scram(
        &self,
        client: &Client,
        mechanism: &str,
        mut scram: ScramClient,
    ) -> Turn {
        let mut dialog = self.begin(client, mechanism).unwrap();
        let first = scram.first();
        let challenge = dialog.advance(&self.authenticator, Some(first.as_bytes())).await;
        let Turn::Challenge(server_first) = challenge else { return challenge };
        let last = scram.last(&String::from_utf8(server_first).unwrap());
        let challenge = dialog.advance(&self.authenticator, Some(last.as_bytes())).await;
        let Turn::Challenge(server_last) = challenge else { return challenge };
        assert!(scram.is_server_proven(&String::from_utf8(server_last).unwrap()));
        dialog.advance(&self.authenticator, Some(b"")).await
    }

    /// Plays a client up to the server's proof.
    pub(crate) async fn scram_until_proof(
        &self,
        client: &Client,
        mechanism: &str,
        mut scram: ScramClient,
    ) -> (Dialog, Turn) {
        let mut dialog = self.begin(client, mechanism).unwrap();
        let first = scram.first();
        let Turn::Challenge(server_first) =
            dialog.advance(&self.authenticator, Some(first.as_bytes())).await
        else {
            panic!("no first message of the server")
        };
        let last = scram.last(&String::from_utf8(server_first).unwrap());
        let turn = dialog.advance(&self.authenticator, Some(last.as_bytes())).await;
        (dialog, turn)
    }

    /// What the server says first to this name.
    pub(crate) async fn server_first(&self, client: &Client, name: &str) -> String {
        let mut dialog = self.begin(client, "SCRAM-SHA-256").unwrap();
        let first = format!("n,,n={name},r=nonce");
        match dialog.advance(&self.authenticator, Some(first.as_bytes())).await {
            Turn::Challenge(server_first) => String::from_utf8(server_first).unwrap(),
            turn => panic!("{turn:?}"),
        }
    }

    async fn plain_turn(&self, client: &Client, name: &str, password: &str) -> Turn {
        let mut dialog = self.begin(client, "PLAIN").unwrap();
        let message = format!("\0{name}\0{password}");
        dialog.advance(&self.authenticator, Some(message.as_bytes())).await
    }

    pub(crate) async fn plain(
        &self,
        client: &Client,
        name: &str,
        password: &str,
    ) -> Result<Grant, AuthError> {
        outcome(self.plain_turn(client, name, password).await)
    }

    pub(crate) async fn signed_in(&self, client: &Client, password: &str) -> SignedIn {
        match self.plain_turn(client, JULIE, password).await {
            Turn::SignedIn(signed_in) => signed_in,
            turn => panic!("{turn:?}"),
        }
    }

    /// As `account passwd` does.
    pub(crate) async fn set_password(&self, password: &str) {
        let address = Address::parse(JULIE).unwrap();
        let new = self.authenticator.new_password(&address, JULIE, password.into()).await.unwrap();
        let julie = self.julie;
        let write = self.store.write("test", move |tx| {
            let mut account = tx.account(julie)?;
            account.set_password_hash(&new.hash)?;
            match &new.scram {
                Some(verifier) => account.put_scram_verifier(None, verifier),
                None => Ok(()),
            }
        });
        write.await.unwrap();
    }

    /// As something does that knows no SCRAM.
    pub(crate) async fn set_hash_only(&self, password: &str) {
        let hash = QUICK.hash(JULIE, &password.into()).unwrap();
        let julie = self.julie;
        let write = self.store.write("test", move |tx| tx.account(julie)?.set_password_hash(&hash));
        write.await.unwrap();
    }

    pub(crate) async fn block(&self, blocked: bool) {
        let julie = self.julie;
        let write = self.store.write("test", move |tx| tx.account(julie)?.set_blocked(blocked));
        write.await.unwrap();
    }

    pub(crate) async fn add_app_password(&self, protocols: &str) -> (AccessKey, String) {
        let address = Address::parse(JULIE).unwrap();
        let (secret, verifier) = self.authenticator.new_app_password(&address).await.unwrap();
        let new = self.new_key(AccessKeyKind::AppPassword, &secret, protocols);
        let julie = self.julie;
        let write = self.store.write("test", move |tx| {
            let mut account = tx.account(julie)?;
            let key = account.add_access_key(new)?;
            if let Some(verifier) = &verifier {
                account.put_scram_verifier(Some(key.id), verifier)?;
            }
            Ok(key)
        });
        (write.await.unwrap().value, secret.secret.as_str().to_owned())
    }

    pub(crate) async fn add_token(
        &self,
        protocols: &str,
        lifetime_secs: Option<i64>,
    ) -> (AccessKey, String) {
        let secret = NewSecret::make(AccessKeyKind::Token).unwrap();
        let mut new = self.new_key(AccessKeyKind::Token, &secret, protocols);
        new.expires = lifetime_secs.map(|secs| self.clock.now().plus_secs(secs));
        let julie = self.julie;
        let write = self.store.write("test", move |tx| tx.account(julie)?.add_access_key(new));
        (write.await.unwrap().value, secret.secret.as_str().to_owned())
    }

    fn new_key(&self, kind: AccessKeyKind, secret: &NewSecret, protocols: &str) -> NewAccessKey {
        let (secret_hash, protocols) = (secret.hash, protocols.parse().unwrap());
        NewAccessKey { kind, name: None, secret_hash, protocols, expires: None }
    }

    pub(crate) async fn find_key(&self, secret: &str) -> Option<AccessKey> {
        let julie = self.julie;
        let kind = match secret.starts_with("app_") {
            true => AccessKeyKind::AppPassword,
            false => AccessKeyKind::Token,
        };
        let keys = self.store.read(move |tx| tx.list_access_keys(julie, kind)).await.unwrap();
        keys.into_iter().find(|key| key.last_used.is_some())
    }

    pub(crate) async fn revoke(&self, kind: AccessKeyKind, name: &str) {
        let (julie, name) = (self.julie, name.to_owned());
        let write =
            self.store.write("test", move |tx| tx.account(julie)?.revoke_access_key(kind, &name));
        write.await.unwrap();
    }
}

fn stream(io: tokio::io::DuplexStream) -> Stream {
    let peer = SocketAddr::new(IpAddr::from([192, 0, 2, 7]), 4321);
    let local = SocketAddr::new(IpAddr::from([192, 0, 2, 1]), 993);
    Stream::memory(io, peer, local)
}

/// The server's certificate, and who vouches for those of clients.
fn certificates(folder: &std::path::Path) -> (TlsKeys, Issuer<'static, KeyPair>) {
    let [certificate, key, client_ca] =
        ["cert.pem", "key.pem", "ca.pem"].map(|name| folder.join(name));
    net::generate_self_signed(&certificate, &key, &["localhost".to_owned()]).unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let secret = KeyPair::generate().unwrap();
    std::fs::write(&client_ca, params.self_signed(&secret).unwrap().pem()).unwrap();
    let keys = TlsKeys::load_asking(&certificate, &key, Some(&client_ca)).unwrap();
    (keys, Issuer::new(params, secret))
}
