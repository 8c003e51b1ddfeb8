//! RETR (RFC 1939 §5) and TOP (RFC 1939 §7).
//!
//! **Invariant:** of a large message a few pieces are in memory, out of a budget that all sessions
//! share, and beside them its header; where surrogates are made, the headers of its parts too. What
//! becomes longer on its way is drawn before it does.

use std::borrow::Cow;
use std::time::Duration;

use ids::ContentId;
use message::{InnerHeaders, Surrogates, surrogate_body, surrogate_header};
use net::DrawnMemory;
use storage::{Content, ReadTx, StorageError, Store, TextStream, Want};
use tokio::time::timeout;

use crate::dot_stuffing::{DotStuffing, end_header, octets, top_of};
use crate::error::{CommandError, Farewell, Result};
use crate::reply::counted;
use crate::server::{Reply, Session};

/// LIMIT: how long a message may take: 50 MB over 250 kbit/s fit.
const SEND_TIME: Duration = Duration::from_secs(30 * 60);
/// LIMIT: messages up to here are read whole.
const WHOLE_BYTES: u64 = 256 * 1024;
/// What a message takes that is sent piece by piece: pieces, and what expands them.
const STREAM_BYTES: u64 = 1024 * 1024;
/// A header goes out in pieces of this size.
const PIECE_BYTES: usize = 64 * 1024;
/// LIMIT: bytes of the header of a message, or of those of its parts together, for which surrogates
/// are made. Nobody writes more to people; where there is more, it is sent as it is.
const HEADERS_BYTES_MAX: usize = 1024 * 1024;
/// So many bytes of a surrogate stand for one of a header at most: any character and a comma are an
/// address, in whose place a name is shown and another address (RFC 6858 §2.1), each on a line of
/// its own: 66 bytes for two.
const SURROGATE_GROWTH: u64 = 33;

/// A message to be sent, with the memory it takes.
struct Opened {
    header: Vec<u8>,
    body: Body,
    octets: u64,
    /// Given back when the message was sent.
    _memory: DrawnMemory,
}

enum Body {
    Whole(Vec<u8>),
    Stream(Box<TextStream>),
    Surrogate(Box<Surrogate>),
}

/// A body that is changed while it is read.
struct Surrogate {
    text: TextStream,
    surrogates: Surrogates,
    spare: Vec<u8>,
}

impl Surrogate {
    async fn next(&mut self, mut out: Vec<u8>) -> storage::Result<Option<Vec<u8>>> {
        let Some(piece) = self.text.next(std::mem::take(&mut self.spare)).await? else {
            return Ok(None);
        };
        out.clear();
        self.surrogates.push(&piece, &mut out);
        self.spare = piece;
        Ok(Some(out))
    }
}

impl Body {
    /// Whether the message ends with its header; one that is not read counts as that.
    fn is_empty(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_empty(),
            Self::Stream(text) => text.is_empty(),
            // Who ends with a header, of a part too, is read whole.
            Self::Surrogate(_) => false,
        }
    }

    /// The next piece, in the memory of the one before.
    async fn next(&mut self, spare: Vec<u8>) -> storage::Result<Option<Vec<u8>>> {
        match self {
            Self::Whole(bytes) if bytes.is_empty() => Ok(None),
            Self::Whole(bytes) => Ok(Some(std::mem::take(bytes))),
            Self::Stream(text) => text.next(spare).await,
            Self::Surrogate(body) => body.next(spare).await,
        }
    }
}

impl Session {
    /// Sends a whole message, byte for byte.
    pub(crate) async fn retr(&mut self, number: u32) -> Result<Reply> {
        let message = self.open(number, Want::HEADER | Want::TEXT).await?;
        if self.shared.settings.retrieving_marks_seen {
            self.maildrop_mut()?.note_retrieved(number);
        }
        let begin = format!("+OK {}\r\n", counted(message.octets, "octet"));
        self.send(begin, message, None).await
    }

    /// Sends the header and the first lines of the body.
    pub(crate) async fn top(&mut self, number: u32, lines: u32) -> Result<Reply> {
        let want = if lines == 0 { Want::HEADER } else { Want::HEADER | Want::TEXT };
        let mut message = self.open(number, want).await?;
        if message.body.is_empty() {
            end_header(&mut message.header);
        }
        self.send("+OK\r\n".to_owned(), message, Some(lines)).await
    }

    /// Reads a message, or begins to.
    async fn open(&mut self, number: u32, want: Want) -> Result<Opened> {
        let entry = self.maildrop()?.find_present(number)?;
        let (content, size_bytes) = (entry.content(), u64::from(entry.size_bytes()));
        let octets = self.maildrop()?.octets_of(&entry);
        // DEVIATION(RFC 6856 §2.1): where surrogates are off, everybody gets the bytes as they are.
        let as_is = self.utf8 || !self.shared.settings.surrogates;
        let is_large = want.contains(Want::TEXT) && size_bytes > WHOLE_BYTES;
        let opened = match is_large {
            true => self.begin(content, octets, as_is).await,
            false => Ok(None),
        };
        let opened = match opened {
            Ok(None) => self.read(content, want, size_bytes, as_is).await,
            Ok(Some(opened)) => Ok(opened),
            Err(error) => Err(error),
        };
        opened.map_err(|error| match error {
            CommandError::Storage(StorageError::Expunged) => CommandError::Expunged(number),
            error => error,
        })
    }

    /// Begins to read a message; `None` where it must be read whole.
    async fn begin(
        &mut self,
        content: ContentId,
        octets: u64,
        as_is: bool,
    ) -> Result<Option<Opened>> {
        let mut memory = self.draw_memory(STREAM_BYTES).await?;
        let store = self.shared.store.clone();
        let want = if as_is { Want::HEADER } else { Want::HEADER | Want::PARTS };
        let loaded = store.read(move |tx| load_one(tx, content, want)).await?;
        let header = loaded.header().unwrap_or_default();
        if as_is {
            self.draw_for_headers(&mut memory, header.len() as u64).await?;
            let body = stream(&store, content).await?;
            return Ok(Some(Opened { header: header.to_vec(), body, octets, _memory: memory }));
        }
        let inner = loaded.parts().map(|parts| InnerHeaders::new(parts, header.len()));
        let inner = inner.filter(|inner| inner.size_bytes() <= HEADERS_BYTES_MAX);
        let inner_bytes = inner.as_ref().map_or(0, InnerHeaders::size_bytes);
        let bytes = header.len() as u64 + with_surrogates(header, inner_bytes);
        self.draw_for_headers(&mut memory, bytes).await?;
        let surrogate = surrogate_of(header);
        let mut growth = surrogate.len() as i64 - header.len() as i64;
        let body = match inner {
            None => stream(&store, content).await?,
            Some(inner) => {
                let text = store.open_text(content, 0..u64::MAX).await?;
                let text_bytes = text.len();
                let surrogates = read_headers(text, inner).await?;
                // Nobody counts the lines of a message that ends in a header of one of its parts.
                if surrogates.end() as u64 >= text_bytes {
                    return Ok(None);
                }
                growth += surrogates.growth();
                let text = store.open_text(content, 0..u64::MAX).await?;
                Body::Surrogate(Box::new(Surrogate { text, surrogates, spare: Vec::new() }))
            }
        };
        let (header, octets) = (surrogate.into_owned(), octets.saturating_add_signed(growth));
        Ok(Some(Opened { header, body, octets, _memory: memory }))
    }

    /// Reads a message whole.
    async fn read(
        &mut self,
        content: ContentId,
        want: Want,
        size_bytes: u64,
        as_is: bool,
    ) -> Result<Opened> {
        let mut memory = self.draw_memory(size_bytes).await?;
        let store = self.shared.store.clone();
        let reading = store.read(move |tx| {
            let loaded = load_one(tx, content, want)?;
            let header = loaded.header().unwrap_or_default().to_vec();
            let body = loaded.into_text().unwrap_or_default();
            // Of a body in US-ASCII nothing has to be known.
            let parts = match as_is || body.is_ascii() {
                true => None,
                false => Some(load_one(tx, content, Want::PARTS)?),
            };
            Ok((header, body, parts))
        });
        let (mut header, mut body, loaded) = reading.await?;
        if !as_is && (loaded.is_some() || !header.is_ascii()) {
            let parts = loaded.as_ref().and_then(Content::parts);
            let inner = parts.map(|parts| InnerHeaders::new(parts, header.len()).size_bytes());
            let inner = inner.filter(|bytes| *bytes <= HEADERS_BYTES_MAX);
            let copy = inner.map_or(0, |_| body.len());
            let surrogates = with_surrogates(&header, inner.unwrap_or(0));
            let bytes = size_bytes + copy as u64 + surrogates;
            self.draw_more(&mut memory, bytes).await?;
            // Beside the async threads: it takes as long as the message is.
            let changing = store.read(move |_| {
                let parts = loaded.as_ref().and_then(Content::parts).filter(|_| inner.is_some());
                let changed = parts.and_then(|parts| surrogate_body(&body, header.len(), parts));
                Ok((surrogate_of(&header).into_owned(), changed.unwrap_or(body)))
            });
            (header, body) = changing.await?;
        }
        let octets = octets(&header, &body);
        Ok(Opened { header, body: Body::Whole(body), octets, _memory: memory })
    }

    /// Draws memory for the headers of a message that is sent piece by piece: how long they are
    /// shows once they are there.
    async fn draw_for_headers(&mut self, memory: &mut DrawnMemory, bytes: u64) -> Result<()> {
        match bytes > WHOLE_BYTES {
            true => self.draw_more(memory, STREAM_BYTES + bytes).await,
            false => Ok(()),
        }
    }

    /// Draws what is missing for so many bytes in all.
    async fn draw_more(&mut self, memory: &mut DrawnMemory, bytes: u64) -> Result<()> {
        self.connection.flush().await?;
        let growing = self.shared.memory.grow(memory, bytes);
        tokio::select! {
            biased;
            why = self.ending.reached() => Err(why.into()),
            grown = growing => grown.ok_or(CommandError::NoMemory),
        }
    }

    /// Draws memory for a message that is about to be read.
    async fn draw_memory(&mut self, bytes: u64) -> Result<DrawnMemory> {
        let units = match self.shared.memory.try_draw(bytes) {
            Ok(drawn) => return Ok(drawn),
            Err(units) => units,
        };
        // The client shall not wait for earlier responses meanwhile.
        self.connection.flush().await?;
        tokio::select! {
            biased;
            why = self.ending.reached() => Err(why.into()),
            drawn = self.shared.memory.wait(units) => drawn.ok_or(CommandError::NoMemory),
        }
    }

    /// Sends a message piece by piece, of its body so many `lines` at most.
    async fn send(
        &mut self,
        begin: String,
        mut message: Opened,
        mut lines: Option<u32>,
    ) -> Result<Reply> {
        let connection = &mut self.connection;
        let sending = async {
            let (mut stuffing, mut out) = (DotStuffing::default(), begin.into_bytes());
            for piece in message.header.chunks(PIECE_BYTES) {
                stuffing.push(piece, &mut out);
                connection.write(&out).await?;
                out.clear();
            }
            connection.write(&out).await?;
            let mut spare = Vec::new();
            while lines != Some(0)
                && let next = message.body.next(std::mem::take(&mut spare)).await
                && let Some(piece) = next.map_err(|error| broken_off(&error))?
            {
                let end = lines.as_mut().map_or(piece.len(), |lines| top_of(&piece, lines));
                out.clear();
                stuffing.push(piece.get(..end).unwrap_or_default(), &mut out);
                connection.write(&out).await?;
                spare = piece;
            }
            connection.write(stuffing.end()).await?;
            Ok(Reply::Sent)
        };
        match timeout(SEND_TIME, sending).await {
            Ok(sent) => sent,
            // What was sent has no end, so that no client takes it for whole.
            Err(_) => Err(CommandError::Ended(Farewell::Silent)),
        }
    }
}

/// The error for a message that broke off while it was sent.
fn broken_off(error: &StorageError) -> CommandError {
    tracing::error!(%error, "a message could not be sent to its end");
    CommandError::Ended(Farewell::Silent)
}

/// The body of a message as it is.
async fn stream(store: &Store, content: ContentId) -> storage::Result<Body> {
    Ok(Body::Stream(Box::new(store.open_text(content, 0..u64::MAX).await?)))
}

/// The surrogate of the header of a message; itself where it needs none or is too long.
fn surrogate_of(header: &[u8]) -> Cow<'_, [u8]> {
    match header.len() > HEADERS_BYTES_MAX {
        true => Cow::Borrowed(header),
        false => surrogate_header(header),
    }
}

/// What surrogates may take of memory: that of the header of a message, and those of its parts, of
/// which the headers are held too.
fn with_surrogates(header: &[u8], inner_bytes: usize) -> u64 {
    let stays = header.is_ascii() || header.len() > HEADERS_BYTES_MAX;
    let growth = if stays { 1 } else { SURROGATE_GROWTH };
    header.len() as u64 * growth + inner_bytes as u64 * (1 + SURROGATE_GROWTH)
}

/// Reads a body for the headers in it.
async fn read_headers(
    mut text: TextStream,
    mut inner: InnerHeaders,
) -> storage::Result<Surrogates> {
    let mut spare = Vec::new();
    while let Some(piece) = text.next(spare).await? {
        inner.push(&piece);
        spare = piece;
    }
    Ok(inner.finish())
}

fn load_one(tx: &mut ReadTx<'_>, content: ContentId, want: Want) -> storage::Result<Content> {
    tx.load_contents(&[content], want)?.pop().ok_or(StorageError::Expunged)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn surrogates_grow_no_more_than_is_drawn() {
        for (field, item, count) in [
            ("To:", "ö,", 999),
            ("To:", "ö<ö>,", 999),
            ("To:", "ö", 1),
            ("To:", "ö:;", 999),
            ("From:", "a,", 999),
            ("To:", "\x7f,", 9_999),
            ("Subject:", "ö", 5000),
            ("Subject:", " =?windows-1252?q?=80?= ö", 1000),
            ("Subject:", "日 a ", 1000),
        ] {
            for fields in [1, 3] {
                let line = format!("{field}{}ö\r\n", item.repeat(count));
                let header = line.repeat(fields) + "\r\n";
                let surrogate = surrogate_header(header.as_bytes());
                let most = header.len() * SURROGATE_GROWTH as usize;
                assert!(surrogate.len() <= most, "{field} {item}: {}", surrogate.len());
            }
        }
    }
}
