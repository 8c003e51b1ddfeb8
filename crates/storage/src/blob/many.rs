//! Reading many blobs at once: those in rows by one query, neighbours in a pack by one read, all
//! others one by one. Each blob is verified against its hash. It is one call for a FETCH or a
//! search over many messages.

use ids::BlobId;

use super::{BlobStore, Elsewhere, IN_PACK, IN_ROW, Kept, PackPlace, Packs, codec, damaged};
use crate::Result;
use crate::sql::{Row, Sql};

/// LIMIT: what is read of a pack at once, one record at least.
const SPAN_BYTES: i64 = 512 * 1024;
/// LIMIT: bytes between two records that are read rather than passed over.
const GAP_BYTES: i64 = 16 * 1024;

/// A blob in a pack.
struct Packed {
    blob: i64,
    place: PackPlace,
    kept: Kept,
}

impl Packed {
    fn read(row: &dyn Row) -> Result<Self> {
        let blob = row.int(0)?;
        Ok(Self {
            blob,
            place: PackPlace { pack: row.int(6)?, offset: row.int(7)? },
            kept: Kept {
                codec: row.int(2)?,
                size_bytes: row.int(3)?,
                hash: BlobId::from_slice(row.bytes(4)?).ok_or_else(|| damaged(blob))?,
                stored_bytes: row.int(8)?,
            },
        })
    }

    fn end(&self) -> i64 {
        self.place.offset.saturating_add(self.kept.stored_bytes)
    }
}

impl BlobStore {
    /// Hands the bytes of each blob to `each`, in any order: those that live in their rows with
    /// one query, neighbours in a pack with one read. `blobs` are distinct.
    pub(crate) fn load_many(
        &self,
        sql: &mut dyn Sql,
        blobs: &[i64],
        each: &mut dyn FnMut(i64, Vec<u8>) -> Result<()>,
    ) -> Result<()> {
        let mut elsewhere = blobs.to_vec();
        elsewhere.sort_unstable();
        let (mut loaded, mut packed) = (Vec::new(), Vec::new());
        sql.query_in(
            "SELECT id, place, codec, size_bytes, hash, data, pack, pack_offset, stored_bytes \
             FROM blob WHERE id IN ({IN})",
            blobs,
            &mut |row| {
                let id = row.int(0)?;
                match row.int(1)? {
                    IN_ROW => {
                        let bytes = codec::expand(row.int(2)?, row.bytes(5)?, row.int(3)?)?;
                        self.verify(id, &bytes, row.bytes(4)?)?;
                        loaded.push(id);
                        each(id, bytes)
                    }
                    IN_PACK => {
                        loaded.push(id);
                        packed.push(Packed::read(row)?);
                        Ok(())
                    }
                    _ => Ok(()),
                }
            },
        )?;
        match &self.elsewhere {
            Elsewhere::Packs(packs) => self.load_packed(packs, packed, each)?,
            // Without packs a blob in a pack cannot be read here: `load`, below, returns the error
            // that says so.
            _ => loaded.retain(|id| !packed.iter().any(|packed| packed.blob == *id)),
        }
        loaded.sort_unstable();
        elsewhere.retain(|id| loaded.binary_search(id).is_err());
        for id in elsewhere {
            each(id, self.load(sql, id)?)?;
        }
        Ok(())
    }

    fn load_packed(
        &self,
        packs: &Packs,
        mut packed: Vec<Packed>,
        each: &mut dyn FnMut(i64, Vec<u8>) -> Result<()>,
    ) -> Result<()> {
        packed.sort_unstable_by_key(|packed| (packed.place.pack, packed.place.offset));
        let mut rest = packed.as_slice();
        while let Some(first) = rest.first() {
            let (span, later) = rest.split_at(span_len(rest));
            let start = first.place.offset;
            let length = span.last().map_or(0, |last| last.end() - start);
            let length = usize::try_from(length).map_err(|_| damaged(first.blob))?;
            let bytes = packs.read(first.place, length)?;
            for packed in span {
                // Offsets ascend, so none of the numbers is negative.
                let from = usize::try_from(packed.place.offset - start).unwrap_or(usize::MAX);
                let to = usize::try_from(packed.end() - start).unwrap_or(usize::MAX);
                let stored = bytes.get(from..to).ok_or_else(|| damaged(packed.blob))?;
                let kept = &packed.kept;
                let bytes = codec::expand(kept.codec, stored, kept.size_bytes)?;
                self.verify(packed.blob, &bytes, kept.hash.as_bytes())?;
                each(packed.blob, bytes)?;
            }
            rest = later;
        }
        Ok(())
    }

    /// That these are the bytes of the blob, when this process reads it first.
    fn verify(&self, blob: i64, bytes: &[u8], hash: &[u8]) -> Result<()> {
        if !self.verified.has(blob) {
            if blake3::hash(bytes).as_bytes() != hash {
                return Err(damaged(blob));
            }
            self.verified.add(blob);
        }
        Ok(())
    }
}

/// How many of these, sorted by place, are read at once.
fn span_len(packed: &[Packed]) -> usize {
    let Some(first) = packed.first() else { return 0 };
    let mut end = first.end();
    let near = packed.iter().take_while(|next| {
        let is_near = next.place.pack == first.place.pack
            && next.place.offset - end <= GAP_BYTES
            && next.end() - first.place.offset <= SPAN_BYTES;
        end = end.max(next.end());
        is_near
    });
    near.count().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(pack: i64, offset: i64, stored_bytes: i64) -> Packed {
        let kept =
            Kept { codec: 0, size_bytes: stored_bytes, stored_bytes, hash: BlobId::new([0; 32]) };
        Packed { blob: 1, place: PackPlace { pack, offset }, kept }
    }

    #[test]
    fn neighbours_are_read_together() {
        for (records, expected) in [
            (vec![(1, 44, 100)], 1),
            (vec![(1, 44, 100), (1, 188, 100), (1, 332, 5)], 3),
            // Another pack, a wide gap, too much at once.
            (vec![(1, 44, 100), (2, 188, 100)], 1),
            (vec![(1, 44, 100), (1, 144 + GAP_BYTES, 1), (1, 145 + GAP_BYTES, 1)], 3),
            (vec![(1, 44, 100), (1, 145 + GAP_BYTES, 1)], 1),
            (vec![(1, 44, SPAN_BYTES * 2), (1, 88 + SPAN_BYTES * 2, 1)], 1),
            (vec![(1, 44, SPAN_BYTES - 100), (1, SPAN_BYTES, 44), (1, SPAN_BYTES + 44, 1)], 2),
        ] {
            let records: Vec<Packed> =
                records.into_iter().map(|(pack, offset, len)| packed(pack, offset, len)).collect();
            assert_eq!(span_len(&records), expected);
        }
        assert_eq!(span_len(&[]), 0);
    }
}
