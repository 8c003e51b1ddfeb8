//! gzip (RFC 1952) and zip around a report, or nothing.

use std::io::Read;

use flate2::read::{DeflateDecoder, GzDecoder};

use super::{ReportError, UNPACKED_BYTES_MAX};

/// The text of what may be a report; `None` for an attachment that is none.
pub(super) fn unpack(bytes: &[u8]) -> Result<Option<Vec<u8>>, ReportError> {
    match bytes {
        [0x1f, 0x8b, ..] => bounded(GzDecoder::new(bytes)).map(Some),
        [b'P', b'K', 3, 4, ..] => unzip(bytes).map(Some),
        _ => {
            let text = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes).trim_ascii_start();
            let is_report = text.starts_with(b"<?xml")
                || text.starts_with(b"<feedback")
                || text.starts_with(b"{");
            match is_report {
                true if bytes.len() as u64 > UNPACKED_BYTES_MAX => Err(ReportError::TooLarge),
                true => Ok(Some(bytes.to_vec())),
                false => Ok(None),
            }
        }
    }
}

/// Reads to the end, or to where it is too large.
fn bounded(reader: impl Read) -> Result<Vec<u8>, ReportError> {
    let mut text = Vec::new();
    let mut reader = reader.take(UNPACKED_BYTES_MAX + 1);
    reader.read_to_end(&mut text).map_err(|_| ReportError::Archive)?;
    if text.len() as u64 > UNPACKED_BYTES_MAX { Err(ReportError::TooLarge) } else { Ok(text) }
}

/// The first file of a zip archive (APPNOTE.TXT 6.3, 4.3.7): reports are alone in theirs.
fn unzip(bytes: &[u8]) -> Result<Vec<u8>, ReportError> {
    let word = |at: usize| {
        let pair = bytes.get(at..at + 2).and_then(|pair| <[u8; 2]>::try_from(pair).ok());
        pair.map(|pair| usize::from(u16::from_le_bytes(pair))).ok_or(ReportError::Archive)
    };
    let (flags, method) = (word(6)?, word(8)?);
    let (name_bytes, extra_bytes) = (word(26)?, word(28)?);
    let data = bytes.get(30 + name_bytes + extra_bytes..).ok_or(ReportError::Archive)?;
    if flags & 1 != 0 {
        // Encrypted.
        return Err(ReportError::Archive);
    }
    match method {
        // A deflated file says itself where it ends.
        8 => bounded(DeflateDecoder::new(data)),
        // A stored one does not, unless its size stands before it.
        0 if flags & 8 == 0 => {
            let size = word(22)? | word(24)? << 16;
            bounded(data.get(..size).ok_or(ReportError::Archive)?)
        }
        _ => Err(ReportError::Archive),
    }
}
