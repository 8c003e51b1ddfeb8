//! Reading what was stored of messages: as it was computed on the way in, or the bytes.

use std::ops::RangeInclusive;
use std::sync::Arc;

use ids::{CollectionId, ContentId, Uid, UidSet};
use message::PartIndex;

use super::cache::Computed;
use crate::sql::{Row, Value};
use crate::{ReadTx, Result, StorageError};

/// Which fields of [`Content`] to fill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Want(u8);

impl Want {
    /// Loads [`Content::envelope`].
    pub const ENVELOPE: Self = Self(1);
    /// Loads [`Content::body`].
    pub const BODY: Self = Self(2);
    /// Loads [`Content::body_structure`].
    pub const STRUCTURE: Self = Self(4);
    /// Loads [`Content::parts`].
    pub const PARTS: Self = Self(8);
    /// Loads [`Content::keys`].
    pub const KEYS: Self = Self(16);
    /// Loads [`Content::header`].
    pub const HEADER: Self = Self(32);
    /// Loads [`Content::text`].
    pub const TEXT: Self = Self(64);
    /// What is kept in one row.
    pub(super) const COMPUTED: Self = Self(1 | 2 | 4 | 8 | 16);

    /// Everything that one or the other asks for.
    pub(crate) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// All but the fields of `other`.
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether every field of `other` is wanted.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether anything of `other` is wanted.
    pub(super) const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether nothing is wanted.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl std::ops::BitOr for Want {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl std::ops::BitOrAssign for Want {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

/// What was wanted of one message text; the rest is `None`, or there all the same.
#[derive(Debug, Clone, Default)]
pub struct Content {
    pub(super) computed: Option<Arc<Computed>>,
    parts: Option<PartIndex>,
    pub(super) header: Option<Arc<[u8]>>,
    text: Option<Vec<u8>>,
}

impl Content {
    /// ENVELOPE as FETCH sends it (RFC 9051 §7.5.2).
    pub fn envelope(&self) -> Option<&[u8]> {
        self.computed.as_deref().map(Computed::envelope)
    }

    /// BODY, the form without extension data.
    pub fn body(&self) -> Option<&[u8]> {
        self.computed.as_deref().map(Computed::body)
    }

    /// The message's BODYSTRUCTURE as IMAP sends it, if it was loaded.
    pub fn body_structure(&self) -> Option<&[u8]> {
        self.computed.as_deref().map(Computed::body_structure)
    }

    /// Where each part lies; offsets count from the first byte of the header.
    pub fn parts(&self) -> Option<&PartIndex> {
        self.parts.as_ref()
    }

    /// The column that [`message::KeysView`] reads.
    pub fn keys(&self) -> Option<&[u8]> {
        self.computed.as_deref().map(Computed::keys)
    }

    /// The header with its empty line, byte for byte.
    pub fn header(&self) -> Option<&[u8]> {
        self.header.as_deref()
    }

    /// What follows the header, byte for byte.
    pub fn text(&self) -> Option<&[u8]> {
        self.text.as_deref()
    }

    /// [`text`](Self::text), given away.
    pub fn into_text(self) -> Option<Vec<u8>> {
        self.text
    }

    fn decode_parts(&mut self) -> Result<()> {
        let stored = self.computed.as_deref().map(Computed::parts).unwrap_or_default();
        let parts = PartIndex::decode(stored)
            .map_err(|_| StorageError::Corrupt("a stored part index".to_owned()))?;
        self.parts = Some(parts);
        Ok(())
    }

    /// The bytes held.
    fn bytes(&self) -> u64 {
        let computed = self.computed.as_ref().map_or(0, |computed| computed.len());
        let header = self.header.as_ref().map_or(0, |header| header.len());
        (computed + header + self.text.as_ref().map_or(0, Vec::len)) as u64
    }
}

/// LIMIT: texts read at once where a budget holds: what was computed of one takes a megabyte at
/// the worst.
const GROUP: usize = 32;
/// LIMIT: the same for headers, any of which may be as long as a message.
const HEADER_GROUP: usize = 4;

/// Where each distinct id of a request stands in the answer.
struct Places {
    /// Sorted by id, then by position.
    sorted: Vec<(i64, usize)>,
    distinct: Vec<i64>,
}

impl Places {
    fn of(ids: &[ContentId]) -> Self {
        Self::sort(ids.iter().enumerate().map(|(at, id)| (id.get(), at)).collect())
    }

    fn at(ids: &[(ContentId, usize)]) -> Self {
        Self::sort(ids.iter().map(|&(id, at)| (id.get(), at)).collect())
    }

    fn sort(mut sorted: Vec<(i64, usize)>) -> Self {
        sorted.sort_unstable();
        let mut distinct: Vec<i64> = sorted.iter().map(|(id, _)| *id).collect();
        distinct.dedup();
        Self { sorted, distinct }
    }

    fn count(&self, id: i64) -> usize {
        let first = self.sorted.partition_point(|(other, _)| *other < id);
        self.sorted.iter().skip(first).take_while(|(other, _)| *other == id).count()
    }

    /// Calls `fill` for every place of `id`.
    fn fill(&self, contents: &mut [Content], id: i64, mut fill: impl FnMut(&mut Content)) {
        let first = self.sorted.partition_point(|(other, _)| *other < id);
        let places = self.sorted.iter().skip(first).take_while(|(other, _)| *other == id);
        for (_, at) in places {
            if let Some(content) = contents.get_mut(*at) {
                fill(content);
            }
        }
    }
}

/// Offers each of `contents` to `fill`, which says whether it knew what is wanted; the others,
/// with their places.
fn fill_known(
    ids: &[ContentId],
    contents: &mut [Content],
    mut fill: impl FnMut(&mut Content, ContentId) -> bool,
) -> Vec<(ContentId, usize)> {
    let mut missing = Vec::new();
    for (at, (content, &id)) in contents.iter_mut().zip(ids).enumerate() {
        if !fill(content, id) {
            missing.push((id, at));
        }
    }
    missing
}

impl ReadTx<'_> {
    /// What is wanted of each of `ids`, in their order; an id may stand there twice. An id whose
    /// text was erased meanwhile (its last message expunged, its retention over) fails the whole
    /// call with [`StorageError::Expunged`].
    pub fn load_contents(&mut self, ids: &[ContentId], want: Want) -> Result<Vec<Content>> {
        let mut contents = vec![Content::default(); ids.len()];
        if want.intersects(Want::COMPUTED) {
            self.load_computed(ids, &mut contents)?;
        }
        if want.contains(Want::PARTS) {
            contents.iter_mut().try_for_each(Content::decode_parts)?;
        }
        if want.contains(Want::HEADER) {
            self.load_headers(ids, &mut contents)?;
        }
        if want.contains(Want::TEXT) {
            self.load_texts(&Places::of(ids), &mut contents)?;
        }
        Ok(contents)
    }

    fn load_computed(&mut self, ids: &[ContentId], contents: &mut [Content]) -> Result<()> {
        let cache = self.contents;
        let missing = fill_known(ids, contents, |content, id| {
            content.computed = cache.and_then(|cache| cache.computed(id));
            content.computed.is_some()
        });
        self.load_missing(
            "SELECT id, envelope, body, body_structure, parts, keys FROM content \
             WHERE id IN ({IN})",
            &missing,
            &mut |places, row| {
                let columns =
                    [row.bytes(1)?, row.bytes(2)?, row.bytes(3)?, row.bytes(4)?, row.bytes(5)?];
                let computed = Computed::new(columns)
                    .ok_or_else(|| StorageError::Corrupt("a content of 4 GiB".to_owned()))?;
                let (id, computed) = (row.int(0)?, Arc::new(computed));
                if let Some(cache) = cache {
                    cache.keep_computed(ContentId::new(id), &computed);
                }
                places.fill(contents, id, |content| content.computed = Some(computed.clone()));
                Ok(())
            },
        )
    }

    fn load_headers(&mut self, ids: &[ContentId], contents: &mut [Content]) -> Result<()> {
        let cache = self.contents;
        let missing = fill_known(ids, contents, |content, id| {
            content.header = cache.and_then(|cache| cache.header(id));
            content.header.is_some()
        });
        self.load_missing(
            "SELECT content_id, header FROM content_header WHERE content_id IN ({IN})",
            &missing,
            &mut |places, row| {
                let (id, header) = (row.int(0)?, Arc::<[u8]>::from(row.bytes(1)?));
                if let Some(cache) = cache {
                    cache.keep_header(ContentId::new(id), &header);
                }
                places.fill(contents, id, |content| content.header = Some(header.clone()));
                Ok(())
            },
        )
    }

    /// Hands the row of each of `missing` to `each`; all of them must be there.
    fn load_missing(
        &mut self,
        sql: &'static str,
        missing: &[(ContentId, usize)],
        each: &mut dyn FnMut(&Places, &dyn Row) -> Result<()>,
    ) -> Result<()> {
        if missing.is_empty() {
            return Ok(());
        }
        let places = Places::at(missing);
        let mut found = 0;
        self.sql.query_in(sql, &places.distinct, &mut |row| {
            found += 1;
            each(&places, row)
        })?;
        if found == places.distinct.len() { Ok(()) } else { Err(StorageError::Expunged) }
    }

    /// Like [`load_contents`](Self::load_contents) for as many of `ids` as take about `bytes_max`
    /// bytes, one at least: the length of the answer says how far it came. `None` stands for a
    /// text that was erased meanwhile. What is read beyond `bytes_max` is at most one group of
    /// texts; a caller that wants [`Want::TEXT`] knows the sizes and asks for no more than it
    /// can hold.
    pub fn load_contents_within(
        &mut self,
        ids: &[ContentId],
        want: Want,
        bytes_max: u64,
    ) -> Result<Vec<Option<Content>>> {
        let group = match want.contains(Want::HEADER) && !want.contains(Want::TEXT) {
            true => HEADER_GROUP,
            false => GROUP,
        };
        let mut contents = Vec::with_capacity(ids.len());
        let mut bytes = 0;
        for ids in ids.chunks(group) {
            match self.load_contents(ids, want) {
                Ok(whole) => contents.extend(whole.into_iter().map(Some)),
                Err(StorageError::Expunged) => contents.extend(self.load_present(ids, want)?),
                Err(other) => return Err(other),
            }
            let read = contents.iter().rev().take(ids.len()).flatten();
            bytes += read.map(Content::bytes).sum::<u64>();
            if bytes > bytes_max {
                break;
            }
        }
        Ok(contents)
    }

    /// What is there of `ids`, `None` for the rest.
    fn load_present(&mut self, ids: &[ContentId], want: Want) -> Result<Vec<Option<Content>>> {
        let mut contents = Vec::with_capacity(ids.len());
        for id in ids {
            contents.push(match self.load_contents(&[*id], want) {
                Ok(mut one) => one.pop(),
                Err(StorageError::Expunged) => None,
                Err(other) => return Err(other),
            });
        }
        Ok(contents)
    }

    /// The bytes of one message that follow its header.
    ///
    /// # Errors
    /// [`StorageError::Expunged`] where the message is gone.
    pub fn body_text(&mut self, content: ContentId) -> Result<Vec<u8>> {
        let mut contents = self.load_contents(&[content], Want::TEXT)?;
        contents.pop().and_then(Content::into_text).ok_or(StorageError::Expunged)
    }

    fn load_texts(&mut self, places: &Places, contents: &mut [Content]) -> Result<()> {
        let mut bodies = Vec::with_capacity(places.distinct.len());
        self.sql.query_in(
            "SELECT id, body_blob FROM content WHERE id IN ({IN})",
            &places.distinct,
            &mut |row| {
                bodies.push((row.int(0)?, row.opt_int(1)?));
                Ok(())
            },
        )?;
        if bodies.len() != places.distinct.len() {
            return Err(StorageError::Expunged);
        }
        bodies.sort_unstable_by_key(|(_, blob)| *blob);
        let mut fill = |id, bytes: Vec<u8>| {
            // The last place takes the bytes, the others copies.
            let mut bytes = Some(bytes);
            let mut left = places.count(id);
            places.fill(contents, id, |content| {
                left -= 1;
                content.text = if left == 0 { bytes.take() } else { bytes.clone() };
            });
        };
        let some = bodies.partition_point(|(_, blob)| blob.is_none());
        let (empty, bodies) = bodies.split_at(some);
        for (content, _) in empty {
            fill(*content, Vec::new());
        }
        let mut blobs: Vec<i64> = bodies.iter().filter_map(|(_, blob)| *blob).collect();
        blobs.dedup();
        self.blobs.load_many(&mut *self.sql, &blobs, &mut |blob, bytes| {
            // Several contents may have one body under different headers.
            let first = bodies.partition_point(|(_, other)| *other < Some(blob));
            let same = bodies.iter().skip(first).take_while(|(_, other)| *other == Some(blob));
            let mut same = same.map(|(content, _)| *content).peekable();
            while let Some(content) = same.next() {
                if same.peek().is_none() {
                    fill(content, bytes);
                    break;
                }
                fill(content, bytes.clone());
            }
            Ok(())
        })
    }

    /// The messages of a mailbox whose last line has no CRLF.
    pub fn open_ended(&mut self, mailbox: CollectionId) -> Result<UidSet> {
        let any = "SELECT content_id FROM content_open_end LIMIT 1";
        if self.sql.query_one(any, &[], |row| row.int(0))?.is_none() {
            return Ok(UidSet::new());
        }
        let mut found = UidSet::new();
        // CROSS JOIN: SQLite goes through the mailbox, not through all texts of all accounts.
        self.sql.query(
            "SELECT m.uid FROM message m CROSS JOIN content_open_end o \
             WHERE m.mailbox_id = ?1 AND o.content_id = m.content_id ORDER BY m.uid",
            &[Value::Int(mailbox.get())],
            &mut |row: &dyn Row| {
                let uid = u32::try_from(row.int(0)?)
                    .map_err(|_| StorageError::Corrupt("an impossible UID".to_owned()))?;
                found.insert(Uid::new(uid));
                Ok(())
            },
        )?;
        Ok(found)
    }

    /// Hands the search and sort keys ([`message::KeysView`]) of the messages of a mailbox with
    /// UIDs in `uids` to `each`, in the order of their UIDs, without holding them all.
    pub(crate) fn load_keys_between(
        &mut self,
        mailbox: CollectionId,
        uids: RangeInclusive<Uid>,
        mut each: impl FnMut(Uid, &[u8]) -> Result<()>,
    ) -> Result<()> {
        self.sql.query(
            "SELECT m.uid, c.keys FROM message m JOIN content c ON c.id = m.content_id \
             WHERE m.mailbox_id = ?1 AND m.uid BETWEEN ?2 AND ?3 ORDER BY m.uid",
            &[
                Value::Int(mailbox.get()),
                Value::Int(uids.start().get().into()),
                Value::Int(uids.end().get().into()),
            ],
            &mut |row: &dyn Row| {
                let uid = u32::try_from(row.int(0)?)
                    .map_err(|_| StorageError::Corrupt("an impossible UID".to_owned()))?;
                each(Uid::new(uid), row.bytes(1)?)
            },
        )
    }

    /// Hands the search and sort keys ([`message::KeysView`]) of every message of a mailbox to
    /// `each`, in the order of their UIDs, without holding them all.
    pub fn load_keys(
        &mut self,
        mailbox: CollectionId,
        mut each: impl FnMut(Uid, ContentId, &[u8]) -> Result<()>,
    ) -> Result<()> {
        self.sql.query(
            "SELECT m.uid, m.content_id, c.keys FROM message m \
             JOIN content c ON c.id = m.content_id WHERE m.mailbox_id = ?1 ORDER BY m.uid",
            &[Value::Int(mailbox.get())],
            &mut |row: &dyn Row| {
                let uid = u32::try_from(row.int(0)?)
                    .map_err(|_| StorageError::Corrupt("an impossible UID".to_owned()))?;
                each(Uid::new(uid), ContentId::new(row.int(1)?), row.bytes(2)?)
            },
        )
    }
}
