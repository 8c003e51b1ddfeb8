//! What nobody read of the body of a request.

use std::time::Duration;

use http_body_util::{BodyExt, Limited};
use hyper::body::{Body, Bytes};
use hyper::header::{EXPECT, HeaderMap};

/// LIMIT: bytes and time of what nobody reads.
const PASSED_OVER_BYTES_MAX: usize = 64 * 1024;
const PASSED_OVER_TIME: Duration = Duration::from_secs(2);

/// Whether what is left of a body may be let come: RFC 9110 §10.1.1, who waits for 100 sends
/// nothing where the answer is another.
pub(super) fn comes(headers: &HeaderMap) -> bool {
    !headers.contains_key(EXPECT)
}

/// Lets the rest of a body come before the answer goes out. Programs ask without a password first,
/// at a well-known URI, or in a way that is not allowed, and send the body behind the head: a
/// connection (HTTP/1.1) or a stream (HTTP/2) that is closed meanwhile fails them.
///
/// QUIRK(curl, 7.88): a stream that is reset behind a whole answer fails, though that is no error
/// (RFC 9113 §8.1).
pub(super) async fn pass_over<B>(body: B)
where
    B: Body<Data = Bytes> + Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let rest = Box::pin(Limited::new(body, PASSED_OVER_BYTES_MAX).collect());
    // Whatever becomes of it, the answer is the same.
    let _ = tokio::time::timeout(PASSED_OVER_TIME, rest).await;
}
