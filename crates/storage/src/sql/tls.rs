//! TLS to PostgreSQL, said in the URL as libpq says it: `sslmode` and `sslrootcert`.
//!
//! Certificates are checked for whom they name only by `verify-full`, for who vouches for them
//! also by `verify-ca`; the other modes keep out who only listens.

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use certificate::{Anyone, Judge, Shown};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{CertificateError, Error, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::Socket;
use tokio_postgres::config::SslMode;
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect};
use tokio_rustls::TlsConnector;

/// What is asked of a server, by libpq's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Disable,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

impl Mode {
    fn parse(name: &str) -> Result<Self, String> {
        Ok(match name {
            "disable" => Self::Disable,
            "prefer" => Self::Prefer,
            "require" => Self::Require,
            "verify-ca" => Self::VerifyCa,
            "verify-full" => Self::VerifyFull,
            _ => {
                let modes = "disable, prefer, require, verify-ca, verify-full";
                return Err(format!("sslmode is one of {modes}"));
            }
        })
    }
}

/// How connections to one server are secured.
#[derive(Clone)]
pub(crate) struct Tls {
    mode: Mode,
    connector: TlsConnector,
}

impl Tls {
    /// Takes what concerns TLS out of a URL; the rest of it.
    pub(crate) fn from_url(url: &str) -> Result<(String, Self), String> {
        let (mut rest, query) = match url.split_once('?') {
            Some((rest, query)) => (rest.to_owned(), query),
            None => (url.to_owned(), ""),
        };
        let (mut mode, mut roots, mut joint) = (None, None, '?');
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("sslmode", name)) => mode = Some(Mode::parse(name)?),
                Some(("sslrootcert", file)) => roots = Some(load_roots(&decoded(file))?),
                _ => {
                    rest.push(std::mem::replace(&mut joint, '&'));
                    rest.push_str(pair);
                }
            }
        }
        let tls = Self::new(mode.unwrap_or(Mode::Prefer), roots)?;
        Ok((rest, tls))
    }

    fn new(mode: Mode, roots: Option<RootCertStore>) -> Result<Self, String> {
        let config =
            certificate::client_config(judge(mode, roots)?).map_err(|cause| cause.to_string())?;
        Ok(Self { mode, connector: TlsConnector::from(Arc::new(config)) })
    }

    /// The mode as the client below knows it.
    pub(crate) fn ssl_mode(&self) -> SslMode {
        match self.mode {
            Mode::Disable => SslMode::Disable,
            Mode::Prefer => SslMode::Prefer,
            Mode::Require | Mode::VerifyCa | Mode::VerifyFull => SslMode::Require,
        }
    }
}

/// A value of a URL; `+` stands for itself there.
fn decoded(value: &str) -> String {
    let pair = format!("v={}", value.replace('+', "%2B"));
    let decoded = url::form_urlencoded::parse(pair.as_bytes()).next();
    decoded.map(|(_, value)| value.into_owned()).unwrap_or_default()
}

fn load_roots(file: &str) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    let failed = |cause: String| format!("sslrootcert {file}: {cause}");
    let certificates = CertificateDer::pem_file_iter(Path::new(file))
        .map_err(|cause| failed(cause.to_string()))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|cause| failed(cause.to_string()))?;
        roots.add(certificate).map_err(|cause| failed(cause.to_string()))?;
    }
    if roots.is_empty() { Err(failed("it holds no certificate".to_owned())) } else { Ok(roots) }
}

/// Whom a mode believes.
fn judge(mode: Mode, roots: Option<RootCertStore>) -> Result<Trust, String> {
    let Some(roots) = roots else {
        return match mode {
            Mode::VerifyCa | Mode::VerifyFull => {
                Err("sslmode=verify-ca and verify-full need sslrootcert=FILE".to_owned())
            }
            Mode::Disable | Mode::Prefer | Mode::Require => Ok(Trust::Anyone),
        };
    };
    let provider = Arc::new(aws_lc_rs::default_provider());
    let full = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|cause| cause.to_string())?;
    Ok(match mode {
        Mode::VerifyFull => Trust::Named(full),
        // As libpq does: where a file says who is trusted, `require` asks for that, too.
        Mode::VerifyCa | Mode::Require => Trust::AnyName(full),
        Mode::Disable | Mode::Prefer => Trust::Anyone,
    })
}

/// Which certificates of the database server are accepted.
#[derive(Debug)]
enum Trust {
    /// Any certificate.
    Anyone,
    /// One that a trusted authority issued, for any name.
    AnyName(Arc<WebPkiServerVerifier>),
    /// One of those who are trusted, for the name of the server.
    Named(Arc<WebPkiServerVerifier>),
}

impl Judge for Trust {
    fn judge(&self, shown: &Shown<'_>) -> Result<ServerCertVerified, Error> {
        let &Shown { end_entity, intermediates, server_name, ocsp_response, now } = shown;
        let verify = |full: &WebPkiServerVerifier| {
            full.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
        };
        match self {
            Self::Anyone => Anyone.judge(shown),
            Self::Named(full) => verify(full),
            Self::AnyName(full) => match verify(full) {
                // The name is looked at after the chain was found good.
                Err(Error::InvalidCertificate(
                    CertificateError::NotValidForName
                    | CertificateError::NotValidForNameContext { .. },
                )) => Ok(ServerCertVerified::assertion()),
                verified => verified,
            },
        }
    }
}

impl MakeTlsConnect<Socket> for Tls {
    type Stream = TlsStream;
    type TlsConnect = Handshake;
    type Error = io::Error;

    fn make_tls_connect(&mut self, host: &str) -> io::Result<Handshake> {
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        Ok(Handshake { name, connector: self.connector.clone() })
    }
}

/// The TLS handshake of one connection.
pub(crate) struct Handshake {
    name: ServerName<'static>,
    connector: TlsConnector,
}

impl TlsConnect<Socket> for Handshake {
    type Stream = TlsStream;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<TlsStream>> + Send>>;

    fn connect(self, stream: Socket) -> Self::Future {
        Box::pin(async move { self.connector.connect(self.name, stream).await.map(TlsStream) })
    }
}

/// A connection under TLS.
pub(crate) struct TlsStream(tokio_rustls::client::TlsStream<Socket>);

impl tokio_postgres::tls::TlsStream for TlsStream {
    fn channel_binding(&self) -> ChannelBinding {
        let (_, session) = self.0.get_ref();
        let certificate = session.peer_certificates().and_then(<[_]>::first);
        certificate
            .and_then(|certificate| certificate::end_point(certificate))
            .map_or_else(ChannelBinding::none, ChannelBinding::tls_server_end_point)
    }
}

impl AsyncRead for TlsStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for TlsStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_concerns_tls_is_taken_out_of_urls() {
        for (url, rest, mode) in [
            ("postgresql://u@h/n", "postgresql://u@h/n", SslMode::Prefer),
            ("postgresql://u@h/n?sslmode=disable", "postgresql://u@h/n", SslMode::Disable),
            (
                "postgresql://u@h/n?a=1&sslmode=require&b=2",
                "postgresql://u@h/n?a=1&b=2",
                SslMode::Require,
            ),
        ] {
            let (left, tls) = Tls::from_url(url).unwrap();
            assert_eq!((left.as_str(), tls.ssl_mode()), (rest, mode), "{url}");
        }
        for (query, why) in [
            ("sslmode=allow", "sslmode is one of"),
            ("sslmode=verify-full", "need sslrootcert"),
            ("sslmode=verify-ca", "need sslrootcert"),
            ("sslrootcert=/no%2Bsuch+file", "sslrootcert /no+such+file: "),
            ("sslrootcert=/dev/null", "no certificate"),
        ] {
            let told = Tls::from_url(&format!("postgresql://u@h/n?{query}")).err().unwrap();
            assert!(told.contains(why), "{query}: {told}");
        }
    }
}
