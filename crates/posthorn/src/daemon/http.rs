//! The HTTP listener: calendars and contacts, `/healthz`, `/readyz`, `/metrics`.

mod rest;

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dav::{DavService, Peer};
use http_body_util::Full;
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use net::{Connection, IpNetwork, Refusal, Service, Shutdown};
use storage::Store;

use super::agreement;
use super::health::Health;
use super::metrics::Metrics;
use super::password_page::PasswordPage;
use super::well_known::WellKnown;
use rest::Arriving;

/// LIMIT: room for a head of a request, or for a piece of a body; per connection.
const BUFFER_BYTES_MAX: usize = 64 * 1024;

/// LIMIT: bytes of the headers of one request of HTTP/2.
const HEADERS_BYTES_MAX: u32 = 32 * 1024;

/// LIMIT: requests of one connection of HTTP/2 at a time.
const STREAMS_MAX: u32 = 32;

/// LIMIT: after this long a connection takes no more requests; whoever asks every few seconds just
/// connects again.
const LIFETIME: Duration = Duration::from_secs(600);

/// LIMIT: how long the request of that moment may still take; a peer that takes its answer byte by
/// byte is cut off.
const LAST_REQUEST: Duration = Duration::from_secs(300);

/// What the pages are made from.
pub(super) struct Pages {
    pub(super) health: Health,
    pub(super) metrics: Arc<Metrics>,
    /// Set once every listener accepts.
    pub(super) ready: AtomicBool,
}

/// The service of an HTTP listener. Clones are the same.
#[derive(Clone)]
pub(super) struct Http {
    pub(super) pages: Arc<Pages>,
    pub(super) metrics: MetricsAccess,
    /// Absent where the listener is for metrics alone.
    pub(super) dav: Option<DavService>,
    /// The pages below `/.well-known/`, for ACME and MTA-STS; absent likewise.
    pub(super) well_known: Option<WellKnown>,
    /// The store in which people agree to the use of their addresses; absent likewise.
    pub(super) agreements: Option<Store>,
    /// The page where owners of accounts set their passwords; absent likewise.
    pub(super) passwords: Option<PasswordPage>,
    /// How long the head of a request may take to arrive.
    pub(super) timeout: Duration,
}

/// Which clients may read `/metrics`.
#[derive(Clone)]
pub(super) enum MetricsAccess {
    /// The listener is for metrics; whoever reaches it may read them.
    All,
    /// Peers in these networks.
    From(Vec<IpNetwork>),
    /// Nobody: metrics have listeners of their own.
    None,
}

impl MetricsAccess {
    fn permits(&self, peer: IpAddr) -> bool {
        match self {
            Self::All => true,
            Self::From(networks) => networks.iter().any(|network| network.contains(peer)),
            Self::None => false,
        }
    }
}

impl Service for Http {
    fn refusal(&self, _: Refusal) -> &[u8] {
        b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    }

    async fn serve(&self, connection: Connection, shutdown: Shutdown) {
        let peer = connection.peer().ip();
        let Some(stream) = connection.into_stream() else { return };
        let peer = Peer { ip: peer, is_tls: stream.is_tls() };
        let (http, asked) = (self.clone(), shutdown.clone());
        let answer = service_fn(move |request: Request<Incoming>| {
            let (http, ending) = (http.clone(), asked.is_requested());
            async move {
                let is_head = request.method() == Method::HEAD;
                let (head, mut body) = Arriving::of(request).into_parts();
                let request = Request::from_parts(head, &mut body);
                let answer = http.answer(request, peer, ending).await;
                body.pass_over().await;
                Ok::<_, Infallible>(if is_head { head_of(answer) } else { answer })
            }
        });
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(self.timeout)
            .max_buf_size(BUFFER_BYTES_MAX);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_header_list_size(HEADERS_BYTES_MAX)
            .max_concurrent_streams(STREAMS_MAX);
        let connection = builder.serve_connection(TokioIo::new(stream), answer);
        let mut connection = std::pin::pin!(connection);
        let outcome = tokio::select! {
            outcome = connection.as_mut() => outcome,
            () = tokio::time::sleep(LIFETIME) => {
                connection.as_mut().graceful_shutdown();
                tokio::time::timeout(LAST_REQUEST, connection).await.unwrap_or(Ok(()))
            }
            () = shutdown.requested() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = outcome {
            tracing::debug!(%error, "http connection ended");
        }
    }
}

impl Http {
    async fn answer(
        &self,
        request: Request<&mut Arriving>,
        peer: Peer,
        ending: bool,
    ) -> Response<Full<Bytes>> {
        if let Some(dav) = &self.dav
            && DavService::is_for(&request)
        {
            return dav.answer(request, peer).await;
        }
        if let Some(well_known) = &self.well_known
            && let Some(text) = well_known.find(&request).await
        {
            return page(text);
        }
        if let Some(store) = &self.agreements
            && let Some(page) = agreement::answer(store, &request).await
        {
            return page;
        }
        if let Some(passwords) = &self.passwords
            && PasswordPage::is_for(&request)
        {
            return passwords.answer(request, peer).await;
        }
        let path = request.uri().path();
        if !matches!(path, "/healthz" | "/readyz" | "/metrics") {
            return text(StatusCode::NOT_FOUND, "not found");
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "method not allowed");
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        match path {
            "/healthz" => self.health().await,
            "/readyz" if !ending && self.pages.ready.load(Ordering::Acquire) => {
                text(StatusCode::OK, "ready")
            }
            "/readyz" => text(StatusCode::SERVICE_UNAVAILABLE, "not ready"),
            // Whether there are metrics is nobody's business who may not read them.
            _ if !self.metrics.permits(peer.ip) => text(StatusCode::NOT_FOUND, "not found"),
            _ => self.render_metrics(),
        }
    }

    async fn health(&self) -> Response<Full<Bytes>> {
        match self.pages.health.check().await {
            Ok(()) => text(StatusCode::OK, "ok"),
            Err(reason) => text(StatusCode::SERVICE_UNAVAILABLE, reason),
        }
    }

    fn render_metrics(&self) -> Response<Full<Bytes>> {
        let Ok(page) = self.pages.metrics.render() else {
            return text(StatusCode::INTERNAL_SERVER_ERROR, "metrics cannot be written");
        };
        let mut response = Response::new(Full::from(page));
        let openmetrics = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(openmetrics));
        response
    }
}

/// What HEAD is answered (RFC 9110 §9.3.2): the fields of the answer to GET, its length among them.
/// Over HTTP/2 hyper would send the body, too, for which programs give up the connection
/// (RFC 9113 §8.1.1).
fn head_of(answer: Response<Full<Bytes>>) -> Response<Full<Bytes>> {
    let (mut head, body) = answer.into_parts();
    let length = body.size_hint().exact().filter(|length| *length > 0);
    if let Some(length) = length {
        head.headers.entry(CONTENT_LENGTH).or_insert_with(|| length.into());
    }
    Response::from_parts(head, Full::default())
}

/// A text as it is.
fn page(text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(text));
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, plain);
    response
}

fn text(status: StatusCode, text: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(format!("{text}\n")));
    *response.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, plain);
    response
}
