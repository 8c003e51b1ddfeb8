//! Certificates and keys: loaded from files, swapped while running, made when missing.
//!
//! One crypto provider (aws-lc-rs), named explicitly so that nothing depends on what another
//! library installs for the whole process. TLS 1.2 and 1.3; the hybrid X25519MLKEM768 is the
//! preferred key exchange.

mod challenge;
mod choice;
mod client;
mod dane;
mod self_signed;

use std::{
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, RwLock, RwLockWriteGuard},
};

use rustls::{
    RootCertStore, ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, pem::PemObject},
    server::{ProducesTickets, WebPkiClientVerifier, danger::ClientCertVerifier},
    version::{TLS12, TLS13},
};

use crate::SetupError;

pub(crate) use challenge::accept_or_prove;
pub use challenge::{ChallengeFuture, TlsChallenges};
use choice::{Choice, Presented};
pub use client::{TlsClient, TlsDemand, TlsFault};
pub use dane::{Dane, TlsaRecord};
pub use self_signed::generate_self_signed;

/// LIMIT: largest PEM file read. The longest chains in use are some 20 KiB.
const PEM_BYTES_MAX: u64 = 1024 * 1024;

/// Who is expected at the other end, which decides on session tickets, client certificates and
/// ALPN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsProfile {
    /// People's programs: sessions are resumed by ticket, which makes reconnecting cheap.
    Clients,
    /// People's programs over HTTP, whose version is agreed on by ALPN (RFC 7301).
    Http,
    /// Other mail servers, on port 25.
    ///
    /// QUIRK(Microsoft outbound SMTP, 2023): breaks on session tickets, so none are sent;
    /// TLS 1.2 sessions still get an identifier.
    Relays,
}

/// Certificates and keys of the server. Shared by all listeners; what changes takes effect for
/// handshakes that begin afterwards and leaves running sessions alone.
///
/// Which certificate is presented is decided by the name the client asks for (RFC 6066 §3): one
/// that has it, of several the one that was named first; else the one of the server itself.
pub struct TlsKeys {
    current: RwLock<Loaded>,
    /// Held while something changes.
    changing: Mutex<()>,
}

/// Where everything comes from.
#[derive(Clone)]
struct Origin {
    files: Files,
    /// The name of the server itself, where an issued certificate may have it.
    own_name: Option<String>,
    challenges: Option<Arc<dyn TlsChallenges>>,
}

/// Where everything lies.
#[derive(Clone)]
struct Files {
    /// The certificate of the server itself, then those for other names.
    pairs: Vec<PemFiles>,
    client_ca: Option<PathBuf>,
}

/// A certificate with its chain, leaf first, and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PemFiles {
    /// The path of the certificate chain, PEM.
    pub certificate: PathBuf,
    /// The key (PKCS #8, PKCS #1 or SEC 1).
    pub key: PathBuf,
}

/// A certificate that did not come from files.
#[derive(Clone, PartialEq, Eq)]
pub struct IssuedCertificate {
    /// The chain, PEM, leaf first.
    pub chain_pem: String,
    /// The key, PKCS #8.
    pub key_der: Vec<u8>,
}

/// What the files held, and issued certificates that are in no file, read and ready for
/// handshakes.
struct Loaded {
    origin: Arc<Origin>,
    pem: Pem,
    issued: Vec<IssuedCertificate>,
    /// Lives through reloads, so that a new certificate does not end resumption. Not through a
    /// change of who vouches for clients: a resumed session brings its client's certificate
    /// along unchecked.
    tickets: Arc<dyn ProducesTickets>,
    ready: Ready,
}

/// The configurations for handshakes.
struct Ready {
    choice: Arc<Choice>,
    clients: Arc<ServerConfig>,
    relays: Arc<ServerConfig>,
    http: Arc<ServerConfig>,
}

/// The bytes of the files.
#[derive(Clone, PartialEq)]
struct Pem {
    pairs: Vec<(Vec<u8>, Vec<u8>)>,
    client_ca: Option<Vec<u8>>,
}

/// What a handshake is done with.
pub(crate) struct Acceptor {
    pub(crate) config: Arc<ServerConfig>,
    choice: Arc<Choice>,
    /// Where the client may be one who only wants a proof.
    pub(crate) challenges: Option<Arc<dyn TlsChallenges>>,
}

impl Acceptor {
    /// `tls-server-end-point` of the certificate that a client sees who asks for this name.
    pub(crate) fn end_point(&self, name: Option<&str>) -> Option<Arc<[u8]>> {
        self.choice.find(name).end_point.clone()
    }
}

impl TlsKeys {
    /// Loads a PEM chain (leaf first) and its PEM key (PKCS #8, PKCS #1 or SEC 1). Both may be
    /// in one file.
    ///
    /// # Errors
    /// [`SetupError::File`] or [`SetupError::Content`] with the file that cannot be used.
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, SetupError> {
        Self::load_asking(certificate, key, None)
    }

    /// The same, and asks people's programs (not other servers) for a certificate that one of
    /// the PEM certificates in `client_ca` vouches for. It is never required; one that is
    /// presented and not vouched for ends the handshake.
    ///
    /// # Errors
    /// As for [`load`](Self::load).
    pub fn load_asking(
        certificate: &Path,
        key: &Path,
        client_ca: Option<&Path>,
    ) -> Result<Self, SetupError> {
        let own = PemFiles { certificate: certificate.to_owned(), key: key.to_owned() };
        Self::load_several(own, Vec::new(), client_ca)
    }

    /// Like [`load`](Self::load), with further certificates for clients that ask for one of their
    /// names.
    ///
    /// # Errors
    /// As for [`load`](Self::load).
    pub fn load_several(
        own: PemFiles,
        further: Vec<PemFiles>,
        client_ca: Option<&Path>,
    ) -> Result<Self, SetupError> {
        let pairs = std::iter::once(own).chain(further).collect();
        let files = Files { pairs, client_ca: client_ca.map(Path::to_owned) };
        let (pem, tickets) = (files.read()?, aws_lc_rs::Ticketer::new()?);
        let origin = Arc::new(Origin { files, own_name: None, challenges: None });
        let ready = origin.make(&pem, &[], &tickets)?;
        let loaded = Loaded { origin, pem, issued: Vec::new(), tickets, ready };
        Ok(Self { current: RwLock::new(loaded), changing: Mutex::new(()) })
    }

    /// Presents another certificate that has this name, once there is one, in place of the one
    /// loaded first: to clients that ask for it, for none, or for one nobody has.
    ///
    /// # Errors
    /// As for [`load`](Self::load).
    pub fn named(self, own_name: &str) -> Result<Self, SetupError> {
        let mut current = self.write();
        let own_name = Some(own_name.to_ascii_lowercase());
        let origin = Arc::new(Origin { own_name, ..(*current.origin).clone() });
        current.ready = origin.make(&current.pem, &current.issued, &current.tickets)?;
        current.origin = origin;
        drop(current);
        Ok(self)
    }

    /// Has those answered who want a proof over TLS that a name is ours (RFC 8737).
    pub fn proving(self, challenges: Arc<dyn TlsChallenges>) -> Self {
        let mut current = self.write();
        let challenges = Some(challenges);
        current.origin = Arc::new(Origin { challenges, ..(*current.origin).clone() });
        drop(current);
        self
    }

    /// Presents from now on what `other` was loaded with. Where certificates are issued as before
    /// (both are [proving](Self::proving)), those that were issued go on being presented.
    ///
    /// # Errors
    /// As for [`load`](Self::load).
    pub fn replace(&self, other: Self) -> Result<(), SetupError> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut new = other.current.into_inner().unwrap_or_else(PoisonError::into_inner);
        {
            let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
            if current.pem.client_ca == new.pem.client_ca {
                new.tickets = current.tickets.clone();
            }
            if new.origin.challenges.is_some() && new.issued.is_empty() {
                new.issued.clone_from(&current.issued);
            }
        }
        new.ready = new.origin.make(&new.pem, &new.issued, &new.tickets)?;
        *self.write() = new;
        Ok(())
    }

    /// Reads the files again if their content changed; `true` when something new is in use.
    /// On an error the old certificates stay in use.
    ///
    /// # Errors
    /// As for [`load`](Self::load).
    pub fn reload(&self) -> Result<bool, SetupError> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let origin = self.origin();
        let pem = origin.files.read()?;
        let (tickets, issued) = {
            let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
            let tickets = match &current.pem {
                same if *same == pem => return Ok(false),
                old if old.client_ca == pem.client_ca => current.tickets.clone(),
                _ => aws_lc_rs::Ticketer::new()?,
            };
            (tickets, current.issued.clone())
        };
        let ready = origin.make(&pem, &issued, &tickets)?;
        let certificate = origin.files.first().to_string();
        *self.write() = Loaded { origin, pem, issued, tickets, ready };
        tracing::info!(certificate, "TLS certificates reloaded");
        Ok(true)
    }

    /// Uses these issued certificates in place of the issued ones before. One that cannot be used
    /// is left out, and the log says why.
    pub fn use_issued(&self, issued: Vec<IssuedCertificate>) -> Result<(), SetupError> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let (pem, tickets) = {
            let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
            if current.issued == issued {
                return Ok(());
            }
            (current.pem.clone(), current.tickets.clone())
        };
        let origin = self.origin();
        let ready = origin.make(&pem, &issued, &tickets)?;
        *self.write() = Loaded { origin, pem, issued, tickets, ready };
        Ok(())
    }

    /// What the files look like from outside: it changes whenever one of them is written or
    /// replaced.
    pub fn stamp(&self) -> FileStamp {
        self.origin().files.stamp()
    }

    /// The acceptor for the next handshake.
    pub(crate) fn acceptor(&self, profile: TlsProfile) -> Acceptor {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        let (config, challenges) = match profile {
            TlsProfile::Clients => (&current.ready.clients, None),
            TlsProfile::Http => (&current.ready.http, current.origin.challenges.clone()),
            TlsProfile::Relays => (&current.ready.relays, None),
        };
        Acceptor { config: config.clone(), choice: current.ready.choice.clone(), challenges }
    }

    fn origin(&self) -> Arc<Origin> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).origin.clone()
    }

    fn write(&self) -> RwLockWriteGuard<'_, Loaded> {
        self.current.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for TlsKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let origin = self.origin();
        f.debug_struct("TlsKeys")
            .field("files", &origin.files.pairs)
            .field("client_ca", &origin.files.client_ca)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for IssuedCertificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IssuedCertificate").finish_non_exhaustive()
    }
}

/// When the files were written, and which they are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FileStamp(Vec<Option<(u64, i64, i64, u64)>>);

impl Origin {
    fn make(
        &self,
        pem: &Pem,
        issued: &[IssuedCertificate],
        tickets: &Arc<dyn ProducesTickets>,
    ) -> Result<Ready, SetupError> {
        self.files.make(pem, issued, self.own_name.as_deref(), tickets)
    }
}

impl Files {
    fn first(&self) -> std::path::Display<'_> {
        self.pairs.first().map_or(Path::new(""), |pair| &pair.certificate).display()
    }

    fn read(&self) -> Result<Pem, SetupError> {
        let pair = |files: &PemFiles| Ok((read_pem(&files.certificate)?, read_pem(&files.key)?));
        Ok(Pem {
            pairs: self.pairs.iter().map(pair).collect::<Result<_, SetupError>>()?,
            client_ca: self.client_ca.as_deref().map(read_pem).transpose()?,
        })
    }

    fn stamp(&self) -> FileStamp {
        let pairs = self.pairs.iter().flat_map(|files| [&files.certificate, &files.key]);
        let of = |path: &PathBuf| {
            let found = std::fs::metadata(path).ok()?;
            Some((found.ino(), found.mtime(), found.mtime_nsec(), found.len()))
        };
        FileStamp(pairs.chain(&self.client_ca).map(of).collect())
    }

    fn make(
        &self,
        pem: &Pem,
        issued: &[IssuedCertificate],
        own_name: Option<&str>,
        tickets: &Arc<dyn ProducesTickets>,
    ) -> Result<Ready, SetupError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut presented = Vec::new();
        for (files, (certificate, key)) in self.pairs.iter().zip(&pem.pairs) {
            let chain = parse_chain(&files.certificate, certificate)?;
            let secret = parse_key(&files.key, key)?;
            let made = Presented::new(chain, secret, &provider);
            presented.push(made.map_err(|error| files.unusable(error))?);
        }
        let issued = issued.iter().filter_map(|one| match one.present(&provider) {
            Ok(made) => Some(made),
            Err(error) => {
                tracing::error!(%error, "an issued certificate cannot be used");
                None
            }
        });
        presented.extend(issued);
        let choice = Arc::new(Choice::new(presented, own_name).ok_or_else(|| {
            SetupError::Tls(rustls::Error::General("there is no certificate".to_owned()))
        })?);
        let builder = || {
            ServerConfig::builder_with_provider(provider.clone())
                .with_protocol_versions(&[&TLS13, &TLS12])
        };
        let mut relays = builder()?.with_no_client_auth().with_cert_resolver(choice.clone());
        let mut clients = relays.clone();
        if let (Some(path), Some(pem)) = (&self.client_ca, &pem.client_ca) {
            clients = builder()?
                .with_client_cert_verifier(client_verifier(path, pem)?)
                .with_cert_resolver(choice.clone());
        }
        relays.send_tls13_tickets = 0;
        clients.ticketer = tickets.clone();
        // One ticket is enough: each resumption brings a new one.
        clients.send_tls13_tickets = 1;
        let mut http = clients.clone();
        http.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let (clients, relays, http) = (Arc::new(clients), Arc::new(relays), Arc::new(http));
        Ok(Ready { choice, clients, relays, http })
    }
}

impl PemFiles {
    fn unusable(&self, error: rustls::Error) -> SetupError {
        let certificate = self.certificate.display();
        let reason = match error {
            rustls::Error::InconsistentKeys(_) => format!("is not the key of {certificate}"),
            other => format!("cannot be used with {certificate}: {other}"),
        };
        content(&self.key, reason)
    }
}

impl IssuedCertificate {
    fn present(&self, provider: &CryptoProvider) -> Result<Presented, rustls::Error> {
        let chain: Vec<_> = CertificateDer::pem_slice_iter(self.chain_pem.as_bytes())
            .collect::<Result<_, _>>()
            .map_err(|error| rustls::Error::General(error.to_string()))?;
        let key = PrivatePkcs8KeyDer::from(self.key_der.clone());
        Presented::new(chain, key.into(), provider)
    }

    /// Whether the chain holds what can be presented with this key.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub fn check(&self) -> Result<(), SetupError> {
        Ok(self.present(&aws_lc_rs::default_provider()).map(|_| ())?)
    }
}

/// Believes clients whose certificate one of these vouches for, and goes on with those that have
/// none.
fn client_verifier(path: &Path, pem: &[u8]) -> Result<Arc<dyn ClientCertVerifier>, SetupError> {
    let mut roots = RootCertStore::empty();
    for root in parse_chain(path, pem)? {
        roots.add(root).map_err(|error| content(path, format!("cannot be used: {error}")))?;
    }
    let provider = Arc::new(aws_lc_rs::default_provider());
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .allow_unauthenticated()
        .build()
        .map_err(|error| content(path, format!("cannot be used: {error}")))
}

fn read_pem(path: &Path) -> Result<Vec<u8>, SetupError> {
    let file = |source| SetupError::File { path: path.to_owned(), source };
    if std::fs::metadata(path).map_err(file)?.len() > PEM_BYTES_MAX {
        return Err(content(path, "is too large for a PEM file".to_owned()));
    }
    std::fs::read(path).map_err(file)
}

fn parse_chain(path: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, SetupError> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| content(path, format!("is not PEM: {error}")))?;
    if chain.is_empty() {
        return Err(content(path, "holds no PEM certificate".to_owned()));
    }
    Ok(chain)
}

fn parse_key(path: &Path, pem: &[u8]) -> Result<PrivateKeyDer<'static>, SetupError> {
    use rustls::pki_types::pem::Error;
    PrivateKeyDer::from_pem_slice(pem).map_err(|error| {
        content(
            path,
            match error {
                Error::NoItemsFound => "holds no PEM private key".to_owned(),
                other => format!("is not PEM: {other}"),
            },
        )
    })
}

fn content(path: &Path, reason: String) -> SetupError {
    SetupError::Content { path: path.to_owned(), reason }
}

#[cfg(test)]
pub(crate) mod tests;
