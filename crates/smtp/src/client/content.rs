//! The bytes of a message on their way out, in pieces, with dots doubled where DATA needs it.

use memchr::{memchr_iter, memmem};

/// LIMIT: bytes given to the connection at a time.
const PIECE_BYTES: usize = 32 * 1024;

/// A message as it is stored: its header section and the rest, byte for byte.
#[derive(Debug, Clone, Default)]
pub struct OutboundContent {
    /// The header section, with the empty line.
    pub header: Vec<u8>,
    /// The body, after the header section.
    pub body: Vec<u8>,
}

impl OutboundContent {
    /// Bytes of the whole.
    pub fn len(&self) -> usize {
        self.header.len() + self.body.len()
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether every CR and LF is half of a CRLF. What is not text cannot be sent with DATA:
    /// RFC 5321 §2.3.8; a bare LF before a dot is what smuggling is made of.
    pub fn is_text(&self) -> bool {
        let crosses = self.header.ends_with(b"\r") && self.body.starts_with(b"\n");
        !crosses && is_text(&self.header) && is_text(&self.body)
    }

    /// Whether it ends with CRLF.
    pub(super) fn ends_with_crlf(&self) -> bool {
        let end = if self.body.is_empty() { &self.header } else { &self.body };
        end.ends_with(b"\r\n")
    }

    /// The content as DATA sends it, piece by piece: RFC 5321 §4.5.2, a dot before each line that
    /// begins with one, and the line `.` at the end.
    pub(super) fn data_pieces(&self) -> Vec<Piece<'_>> {
        let mut pieces = Vec::new();
        let mut at_line_start = true;
        for part in [&self.header, &self.body] {
            stuff(part, at_line_start, &mut pieces);
            if !part.is_empty() {
                at_line_start = part.ends_with(b"\n");
            }
        }
        pieces.push(Piece(if self.is_empty() || self.ends_with_crlf() {
            b".\r\n"
        } else {
            b"\r\n.\r\n"
        }));
        pieces
    }

    /// The content as BDAT sends it.
    pub(super) fn raw_pieces(&self) -> Vec<Piece<'_>> {
        [&self.header, &self.body]
            .into_iter()
            .flat_map(|part| part.chunks(PIECE_BYTES))
            .map(Piece)
            .collect()
    }
}

/// Some bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece<'a>(pub(super) &'a [u8]);

fn is_text(bytes: &[u8]) -> bool {
    let feeds = memchr_iter(b'\n', bytes).count();
    let returns = memchr_iter(b'\r', bytes).count();
    let pairs = memmem::find_iter(bytes, b"\r\n").count();
    feeds == pairs && returns == pairs
}

/// Cuts before each dot that begins a line, where another one is put.
fn stuff<'a>(bytes: &'a [u8], at_line_start: bool, pieces: &mut Vec<Piece<'a>>) {
    let mut from = 0;
    let first = (at_line_start && bytes.starts_with(b".")).then_some(0);
    let later = memmem::find_iter(bytes, b"\n.").map(|at| at + 1);
    for dot in first.into_iter().chain(later) {
        pieces.extend(bytes.get(from..dot).unwrap_or_default().chunks(PIECE_BYTES).map(Piece));
        pieces.push(Piece(b"."));
        from = dot;
    }
    pieces.extend(bytes.get(from..).unwrap_or_default().chunks(PIECE_BYTES).map(Piece));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(header: &str, body: &str) -> String {
        let content = OutboundContent { header: header.into(), body: body.into() };
        let bytes: Vec<u8> =
            content.data_pieces().iter().flat_map(|piece| piece.0.to_vec()).collect();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn dots_are_doubled_where_a_line_begins() {
        for (header, body, sent) in [
            ("a: b\r\n\r\n", "", "a: b\r\n\r\n.\r\n"),
            ("a: b\r\n\r\n", "x\r\n", "a: b\r\n\r\nx\r\n.\r\n"),
            ("a: b\r\n\r\n", "x", "a: b\r\n\r\nx\r\n.\r\n"),
            ("a: b\r\n\r\n", ".\r\n..\r\na.\r\n", "a: b\r\n\r\n..\r\n...\r\na.\r\n.\r\n"),
            (".a: b\r\n\r\n", ".", "..a: b\r\n\r\n..\r\n.\r\n"),
            ("", "", ".\r\n"),
        ] {
            assert_eq!(data(header, body), sent, "{header:?} {body:?}");
        }
    }

    #[test]
    fn bare_line_ends_are_no_text() {
        for (header, body, text) in [
            ("a: b\r\n\r\n", "x\r\n", true),
            ("a: b\r\n\r\n", "x", true),
            ("a: b\r\n\r\n", "x\n.\r\n", false),
            ("a: b\r\n\r\n", "x\r.\r\n", false),
            ("a: b\r\n\r\n", "\r\r\n", false),
            ("a: b\n", "", false),
            ("a: b\r", "\nx", false),
        ] {
            let content = OutboundContent { header: header.into(), body: body.into() };
            assert_eq!(content.is_text(), text, "{header:?} {body:?}");
        }
    }

    #[test]
    fn large_ones_leave_in_pieces() {
        let content = OutboundContent { header: Vec::new(), body: vec![b'x'; 100_000] };
        assert_eq!(content.raw_pieces().len(), 4);
        assert!(content.data_pieces().iter().all(|piece| piece.0.len() <= PIECE_BYTES));
    }
}
