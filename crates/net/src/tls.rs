//! Certificates and keys: loaded from files, swapped while running, made when missing.
//!
//! One crypto provider (aws-lc-rs), named explicitly so that nothing depends on what another
//! library installs for the whole process. TLS 1.2 and 1.3; the hybrid X25519MLKEM768 is the
//! preferred key exchange.

mod self_signed;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::ProducesTickets,
    version::{TLS12, TLS13},
};
use tokio_rustls::TlsAcceptor;

use crate::SetupError;

pub use self_signed::generate_self_signed;

/// LIMIT: largest PEM file read. The longest chains in use are some 20 KiB.
const PEM_BYTES_MAX: u64 = 1024 * 1024;

/// Who is expected at the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsProfile {
    /// People's programs: sessions are resumed by ticket, which makes reconnecting cheap.
    Clients,
    /// Other mail servers, on port 25.
    ///
    /// QUIRK(Microsoft outbound SMTP, 2023): breaks on session tickets, so none are sent;
    /// TLS 1.2 sessions still get an identifier.
    Relays,
}

/// Certificate and key of the server. Shared by all listeners; [`Self::reload`] takes effect
/// for handshakes that begin afterwards and leaves running sessions alone.
pub struct TlsKeys {
    certificate: PathBuf,
    key: PathBuf,
    /// Lives through reloads, so that a new certificate does not end resumption.
    tickets: Arc<dyn ProducesTickets>,
    current: RwLock<Loaded>,
}

/// One state of the files, made ready.
struct Loaded {
    pem: Pem,
    clients: Arc<ServerConfig>,
    relays: Arc<ServerConfig>,
}

/// The bytes of both files.
#[derive(PartialEq)]
struct Pem {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl TlsKeys {
    /// Loads a PEM chain (leaf first) and its PEM key (PKCS #8, PKCS #1 or SEC 1). Both may be
    /// in one file.
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, SetupError> {
        let tickets = aws_lc_rs::Ticketer::new()?;
        let loaded = Loaded::make(certificate, key, read_both(certificate, key)?, &tickets)?;
        Ok(Self {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            tickets,
            current: RwLock::new(loaded),
        })
    }

    /// Reads the files again if their content changed; `true` when something new is in use.
    /// On an error the old certificate stays in use.
    pub fn reload(&self) -> Result<bool, SetupError> {
        let pem = read_both(&self.certificate, &self.key)?;
        if self.current.read().unwrap_or_else(PoisonError::into_inner).pem == pem {
            return Ok(false);
        }
        let loaded = Loaded::make(&self.certificate, &self.key, pem, &self.tickets)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = loaded;
        tracing::info!(certificate = %self.certificate.display(), "TLS certificate reloaded");
        Ok(true)
    }

    /// What accepts the next handshake.
    pub fn acceptor(&self, profile: TlsProfile) -> TlsAcceptor {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        TlsAcceptor::from(match profile {
            TlsProfile::Clients => current.clients.clone(),
            TlsProfile::Relays => current.relays.clone(),
        })
    }
}

impl std::fmt::Debug for TlsKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsKeys")
            .field("certificate", &self.certificate)
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

impl Loaded {
    fn make(
        certificate: &Path,
        key: &Path,
        pem: Pem,
        tickets: &Arc<dyn ProducesTickets>,
    ) -> Result<Self, SetupError> {
        let chain = parse_chain(certificate, &pem.certificate)?;
        let secret = parse_key(key, &pem.key)?;
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut clients = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13, &TLS12])?
            .with_no_client_auth()
            .with_single_cert(chain, secret)
            .map_err(|error| {
                content(
                    key,
                    match error {
                        rustls::Error::InconsistentKeys(_) => {
                            format!("is not the key of {}", certificate.display())
                        }
                        other => format!("cannot be used with {}: {other}", certificate.display()),
                    },
                )
            })?;
        let mut relays = clients.clone();
        relays.send_tls13_tickets = 0;
        clients.ticketer = tickets.clone();
        // One ticket is enough: each resumption brings a new one.
        clients.send_tls13_tickets = 1;
        Ok(Self { pem, clients: Arc::new(clients), relays: Arc::new(relays) })
    }
}

fn read_both(certificate: &Path, key: &Path) -> Result<Pem, SetupError> {
    Ok(Pem { certificate: read_pem(certificate)?, key: read_pem(key)? })
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
