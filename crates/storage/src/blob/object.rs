//! An object store for large blobs: S3, what speaks its protocol, or a folder.
//!
//! Keys are never used twice: the hash of the blob and a number at random. So an object belongs
//! to one upload, and one that no row names and that is older than any upload in progress can be
//! deleted without asking anybody.

use std::collections::VecDeque;
use std::ops::Range;
use std::path::Path as FilePath;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use ids::{BlobId, Timestamp};
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload, RetryConfig};
use tokio::runtime::Runtime;
use url::Url;

use crate::{Result, StorageError};

/// LIMIT: uploads of one write at a time.
const UPLOADS_MAX: usize = 16;
/// LIMIT: how long one request is tried: somebody waits for it, and asks again later.
const RETRY_TIMEOUT: Duration = Duration::from_secs(20);
/// LIMIT: attempts of one request.
const RETRIES_MAX: usize = 5;

pub(crate) struct Objects {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    /// Given away when the value is dropped.
    runtime: Option<Runtime>,
}

/// An object of an object store, as it is listed.
pub(crate) struct Listed {
    pub(crate) key: String,
    pub(crate) hash: BlobId,
    pub(crate) modified: Timestamp,
    pub(crate) bytes: u64,
}

impl Objects {
    /// `s3://bucket[/prefix][?endpoint=…&region=…]` or `file:///path`.
    pub(crate) fn open(url: &str) -> Result<Self> {
        let parsed = Url::parse(url).map_err(|cause| refused(url, &cause.to_string()))?;
        let (store, prefix): (Arc<dyn ObjectStore>, Path) = match parsed.scheme() {
            "s3" => (open_s3(&parsed)?, Path::from(parsed.path())),
            "file" => (open_folder(&parsed)?, Path::default()),
            _ => return Err(refused(url, "neither s3: nor file:")),
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("storage-objects")
            .enable_all()
            .build()
            .map_err(|cause| StorageError::Unavailable(cause.to_string()))?;
        Ok(Self { store, prefix, runtime: Some(runtime) })
    }

    /// Stores blobs; their keys in the same order. Blocks.
    pub(super) fn put_all<'b>(
        &self,
        blobs: impl Iterator<Item = (BlobId, &'b [u8])>,
    ) -> Result<Vec<String>> {
        let mut keys = Vec::new();
        let mut under_way = VecDeque::new();
        for (hash, bytes) in blobs {
            if under_way.len() == UPLOADS_MAX {
                under_way.pop_front().map_or(Ok(()), wait)?;
            }
            let key = new_key(&hash)?;
            let (store, path) = (self.store.clone(), self.path(&key));
            let payload = PutPayload::from(bytes.to_vec());
            let upload = async move { store.put(&path, payload).await.map(drop) };
            under_way.push_back(self.spawn(upload)?);
            keys.push(key);
        }
        for upload in under_way {
            wait(upload)?;
        }
        Ok(keys)
    }

    /// Reads the `length` bytes of an object. Blocks.
    pub(super) fn read(&self, key: &str, length: usize) -> Result<Vec<u8>> {
        let (store, path) = (self.store.clone(), self.path(key));
        let bytes = wait(self.spawn(async move {
            let found = store.get(&path).await?;
            // What has another length is damaged: it is not read, however long it is.
            if found.meta.size != length as u64 {
                return Ok(None);
            }
            found.bytes().await.map(Some)
        })?)?;
        match bytes {
            Some(bytes) if bytes.len() == length => Ok(bytes.into()),
            _ => Err(StorageError::Corrupt(format!("object {key} has another length"))),
        }
    }

    /// A range of the bytes of an object. Blocks.
    pub(super) fn read_range(&self, key: &str, range: Range<u64>) -> Result<Vec<u8>> {
        let (store, path) = (self.store.clone(), self.path(key));
        let bytes = wait(self.spawn(async move { store.get_range(&path, range).await })?)?;
        Ok(bytes.into())
    }

    /// Everything whose hash begins with the byte `folder`. Blocks.
    pub(crate) fn list(&self, folder: u8) -> Result<Vec<Listed>> {
        let (store, path) = (self.store.clone(), self.path(&format!("{folder:02x}")));
        let found = wait(self.spawn(async move { store.list_with_delimiter(Some(&path)).await })?)?;
        let listed = found.objects.into_iter().filter_map(|object| {
            let name = object.location.filename()?;
            let hash = parse_hash(name.split_once('-')?.0)?;
            let modified = Timestamp::from_micros(object.last_modified.timestamp_micros());
            let key = format!("{folder:02x}/{name}");
            Some(Listed { key, hash, modified, bytes: object.size })
        });
        Ok(listed.collect())
    }

    /// Deletes an object; one that is gone already is deleted. Blocks.
    pub(crate) fn delete(&self, key: &str) -> Result<()> {
        let (store, path) = (self.store.clone(), self.path(key));
        wait(self.spawn(async move {
            match store.delete(&path).await {
                Err(object_store::Error::NotFound { .. }) => Ok(()),
                outcome => outcome,
            }
        })?)
    }

    fn path(&self, key: &str) -> Path {
        self.prefix.parts().chain(Path::from(key).parts()).collect()
    }

    /// Starts `work` on the runtime of the store. Waiting for it over a channel works on any
    /// thread, also on one that belongs to another runtime.
    fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = object_store::Result<T>> + Send + 'static,
    ) -> Result<Outcome<T>> {
        let runtime = self.runtime.as_ref().ok_or_else(ended)?;
        let (done, outcome) = mpsc::sync_channel(1);
        runtime.spawn(async move {
            // The receiver is gone where another upload of the same write failed.
            let _ = done.send(work.await);
        });
        Ok(outcome)
    }
}

impl Drop for Objects {
    fn drop(&mut self) {
        // Dropping a runtime blocks, which is not allowed where a store may be dropped.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

type Outcome<T> = mpsc::Receiver<object_store::Result<T>>;

fn wait<T>(outcome: Outcome<T>) -> Result<T> {
    outcome.recv().map_err(|_| ended())?.map_err(error)
}

fn ended() -> StorageError {
    StorageError::Unavailable("the object store is closed".to_owned())
}

fn error(cause: object_store::Error) -> StorageError {
    match cause {
        object_store::Error::NotFound { path, .. } => {
            StorageError::Corrupt(format!("object {path} is missing"))
        }
        other => StorageError::Unavailable(format!("object store: {other}")),
    }
}

fn refused(url: &str, why: &str) -> StorageError {
    StorageError::Unavailable(format!("object store {url}: {why}"))
}

fn open_s3(url: &Url) -> Result<Arc<dyn ObjectStore>> {
    let bucket = url.host_str().ok_or_else(|| refused(url.as_str(), "no bucket is named"))?;
    let retry = RetryConfig {
        max_retries: RETRIES_MAX,
        retry_timeout: RETRY_TIMEOUT,
        ..RetryConfig::default()
    };
    // Credentials come from the environment, as for other programs that use such a store.
    let mut builder = AmazonS3Builder::from_env().with_bucket_name(bucket).with_retry(retry);
    for (name, value) in url.query_pairs() {
        builder = match &*name {
            // Whoever writes an endpoint without TLS means it.
            "endpoint" => builder.with_allow_http(value.starts_with("http:")).with_endpoint(value),
            "region" => builder.with_region(value),
            _ => return Err(refused(url.as_str(), "only endpoint and region can be set")),
        };
    }
    let store = builder.build().map_err(|cause| refused(url.as_str(), &cause.to_string()))?;
    Ok(Arc::new(store))
}

fn open_folder(url: &Url) -> Result<Arc<dyn ObjectStore>> {
    let folder = url.to_file_path().map_err(|()| refused(url.as_str(), "not a path"))?;
    let store = create_folder(&folder).map_err(|why| refused(url.as_str(), &why))?;
    Ok(Arc::new(store))
}

fn create_folder(folder: &FilePath) -> std::result::Result<LocalFileSystem, String> {
    std::fs::create_dir_all(folder).map_err(|cause| cause.to_string())?;
    let store = LocalFileSystem::new_with_prefix(folder).map_err(|cause| cause.to_string())?;
    Ok(store.with_fsync(true))
}

/// A key never used before.
fn new_key(hash: &BlobId) -> Result<String> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|cause| StorageError::Unavailable(cause.to_string()))?;
    let [first, ..] = hash.as_bytes();
    Ok(format!("{first:02x}/{hash}-{:016x}", u64::from_le_bytes(random)))
}

fn parse_hash(text: &str) -> Option<BlobId> {
    let hash = blake3::Hash::from_hex(text).ok()?;
    Some(BlobId::new(*hash.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blob(byte: u8) -> (BlobId, Vec<u8>) {
        let bytes = vec![byte; 1000];
        (BlobId::new(*blake3::hash(&bytes).as_bytes()), bytes)
    }

    #[test]
    fn objects_are_read_back_listed_and_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("file://{}/below", folder.path().display());
        let objects = Objects::open(&url).unwrap();
        let blobs: Vec<_> = (0..40).map(blob).collect();
        let keys = objects.put_all(blobs.iter().map(|(id, b)| (*id, b.as_slice()))).unwrap();
        for ((_, bytes), key) in blobs.iter().zip(&keys) {
            assert_eq!(objects.read(key, 1000).unwrap(), *bytes);
        }
        assert!(matches!(objects.read(&keys[0], 999), Err(StorageError::Corrupt(_))));
        let listed: Vec<_> = (0..=255).flat_map(|folder| objects.list(folder).unwrap()).collect();
        assert_eq!(listed.len(), 40);
        for object in listed {
            let at = keys.iter().position(|key| *key == object.key).unwrap();
            assert_eq!((object.hash, object.bytes), (blobs[at].0, 1000));
            objects.delete(&object.key).unwrap();
            objects.delete(&object.key).unwrap();
            assert!(matches!(objects.read(&object.key, 1000), Err(StorageError::Corrupt(_))));
        }
    }

    #[test]
    fn what_cannot_be_a_store_is_refused() {
        for url in [
            "nowhere",
            "http://host/bucket",
            "s3://bucket?colour=red",
            "s3:bucket",
            "file://host/path",
            "file:///proc/no/such",
        ] {
            assert!(matches!(Objects::open(url), Err(StorageError::Unavailable(_))), "{url}");
        }
        assert!(
            Objects::open("s3://bucket/in/here?endpoint=http%3A%2F%2F[::1]:9&region=a").is_ok()
        );
    }
}
