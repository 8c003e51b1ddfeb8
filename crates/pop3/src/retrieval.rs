//! RETR (RFC 1939 §5) and TOP (RFC 1939 §7).

use std::time::Duration;

use ids::ContentId;
use message::{surrogate_body, surrogate_header};
use net::DrawnMemory;
use storage::{Content, ReadTx, StorageError, Want};
use tokio::time::timeout;

use crate::dot_stuffing::MessageText;
use crate::error::{CommandError, Farewell, Result};
use crate::reply::counted;
use crate::server::{Reply, Session};

/// LIMIT: how long a message may take: 50 MB over 250 kbit/s fit.
const SEND_TIME: Duration = Duration::from_secs(30 * 60);

impl Session {
    /// Sends a whole message, byte for byte.
    pub(crate) async fn retr(&mut self, number: u32) -> Result<Reply> {
        let memory = self.draw_memory(number).await?;
        let message = self.load(number, Want::HEADER | Want::TEXT, MessageText::new).await?;
        if self.shared.settings.retrieving_marks_seen {
            self.maildrop_mut()?.note_retrieved(number);
        }
        let begin = format!("+OK {}\r\n", counted(message.octets(), "octet"));
        self.send(begin, message, memory).await
    }

    /// Sends the header and the first lines of the body.
    pub(crate) async fn top(&mut self, number: u32, lines: u32) -> Result<Reply> {
        let memory = self.draw_memory(number).await?;
        let want = if lines == 0 { Want::HEADER } else { Want::HEADER | Want::TEXT };
        let message =
            self.load(number, want, move |header, body| MessageText::top(header, body, lines));
        let message = message.await?;
        self.send("+OK\r\n".to_owned(), message, memory).await
    }

    /// Reads a message, and makes it ready on the storage thread that read it.
    async fn load(
        &mut self,
        number: u32,
        want: Want,
        make: impl FnOnce(Vec<u8>, Vec<u8>) -> MessageText + Send + 'static,
    ) -> Result<MessageText> {
        let content: ContentId = self.maildrop()?.find_present(number)?.content();
        // DEVIATION(RFC 6856 §2.1): where surrogates are off, everybody gets the bytes as they are.
        let as_is = self.utf8 || !self.shared.settings.surrogates;
        let read = self.shared.store.read(move |tx| {
            let loaded = load_one(tx, content, want)?;
            let header = loaded.header().unwrap_or_default().to_vec();
            let body = loaded.into_text().unwrap_or_default();
            if as_is || (header.is_ascii() && body.is_ascii()) {
                return Ok(make(header, body));
            }
            let (header, body) = conventional(tx, content, header, body)?;
            Ok(make(header, body))
        });
        match read.await {
            Ok(message) => Ok(message),
            Err(StorageError::Expunged) => Err(CommandError::Expunged(number)),
            Err(error) => Err(error.into()),
        }
    }

    /// Draws memory for a message that is about to be read.
    async fn draw_memory(&mut self, number: u32) -> Result<DrawnMemory> {
        let bytes = u64::from(self.maildrop()?.find_present(number)?.size_bytes());
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

    /// Sends a message part by part, and gives back the memory of what was sent: a client that is
    /// slow holds no more than it has not taken yet.
    async fn send(
        &mut self,
        begin: String,
        message: MessageText,
        mut memory: DrawnMemory,
    ) -> Result<Reply> {
        let connection = &mut self.connection;
        let sending = async {
            connection.write(begin.as_bytes()).await?;
            let mut message = message.into_outgoing();
            memory.keep(message.bytes_left());
            while let Some(part) = message.take_part() {
                for piece in message.pieces(&part) {
                    connection.write(piece).await?;
                }
                drop(part);
                memory.keep(message.bytes_left());
            }
            connection.write(message.end()).await?;
            Ok(Reply::Sent)
        };
        match timeout(SEND_TIME, sending).await {
            Ok(sent) => sent,
            // What was sent has no end, so that no client takes it for whole.
            Err(_) => Err(CommandError::Ended(Farewell::Silent)),
        }
    }
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
