//! How blobs are compressed in their row, pack or object. The codec is a number in the row, so that
//! old blobs stay readable.

use std::cell::RefCell;

use zstd::bulk::{Compressor, Decompressor};

use super::{AS_IS, LZ4, ZSTD};
use crate::{Result, StorageError};

/// LIMIT: measured as the level beyond which time grows faster than space shrinks; mail is
/// written once, while its writer waits.
const LEVEL: i32 = 1;
/// LIMIT: up to here LZ4. Measured on 7 kB of mail text: zstd spends most of its time on tables
/// that a small block never pays back, and reading such blobs is a mailbox's commonest work.
const LZ4_BYTES_MAX: usize = 32 * 1024;
/// LIMIT: up to here bytes stay as they are. Measured on mail text: SQLite keeps what does not fit
/// beside its row in pages of 4 KiB, so that a body of 7 kB takes two of them compressed or not,
/// and compressing is the most expensive step of such a delivery.
const BYTES_MIN: usize = 8 * 1024;

thread_local! {
    // Contexts are large and made once per thread.
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> =
        RefCell::new(Compressor::new(LEVEL).ok());
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> =
        RefCell::new(Decompressor::new().ok());
}

/// A codec and the compressed bytes, if they are at least a tenth smaller.
pub(crate) fn compress(bytes: &[u8]) -> Option<(i64, Vec<u8>)> {
    if bytes.len() < BYTES_MIN {
        return None;
    }
    let (codec, compressed) = if bytes.len() <= LZ4_BYTES_MAX {
        (LZ4, lz4_flex::block::compress(bytes))
    } else {
        (ZSTD, COMPRESSOR.with_borrow_mut(|context| context.as_mut()?.compress(bytes).ok())?)
    };
    (compressed.len() < bytes.len() - bytes.len() / 10).then_some((codec, compressed))
}

/// Decompresses a stored blob into its `size_bytes` bytes. Fails if it holds another number of
/// them.
pub(crate) fn expand(codec: i64, stored: &[u8], size_bytes: i64) -> Result<Vec<u8>> {
    let size = usize::try_from(size_bytes).unwrap_or(0);
    let bytes = match codec {
        AS_IS => stored.to_vec(),
        ZSTD => DECOMPRESSOR
            .with_borrow_mut(|context| context.as_mut()?.decompress(stored, size).ok())
            .ok_or_else(|| StorageError::Corrupt("a blob does not expand".to_owned()))?,
        LZ4 => lz4_flex::block::decompress(stored, size)
            .map_err(|_| StorageError::Corrupt("a blob does not expand".to_owned()))?,
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
        for (repeats, expected) in [(1_000, LZ4), (10_000, ZSTD)] {
            let text = b"the same line again\r\n".repeat(repeats);
            let (codec, stored) = compress(&text).unwrap();
            assert_eq!(codec, expected);
            assert!(stored.len() < text.len() / 10);
            let size = text.len() as i64;
            assert_eq!(expand(codec, &stored, size).unwrap(), text);
            for (codec, stored, size) in [
                (codec, &stored[..], size - 1),
                (codec, &stored[1..], size),
                (AS_IS, b"abc", 4),
                (7, b"abc", 3),
            ] {
                assert!(expand(codec, stored, size).is_err(), "{codec} {size}");
            }
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
