//! Invariants on bytes: everything is read and hashed again.

use std::collections::HashSet;

use ids::BlobId;
#[cfg(test)]
use ids::ContentId;

use super::Findings;
use crate::message_store::content_hash;
use crate::sql::Value;
use crate::{ReadTx, Result, StorageError};

pub(super) fn check(tx: &mut ReadTx<'_>, findings: &mut Findings) -> Result<()> {
    let blobs =
        tx.sql.query_all("SELECT id, hash, size_bytes FROM blob ORDER BY id", &[], |row| {
            Ok((row.int(0)?, row.bytes(1)?.to_vec(), row.int(2)?))
        })?;
    for (id, hash, size_bytes) in blobs {
        let sound = match tx.blobs.load(&mut *tx.sql, id) {
            Ok(bytes) => {
                bytes.len() as i64 == size_bytes && *blake3::hash(&bytes).as_bytes() == *hash
            }
            Err(StorageError::Corrupt(_)) => false,
            Err(error) => return Err(error),
        };
        if !sound {
            findings.add("blob-hash", || format!("blob {id}"));
        }
    }
    check_contents(tx, findings)
}

fn check_contents(tx: &mut ReadTx<'_>, findings: &mut Findings) -> Result<()> {
    let ids = tx.sql.query_all("SELECT id FROM content ORDER BY id", &[], |row| row.int(0))?;
    let named = "SELECT content_id FROM content_open_end";
    let mut open_ended: HashSet<i64> =
        tx.sql.query_all(named, &[], |row| row.int(0))?.into_iter().collect();
    for id in ids {
        let found = tx.sql.query_one(
            "SELECT c.hash, c.size_bytes, c.body_blob, h.header FROM content c \
             JOIN content_header h ON h.content_id = c.id WHERE c.id = ?1",
            &[Value::Int(id)],
            |row| {
                let (hash, header) = (row.bytes(0)?.to_vec(), row.bytes(3)?.to_vec());
                Ok((hash, row.int(1)?, row.opt_int(2)?, header))
            },
        )?;
        // A missing header is a finding of its own, and so is a damaged blob.
        let Some((hash, size_bytes, body, header)) = found else { continue };
        let body = match body {
            None => Vec::new(),
            Some(blob) => match tx.blobs.load(&mut *tx.sql, blob) {
                Ok(bytes) => bytes,
                Err(StorageError::Corrupt(_)) => continue,
                Err(error) => return Err(error),
            },
        };
        let sound =
            is_hash(&hash, &header, &body) && (header.len() + body.len()) as i64 == size_bytes;
        if !sound {
            findings.add("content-hash", || format!("content {id}"));
        }
        let last = [&header, &body].into_iter().flat_map(|part| part.iter()).rev().take(2);
        let is_open = (header.len() + body.len()) > 0 && !last.eq(b"\n\r");
        if open_ended.remove(&id) && !is_open {
            findings.add("open-end", || format!("content {id}"));
        }
    }
    Ok(())
}

/// Whether it is the hash of a content, or that of a message, which older contents have.
fn is_hash(hash: &[u8], header: &[u8], body: &[u8]) -> bool {
    let of_body = || BlobId::new(*blake3::hash(body).as_bytes());
    let now = content_hash(header, (!body.is_empty()).then(of_body));
    let mut older = blake3::Hasher::new();
    older.update(header).update(body);
    hash == now.as_bytes() || hash == older.finalize().as_bytes()
}

#[cfg(test)]
pub(super) fn check_summaries(tx: &mut ReadTx<'_>, findings: &mut Findings) -> Result<()> {
    use crate::{PreparedMessage, Want};

    let ids = tx.sql.query_all("SELECT id FROM content ORDER BY id", &[], |row| {
        Ok(ContentId::new(row.int(0)?))
    })?;
    let computed = Want::ENVELOPE | Want::BODY | Want::STRUCTURE | Want::KEYS;
    let bytes = Want::HEADER | Want::TEXT;
    for id in ids {
        let is_sent_on = !is_in_a_mailbox(tx, id)?
            && tx
                .load_contents(&[id], computed)?
                .iter()
                .all(|content| content.envelope() == Some(&[][..]));
        if is_sent_on {
            continue;
        }
        for content in tx.load_contents(&[id], computed | Want::PARTS | bytes)? {
            let mut bytes = content.header().unwrap_or_default().to_vec();
            bytes.extend_from_slice(content.text().unwrap_or_default());
            let now = PreparedMessage::new(bytes);
            let described = now.described()?;
            let open_end = tx.sql.query_one(
                "SELECT content_id FROM content_open_end WHERE content_id = ?1",
                &[Value::Int(id.get())],
                |row| row.int(0),
            )?;
            let sound = open_end.is_some() == now.has_open_end
                && content.envelope() == Some(described.summary.envelope.as_slice())
                && content.body() == Some(described.summary.body.as_slice())
                && content.body_structure() == Some(described.summary.body_structure.as_slice())
                && content.parts() == Some(&described.summary.parts)
                && content.keys() == Some(described.keys.as_slice())
                && content.header() == Some(now.header.as_slice());
            if !sound {
                findings.add("summary-recomputes", || format!("content {id}"));
            }
        }
    }
    Ok(())
}

/// Whether a content is a message's, or was one's.
#[cfg(test)]
fn is_in_a_mailbox(tx: &mut ReadTx<'_>, id: ContentId) -> Result<bool> {
    let found = tx.sql.query_one(
        "SELECT 1 WHERE EXISTS (SELECT 1 FROM message WHERE content_id = ?1) \
         OR EXISTS (SELECT 1 FROM expunged WHERE content_id = ?1)",
        &[Value::Int(id.get())],
        |row| row.int(0),
    )?;
    Ok(found.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_hashes_are_sound_and_no_others() {
        let body = BlobId::new(*blake3::hash(b"text").as_bytes());
        for (hash, header, text, is_sound) in [
            (content_hash(b"A: b\r\n\r\n", Some(body)), "A: b\r\n\r\n", "text", true),
            (
                BlobId::new(*blake3::hash(b"A: b\r\n\r\ntext").as_bytes()),
                "A: b\r\n\r\n",
                "text",
                true,
            ),
            (content_hash(b"A: b\r\n", None), "A: b\r\n", "", true),
            (content_hash(b"A: b\r\n\r\n", Some(body)), "A: c\r\n\r\n", "text", false),
            (content_hash(b"A: b\r\n\r\n", Some(body)), "A: b\r\n\r\n", "TEXT", false),
            (content_hash(b"A: b\r\n\r\n", None), "A: b\r\n\r\n", "text", false),
        ] {
            let found = is_hash(hash.as_bytes(), header.as_bytes(), text.as_bytes());
            assert_eq!(found, is_sound, "{header:?} {text:?}");
        }
    }
}
