//! Compression of blobs.

use std::cell::RefCell;

use zstd::bulk::{Compressor, Decompressor};

use super::{AS_IS, ZSTD};
use crate::{Result, StorageError};

/// LIMIT: measured as the level beyond which time grows faster than space shrinks; mail is
/// written once, while its writer waits.
const LEVEL: i32 = 1;
/// LIMIT: below this nothing worth a byte is gained.
const BYTES_MIN: usize = 256;

thread_local! {
    // Contexts are large and made once per thread.
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> =
        RefCell::new(Compressor::new(LEVEL).ok());
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> =
        RefCell::new(Decompressor::new().ok());
}

/// The compressed bytes, if they are at least a tenth smaller.
pub(super) fn compress(bytes: &[u8]) -> Option<Vec<u8>> {
    if bytes.len() < BYTES_MIN {
        return None;
    }
    let compressed =
        COMPRESSOR.with_borrow_mut(|context| context.as_mut()?.compress(bytes).ok())?;
    (compressed.len() < bytes.len() - bytes.len() / 10).then_some(compressed)
}

/// The bytes as they were, `size_bytes` of them.
pub(super) fn expand(codec: i64, stored: &[u8], size_bytes: i64) -> Result<Vec<u8>> {
    let size = usize::try_from(size_bytes).unwrap_or(0);
    let bytes = match codec {
        AS_IS => stored.to_vec(),
        ZSTD => DECOMPRESSOR
            .with_borrow_mut(|context| context.as_mut()?.decompress(stored, size).ok())
            .ok_or_else(|| StorageError::Corrupt("a blob does not expand".to_owned()))?,
        _ => return Err(StorageError::Corrupt(format!("a blob of unknown codec {codec}"))),
    };
    if bytes.len() != size {
        return Err(StorageError::Corrupt("a blob has the wrong length".to_owned()));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compressed_expands_to_the_same() {
        let text = b"the same line again\r\n".repeat(100);
        let stored = compress(&text).unwrap();
        assert!(stored.len() < 200);
        assert_eq!(expand(ZSTD, &stored, text.len() as i64).unwrap(), text);
        for (codec, stored, size) in [
            (ZSTD, &stored[..], text.len() as i64 - 1),
            (ZSTD, &stored[1..], text.len() as i64),
            (AS_IS, b"abc", 4),
            (7, b"abc", 3),
        ] {
            assert!(expand(codec, stored, size).is_err(), "{codec} {size}");
        }
    }

    #[test]
    fn what_gains_nothing_is_kept_as_it_is() {
        let mut rng = fastrand::Rng::with_seed(1);
        let noise: Vec<u8> = std::iter::repeat_with(|| rng.u8(..)).take(4000).collect();
        assert_eq!(compress(&noise), None);
        assert_eq!(compress(b"short"), None);
    }
}
