//! One request over HTTPS, to a server that must be who it says it is, within bounds.
//!
//! For what mail servers fetch of each other (MTA-STS policies) and send each other (TLS reports),
//! and for ACME.
//! No redirects are followed, no cookies kept, no connections reused.

use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Bytes;
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HOST, HeaderValue, USER_AGENT};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::{TlsClient, TlsDemand};

/// LIMIT: one server's address, before the next is tried.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// LIMIT: bytes of the header section of an answer.
const HEADER_BYTES_MAX: usize = 32 * 1024;

/// A request to one server.
#[derive(Debug, Clone)]
pub struct HttpsRequest {
    /// The server's name, which its certificate must have.
    pub host: String,
    /// The addresses of the server; the first that answers is used.
    pub addresses: Vec<SocketAddr>,
    /// The path, with its query.
    pub path: String,
    /// What is sent, with its type and its coding; without it, GET.
    pub content: Option<HttpsContent>,
    /// Bytes of the answer.
    pub body_bytes_max: usize,
    /// How long the whole exchange may take.
    pub timeout: Duration,
}

/// The body of a POST.
#[derive(Debug, Clone)]
pub struct HttpsContent {
    /// `Content-Type`.
    pub content_type: &'static str,
    /// `Content-Encoding`, where there is one.
    pub encoding: Option<&'static str>,
    /// The body of the request.
    pub bytes: Vec<u8>,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpsReply {
    /// The status code, 100 to 599 (RFC 9110 §15).
    pub status: u16,
    /// `Content-Type`.
    pub content_type: String,
    /// The body of the answer, at most as long as asked for.
    pub body: Vec<u8>,
}

/// Why nothing came back.
#[derive(Debug, thiserror::Error)]
pub enum HttpsError {
    /// Nobody could be reached.
    #[error("connecting: {0}")]
    Connect(String),
    /// It is not who it should be, or speaks no TLS.
    #[error("TLS: {0}")]
    Tls(String),
    /// The answer is not valid HTTP.
    #[error("HTTP: {0}")]
    Http(String),
    /// The answer was larger than allowed.
    #[error("the answer is too large")]
    TooLarge,
    /// The exchange took too long.
    #[error("timed out")]
    TimedOut,
}

/// Whom a request goes to, and how much it may take.
#[derive(Debug, Clone)]
pub struct HttpsServer {
    /// The server's name, or address, which its certificate must have.
    pub host: String,
    /// The addresses of the server; the first that answers is used.
    pub addresses: Vec<SocketAddr>,
    /// Bytes of the answer.
    pub body_bytes_max: usize,
    /// How long the whole exchange may take.
    pub timeout: Duration,
}

/// Makes the request.
///
/// # Errors
/// As [`HttpsError`] says; whatever status is answered is none.
pub async fn https(tls: &TlsClient, request: &HttpsRequest) -> Result<HttpsReply, HttpsError> {
    let server = HttpsServer {
        host: request.host.clone(),
        addresses: request.addresses.clone(),
        body_bytes_max: request.body_bytes_max,
        timeout: request.timeout,
    };
    let reply = https_exchange(tls, &server, render(request)?).await?;
    let content_type = reply.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    Ok(HttpsReply {
        status: reply.status().as_u16(),
        content_type: content_type.unwrap_or_default().to_owned(),
        body: reply.into_body().to_vec(),
    })
}

/// Makes a request that has its headers, `Host` among them, and its path already.
///
/// # Errors
/// As for [`https`].
pub async fn https_exchange(
    tls: &TlsClient,
    server: &HttpsServer,
    request: Request<Full<Bytes>>,
) -> Result<Response<Bytes>, HttpsError> {
    match timeout(server.timeout, exchange(tls, server, request)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(HttpsError::TimedOut),
    }
}

async fn exchange(
    tls: &TlsClient,
    server: &HttpsServer,
    request: Request<Full<Bytes>>,
) -> Result<Response<Bytes>, HttpsError> {
    let stream = connect(&server.addresses).await?;
    let connector = tls
        .connector(&TlsDemand::Verified)
        .ok_or_else(|| HttpsError::Tls("there is nobody whose certificates are trusted".into()))?;
    let name = ServerName::try_from(server.host.clone())
        .map_err(|error| HttpsError::Tls(error.to_string()))?;
    let stream = Box::pin(connector.connect(name, stream))
        .await
        .map_err(|error| HttpsError::Tls(error.to_string()))?;
    let broken = |error: hyper::Error| HttpsError::Http(error.to_string());
    let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
        .max_buf_size(HEADER_BYTES_MAX)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(broken)?;
    let answer = async {
        let reply = sender.send_request(request).await.map_err(broken)?;
        read(reply, server.body_bytes_max).await
    };
    tokio::pin!(connection);
    tokio::pin!(answer);
    tokio::select! {
        biased;
        answer = &mut answer => answer,
        // The connection is over; what it brought may be all of the answer.
        _ = &mut connection => answer.await,
    }
}

async fn connect(addresses: &[SocketAddr]) -> Result<TcpStream, HttpsError> {
    let mut last = "it has no address".to_owned();
    for address in addresses {
        match timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = error.to_string(),
            Err(_) => last = "timed out".to_owned(),
        }
    }
    Err(HttpsError::Connect(last))
}

fn render(request: &HttpsRequest) -> Result<Request<Full<Bytes>>, HttpsError> {
    let mut builder = Request::builder()
        .uri(&request.path)
        .header(HOST, &request.host)
        .header(USER_AGENT, HeaderValue::from_static("Posthorn"));
    let body = match &request.content {
        None => Bytes::new(),
        Some(content) => {
            builder = builder.method(Method::POST).header(CONTENT_TYPE, content.content_type);
            if let Some(encoding) = content.encoding {
                builder = builder.header(CONTENT_ENCODING, encoding);
            }
            Bytes::copy_from_slice(&content.bytes)
        }
    };
    builder.body(Full::new(body)).map_err(|error| HttpsError::Http(error.to_string()))
}

async fn read(
    reply: Response<hyper::body::Incoming>,
    body_bytes_max: usize,
) -> Result<Response<Bytes>, HttpsError> {
    let (parts, body) = reply.into_parts();
    match Limited::new(body, body_bytes_max).collect().await {
        Ok(body) => Ok(Response::from_parts(parts, body.to_bytes())),
        Err(error) if error.is::<LengthLimitError>() => Err(HttpsError::TooLarge),
        Err(error) => Err(HttpsError::Http(error.to_string())),
    }
}
