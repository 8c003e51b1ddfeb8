//! Whether a client believes the certificate of a server: the frame of rustls, with the decision
//! left to a [`Judge`].

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};

/// Decides whether a server is believed.
pub trait Judge: std::fmt::Debug + Send + Sync + 'static {
    /// Whether it is, by what it shows.
    ///
    /// # Errors
    /// Why it is not.
    fn judge(&self, shown: &Shown<'_>) -> Result<ServerCertVerified, Error>;
}

/// What a server shows in a handshake, and what it is shown for.
#[derive(Debug)]
pub struct Shown<'a> {
    /// The certificate of the server itself.
    pub end_entity: &'a CertificateDer<'a>,
    /// The certificates that are to lead to a trusted authority.
    pub intermediates: &'a [CertificateDer<'a>],
    /// The name that the server was asked for.
    pub server_name: &'a ServerName<'a>,
    /// What is stapled (RFC 6066 §8); empty: nothing.
    pub ocsp_response: &'a [u8],
    /// The instant of the handshake.
    pub now: UnixTime,
}

/// Believes every server that has the key of its certificate: RFC 7435 §3 has reasons why that is
/// better than no TLS. Whoever it is is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Anyone;

impl Judge for Anyone {
    fn judge(&self, _: &Shown<'_>) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }
}

/// How a client connects that believes whom `judge` does; it shows no certificate of its own.
///
/// # Errors
/// Where the provider of cryptography lacks a version of TLS that is needed.
pub fn client_config(judge: impl Judge) -> Result<ClientConfig, Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = Arc::new(Verifier { judge, provider: provider.clone() });
    Ok(ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth())
}

#[derive(Debug)]
struct Verifier<J> {
    judge: J,
    provider: Arc<CryptoProvider>,
}

impl<J: Judge> ServerCertVerifier for Verifier<J> {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.judge.judge(&Shown { end_entity, intermediates, server_name, ocsp_response, now })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
