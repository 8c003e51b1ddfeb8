//! Bodies of requests: how large they may be, and the memory they take while they are read.

use http_body_util::BodyExt;
use hyper::body::{Body, Bytes};
use hyper::header::{CONTENT_ENCODING, CONTENT_LENGTH, HeaderMap};
use hyper::http::request::Parts;
use hyper::{Method, StatusCode, Uri};
use net::DrawnMemory;

use crate::error::{DavError, Result};
use crate::methods;
use crate::settings::Settings;
use crate::xml::Name;

/// The error type of request bodies.
type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// Where a body whose length nobody says begins: most are no longer.
const FIRST_BYTES: usize = 64 * 1024;

/// A body, and the memory to be given back when the request is answered.
pub(crate) async fn read<B>(
    settings: &Settings,
    parts: &Parts,
    body: B,
) -> Result<(Vec<u8>, DrawnMemory)>
where
    B: Body<Data = Bytes> + Send,
    B::Error: Into<BodyError>,
{
    if is_encoded(&parts.headers) {
        // RFC 9110 §8.4.1: what is stored is what it says it is, and not some coding of it.
        return Err(DavError::Status(StatusCode::UNSUPPORTED_MEDIA_TYPE));
    }
    let max = bytes_max(settings, parts);
    let length = parts.headers.get(CONTENT_LENGTH).and_then(|text| text.to_str().ok());
    let length = length.and_then(|text| text.parse::<u64>().ok());
    if length.is_some_and(|said| said > max as u64) {
        return Err(too_large(settings, parts));
    }
    let said = length.and_then(|said| usize::try_from(said).ok());
    let first = if body.is_end_stream() { 0 } else { said.unwrap_or(FIRST_BYTES.min(max)) };
    let mut body = Box::pin(body);
    let mut reading = Reading { settings, bytes: Vec::new(), memory: DrawnMemory::default(), max };
    let read = async {
        reading.make_room(first).await?;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| DavError::BAD_REQUEST)?;
            // What is no data says something of it, and nobody asks what.
            let Ok(data) = frame.into_data() else { continue };
            reading.take(&data, parts).await?;
        }
        Ok(())
    };
    let read = tokio::time::timeout(settings.body_timeout, read).await;
    read.unwrap_or(Err(DavError::Status(StatusCode::REQUEST_TIMEOUT)))?;
    Ok(reading.finish())
}

/// A body while it is read: its bytes so far, and the memory drawn for them.
struct Reading<'s> {
    settings: &'s Settings,
    bytes: Vec<u8>,
    memory: DrawnMemory,
    max: usize,
}

impl Reading<'_> {
    /// Memory for so many bytes in all, which others may have to give back first.
    async fn make_room(&mut self, bytes: usize) -> Result<()> {
        let grown = self.settings.body_memory.grow(&mut self.memory, bytes as u64).await;
        grown.ok_or(DavError::Status(StatusCode::SERVICE_UNAVAILABLE))?;
        self.bytes.reserve_exact(bytes.saturating_sub(self.bytes.len()));
        Ok(())
    }

    async fn take(&mut self, data: &[u8], parts: &Parts) -> Result<()> {
        let needed = self.bytes.len().saturating_add(data.len());
        if needed > self.max {
            return Err(too_large(self.settings, parts));
        }
        if needed > self.bytes.capacity() {
            // Doubled, so that a long one is not copied for each piece of it.
            let room = self.bytes.capacity().saturating_mul(2).clamp(needed, self.max);
            self.make_room(room).await?;
        }
        self.bytes.extend_from_slice(data);
        Ok(())
    }

    fn finish(mut self) -> (Vec<u8>, DrawnMemory) {
        self.bytes.shrink_to_fit();
        self.memory.keep(self.bytes.len() as u64);
        (self.bytes, self.memory)
    }
}

/// Bodies of objects may be larger than those of requests.
fn bytes_max(settings: &Settings, parts: &Parts) -> usize {
    let bytes = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    match is_object(&parts.method) {
        true if is_attachment(&parts.method, &parts.uri) => bytes(settings.attachments.bytes_max),
        true => bytes(settings.objects.bytes_max),
        false => settings.xml.bytes_max,
    }
}

fn is_object(method: &Method) -> bool {
    matches!(*method, Method::PUT | Method::POST)
}

/// Whether a body is compressed, or the like.
fn is_encoded(headers: &HeaderMap) -> bool {
    let codings = headers.get_all(CONTENT_ENCODING).iter();
    codings.into_iter().any(|coding| {
        let coding = coding.as_bytes().trim_ascii();
        !coding.is_empty() && !coding.eq_ignore_ascii_case(b"identity")
    })
}

/// Whether the body of a request is an attachment of an object in a calendar.
fn is_attachment(method: &Method, uri: &Uri) -> bool {
    *method == Method::POST
        && uri.path().starts_with("/dav/calendars/")
        && methods::attachments::is_action(uri)
}

fn too_large(settings: &Settings, parts: &Parts) -> DavError {
    let (method, uri) = (&parts.method, &parts.uri);
    let path = uri.path();
    match () {
        () if !is_object(method) => DavError::Status(StatusCode::PAYLOAD_TOO_LARGE),
        () if is_attachment(method, uri) => {
            DavError::attachment_too_big(settings.attachments.bytes_max)
        }
        () if path.starts_with("/dav/calendars/") => {
            DavError::forbidden(Name::caldav("max-resource-size"))
        }
        () if path.starts_with("/dav/addressbooks/") => {
            DavError::forbidden(Name::carddav("max-resource-size"))
        }
        () => DavError::Status(StatusCode::PAYLOAD_TOO_LARGE),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::sync::{Arc, Mutex};
    use std::task::{Context, Poll};
    use std::time::Duration;

    use hyper::body::Frame;
    use net::MemoryBudget;

    use super::*;

    const KIB: usize = 1024;

    /// Pieces that come one by one. At each, it is noted how many KiB others could have.
    struct Pieces {
        left: VecDeque<usize>,
        is_awaited: bool,
        budget: Arc<MemoryBudget>,
        free: Arc<Mutex<Vec<u64>>>,
    }

    impl Body for Pieces {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
        ) -> Poll<Option<std::result::Result<Frame<Bytes>, Infallible>>> {
            self.is_awaited = !self.is_awaited;
            if self.is_awaited {
                // Others go on meanwhile.
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            self.free.lock().unwrap().push(free_of(&self.budget));
            let piece = self.left.pop_front();
            Poll::Ready(piece.map(|size| Ok(Frame::data(Bytes::from(vec![b'x'; size])))))
        }
    }

    /// KiB that can still be drawn; up to 64 nobody asks for.
    fn free_of(budget: &MemoryBudget) -> u64 {
        let fits = |kib: &u64| budget.try_draw(kib * KIB as u64).is_ok();
        (65..=1000).rev().find(fits).unwrap_or(0)
    }

    struct Read {
        outcome: std::result::Result<usize, u16>,
        free: Vec<u64>,
        /// KiB of the budget that others could have while the body is held.
        left: u64,
    }

    async fn read_pieces(
        budget: &Arc<MemoryBudget>,
        length: Option<usize>,
        pieces: &[usize],
    ) -> Read {
        let settings = Settings { body_memory: budget.clone(), ..Settings::default() };
        let mut request = hyper::Request::put("/dav/files/julie@example.test/a/x");
        if let Some(length) = length {
            request = request.header(CONTENT_LENGTH, length);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let free = Arc::new(Mutex::new(Vec::new()));
        let left = pieces.iter().copied().collect();
        let body = Pieces { left, is_awaited: false, budget: budget.clone(), free: free.clone() };
        let read = read(&settings, &parts, body).await;
        let left = free_of(budget);
        let outcome = match read {
            Ok((bytes, _)) => Ok(bytes.len()),
            Err(error) => Err(error.into_answer().status().as_u16()),
        };
        let free = free.lock().unwrap().clone();
        Read { outcome, free, left }
    }

    #[tokio::test(start_paused = true)]
    async fn memory_is_drawn_for_what_has_come() {
        let budget = Arc::new(MemoryBudget::new(1000 * KIB as u64));
        // A length that is said is drawn before anything comes.
        let known = read_pieces(&budget, Some(300 * KIB), &[150 * KIB, 150 * KIB]).await;
        assert_eq!((known.outcome, known.free[0], known.left), (Ok(300 * KIB), 700, 700));
        // One that is not is drawn as it comes, though it might become 10 MiB.
        let grows =
            read_pieces(&budget, None, &[60 * KIB, 60 * KIB, 60 * KIB, 120 * KIB, KIB]).await;
        assert_eq!(grows.outcome, Ok(301 * KIB));
        assert_eq!(grows.free, [1000, 1000, 872, 744, 488, 488]);
        assert_eq!(grows.left, 699);
        // All came back.
        assert_eq!(free_of(&budget), 1000);
    }

    #[tokio::test(start_paused = true)]
    async fn bodies_wait_for_memory_and_are_told_to_come_again() {
        let budget = Arc::new(MemoryBudget::new(1000 * KIB as u64));
        let held = budget.try_draw(900 * KIB as u64).unwrap();
        let short = read_pieces(&budget, None, &[10 * KIB]).await;
        assert_eq!(short.outcome, Ok(10 * KIB));
        let long = read_pieces(&budget, None, &[60 * KIB, 60 * KIB]).await;
        assert_eq!((long.outcome, long.left), (Err(503), 100));
        let known = read_pieces(&budget, Some(120 * KIB), &[120 * KIB]).await;
        assert_eq!((known.outcome, known.left), (Err(503), 100));
        let (long, ()) = tokio::join!(read_pieces(&budget, None, &[60 * KIB, 60 * KIB]), async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            drop(held);
        });
        assert_eq!(long.outcome, Ok(120 * KIB));
    }

    /// Each takes half of all memory before either knows that it is longer.
    #[tokio::test(start_paused = true)]
    async fn of_two_bodies_that_fill_memory_one_is_read() {
        let budget = Arc::new(MemoryBudget::new(256 * KIB as u64));
        let pieces = [60 * KIB, 60 * KIB, 60 * KIB];
        let (first, second) =
            tokio::join!(read_pieces(&budget, None, &pieces), read_pieces(&budget, None, &pieces));
        let mut outcomes = [first.outcome, second.outcome];
        outcomes.sort_unstable();
        assert_eq!(outcomes, [Ok(180 * KIB), Err(503)]);
        assert!(budget.try_draw(256 * KIB as u64).is_ok());
    }

    #[tokio::test]
    async fn bodies_have_a_size() {
        let budget = Arc::new(MemoryBudget::new(64 * 1024 * KIB as u64));
        let max = usize::try_from(Settings::default().objects.bytes_max).unwrap();
        assert_eq!(read_pieces(&budget, None, &[max - 1, 1]).await.outcome, Ok(max));
        assert_eq!(read_pieces(&budget, None, &[max, 1]).await.outcome, Err(413));
        assert_eq!(read_pieces(&budget, Some(max + 1), &[]).await.outcome, Err(413));
    }
}
