//! RETR (RFC 1939 §5) and TOP (RFC 1939 §7).
//!
//! **Invariant:** of a large message a few pieces are in memory, out of a budget that all sessions
//! share, and beside them its header; where surrogates are made, the headers of its parts too.

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
/// LIMIT: headers of parts that are held of a message sent piece by piece.
const INNER_BYTES_MAX: usize = 256 * 1024;

/// A message to be sent, with the memory it takes.
struct Opened {
    header: Vec<u8>,
    body: Body,
    octets: u64,
    memory: DrawnMemory,
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
        let opened = match want.contains(Want::TEXT) && size_bytes > WHOLE_BYTES {
            true => {
                let memory = self.draw_memory(STREAM_BYTES).await?;
                match begin(&self.shared.store, content, octets, as_is, memory).await {
                    Ok(Some(opened)) => self.draw_for_header(opened).await.map(Some),
                    Ok(None) => Ok(None),
                    Err(error) => Err(error.into()),
                }
            }
            false => Ok(None),
        };
        let opened = match opened {
            Ok(Some(opened)) => Ok(opened),
            Ok(None) => {
                let memory = self.draw_memory(size_bytes).await?;
                let read = read(&self.shared.store, content, want, as_is, memory).await;
                read.map_err(CommandError::from)
            }
            Err(error) => Err(error),
        };
        opened.map_err(|error| match error {
            CommandError::Storage(StorageError::Expunged) => CommandError::Expunged(number),
            error => error,
        })
    }

    /// Draws memory for the header of a message that is sent piece by piece: how long it is shows
    /// once it is there.
    async fn draw_for_header(&mut self, mut opened: Opened) -> Result<Opened> {
        let bytes = opened.header.len() as u64;
        if bytes <= WHOLE_BYTES {
            return Ok(opened);
        }
        self.connection.flush().await?;
        let growing = self.shared.memory.grow(&mut opened.memory, STREAM_BYTES + bytes);
        tokio::select! {
            biased;
            why = self.ending.reached() => return Err(why.into()),
            grown = growing => grown.ok_or(CommandError::NoMemory)?,
        }
        Ok(opened)
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

/// Likewise.
fn broken_off(error: &StorageError) -> CommandError {
    tracing::error!(%error, "a message could not be sent to its end");
    CommandError::Ended(Farewell::Silent)
}

/// Begins to read a message; `None` where it must be read whole, for its parts say too much.
async fn begin(
    store: &Store,
    content: ContentId,
    octets: u64,
    as_is: bool,
    memory: DrawnMemory,
) -> storage::Result<Option<Opened>> {
    let want = if as_is { Want::HEADER } else { Want::HEADER | Want::PARTS };
    let loaded = store.read(move |tx| load_one(tx, content, want)).await?;
    let header = loaded.header().unwrap_or_default();
    let text = store.open_text(content, 0..u64::MAX).await?;
    let text_bytes = text.len();
    let Some(parts) = loaded.parts().filter(|_| !as_is) else {
        let body = Body::Stream(Box::new(text));
        return Ok(Some(Opened { header: header.to_vec(), body, octets, memory }));
    };
    let inner = InnerHeaders::new(parts, header.len());
    if inner.size_bytes() > INNER_BYTES_MAX {
        return Ok(None);
    }
    let surrogates = read_headers(text, inner).await?;
    // Nobody counts the lines of a message that ends in a header of one of its parts.
    if surrogates.end() as u64 >= text_bytes {
        return Ok(None);
    }
    let surrogate = surrogate_header(header).into_owned();
    let growth = surrogate.len() as i64 - header.len() as i64 + surrogates.growth();
    let octets = octets.saturating_add_signed(growth);
    let text = store.open_text(content, 0..u64::MAX).await?;
    let body = Surrogate { text, surrogates, spare: Vec::new() };
    let body = Body::Surrogate(Box::new(body));
    Ok(Some(Opened { header: surrogate, body, octets, memory }))
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

/// Reads a message, and makes it ready on the storage thread that read it.
async fn read(
    store: &Store,
    content: ContentId,
    want: Want,
    as_is: bool,
    memory: DrawnMemory,
) -> storage::Result<Opened> {
    let (header, body) = store
        .read(move |tx| {
            let loaded = load_one(tx, content, want)?;
            let header = loaded.header().unwrap_or_default().to_vec();
            let body = loaded.into_text().unwrap_or_default();
            if as_is || (header.is_ascii() && body.is_ascii()) {
                return Ok((header, body));
            }
            conventional(tx, content, header, body)
        })
        .await?;
    let octets = octets(&header, &body);
    Ok(Opened { header, body: Body::Whole(body), octets, memory })
}

fn load_one(tx: &mut ReadTx<'_>, content: ContentId, want: Want) -> storage::Result<Content> {
    tx.load_contents(&[content], want)?.pop().ok_or(StorageError::Expunged)
}

/// A message as a client can read it that knows no UTF-8 in headers (RFC 6858). Of a body in
/// US-ASCII nothing has to be known.
fn conventional(
    tx: &mut ReadTx<'_>,
    content: ContentId,
    header: Vec<u8>,
    body: Vec<u8>,
) -> storage::Result<(Vec<u8>, Vec<u8>)> {
    let surrogate = match body.is_ascii() {
        true => None,
        false => {
            let parts = load_one(tx, content, Want::PARTS)?;
            parts.parts().and_then(|parts| surrogate_body(&body, header.len(), parts))
        }
    };
    Ok((surrogate_header(&header).into_owned(), surrogate.unwrap_or(body)))
}
