//! The text of a message piece by piece, for messages that are too large to be held.

use std::ops::Range;

use ids::ContentId;

use crate::blob::BlobReader;
use crate::sql::Value;
use crate::{ReadTx, Result, StorageError, Store};

/// What follows the header of a message, or a range of it, while it is being read.
///
/// **Invariant:** in memory are a few pieces, whatever the message is; its last piece comes after
/// all of the text was found to be what was stored. Each piece is read in a transaction of its
/// own: a text that is erased meanwhile ends with [`StorageError::Expunged`].
pub struct TextStream {
    store: Store,
    /// `None` at the end, and after an error.
    rest: Option<Box<Rest>>,
    len: u64,
}

/// What was not handed out yet.
struct Rest {
    reader: BlobReader,
    /// Where the next piece of the reader begins.
    at: u64,
    wanted: Range<u64>,
}

impl Store {
    /// Begins to read the bytes of a message that follow its header, those of `range` that there
    /// are.
    ///
    /// # Errors
    /// [`StorageError::Expunged`] where the text was erased.
    pub async fn open_text(&self, content: ContentId, range: Range<u64>) -> Result<TextStream> {
        let reader = self.read(move |tx| tx.open_text(content)).await?;
        let size_bytes = reader.as_ref().map_or(0, BlobReader::size_bytes);
        let end = range.end.min(size_bytes);
        let wanted = range.start.min(end)..end;
        let len = wanted.end - wanted.start;
        let rest = reader.filter(|_| len > 0).map(|reader| Rest { reader, at: 0, wanted });
        Ok(TextStream { store: self.clone(), rest: rest.map(Box::new), len })
    }
}

impl TextStream {
    /// How many bytes it hands out in all.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether the text is empty.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The next bytes; `None` at the end. They are put into the memory of an earlier piece where
    /// one is given, which spares the storage threads much of their own.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] where the text is not what was stored. What came before may be
    /// wrong then, and nothing more comes.
    pub async fn next(&mut self, spare: Vec<u8>) -> Result<Option<Vec<u8>>> {
        let Some(mut rest) = self.rest.take() else { return Ok(None) };
        let (piece, rest) = self
            .store
            .read(move |tx| {
                let piece = rest.next(tx, spare)?;
                Ok((piece, rest))
            })
            .await?;
        self.rest = Some(rest).filter(|rest| rest.at < rest.wanted.end);
        Ok(Some(piece))
    }
}

impl Rest {
    fn next(&mut self, tx: &mut ReadTx<'_>, spare: Vec<u8>) -> Result<Vec<u8>> {
        let mut piece = spare;
        loop {
            piece = self.reader.next_piece(tx.blobs, &mut *tx.sql, piece)?;
            if piece.is_empty() {
                return Err(StorageError::Internal("a text ended early".to_owned()));
            }
            let begin = self.at;
            self.at += piece.len() as u64;
            if self.at <= self.wanted.start {
                continue;
            }
            let place = |at: u64| usize::try_from(at.saturating_sub(begin)).unwrap_or(usize::MAX);
            piece.truncate(place(self.wanted.end));
            piece.drain(..place(self.wanted.start));
            if self.at >= self.wanted.end {
                self.verify(tx)?;
            }
            return Ok(piece);
        }
    }

    /// Reads on to the end, where nobody has yet.
    fn verify(&mut self, tx: &mut ReadTx<'_>) -> Result<()> {
        let mut piece = Vec::new();
        while self.reader.is_unverified() {
            piece = self.reader.next_piece(tx.blobs, &mut *tx.sql, piece)?;
        }
        Ok(())
    }
}

impl ReadTx<'_> {
    /// `None` for a message that ends with its header.
    fn open_text(&mut self, content: ContentId) -> Result<Option<BlobReader>> {
        let body = self.sql.query_one(
            "SELECT body_blob FROM content WHERE id = ?1",
            &[Value::Int(content.get())],
            |row| row.opt_int(0),
        )?;
        let body = body.ok_or(StorageError::Expunged)?;
        body.map(|blob| self.blobs.open_blob(&mut *self.sql, blob)).transpose()
    }
}

#[cfg(test)]
mod tests;
