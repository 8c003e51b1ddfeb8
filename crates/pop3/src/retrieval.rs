//! RETR (RFC 1939 §5) and TOP (RFC 1939 §7).

use ids::ContentId;
use storage::{Content, StorageError, Want};

use crate::dot_stuffing::MessageText;
use crate::error::{CommandError, Result};
use crate::reply::counted;
use crate::server::{Reply, Session};

impl Session {
    /// Sends a whole message, byte for byte.
    pub(crate) async fn retr(&mut self, number: u32) -> Result<Reply> {
        let message = self.load(number, Want::HEADER | Want::TEXT, MessageText::new).await?;
        if self.shared.settings.retrieving_marks_seen {
            self.maildrop_mut()?.note_retrieved(number);
        }
        let begin = format!("+OK {}\r\n", counted(message.octets(), "octet"));
        self.send(begin, &message).await
    }

    /// Sends the header and the first lines of the body.
    pub(crate) async fn top(&mut self, number: u32, lines: u32) -> Result<Reply> {
        let want = if lines == 0 { Want::HEADER } else { Want::HEADER | Want::TEXT };
        let message =
            self.load(number, want, move |header, body| MessageText::top(header, body, lines));
        let message = message.await?;
        self.send("+OK\r\n".to_owned(), &message).await
    }

    /// Reads a message, and makes it ready on the storage thread that read it.
    async fn load(
        &mut self,
        number: u32,
        want: Want,
        make: impl FnOnce(Vec<u8>, Vec<u8>) -> MessageText + Send + 'static,
    ) -> Result<MessageText> {
        let content: ContentId = self.maildrop()?.find_present(number)?.content();
        let read = self.shared.store.read(move |tx| {
            let loaded = tx.load_contents(&[content], want)?.pop();
            let content: Content = loaded.ok_or(StorageError::Expunged)?;
            let header = content.header().unwrap_or_default().to_vec();
            Ok(make(header, content.into_text().unwrap_or_default()))
        });
        match read.await {
            Ok(message) => Ok(message),
            Err(StorageError::Expunged) => Err(CommandError::Expunged(number)),
            Err(error) => Err(error.into()),
        }
    }

    async fn send(&mut self, begin: String, message: &MessageText) -> Result<Reply> {
        self.connection.write(begin.as_bytes()).await?;
        for piece in message.pieces() {
            self.connection.write(piece).await?;
        }
        Ok(Reply::Sent)
    }
}
