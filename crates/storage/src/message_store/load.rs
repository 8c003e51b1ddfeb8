//! Reading what was stored of messages: as it was computed on the way in, or the bytes.

use std::ops::RangeInclusive;

use ids::{CollectionId, ContentId, Uid};
use message::PartIndex;

use crate::sql::{Row, Value};
use crate::{ReadTx, Result, StorageError};

/// Which fields of [`Content`] to fill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Want(u8);

impl Want {
    /// [`Content::envelope`].
    pub const ENVELOPE: Self = Self(1);
    /// [`Content::body`].
    pub const BODY: Self = Self(2);
    /// [`Content::body_structure`].
    pub const STRUCTURE: Self = Self(4);
    /// [`Content::parts`].
    pub const PARTS: Self = Self(8);
    /// [`Content::keys`].
    pub const KEYS: Self = Self(16);
    /// [`Content::header`].
    pub const HEADER: Self = Self(32);
    /// [`Content::text`].
    pub const TEXT: Self = Self(64);

    /// Both.
    pub(crate) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether every field of `other` is wanted.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
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

/// What was wanted of one message text; the rest is `None`.
#[derive(Debug, Clone, Default)]
pub struct Content {
    /// ENVELOPE as FETCH sends it (RFC 9051 §7.5.2).
    pub envelope: Option<Vec<u8>>,
    /// BODY, the form without extension data.
    pub body: Option<Vec<u8>>,
    /// BODYSTRUCTURE.
    pub body_structure: Option<Vec<u8>>,
    /// Where each part lies; offsets count from the first byte of the header.
    pub parts: Option<PartIndex>,
    /// The column that [`message::KeysView`] reads.
    pub keys: Option<Vec<u8>>,
    /// The header with its empty line, byte for byte.
    pub header: Option<Vec<u8>>,
    /// What follows the header, byte for byte.
    pub text: Option<Vec<u8>>,
}

/// How one wanted field is read.
struct Field {
    want: Want,
    sql: &'static str,
    fill: fn(&mut Content, Vec<u8>) -> Result<()>,
}

const FIELDS: [Field; 6] = [
    Field {
        want: Want::ENVELOPE,
        sql: "SELECT id, envelope FROM content WHERE id IN ({IN})",
        fill: |content, bytes| {
            content.envelope = Some(bytes);
            Ok(())
        },
    },
    Field {
        want: Want::BODY,
        sql: "SELECT id, body FROM content WHERE id IN ({IN})",
        fill: |content, bytes| {
            content.body = Some(bytes);
            Ok(())
        },
    },
    Field {
        want: Want::STRUCTURE,
        sql: "SELECT id, body_structure FROM content WHERE id IN ({IN})",
        fill: |content, bytes| {
            content.body_structure = Some(bytes);
            Ok(())
        },
    },
    Field {
        want: Want::PARTS,
        sql: "SELECT id, parts FROM content WHERE id IN ({IN})",
        fill: |content, bytes| {
            let parts = PartIndex::decode(&bytes)
                .map_err(|_| StorageError::Corrupt("a stored part index".to_owned()))?;
            content.parts = Some(parts);
            Ok(())
        },
    },
    Field {
        want: Want::KEYS,
        sql: "SELECT id, keys FROM content WHERE id IN ({IN})",
        fill: |content, bytes| {
            content.keys = Some(bytes);
            Ok(())
        },
    },
    Field {
        want: Want::HEADER,
        sql: "SELECT content_id, header FROM content_header WHERE content_id IN ({IN})",
        fill: |content, bytes| {
            content.header = Some(bytes);
            Ok(())
        },
    },
];

/// LIMIT: texts read at once where a budget holds: what was computed of one takes a megabyte at
/// the worst.
const GROUP: usize = 32;
/// LIMIT: the same for headers, any of which may be as long as a message.
const HEADER_GROUP: usize = 4;

impl Content {
    /// The bytes held.
    fn bytes(&self) -> u64 {
        let fields = [
            &self.envelope,
            &self.body,
            &self.body_structure,
            &self.keys,
            &self.header,
            &self.text,
        ];
        fields.into_iter().flatten().map(|bytes| bytes.len() as u64).sum()
    }
}

/// Where each distinct id of a request stands in the answer.
struct Places {
    /// Sorted by id, then by position.
    sorted: Vec<(i64, usize)>,
    distinct: Vec<i64>,
}

impl Places {
    fn of(ids: &[ContentId]) -> Self {
        let mut sorted: Vec<(i64, usize)> =
            ids.iter().enumerate().map(|(at, id)| (id.get(), at)).collect();
        sorted.sort_unstable();
        let mut distinct: Vec<i64> = sorted.iter().map(|(id, _)| *id).collect();
        distinct.dedup();
        Self { sorted, distinct }
    }

    /// Fills every place of `id` with `bytes`.
    fn fill(
        &self,
        contents: &mut [Content],
        id: i64,
        bytes: &[u8],
        fill: fn(&mut Content, Vec<u8>) -> Result<()>,
    ) -> Result<()> {
        let first = self.sorted.partition_point(|(other, _)| *other < id);
        let places = self.sorted.iter().skip(first).take_while(|(other, _)| *other == id);
        for (_, at) in places {
            if let Some(content) = contents.get_mut(*at) {
                fill(content, bytes.to_vec())?;
            }
        }
        Ok(())
    }
}

impl ReadTx<'_> {
    /// What is wanted of each of `ids`, in their order; an id may stand there twice. An id whose
    /// text was erased meanwhile (its last message expunged, its retention over) fails the whole
    /// call with [`StorageError::Expunged`].
    pub fn load_contents(&mut self, ids: &[ContentId], want: Want) -> Result<Vec<Content>> {
        let places = Places::of(ids);
        let mut contents = vec![Content::default(); ids.len()];
        for field in FIELDS.iter().filter(|field| want.contains(field.want)) {
            let mut found = 0;
            self.sql.query_in(field.sql, &places.distinct, &mut |row| {
                found += 1;
                places.fill(&mut contents, row.int(0)?, row.bytes(1)?, field.fill)
            })?;
            if found != places.distinct.len() {
                return Err(StorageError::Expunged);
            }
        }
        if want.contains(Want::TEXT) {
            self.load_texts(&places, &mut contents)?;
        }
        Ok(contents)
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
    pub fn body_text(&mut self, content: ContentId) -> Result<Vec<u8>> {
        let mut contents = self.load_contents(&[content], Want::TEXT)?;
        contents.pop().and_then(|content| content.text).ok_or(StorageError::Expunged)
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
        let mut fill = |content, bytes: &[u8]| {
            places.fill(contents, content, bytes, |content, bytes| {
                content.text = Some(bytes);
                Ok(())
            })
        };
        let some = bodies.partition_point(|(_, blob)| blob.is_none());
        let (empty, bodies) = bodies.split_at(some);
        for (content, _) in empty {
            fill(*content, &[])?;
        }
        let mut blobs: Vec<i64> = bodies.iter().filter_map(|(_, blob)| *blob).collect();
        blobs.dedup();
        self.blobs.load_many(&mut *self.sql, &blobs, &mut |blob, bytes| {
            // Several contents may have one body under different headers.
            let first = bodies.partition_point(|(_, other)| *other < Some(blob));
            let same = bodies.iter().skip(first).take_while(|(_, other)| *other == Some(blob));
            for (content, _) in same {
                fill(*content, bytes)?;
            }
            Ok(())
        })
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
