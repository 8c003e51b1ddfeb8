//! Message texts with what was computed from them, written once and shared by every copy.

use std::sync::Arc;

use ids::ContentId;

use super::PreparedMessage;
use super::prepare::Described;
use crate::blob::PreparedBlob;
use crate::sql::Value;
use crate::{ReadTx, Result, StorageError, WriteTx};

impl WriteTx<'_> {
    /// R-ADDR-11: refuses a message larger than the store takes.
    pub(crate) fn check_message_size(&self, message: &PreparedMessage) -> Result<()> {
        let limit_bytes = self.settings.message_bytes_max;
        if message.size_bytes > limit_bytes {
            return Err(StorageError::TooBig { size_bytes: message.size_bytes, limit_bytes });
        }
        Ok(())
    }

    /// Writes the bodies of `messages`, in the order of their hashes. Two writers of one body wait
    /// for each other: they must do so before either has locked an account, and in one order.
    pub(crate) fn put_bodies(&mut self, messages: &[Arc<PreparedMessage>]) -> Result<()> {
        let mut bodies: Vec<&PreparedBlob> =
            messages.iter().filter_map(|message| message.body.as_ref()).collect();
        bodies.sort_unstable_by_key(|body| *body.hash.as_bytes());
        for body in bodies {
            self.put_body(body)?;
        }
        Ok(())
    }

    pub(crate) fn put_body(&mut self, body: &PreparedBlob) -> Result<i64> {
        if let Some(&id) = self.bodies.get(body.hash.as_bytes()) {
            return Ok(id);
        }
        let ReadTx { sql, blobs, .. } = &mut self.read;
        let id = blobs.insert(&mut **sql, body)?;
        self.bodies.insert(*body.hash.as_bytes(), id);
        Ok(id)
    }

    /// The content of `message` for a mailbox, written at its first use in this transaction.
    ///
    /// # Errors
    /// [`StorageError::Internal`] where it was prepared for the spool alone.
    pub(crate) fn put_content(&mut self, message: &PreparedMessage) -> Result<ContentId> {
        message.described()?;
        self.put_content_of_spool(message)
    }

    /// Stores a content for the spool, of which nothing but the bytes has to be known.
    pub(crate) fn put_content_of_spool(&mut self, message: &PreparedMessage) -> Result<ContentId> {
        if let Some(&content) = self.contents.get(message.hash.as_bytes()) {
            return Ok(content);
        }
        let content = self.insert_content(message)?;
        // A mailbox whose message has the same bytes needs one of its own.
        if message.described.is_some() {
            self.contents.insert(*message.hash.as_bytes(), content);
        }
        Ok(content)
    }

    fn insert_content(&mut self, message: &PreparedMessage) -> Result<ContentId> {
        let body_blob = match &message.body {
            Some(body) => Value::Int(self.put_body(body)?),
            None => Value::Null,
        };
        let ReadTx { sql, .. } = &mut self.read;
        let [envelope, body, body_structure, parts, keys] = columns(message.described.as_ref());
        let id = sql.insert(
            "INSERT INTO content (hash, size_bytes, body_blob, envelope, body, \
                 body_structure, parts, keys, thread_id) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) \
                 RETURNING id",
            &[
                Value::Bytes(message.hash.as_bytes()),
                Value::Int(message.size_bytes.cast_signed()),
                body_blob,
                Value::Bytes(envelope),
                Value::Bytes(body),
                Value::Bytes(body_structure),
                Value::Bytes(parts),
                Value::Bytes(keys),
                Value::Int(message.thread.column()),
            ],
        )?;
        sql.execute(
            "INSERT INTO content_header (content_id, header) VALUES (?1, ?2)",
            &[Value::Int(id), Value::Bytes(&message.header)],
        )?;
        if message.has_open_end {
            let insert = "INSERT INTO content_open_end (content_id) VALUES (?1)";
            sql.execute(insert, &[Value::Int(id)])?;
        }
        Ok(ContentId::new(id))
    }
}

/// What is kept of who reads it, in the order of the columns; empty where nobody does.
fn columns(described: Option<&Described>) -> [&[u8]; 5] {
    let Some(Described { summary, parts, keys }) = described else { return [&[]; 5] };
    [&summary.envelope, &summary.body, &summary.body_structure, parts, keys]
}
