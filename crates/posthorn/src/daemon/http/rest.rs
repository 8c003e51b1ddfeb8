//! What nobody read of the body of a request.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http_body_util::{BodyExt, Limited};
use hyper::Request;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::header::EXPECT;

/// LIMIT: bytes and time of what nobody reads.
const PASSED_OVER_BYTES_MAX: usize = 64 * 1024;
const PASSED_OVER_TIME: Duration = Duration::from_secs(2);

/// A body of which it is known whether it comes.
pub(super) struct Arriving {
    body: Incoming,
    /// The peer sends it, for it does not wait to be asked, or was asked.
    comes: bool,
}

impl Arriving {
    /// The body of a request.
    pub(super) fn of(request: Request<Incoming>) -> Request<Self> {
        // RFC 9110 §10.1.1: who waits for 100 sends nothing where the answer is another. It is sent
        // when somebody begins to read.
        let comes = !request.headers().contains_key(EXPECT);
        request.map(|body| Self { body, comes })
    }

    /// Lets the rest come before the answer goes out. Programs ask without a password first, at a
    /// well-known URI, or in a way that is not allowed, and send the body behind the head: a
    /// connection (HTTP/1.1) or a stream (HTTP/2) that is closed meanwhile fails them.
    ///
    /// QUIRK(curl, 7.88): a stream that is reset behind a whole answer fails, though that is no
    /// error (RFC 9113 §8.1).
    pub(super) async fn pass_over(self) {
        if !self.comes {
            return;
        }
        let mut rest = Limited::new(self.body, PASSED_OVER_BYTES_MAX);
        let passing = async { while let Some(Ok(_)) = rest.frame().await {} };
        // Whatever becomes of it, the answer is the same.
        let _ = tokio::time::timeout(PASSED_OVER_TIME, passing).await;
    }
}

impl Body for Arriving {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        self.comes = true;
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
