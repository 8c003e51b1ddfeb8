//! Conversations (RFC 8474 §5.2): messages whose oldest known ancestor is the same.
//!
//! The id is computed from the message alone, so it never changes, is the same in every mailbox
//! and account, and costs a delivery nothing that has to be looked for. A reply that names its
//! parent in In-Reply-To alone is of its parent's conversation only where that began it.

use ids::{CollectionId, ContentId, Uid};
use message::Keys;

use crate::sql::Value;
use crate::{ReadTx, Result, StorageError};

/// The id of a conversation (RFC 8474 THREADID).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ThreadId(i64);

impl ThreadId {
    /// The conversation of a message with these keys; `hash` is that of its text.
    pub(crate) fn of(keys: &Keys, hash: &[u8; 32]) -> Self {
        let first = keys.ancestors().first().or(keys.message_id.as_ref());
        Self::named(first.map(String::as_str), hash)
    }

    fn named(first: Option<&str>, hash: &[u8; 32]) -> Self {
        let digest = match first {
            Some(id) => *blake3::hash(id.as_bytes()).as_bytes(),
            // A message without any id is alone.
            None => *hash,
        };
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&digest[..8]);
        // 0 stands for "not computed", and the sign is of no use.
        Self((i64::from_le_bytes(bytes) & i64::MAX).max(1))
    }

    /// The id as a column holds it.
    pub(crate) fn column(self) -> i64 {
        self.0
    }

    /// The id written as `text`.
    pub fn parse(text: &str) -> Option<Self> {
        let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let is_ours = text.len() == 16 && text.bytes().all(hex);
        i64::from_str_radix(text, 16).ok().filter(|_| is_ours).map(Self)
    }
}

impl std::fmt::Display for ThreadId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl ReadTx<'_> {
    /// The conversation of each content that is there, by content.
    pub fn load_threads(&mut self, contents: &[ContentId]) -> Result<Vec<(ContentId, ThreadId)>> {
        let mut ids: Vec<i64> = contents.iter().map(|content| content.get()).collect();
        ids.sort_unstable();
        ids.dedup();
        let mut found = Vec::with_capacity(ids.len());
        self.sql.query_in(
            "SELECT id, thread_id FROM content WHERE id IN ({IN})",
            &ids,
            &mut |row| {
                found.push((ContentId::new(row.int(0)?), ThreadId(row.int(1)?)));
                Ok(())
            },
        )?;
        for (content, thread) in &mut found {
            if thread.0 == 0 {
                *thread = self.compute_thread(*content)?;
            }
        }
        found.sort_unstable();
        Ok(found)
    }

    /// The messages of a mailbox that are of one conversation.
    pub fn find_thread(&mut self, mailbox: CollectionId, thread: ThreadId) -> Result<Vec<Uid>> {
        let mut found = Vec::new();
        let mut unknown = Vec::new();
        self.sql.query(
            "SELECT m.uid, c.id, c.thread_id FROM message m JOIN content c ON c.id = m.content_id \
             WHERE m.mailbox_id = ?1 AND c.thread_id IN (0, ?2) ORDER BY m.uid",
            &[Value::Int(mailbox.get()), Value::Int(thread.0)],
            &mut |row| {
                let uid = u32::try_from(row.int(0)?)
                    .map_err(|_| StorageError::Corrupt("an impossible UID".to_owned()))?;
                match row.int(2)? {
                    0 => unknown.push((Uid::new(uid), ContentId::new(row.int(1)?))),
                    _ => found.push(Uid::new(uid)),
                }
                Ok(())
            },
        )?;
        for (uid, content) in unknown {
            if self.compute_thread(content)? == thread {
                found.push(uid);
            }
        }
        found.sort_unstable();
        Ok(found)
    }

    /// The conversation of a content stored before they were.
    fn compute_thread(&mut self, content: ContentId) -> Result<ThreadId> {
        let thread = self.sql.query_one(
            "SELECT hash, keys FROM content WHERE id = ?1",
            &[Value::Int(content.get())],
            |row| {
                let damaged = || StorageError::Corrupt("a content's keys or hash".to_owned());
                let hash: [u8; 32] = row.bytes(0)?.try_into().map_err(|_| damaged())?;
                let keys = Keys::decode(row.bytes(1)?).map_err(|_| damaged())?;
                Ok(ThreadId::of(&keys, &hash))
            },
        )?;
        thread.ok_or(StorageError::Expunged)
    }
}

#[cfg(test)]
mod tests;
