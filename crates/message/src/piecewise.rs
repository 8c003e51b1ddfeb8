//! Undoing a Content-Transfer-Encoding piece by piece, for bodies that are too large to be held.

use encodify::base64;

use crate::Error;
use crate::encoding::{Encoding, decode_part};

/// LIMIT: what is kept of a piece until more of its line is seen. Blanks are at the end of a line
/// only if a line end follows them; in a longer run, which no program writes, some are taken for
/// text.
const KEPT_BYTES: usize = 64 * 1024;

/// Decodes the body of a part that comes in pieces, wherever those are cut. What comes out is what
/// [`decode_part`] makes of it in one piece.
#[derive(Debug)]
pub struct PieceDecoder {
    encoding: Encoding,
    base64: base64::Decoder,
    /// The end of what came, which more of it may change.
    kept: Vec<u8>,
}

impl PieceDecoder {
    /// A decoder at the beginning of a body.
    ///
    /// # Errors
    /// [`Error::UnknownEncoding`] for an encoding nobody knows.
    pub fn new(encoding: Encoding) -> Result<Self, Error> {
        match encoding {
            Encoding::Unknown => Err(Error::UnknownEncoding),
            _ => Ok(Self { encoding, base64: base64::MIME.decoder(), kept: Vec::new() }),
        }
    }

    /// Appends to `out` what the next piece adds.
    pub fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        match self.encoding {
            Encoding::Identity | Encoding::Unknown => out.extend_from_slice(piece),
            Encoding::Base64 => self.push_base64(piece, out),
            Encoding::QuotedPrintable => {
                self.kept.extend_from_slice(piece);
                let end = match settled(&self.kept) {
                    0 if self.kept.len() > KEPT_BYTES => self.kept.len(),
                    end => end,
                };
                decode_lines(self.kept.get(..end).unwrap_or_default(), out);
                self.kept.drain(..end);
            }
        }
    }

    /// Appends to `out` what is left at the end.
    pub fn finish(self, out: &mut Vec<u8>) {
        match self.encoding {
            Encoding::Identity | Encoding::Unknown => {}
            Encoding::Base64 => self.base64.finish(out),
            Encoding::QuotedPrintable => decode_lines(&self.kept, out),
        }
    }

    /// RFC 2045 §6.8: what is not of the alphabet is passed over.
    fn push_base64(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        let mut rest = piece;
        loop {
            let symbols = self.base64.decode_symbols(rest, out);
            match rest.get(symbols..).and_then(<[u8]>::split_first) {
                None => return,
                Some((byte, behind)) => {
                    if *byte == b'=' {
                        self.base64.pad(out);
                    }
                    rest = behind;
                }
            }
        }
    }
}

fn decode_lines(lines: &[u8], out: &mut Vec<u8>) {
    // Quoted-printable is an encoding that is known.
    if let Ok(decoded) = decode_part(lines, Encoding::QuotedPrintable) {
        out.extend_from_slice(&decoded);
    }
}

/// Up to where quoted-printable means the same whatever follows: behind a line, or in a very long
/// one behind a byte that is part of no escape, no line end and no blanks.
fn settled(bytes: &[u8]) -> usize {
    if let Some(at) = memchr::memrchr(b'\n', bytes) {
        return at + 1;
    }
    let is_plain = |byte: &u8| !matches!(byte, b'=' | b' ' | b'\t' | b'\r');
    let end = (1..=bytes.len()).rev().find(|&end| {
        let last = end.checked_sub(1).and_then(|at| bytes.get(at));
        let before = end.checked_sub(2).and_then(|at| bytes.get(at));
        last.is_some_and(is_plain) && before != Some(&b'=')
    });
    end.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &[u8], encoding: Encoding, rng: &mut fastrand::Rng) {
        let mut decoder = PieceDecoder::new(encoding).unwrap();
        let (mut out, mut rest) = (Vec::new(), body);
        while !rest.is_empty() {
            let most = if rng.bool() { 3 } else { 40 };
            let (piece, behind) = rest.split_at(rng.usize(0..=rest.len().min(most)));
            decoder.push(piece, &mut out);
            rest = behind;
        }
        decoder.finish(&mut out);
        let whole = decode_part(body, encoding).unwrap();
        assert!(out == *whole, "{encoding:?} {:?}", String::from_utf8_lossy(body));
    }

    #[test]
    fn pieces_give_what_the_whole_gives() {
        const BITS: [&[u8]; 24] = [
            b"a",
            b"QUJD",
            b"Zm8=",
            b"Zg==",
            b"=",
            b"==",
            b"===",
            b"=41",
            b"=4",
            b"=\r\n",
            b"=\n",
            b"= \t\r\n",
            b"\r\n",
            b"\n",
            b"\r",
            b" ",
            b"\t",
            b"  \r\n",
            b"=e4",
            b"\xff",
            b"\0",
            b"-",
            b"=ZZ",
            b"longer text of some words",
        ];
        let mut rng = fastrand::Rng::with_seed(2045);
        for _ in 0..20_000 {
            let count = rng.usize(0..12);
            let body: Vec<u8> =
                (0..count).flat_map(|_| BITS[rng.usize(..BITS.len())].to_vec()).collect();
            for encoding in [Encoding::Identity, Encoding::Base64, Encoding::QuotedPrintable] {
                check(&body, encoding, &mut rng);
            }
        }
        assert_eq!(PieceDecoder::new(Encoding::Unknown).err(), Some(Error::UnknownEncoding));
    }

    #[test]
    fn what_is_kept_is_bounded() {
        for body in ["x".repeat(300_000), " ".repeat(300_000), "=".repeat(300_000)] {
            let mut decoder = PieceDecoder::new(Encoding::QuotedPrintable).unwrap();
            let mut out = Vec::new();
            for piece in body.as_bytes().chunks(10_000) {
                decoder.push(piece, &mut out);
                assert!(decoder.kept.len() <= KEPT_BYTES);
            }
            decoder.finish(&mut out);
            assert!(out.len() <= body.len());
        }
    }
}
