//! Proofs over TLS that a name is ours: RFC 8737 (`tls-alpn-01`).

use std::io;
use std::pin::Pin;
use std::sync::Arc;

use rcgen::{CertificateParams, CustomExtension, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::server::Acceptor as Hello;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::server::TlsStream;
use tokio_rustls::{LazyConfigAcceptor, TlsAcceptor};

use super::Acceptor;

/// RFC 8737 §3: the protocol of those who want a proof.
const ACME_TLS: &[u8] = b"acme-tls/1";

/// A proof on its way.
pub type ChallengeFuture<'a> = Pin<Box<dyn Future<Output = Option<[u8; 32]>> + Send + 'a>>;

/// Answers the TLS-ALPN-01 challenges (RFC 8737) of names that are being proved.
pub trait TlsChallenges: Send + Sync {
    /// The digest of the key authorization for a name, if one is wanted now.
    fn find<'a>(&'a self, name: &'a str) -> ChallengeFuture<'a>;
}

/// Makes the handshake. Who wanted a proof has it then, and there is no session.
pub(crate) async fn accept_or_prove<T>(acceptor: &Acceptor, io: T) -> io::Result<TlsStream<T>>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let Some(challenges) = &acceptor.challenges else {
        return TlsAcceptor::from(acceptor.config.clone()).accept(io).await;
    };
    let start = LazyConfigAcceptor::new(Hello::default(), io).await?;
    let hello = start.client_hello();
    // RFC 8737 §3: such a client offers this protocol and no other.
    let wants_proof = hello.alpn().is_some_and(|offered| offered.eq([ACME_TLS]));
    if !wants_proof {
        return start.into_stream(acceptor.config.clone()).await;
    }
    let name = hello.server_name().unwrap_or_default().to_owned();
    let Some(digest) = challenges.find(&name).await else {
        return Err(io::Error::other("nobody is waiting for a proof of this name"));
    };
    let config = proof(&name, &digest).map_err(io::Error::other)?;
    start.into_stream(Arc::new(config)).await?;
    // RFC 8737 §3: no data is exchanged.
    Err(io::Error::new(io::ErrorKind::ConnectionAborted, "a proof was given, and that is all"))
}

/// RFC 8737 §3: a self-signed certificate with the name and the digest.
fn proof(name: &str, digest: &[u8; 32]) -> Result<ServerConfig, String> {
    let certificate = || -> Result<_, rcgen::Error> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(vec![name.to_owned()])?;
        params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
        Ok((params.self_signed(&key)?, key))
    };
    let (certificate, key) = certificate().map_err(|error| error.to_string())?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let key = PrivatePkcs8KeyDer::from(key.serialize_der());
    let key = provider.key_provider.load_private_key(key.into());
    let key = key.map_err(|error| error.to_string())?;
    // Not looked at any further: the extension is critical, and known to those who prove alone.
    let certified = CertifiedKey::new(vec![certificate.der().clone()], key);
    let builder = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(|error| error.to_string())?;
    let resolver = Arc::new(SingleCertAndKey::from(certified));
    let mut config = builder.with_no_client_auth().with_cert_resolver(resolver);
    config.alpn_protocols = vec![ACME_TLS.to_vec()];
    Ok(config)
}
