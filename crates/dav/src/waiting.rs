//! Room for answers on their way: one that its client does not read stays in memory, and a client
//! may ask for many of them.

use std::sync::Arc;

use http_body_util::{BodyExt, Full};
use hyper::StatusCode;
use hyper::body::{Body, Bytes};
use hyper::header::{HeaderValue, RETRY_AFTER};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::answer::{self, Answer};

/// LIMIT: smaller ones are bounded by the requests that a connection has at a time.
const SMALL_BYTES: u64 = 64 * 1024;
/// The unit of memory that is counted.
const UNIT_BYTES: u64 = 1024;

/// The room of a service. Clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct Waiting {
    room: Arc<Semaphore>,
    units_max: u32,
}

/// A body with the room that it takes, until it is sent or given up.
struct Held {
    body: Bytes,
    _room: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}

impl Waiting {
    pub(crate) fn new(bytes_max: usize) -> Self {
        let units_max = u32::try_from(bytes_max as u64 / UNIT_BYTES).unwrap_or(u32::MAX).max(1);
        let room = Semaphore::new((units_max as usize).min(Semaphore::MAX_PERMITS));
        Self { room: Arc::new(room), units_max }
    }

    /// The answer, where there is room for it; else the request to come again.
    pub(crate) async fn hold(&self, answer: Answer) -> Answer {
        let bytes = answer.body().size_hint().lower();
        if bytes <= SMALL_BYTES {
            return answer;
        }
        // What is larger than all the room goes alone.
        let units = u32::try_from(bytes.div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX);
        let room = self.room.clone().try_acquire_many_owned(units.min(self.units_max));
        let Ok(room) = room else { return come_again() };
        let (head, body) = answer.into_parts();
        // It is whole already, and of one piece.
        let Ok(body) = body.collect().await;
        let held = Held { body: body.to_bytes(), _room: room };
        Answer::from_parts(head, Full::new(Bytes::from_owner(held)))
    }
}

fn come_again() -> Answer {
    let mut answer = answer::plain(StatusCode::SERVICE_UNAVAILABLE);
    answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("10"));
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn answers_wait_while_there_is_room() {
        let waiting = Waiting::new(250 * 1024);
        let of = |bytes: usize| answer::xml(StatusCode::OK, vec![b'x'; bytes]);
        let first = waiting.hold(of(100 * 1024)).await;
        let second = waiting.hold(of(100 * 1024)).await;
        assert_eq!(second.status(), StatusCode::OK);
        assert_eq!(waiting.hold(of(100 * 1024)).await.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(waiting.hold(of(1024)).await.status(), StatusCode::OK);
        drop(first);
        let third = waiting.hold(of(100 * 1024)).await;
        assert_eq!(third.headers()["content-type"], "application/xml; charset=utf-8");
        let body = third.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body.len(), 100 * 1024);
        drop((second, body));
        assert_eq!(waiting.room.available_permits(), 250);
        let large = waiting.hold(of(1024 * 1024)).await;
        assert_eq!(large.status(), StatusCode::OK);
    }
}
