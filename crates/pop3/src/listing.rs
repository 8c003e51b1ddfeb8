//! STAT and LIST (RFC 1939 §5), UIDL (RFC 1939 §7): answered from memory.

use std::io::Write;

use storage::Entry;

use crate::error::Result;
use crate::maildrop::Maildrop;
use crate::reply::counted;
use crate::server::{Reply, Session};

/// LIMIT: listings are handed over in pieces of this size.
const PIECE_BYTES: usize = 32 * 1024;

impl Session {
    /// `+OK nn mm` and nothing behind it.
    pub(crate) fn stat(&mut self) -> Result<Reply> {
        let maildrop = self.maildrop()?;
        Ok(Reply::text(format!("{} {}", maildrop.count(), maildrop.octets())))
    }

    /// LIST: one scan listing, or all (RFC 1939 §5).
    pub(crate) async fn list(&mut self, number: Option<u32>) -> Result<Reply> {
        let maildrop = self.maildrop()?;
        if let Some(number) = number {
            let entry = maildrop.find_present(number)?;
            return Ok(Reply::text(format!("{number} {}", maildrop.octets_of(&entry))));
        }
        let messages = counted(maildrop.count().into(), "message");
        let octets = counted(maildrop.octets(), "octet");
        let begin = format!("+OK {messages} ({octets})\r\n");
        let line = |out: &mut Vec<u8>, maildrop: &Maildrop, number, entry: &Entry<'_>| {
            // Writing to a Vec cannot fail, here and below.
            let _ = write!(out, "{number} {}\r\n", maildrop.octets_of(entry));
        };
        self.send_listing(begin, line).await
    }

    /// UIDL: one unique-id listing, or all (RFC 1939 §7).
    pub(crate) async fn uidl(&mut self, number: Option<u32>) -> Result<Reply> {
        let maildrop = self.maildrop()?;
        if let Some(number) = number {
            let id = unique_id(maildrop, &maildrop.find_present(number)?);
            return Ok(Reply::text(format!("{number} {id}")));
        }
        let line = |out: &mut Vec<u8>, maildrop: &Maildrop, number, entry: &Entry<'_>| {
            let _ = write!(out, "{number} {}\r\n", unique_id(maildrop, entry));
        };
        self.send_listing("+OK\r\n".to_owned(), line).await
    }

    /// Sends a line for each message, piece by piece.
    async fn send_listing(
        &mut self,
        begin: String,
        line: impl Fn(&mut Vec<u8>, &Maildrop, u32, &Entry<'_>) + Send,
    ) -> Result<Reply> {
        let (connection, maildrop) = self.parts()?;
        let mut out = begin.into_bytes();
        for (number, entry) in maildrop.entries() {
            line(&mut out, maildrop, number, &entry);
            if out.len() >= PIECE_BYTES {
                connection.write(&out).await?;
                out.clear();
            }
        }
        out.extend_from_slice(b".\r\n");
        connection.write(&out).await?;
        Ok(Reply::Sent)
    }
}

/// RFC 1939 §7: 1 to 70 characters that no other message of the maildrop will ever have. They
/// are what IMAP calls it by, so they outlive restarts, backups and moves to other machines.
fn unique_id(maildrop: &Maildrop, entry: &Entry<'_>) -> String {
    format!("{:08x}{:08x}", maildrop.snapshot().uid_validity().get(), entry.uid().get())
}
