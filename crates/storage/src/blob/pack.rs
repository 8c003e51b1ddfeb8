//! Pack files: large blobs one behind the other, so that one sync serves a whole group.
//!
//! A record is a header (magic, length, BLAKE3 of the blob) and the stored bytes. Rows name
//! records by pack and offset; a record that no row names is garbage, be it of a transaction
//! that failed or of a blob that was erased, and costs nothing but space.
//!
//! **Invariant:** a pack only grows while it is the newest, and never changes afterwards.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ids::BlobId;

use crate::{Result, StorageError};

/// LIMIT: a pack that is mostly garbage is rewritten whole; this is how much that may be.
const PACK_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// LIMIT: packs kept open for reading.
const OPEN_PACKS_MAX: usize = 64;
/// LIMIT: records gathered for one write.
const WRITE_BYTES: usize = 1024 * 1024;
const MAGIC: &[u8; 4] = b"PHB1";
/// Magic, length (u64, little-endian), hash.
pub(crate) const RECORD_HEADER_BYTES: u64 = 4 + 8 + 32;

/// Where a record's bytes begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PackPlace {
    pub(crate) pack: i64,
    pub(crate) offset: i64,
}

/// Where appended bytes went, or why they could not be written.
#[derive(Debug, Default)]
pub(crate) struct Appended {
    /// In the order of the blobs; `None` for one that could not be written.
    pub(crate) places: Vec<Option<PackPlace>>,
    /// The error, if it failed.
    pub(crate) failure: Option<StorageError>,
    /// What [`Packs::sync`] is to be told.
    pub(crate) epoch: Epoch,
}

/// A time in which nothing that was appended was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Epoch(u64);

/// The packs of a store.
pub(crate) struct Packs {
    folder: PathBuf,
    newest: Mutex<Newest>,
    open: Mutex<HashMap<i64, Arc<File>>>,
    /// Packs that take no new rows any more; with their file once its name is gone, for readers
    /// whose snapshot is older than that.
    retired: Mutex<HashMap<i64, Option<Arc<File>>>>,
}

/// A pack file on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PackFile {
    pub(crate) pack: i64,
    pub(crate) bytes: u64,
}

/// The pack that grows.
struct Newest {
    pack: i64,
    file: Option<File>,
    end: u64,
    /// The end of the last record that was synced.
    good_end: u64,
    epoch: Epoch,
}

/// Where the next record begins.
#[derive(Debug, Clone, Copy)]
struct End {
    pack: i64,
    end: u64,
}

impl Newest {
    fn here(&self) -> End {
        End { pack: self.pack, end: self.end }
    }

    /// Writes what was gathered.
    fn write(&mut self, records: &mut Vec<u8>) -> Result<()> {
        if !records.is_empty() {
            let file = self.file.as_mut().ok_or_else(no_pack)?;
            file.write_all(records).map_err(unavailable)?;
            records.clear();
        }
        Ok(())
    }
}

impl Packs {
    pub(crate) fn open(folder: PathBuf) -> Result<Self> {
        std::fs::create_dir_all(&folder).map_err(unavailable)?;
        let newest = pack_numbers(&folder)?.into_iter().max().unwrap_or(0);
        // A pack of an earlier run may end in half a record: it is not continued.
        let newest = Mutex::new(Newest {
            pack: newest,
            file: None,
            end: PACK_BYTES_MAX,
            good_end: 0,
            epoch: Epoch::default(),
        });
        Ok(Self { folder, newest, open: Mutex::default(), retired: Mutex::default() })
    }

    /// Every pack file, ascending by number.
    pub(crate) fn files(&self) -> Result<Vec<PackFile>> {
        let mut numbers = pack_numbers(&self.folder)?;
        numbers.sort_unstable();
        let file = |pack| {
            let bytes = std::fs::metadata(path(&self.folder, pack)).map_err(unavailable)?.len();
            Ok(PackFile { pack, bytes })
        };
        numbers.into_iter().map(file).collect()
    }

    /// Lets a pack take no new rows. Those of transactions that have begun may still come.
    pub(crate) fn retire(&self, pack: i64) {
        let mut newest = lock(&self.newest);
        if newest.pack == pack
            && let Some(file) = &newest.file
        {
            // Transactions under way may name what was appended and not synced yet.
            match file.sync_data() {
                Ok(()) => (newest.file, newest.end) = (None, PACK_BYTES_MAX),
                Err(cause) => {
                    tracing::warn!(%cause, pack, "a pack could not be synced");
                    self.give_up(&mut newest);
                }
            }
        }
        lock(&self.retired).entry(pack).or_default();
    }

    pub(super) fn is_retired(&self, pack: i64) -> bool {
        lock(&self.retired).contains_key(&pack)
    }

    /// Removes a retired pack that no row names. Its space is free once readers that may know it
    /// have ended, which is taken for granted at [`forget_removed`](Self::forget_removed).
    pub(crate) fn remove(&self, pack: i64) -> Result<()> {
        let file = self.file(pack)?;
        // Before its name goes: at any time a reader finds it at one place or the other.
        lock(&self.retired).insert(pack, Some(file));
        std::fs::remove_file(path(&self.folder, pack)).map_err(unavailable)?;
        lock(&self.open).remove(&pack);
        Ok(())
    }

    /// Gives up the files of packs removed since the last call.
    pub(crate) fn forget_removed(&self) {
        lock(&self.retired).values_mut().for_each(|file| *file = None);
    }

    /// Appends blobs. They are durable after [`sync`](Self::sync). Where the disk is full, those
    /// are written that it has room for.
    pub(crate) fn append(&self, blobs: &[(BlobId, &[u8])]) -> Appended {
        let mut newest = lock(&self.newest);
        let before = newest.here();
        let mut appended = match self.append_to(&mut newest, blobs.iter().copied()) {
            Ok(places) => {
                Appended { places: places.into_iter().map(Some).collect(), ..Appended::default() }
            }
            Err(cause) => {
                tracing::warn!(%cause, "blobs could not be written; trying them one by one");
                self.go_back(&mut newest, before);
                self.append_each(&mut newest, blobs)
            }
        };
        appended.epoch = newest.epoch;
        appended
    }

    fn append_each(&self, newest: &mut Newest, blobs: &[(BlobId, &[u8])]) -> Appended {
        let mut appended = Appended::default();
        // What is no smaller than one that did not fit is not tried.
        let mut too_large = usize::MAX;
        for &(hash, bytes) in blobs {
            let before = newest.here();
            let written = match bytes.len() < too_large {
                true => self.append_to(newest, std::iter::once((hash, bytes))),
                false => Ok(Vec::new()),
            };
            let place = written.map(|places| places.first().copied()).unwrap_or_else(|cause| {
                too_large = bytes.len();
                appended.failure = Some(cause);
                if !self.go_back(newest, before) {
                    let lost = |at: &PackPlace| at.pack == before.pack;
                    appended
                        .places
                        .iter_mut()
                        .for_each(|place| *place = place.filter(|at| !lost(at)));
                }
                None
            });
            appended.places.push(place);
        }
        appended
    }

    /// Takes back what a failed append may have written, so that its space is free again. False
    /// where all that was not synced is lost.
    fn go_back(&self, newest: &mut Newest, to: End) -> bool {
        let same = newest.file.as_ref().filter(|_| newest.pack == to.pack);
        if same.is_some_and(|file| file.set_len(to.end).is_ok()) {
            newest.end = to.end;
            return true;
        }
        self.give_up(newest);
        false
    }

    /// Makes durable what was appended in this epoch. After an error nothing of it can be relied
    /// on.
    pub(crate) fn sync(&self, epoch: Epoch) -> Result<()> {
        let mut newest = lock(&self.newest);
        if newest.epoch != epoch {
            // Another thread met an error meanwhile, and could not tell what of it was good.
            return Err(StorageError::Unavailable("a pack was given up".to_owned()));
        }
        let Some(file) = newest.file.as_ref().filter(|_| newest.good_end < newest.end) else {
            return Ok(());
        };
        match file.sync_data() {
            Ok(()) => {
                newest.good_end = newest.end;
                Ok(())
            }
            Err(cause) => {
                self.give_up(&mut newest);
                Err(unavailable(cause))
            }
        }
    }

    /// After a failed append: what the file holds behind the last good record is unknown, so
    /// another pack is begun next time. Its space is given back, for a full disk to recover from.
    fn give_up(&self, newest: &mut Newest) {
        if let Some(file) = newest.file.take() {
            // Failing is no loss: no row names those bytes.
            let _ = match newest.good_end {
                0 => std::fs::remove_file(path(&self.folder, newest.pack)),
                good_end => file.set_len(good_end),
            };
        }
        newest.end = PACK_BYTES_MAX;
        newest.epoch.0 += 1;
    }

    fn append_to<'b>(
        &self,
        newest: &mut Newest,
        blobs: impl Iterator<Item = (BlobId, &'b [u8])>,
    ) -> Result<Vec<PackPlace>> {
        let (mut places, mut records) = (Vec::new(), Vec::new());
        for (hash, bytes) in blobs {
            if newest.end >= PACK_BYTES_MAX {
                newest.write(&mut records)?;
                if let Some(full) = newest.file.take() {
                    full.sync_data().map_err(unavailable)?;
                }
                self.begin_pack(newest)?;
            }
            records.extend_from_slice(MAGIC);
            records.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
            records.extend_from_slice(hash.as_bytes());
            records.extend_from_slice(bytes);
            let offset = newest.end + RECORD_HEADER_BYTES;
            newest.end = offset + bytes.len() as u64;
            places.push(PackPlace { pack: newest.pack, offset: offset as i64 });
            if records.len() >= WRITE_BYTES {
                newest.write(&mut records)?;
            }
        }
        newest.write(&mut records)?;
        Ok(places)
    }

    fn begin_pack(&self, newest: &mut Newest) -> Result<()> {
        let file = loop {
            // Counted before it is tried: a number that failed half-way is not tried again.
            newest.pack += 1;
            let opened = OpenOptions::new()
                .create_new(true)
                .append(true)
                .open(path(&self.folder, newest.pack));
            match opened {
                Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => {}
                other => break other.map_err(unavailable)?,
            }
        };
        (newest.file, newest.end, newest.good_end) = (Some(file), 0, 0);
        // The name must be durable too, not only the bytes.
        File::open(&self.folder).and_then(|folder| folder.sync_all()).map_err(unavailable)
    }

    /// Bytes of a pack: a record's, or those of several and what lies between.
    pub(crate) fn read(&self, place: PackPlace, stored_bytes: usize) -> Result<Vec<u8>> {
        read_exact(&*self.file(place.pack)?, place.offset as u64, stored_bytes as u64)
    }

    /// A pack, to read from.
    pub(super) fn file(&self, pack: i64) -> Result<Arc<File>> {
        match self.removed(pack) {
            Some(file) => Ok(file),
            None => self.named(pack),
        }
    }

    /// The file of a pack whose name is gone, or about to go.
    fn removed(&self, pack: i64) -> Option<Arc<File>> {
        lock(&self.retired).get(&pack).cloned().flatten()
    }

    /// The file of a pack that had its name a moment ago.
    fn named(&self, pack: i64) -> Result<Arc<File>> {
        let mut open = lock(&self.open);
        if let Some(file) = open.get(&pack) {
            return Ok(file.clone());
        }
        let file = match File::open(path(&self.folder, pack)) {
            Ok(file) => Arc::new(file),
            // Removed meanwhile?
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
                let missing = || StorageError::Corrupt(format!("pack {pack} is missing"));
                return self.removed(pack).ok_or_else(missing);
            }
            Err(cause) => return Err(unavailable(cause)),
        };
        if open.len() >= OPEN_PACKS_MAX {
            open.clear();
        }
        open.insert(pack, file.clone());
        Ok(file)
    }
}

#[cfg(test)]
impl Packs {
    /// Lets the newest pack be written to another place.
    pub(crate) fn write_to(&self, path: &Path) {
        let file = OpenOptions::new().append(true).open(path).unwrap();
        let mut newest = lock(&self.newest);
        (newest.end, newest.good_end, newest.file) = (0, 0, Some(file));
        // Not the name of one that is good.
        newest.pack += 1;
    }
}

fn path(folder: &Path, pack: i64) -> PathBuf {
    folder.join(format!("{pack:08}.pack"))
}

/// Reads `length` bytes of a pack at `offset`.
pub(super) fn read_exact(file: &File, offset: u64, length: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    read_behind(file, offset, length, &mut bytes)?;
    Ok(bytes)
}

/// Puts bytes of a pack behind those in `bytes`.
pub(super) fn read_behind(
    file: &File,
    offset: u64,
    length: u64,
    bytes: &mut Vec<u8>,
) -> Result<()> {
    let before = bytes.len();
    bytes.resize(before + usize::try_from(length).map_err(|_| ends_early())?, 0);
    match file.read_exact_at(bytes.get_mut(before..).unwrap_or_default(), offset) {
        Ok(()) => Ok(()),
        Err(cause) if cause.kind() == io::ErrorKind::UnexpectedEof => Err(ends_early()),
        Err(cause) => Err(unavailable(cause)),
    }
}

fn ends_early() -> StorageError {
    StorageError::Corrupt("a pack ends too early".to_owned())
}

fn pack_numbers(folder: &Path) -> Result<Vec<i64>> {
    let mut numbers = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unavailable)? {
        let name = entry.map_err(unavailable)?.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(".pack"));
        numbers.extend(number.and_then(|number| number.parse::<i64>().ok()));
    }
    Ok(numbers)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn no_pack() -> StorageError {
    StorageError::Internal("no pack is open".to_owned())
}

fn unavailable(cause: io::Error) -> StorageError {
    StorageError::of_io("blobs", &cause)
}

#[cfg(test)]
mod tests;
