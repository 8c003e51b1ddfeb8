//! Blobs: bytes kept once, named by their BLAKE3 hash.
//!
//! Small ones live in their row. Large ones are appended to a pack file, where one sync serves a
//! whole group of writers, or put into an object store; where many write at once, small ones go
//! into the pack too. In every case the bytes are durable before the row that names them is
//! committed.
//!
//! **Invariant:** what [`BlobStore::load`] returns has the hash it was stored under; what
//! [`BlobStore::load_many`] returns had it when this process read it first.

pub(crate) mod codec;
mod many;
mod object;
mod pack;
mod stream;
mod verified;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use ids::BlobId;
use rusqlite::Connection;

pub(crate) use self::object::Objects;
pub(crate) use self::pack::{Epoch, PackFile, PackPlace, Packs, RECORD_HEADER_BYTES};
pub(crate) use self::stream::BlobReader;
use self::verified::Verified;
use crate::sql::{Dialect, Sql, Value};
use crate::{Blobs, Database, PreparedMessage, ReadTx, Result, Settings, StorageError};

/// How the bytes are kept; part of the stored format.
pub(crate) const AS_IS: i64 = 0;
const ZSTD: i64 = 1;
const LZ4: i64 = 2;

/// Where the bytes are kept; part of the stored format.
const IN_ROW: i64 = 0;
const IN_PACK: i64 = 1;
const IN_OBJECT: i64 = 2;

/// LIMIT: writers of one group from which on small bodies go into packs too. For fewer, the pages
/// that are saved cost less than the second sync.
const PACKING_WRITERS_MIN: usize = 24;
/// LIMIT: stored bytes up to which a body stays in its row all the same: it shares a page.
const PACKING_BYTES_MIN: usize = 1024;

/// Bytes ready to be stored.
#[derive(Debug)]
pub(crate) struct PreparedBlob {
    pub(crate) hash: BlobId,
    pub(crate) size_bytes: u64,
    pub(crate) stored: Vec<u8>,
    codec: i64,
    /// Set once the bytes are durable outside the row.
    place: Mutex<Option<Place>>,
}

/// Where bytes are that are not in their row.
#[derive(Debug, Clone)]
enum Place {
    Pack(PackPlace),
    /// In the object store, under this key.
    Object(String),
}

impl PreparedBlob {
    /// Hashes `bytes`, and compresses them where it pays.
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        let hash = BlobId::new(*blake3::hash(&bytes).as_bytes());
        let size_bytes = bytes.len() as u64;
        let (codec, stored) = match codec::compress(&bytes) {
            Some(compressed) => compressed,
            None => (AS_IS, bytes),
        };
        Self { hash, size_bytes, stored, codec, place: Mutex::default() }
    }

    /// Whether it was appended to a pack.
    pub(crate) fn is_packed(&self) -> bool {
        matches!(self.place(), Some(Place::Pack(_)))
    }

    fn place(&self) -> Option<Place> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_place(&self, place: Option<Place>) {
        *self.place.lock().unwrap_or_else(PoisonError::into_inner) = place;
    }
}

/// Where the bodies of a group were written.
#[derive(Debug, Default)]
pub(crate) struct Placed {
    /// The epoch to [sync](BlobStore::sync_packs) before those appended to a pack are durable.
    pub(crate) to_sync: Option<Epoch>,
    /// Could not be written anywhere.
    pub(crate) lost: Vec<BlobId>,
    /// The error, if it failed.
    pub(crate) failure: Option<StorageError>,
}

/// Where the bytes of large blobs live.
pub(crate) struct BlobStore {
    inline_bytes_max: usize,
    elsewhere: Elsewhere,
    verified: Verified,
    damaged: stream::Damaged,
}

/// The place of what is too large for a row.
enum Elsewhere {
    /// Several daemons have no disk in common: rows hold everything.
    Nowhere,
    Packs(Packs),
    Objects(Objects),
}

impl BlobStore {
    pub(crate) fn open(settings: &Settings) -> Result<Self> {
        let elsewhere = match (&settings.database, &settings.blobs) {
            (_, Blobs::ObjectStore(url)) => Elsewhere::Objects(Objects::open(url)?),
            (Database::Sqlite, Blobs::Database) => {
                Elsewhere::Packs(Packs::open(settings.data_dir.join("blobs"))?)
            }
            (Database::Postgres(_), Blobs::Database) => Elsewhere::Nowhere,
        };
        Ok(Self {
            inline_bytes_max: settings.inline_bytes_max,
            elsewhere,
            verified: Verified::new(),
            damaged: stream::Damaged::default(),
        })
    }

    pub(crate) fn packs(&self) -> Option<&Packs> {
        match &self.elsewhere {
            Elsewhere::Packs(packs) => Some(packs),
            _ => None,
        }
    }

    pub(crate) fn objects(&self) -> Option<&Objects> {
        match &self.elsewhere {
            Elsewhere::Objects(objects) => Some(objects),
            _ => None,
        }
    }

    fn large<'m>(
        &self,
        messages: impl Iterator<Item = &'m Arc<PreparedMessage>>,
    ) -> Vec<&'m PreparedBlob> {
        messages
            .filter_map(|message| message.body.as_ref())
            .filter(|blob| blob.stored.len() > self.inline_bytes_max)
            .collect()
    }

    /// The bodies that a group of `writers` puts into packs: the large ones, and where a sync is
    /// shared by many, all but the smallest. In its row a body is written twice, into the log and
    /// from there into the database, in whole pages each time.
    fn packed<'m>(
        &self,
        packs: &Packs,
        messages: impl Iterator<Item = &'m Arc<PreparedMessage>>,
        writers: usize,
    ) -> Vec<&'m PreparedBlob> {
        let above = match writers >= PACKING_WRITERS_MIN {
            true => PACKING_BYTES_MIN.min(self.inline_bytes_max),
            false => self.inline_bytes_max,
        };
        let mut wanted: Vec<&PreparedBlob> =
            messages.filter_map(|message| message.body.as_ref()).collect();
        // A pack that is being emptied takes no new rows, not even for what it holds already.
        wanted.retain(|blob| match blob.place() {
            Some(Place::Pack(at)) => packs.is_retired(at.pack),
            Some(Place::Object(_)) => false,
            None => blob.stored.len() > above,
        });
        wanted
    }

    /// Appends the bodies to packs that belong there and are in no row yet, for a group of
    /// `writers`. Called by the one writer, before the transaction; what was appended must be
    /// [synced](Self::sync_packs) before the commit. Where appending fails, small bodies go into
    /// rows.
    pub(crate) fn place_large<'m>(
        &self,
        connection: &Connection,
        messages: impl Iterator<Item = &'m Arc<PreparedMessage>>,
        writers: usize,
    ) -> Result<Placed> {
        let Some(packs) = self.packs() else { return Ok(Placed::default()) };
        let mut unknown: Vec<&PreparedBlob> = Vec::new();
        // By hash: the same message may come to many at once, and is kept once.
        let mut first: HashMap<BlobId, usize> = HashMap::new();
        let mut same: Vec<(&PreparedBlob, usize)> = Vec::new();
        for blob in self.packed(packs, messages, writers) {
            let known: bool = connection
                .prepare_cached("SELECT EXISTS (SELECT 1 FROM blob WHERE hash = ?1)")
                .and_then(|mut statement| {
                    statement.query_row([blob.hash.as_bytes()], |row| row.get(0))
                })
                .map_err(crate::sql::sqlite::error)?;
            // Should its row go before the transaction names it, the bytes go into a row.
            blob.set_place(None);
            if !known {
                let at = *first.entry(blob.hash).or_insert_with(|| {
                    unknown.push(blob);
                    unknown.len() - 1
                });
                same.push((blob, at));
            }
        }
        if unknown.is_empty() {
            return Ok(Placed::default());
        }
        let bodies: Vec<_> =
            unknown.iter().map(|blob| (blob.hash, blob.stored.as_slice())).collect();
        let appended = packs.append(&bodies);
        for (blob, at) in same {
            blob.set_place(appended.places.get(at).copied().flatten().map(Place::Pack));
        }
        let is_lost = |blob: &&&PreparedBlob| {
            blob.place().is_none() && blob.stored.len() > self.inline_bytes_max
        };
        Ok(Placed {
            to_sync: appended.places.iter().any(Option::is_some).then_some(appended.epoch),
            lost: unknown.iter().filter(is_lost).map(|blob| blob.hash).collect(),
            failure: appended.failure,
        })
    }

    /// Forgets where bodies were appended: they may not be there.
    pub(crate) fn forget_places(&self, messages: &[Arc<PreparedMessage>]) {
        for blob in messages.iter().filter_map(|message| message.body.as_ref()) {
            if let Some(Place::Pack(_)) = blob.place() {
                blob.set_place(None);
            }
        }
    }

    /// Makes durable what [`place_large`](Self::place_large) appended.
    pub(crate) fn sync_packs(&self, epoch: Epoch) -> Result<()> {
        self.packs().map_or(Ok(()), |packs| packs.sync(epoch))
    }

    /// Whether [`upload_large`](Self::upload_large) has anything to do for these.
    pub(crate) fn must_upload(&self, messages: &[Arc<PreparedMessage>]) -> bool {
        self.objects().is_some()
            && self.large(messages.iter()).iter().any(|blob| blob.place().is_none())
    }

    /// Which of `messages` have a large body that no row names yet.
    pub(crate) fn unknown(
        &self,
        tx: &mut ReadTx<'_>,
        messages: &[Arc<PreparedMessage>],
    ) -> Result<Vec<Arc<PreparedMessage>>> {
        let mut unknown = Vec::new();
        for message in messages {
            let Some(blob) = self.large(std::iter::once(message)).pop() else { continue };
            let hash = Value::Bytes(blob.hash.as_bytes());
            let find = "SELECT id FROM blob WHERE hash = ?1";
            if tx.sql.query_one(find, &[hash], |_| Ok(()))?.is_none() {
                unknown.push(message.clone());
            }
        }
        Ok(unknown)
    }

    /// Puts the large bodies of `messages` into the object store. Blocks; not for async threads.
    pub(crate) fn upload_large(&self, messages: &[Arc<PreparedMessage>]) -> Result<()> {
        let Some(objects) = self.objects() else { return Ok(()) };
        let mut wanted = self.large(messages.iter());
        wanted.retain(|blob| blob.place().is_none());
        let keys =
            objects.put_all(wanted.iter().map(|blob| (blob.hash, blob.stored.as_slice())))?;
        for (blob, key) in wanted.iter().zip(keys) {
            blob.set_place(Some(Place::Object(key)));
        }
        Ok(())
    }

    /// The row of a blob, written unless it is there.
    pub(crate) fn insert(&self, sql: &mut dyn Sql, blob: &PreparedBlob) -> Result<i64> {
        let hash = Value::Bytes(blob.hash.as_bytes());
        let text = match sql.dialect() {
            Dialect::Sqlite => {
                let find = "SELECT id FROM blob WHERE hash = ?1";
                if let Some(id) = sql.query_one(find, &[hash], |row| row.int(0))? {
                    return Ok(id);
                }
                "INSERT INTO blob (hash, size_bytes, stored_bytes, codec, place, pack, \
                 pack_offset, object, data) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) \
                 RETURNING id"
            }
            // One round trip. A row that is there is shared without being written anew, so that
            // deliveries of the same message do not wait for each other; held, so that
            // maintenance can't erase it before this transaction names it.
            Dialect::Postgres => {
                "WITH found AS (SELECT id FROM blob WHERE hash = ?1 FOR KEY SHARE), \
                 made AS (INSERT INTO blob (hash, size_bytes, stored_bytes, codec, place, pack, \
                 pack_offset, object, data) SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9 \
                 WHERE NOT EXISTS (SELECT 1 FROM found) \
                 ON CONFLICT (hash) DO UPDATE SET place = blob.place RETURNING id) \
                 SELECT id FROM found UNION ALL SELECT id FROM made"
            }
        };
        let place = blob.place();
        let (kind, pack, offset, object, data) = match &place {
            None => (IN_ROW, Value::Null, Value::Null, Value::Null, Value::Bytes(&blob.stored)),
            Some(Place::Pack(at)) => {
                (IN_PACK, Value::Int(at.pack), Value::Int(at.offset), Value::Null, Value::Null)
            }
            Some(Place::Object(key)) => {
                (IN_OBJECT, Value::Null, Value::Null, Value::Text(key), Value::Null)
            }
        };
        let params = [
            hash,
            Value::Int(blob.size_bytes.cast_signed()),
            Value::Int(blob.stored.len() as i64),
            Value::Int(blob.codec),
            Value::Int(kind),
            pack,
            offset,
            object,
            data,
        ];
        sql.insert(text, &params)
    }

    /// The bytes of a blob.
    pub(crate) fn load(&self, sql: &mut dyn Sql, blob: i64) -> Result<Vec<u8>> {
        let mut elsewhere = None;
        let mut bytes = None;
        sql.query(
            "SELECT size_bytes, stored_bytes, codec, place, hash, pack, pack_offset, object, \
             data FROM blob WHERE id = ?1",
            &[Value::Int(blob)],
            &mut |row| {
                let (size_bytes, codec) = (row.int(0)?, row.int(2)?);
                let place = match row.int(3)? {
                    IN_ROW => {
                        bytes = Some(codec::expand(codec, row.bytes(8)?, size_bytes)?);
                        return Ok(());
                    }
                    IN_PACK => Place::Pack(PackPlace { pack: row.int(5)?, offset: row.int(6)? }),
                    IN_OBJECT => Place::Object(row.text(7)?.to_owned()),
                    _ => return Err(damaged(blob)),
                };
                let hash = BlobId::from_slice(row.bytes(4)?).ok_or_else(|| damaged(blob))?;
                elsewhere =
                    Some((place, Kept { size_bytes, stored_bytes: row.int(1)?, codec, hash }));
                Ok(())
            },
        )?;
        if let Some((place, kept)) = elsewhere {
            let length = usize::try_from(kept.stored_bytes).map_err(|_| damaged(blob))?;
            let stored = match (place, &self.elsewhere) {
                (Place::Pack(at), Elsewhere::Packs(packs)) => packs.read(at, length)?,
                (Place::Object(key), Elsewhere::Objects(objects)) => objects.read(&key, length)?,
                (Place::Pack(_) | Place::Object(_), _) => return Err(misplaced(blob)),
            };
            bytes = Some(kept.expand(&stored)?);
        }
        bytes.ok_or_else(|| StorageError::Corrupt(format!("blob {blob} is missing")))
    }
}

/// What a row says about bytes that are elsewhere.
pub(crate) struct Kept {
    pub(crate) size_bytes: i64,
    pub(crate) stored_bytes: i64,
    pub(crate) codec: i64,
    pub(crate) hash: BlobId,
}

impl Kept {
    /// The bytes themselves, if they are the right ones.
    pub(crate) fn expand(&self, stored: &[u8]) -> Result<Vec<u8>> {
        let bytes = codec::expand(self.codec, stored, self.size_bytes)?;
        if blake3::hash(&bytes).as_bytes() != self.hash.as_bytes() {
            return Err(StorageError::Corrupt(format!("blob {} is damaged", self.hash)));
        }
        Ok(bytes)
    }
}

fn misplaced(blob: i64) -> StorageError {
    StorageError::Unavailable(format!(
        "blob {blob} is kept in a place this store is not configured with"
    ))
}

fn damaged(blob: i64) -> StorageError {
    StorageError::Corrupt(format!("blob {blob} is damaged"))
}
