//! Answers of HTTP, as every method makes them: a status alone, an XML document, a multistatus,
//! validators (ETag, Schedule-Tag). Which answer is given is not decided here.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{ALLOW, CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue, VARY};
use hyper::{HeaderMap, Method, Response, StatusCode};

/// An answer with its body.
pub type Answer = Response<Full<Bytes>>;

/// LIMIT: a smaller body is not worth compressing.
const COMPRESSED_BYTES_MIN: usize = 1024;

/// A larger one is compressed where nobody waits for the thread.
const COMPRESSED_HERE_MAX: usize = 64 * 1024;

/// The schedule-tag of a resource (RFC 6638 §8.2).
pub(crate) const SCHEDULE_TAG: HeaderName = HeaderName::from_static("schedule-tag");

/// A header that is a tag, if there is one.
pub(crate) fn insert_tag(answer: &mut Answer, name: HeaderName, tag: Option<&str>) {
    if let Some(Ok(value)) = tag.map(|tag| HeaderValue::from_str(&format!("\"{tag}\""))) {
        answer.headers_mut().insert(name, value);
    }
}

/// The refusal of another method than GET and HEAD, where there is nothing but to read
/// (RFC 9110 §15.5.6).
pub(crate) fn refuse_change(method: &Method) -> Option<Answer> {
    if matches!(*method, Method::GET | Method::HEAD) {
        return None;
    }
    let mut answer = plain(StatusCode::METHOD_NOT_ALLOWED);
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    Some(answer)
}

/// A status with a line of text where a body is due.
pub(crate) fn plain(status: StatusCode) -> Answer {
    let text = match status {
        StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED | StatusCode::OK => String::new(),
        status if status.is_client_error() || status.is_server_error() => {
            return told(status, &status.to_string());
        }
        status => format!("{status}\n"),
    };
    let mut answer = Response::new(Full::from(text));
    *answer.status_mut() = status;
    answer
}

/// A status with a line of text that says why.
pub(crate) fn told(status: StatusCode, why: &str) -> Answer {
    let mut answer = Response::new(Full::from(format!("{why}\n")));
    *answer.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    answer.headers_mut().insert(CONTENT_TYPE, plain);
    answer
}

/// A status without a body.
pub(crate) fn empty(status: StatusCode) -> Answer {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = status;
    answer
}

/// An answer with an XML document as its body.
pub(crate) fn xml(status: StatusCode, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    let xml = HeaderValue::from_static("application/xml; charset=utf-8");
    answer.headers_mut().insert(CONTENT_TYPE, xml);
    answer
}

/// 207 with its document, compressed where the client takes that.
pub(crate) async fn multistatus(body: Vec<u8>, request: &HeaderMap) -> Answer {
    let xml = HeaderValue::from_static("application/xml; charset=utf-8");
    let mut answer = compressible(body, xml, request).await;
    *answer.status_mut() = StatusCode::MULTI_STATUS;
    answer
}

/// A body of this media type, compressed where the client takes that.
pub(crate) async fn compressible(
    body: Vec<u8>,
    media_type: HeaderValue,
    request: &HeaderMap,
) -> Answer {
    let body = Bytes::from(body);
    let compressed = match body.len() {
        _ if !takes_gzip(request) => None,
        ..COMPRESSED_BYTES_MIN => None,
        COMPRESSED_BYTES_MIN..COMPRESSED_HERE_MAX => compress(&body),
        COMPRESSED_HERE_MAX.. => {
            let body = body.clone();
            tokio::task::spawn_blocking(move || compress(&body)).await.ok().flatten()
        }
    };
    let is_compressed = compressed.is_some();
    let body = compressed.map_or(body, Bytes::from);
    let mut answer = Response::new(Full::new(body));
    answer.headers_mut().insert(CONTENT_TYPE, media_type);
    answer.headers_mut().insert(VARY, HeaderValue::from_static("Accept-Encoding"));
    if is_compressed {
        answer.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    answer
}

fn compress(body: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
    encoder.write_all(body).ok()?;
    encoder.finish().ok()
}

/// RFC 9110 §12.5.3, as programs write it.
fn takes_gzip(request: &HeaderMap) -> bool {
    let values = request.get_all("accept-encoding").iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let is_gzip = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        is_gzip && !parts.any(|weight| matches!(weight, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
    })
}
