//! Reading what was stored of messages: as it was computed on the way in, or the bytes.

use std::collections::HashMap;

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

/// The fields whose sizes [`CONTENT_SIZES`] gives, column by column.
const SIZED: [Want; 6] =
    [Want::ENVELOPE, Want::BODY, Want::STRUCTURE, Want::PARTS, Want::KEYS, Want::TEXT];

const CONTENT_SIZES: &str = "SELECT id, CAST(length(envelope) AS BIGINT), \
     CAST(length(body) AS BIGINT), CAST(length(body_structure) AS BIGINT), \
     CAST(length(parts) AS BIGINT), CAST(length(keys) AS BIGINT), size_bytes \
     FROM content WHERE id IN ({IN})";

const HEADER_SIZES: &str = "SELECT content_id, CAST(length(header) AS BIGINT) \
     FROM content_header WHERE content_id IN ({IN})";

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

    /// Like [`load_contents`](Self::load_contents), for as many of `ids`, from the first on, as
    /// take no more than `bytes_max` together, and for one at least: the answer is as long as
    /// what was read. `None` stands where the text was erased meanwhile.
    pub fn load_contents_within(
        &mut self,
        ids: &[ContentId],
        want: Want,
        bytes_max: u64,
    ) -> Result<Vec<Option<Content>>> {
        let sizes = self.content_sizes(ids, want)?;
        let size_of = |id: &ContentId| sizes.get(&id.get()).copied();
        let (mut count, mut bytes) = (0, 0_u64);
        for id in ids {
            bytes = bytes.saturating_add(size_of(id).unwrap_or_default());
            if bytes > bytes_max && count > 0 {
                break;
            }
            count += 1;
        }
        let read = ids.get(..count).unwrap_or(ids);
        let there: Vec<ContentId> =
            read.iter().filter(|id| size_of(id).is_some()).copied().collect();
        let mut contents = self.load_contents(&there, want)?.into_iter();
        Ok(read.iter().map(|id| size_of(id).and_then(|_| contents.next())).collect())
    }

    /// How many bytes each of `ids` has of what is wanted; those erased are left out.
    fn content_sizes(&mut self, ids: &[ContentId], want: Want) -> Result<HashMap<i64, u64>> {
        let distinct = Places::of(ids).distinct;
        let mut sizes = HashMap::with_capacity(distinct.len());
        if want != Want::HEADER {
            self.sql.query_in(CONTENT_SIZES, &distinct, &mut |row| {
                let mut bytes = 0;
                for (column, field) in (1..).zip(SIZED) {
                    if want.contains(field) {
                        bytes += u64::try_from(row.int(column)?).unwrap_or_default();
                    }
                }
                sizes.insert(row.int(0)?, bytes);
                Ok(())
            })?;
        }
        // The size of a whole message is that of its header as well.
        if want.contains(Want::HEADER) && !want.contains(Want::TEXT) {
            self.sql.query_in(HEADER_SIZES, &distinct, &mut |row| {
                let bytes = u64::try_from(row.int(1)?).unwrap_or_default();
                *sizes.entry(row.int(0)?).or_default() += bytes;
                Ok(())
            })?;
        }
        Ok(sizes)
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
