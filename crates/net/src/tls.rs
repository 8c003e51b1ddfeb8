//! Certificates and keys: loaded from files, swapped while running, made when missing.
//!
//! One crypto provider (aws-lc-rs), named explicitly so that nothing depends on what another
//! library installs for the whole process. TLS 1.2 and 1.3; the hybrid X25519MLKEM768 is the
//! preferred key exchange.

mod certificate;
mod client;
mod dane;
mod self_signed;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use rustls::{
    RootCertStore, ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{ProducesTickets, WebPkiClientVerifier, danger::ClientCertVerifier},
    version::{TLS12, TLS13},
};
use tokio_rustls::TlsAcceptor;

use crate::SetupError;

pub(crate) use certificate::mail_addresses;
pub use client::{TlsClient, TlsDemand};
pub use dane::{Dane, TlsaRecord};
pub use self_signed::generate_self_signed;

/// LIMIT: largest PEM file read. The longest chains in use are some 20 KiB.
const PEM_BYTES_MAX: u64 = 1024 * 1024;

/// Who is expected at the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsProfile {
    /// People's programs: sessions are resumed by ticket, which makes reconnecting cheap.
    Clients,
    /// The same over HTTP: which version of it is agreed on by ALPN (RFC 7301).
    Http,
    /// Other mail servers, on port 25.
    ///
    /// QUIRK(Microsoft outbound SMTP, 2023): breaks on session tickets, so none are sent;
    /// TLS 1.2 sessions still get an identifier.
    Relays,
}

/// Certificate and key of the server. Shared by all listeners; [`Self::reload`] takes effect
/// for handshakes that begin afterwards and leaves running sessions alone.
pub struct TlsKeys {
    files: Files,
    current: RwLock<Loaded>,
}

/// Where everything lies.
struct Files {
    certificate: PathBuf,
    key: PathBuf,
    client_ca: Option<PathBuf>,
}

/// One state of the files, made ready.
struct Loaded {
    pem: Pem,
    /// Lives through reloads, so that a new certificate does not end resumption. Not through a
    /// change of who vouches for clients: a resumed session brings its client's certificate
    /// along unchecked.
    tickets: Arc<dyn ProducesTickets>,
    clients: Arc<ServerConfig>,
    relays: Arc<ServerConfig>,
    http: Arc<ServerConfig>,
    end_point: Option<Arc<[u8]>>,
}

/// The bytes of the files.
#[derive(PartialEq)]
struct Pem {
    certificate: Vec<u8>,
    key: Vec<u8>,
    client_ca: Option<Vec<u8>>,
}

/// What a handshake is done with.
pub(crate) struct Acceptor {
    pub(crate) tls: TlsAcceptor,
    /// `tls-server-end-point` of the certificate that is presented.
    pub(crate) end_point: Option<Arc<[u8]>>,
}

impl TlsKeys {
    /// Loads a PEM chain (leaf first) and its PEM key (PKCS #8, PKCS #1 or SEC 1). Both may be
    /// in one file.
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, SetupError> {
        Self::load_asking(certificate, key, None)
    }

    /// The same, and asks people's programs (not other servers) for a certificate that one of
    /// the PEM certificates in `client_ca` vouches for. It is never required; one that is
    /// presented and not vouched for ends the handshake.
    pub fn load_asking(
        certificate: &Path,
        key: &Path,
        client_ca: Option<&Path>,
    ) -> Result<Self, SetupError> {
        let files = Files {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            client_ca: client_ca.map(Path::to_owned),
        };
        let loaded = files.make(files.read()?, aws_lc_rs::Ticketer::new()?)?;
        Ok(Self { files, current: RwLock::new(loaded) })
    }

    /// Reads the files again if their content changed; `true` when something new is in use.
    /// On an error the old certificate stays in use.
    pub fn reload(&self) -> Result<bool, SetupError> {
        let pem = self.files.read()?;
        let tickets = {
            let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
            match &current.pem {
                same if *same == pem => return Ok(false),
                old if old.client_ca == pem.client_ca => current.tickets.clone(),
                _ => aws_lc_rs::Ticketer::new()?,
            }
        };
        let loaded = self.files.make(pem, tickets)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = loaded;
        let certificate = self.files.certificate.display();
        tracing::info!(%certificate, "TLS certificate reloaded");
        Ok(true)
    }

    /// What accepts the next handshake.
    pub(crate) fn acceptor(&self, profile: TlsProfile) -> Acceptor {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        let config = match profile {
            TlsProfile::Clients => &current.clients,
            TlsProfile::Http => &current.http,
            TlsProfile::Relays => &current.relays,
        };
        Acceptor { tls: TlsAcceptor::from(config.clone()), end_point: current.end_point.clone() }
    }
}

impl std::fmt::Debug for TlsKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsKeys")
            .field("certificate", &self.files.certificate)
            .field("key", &self.files.key)
            .field("client_ca", &self.files.client_ca)
            .finish_non_exhaustive()
    }
}

impl Files {
    fn read(&self) -> Result<Pem, SetupError> {
        Ok(Pem {
            certificate: read_pem(&self.certificate)?,
            key: read_pem(&self.key)?,
            client_ca: self.client_ca.as_deref().map(read_pem).transpose()?,
        })
    }

    fn make(&self, pem: Pem, tickets: Arc<dyn ProducesTickets>) -> Result<Loaded, SetupError> {
        let chain = parse_chain(&self.certificate, &pem.certificate)?;
        let secret = parse_key(&self.key, &pem.key)?;
        let end_point = chain.first().and_then(|leaf| certificate::end_point(leaf));
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut relays = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13, &TLS12])?
            .with_no_client_auth()
            .with_single_cert(chain.clone(), secret.clone_key())
            .map_err(|error| self.unusable(error))?;
        let mut clients = relays.clone();
        if let (Some(path), Some(pem)) = (&self.client_ca, &pem.client_ca) {
            let provider = Arc::new(aws_lc_rs::default_provider());
            clients = ServerConfig::builder_with_provider(provider)
                .with_protocol_versions(&[&TLS13, &TLS12])?
                .with_client_cert_verifier(client_verifier(path, pem)?)
                .with_single_cert(chain, secret)
                .map_err(|error| self.unusable(error))?;
        }
        relays.send_tls13_tickets = 0;
        clients.ticketer = tickets.clone();
        // One ticket is enough: each resumption brings a new one.
        clients.send_tls13_tickets = 1;
        let mut http = clients.clone();
        http.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let (clients, relays) = (Arc::new(clients), Arc::new(relays));
        let http = Arc::new(http);
        Ok(Loaded { pem, tickets, clients, relays, http, end_point: end_point.map(Arc::from) })
    }

    fn unusable(&self, error: rustls::Error) -> SetupError {
        let certificate = self.certificate.display();
        let reason = match error {
            rustls::Error::InconsistentKeys(_) => format!("is not the key of {certificate}"),
            other => format!("cannot be used with {certificate}: {other}"),
        };
        content(&self.key, reason)
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
