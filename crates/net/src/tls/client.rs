//! TLS as the client of another server: opportunistic, or with the certificate verified by
//! authorities or by DANE.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    CertificateError, ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, pem::PemObject},
    version::{TLS12, TLS13},
};
use tokio_rustls::TlsConnector;

use super::{Dane, PEM_BYTES_MAX};
use crate::SetupError;

/// Where the machine keeps the certificates it trusts: Debian, Red Hat, Alpine, the BSDs.
const SYSTEM_ROOTS: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
    "/usr/local/etc/ssl/cert.pem",
];

/// What is asked of the other side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TlsDemand {
    /// Encryption, whoever it is (RFC 7435 §3): it keeps those out who only listen.
    Encrypted,
    /// A certificate for its name, from somebody we trust.
    Verified,
    /// A certificate that the DNS vouches for.
    Dane(Arc<Dane>),
}

impl TlsDemand {
    /// The name by which a server that is known as `host` is asked for.
    pub(crate) fn server_name<'a>(&'a self, host: &'a str) -> &'a str {
        match self {
            Self::Encrypted | Self::Verified => host,
            Self::Dane(dane) => dane.base(),
        }
    }
}

/// Why a handshake failed, as far as reports tell it apart (RFC 8460 §4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsFault {
    /// The certificate's time is over, or has not begun.
    Expired,
    /// The certificate was issued to another name.
    WrongName,
    /// Nobody who is trusted vouches for it.
    Untrusted,
    /// Any other reason.
    Other,
}

impl TlsFault {
    /// What an error of a handshake says.
    pub fn of(error: &std::io::Error) -> Self {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        let Some(rustls::Error::InvalidCertificate(found)) = inner else { return Self::Other };
        use CertificateError as Found;
        match found {
            Found::Expired
            | Found::ExpiredContext { .. }
            | Found::NotValidYet
            | Found::NotValidYetContext { .. } => Self::Expired,
            Found::NotValidForName | Found::NotValidForNameContext { .. } => Self::WrongName,
            Found::UnknownIssuer => Self::Untrusted,
            _ => Self::Other,
        }
    }
}

/// How TLS is used with servers we connect to. Sessions are resumed.
#[derive(Clone)]
pub struct TlsClient {
    encrypted: TlsConnector,
    /// The connector that verifies; absent where no authority is trusted.
    verified: Option<TlsConnector>,
}

impl TlsClient {
    /// Trusts who is in the PEM file `roots`, or without one whom the machine trusts.
    ///
    /// # Errors
    /// [`SetupError::File`] or [`SetupError::Content`] where `roots` cannot be used.
    pub fn new(roots: Option<&Path>) -> Result<Self, SetupError> {
        let encrypted = certificate::client_config(certificate::Anyone)?;
        let verified = match roots.map(Path::to_owned).or_else(system_roots) {
            None => None,
            Some(path) => Some(
                ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
                    .with_protocol_versions(&[&TLS13, &TLS12])?
                    .with_root_certificates(load_roots(&path)?)
                    .with_no_client_auth(),
            ),
        };
        Ok(Self {
            encrypted: TlsConnector::from(Arc::new(encrypted)),
            verified: verified.map(|config| TlsConnector::from(Arc::new(config))),
        })
    }

    /// What makes the handshake; `None` where nobody could be verified.
    pub(crate) fn connector(&self, demand: &TlsDemand) -> Option<TlsConnector> {
        match demand {
            TlsDemand::Encrypted => Some(self.encrypted.clone()),
            TlsDemand::Verified => self.verified.clone(),
            TlsDemand::Dane(dane) => {
                dane.config().ok().map(|config| TlsConnector::from(Arc::new(config)))
            }
        }
    }
}

impl std::fmt::Debug for TlsClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsClient").finish_non_exhaustive()
    }
}

fn system_roots() -> Option<PathBuf> {
    SYSTEM_ROOTS.iter().map(PathBuf::from).find(|path| path.is_file())
}

fn load_roots(path: &Path) -> Result<RootCertStore, SetupError> {
    let file = |source| SetupError::File { path: path.to_owned(), source };
    let content = |reason| SetupError::Content { path: path.to_owned(), reason };
    if std::fs::metadata(path).map_err(file)?.len() > PEM_BYTES_MAX {
        return Err(content("too large for certificates".to_owned()));
    }
    let pem = std::fs::read(path).map_err(file)?;
    let mut roots = RootCertStore::empty();
    // Bundles hold old ones in forms that are no longer understood; the others count.
    for certificate in CertificateDer::pem_slice_iter(&pem).flatten() {
        let _ = roots.add(certificate);
    }
    if roots.is_empty() { Err(content("holds no certificate".to_owned())) } else { Ok(roots) }
}
