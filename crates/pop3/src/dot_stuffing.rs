//! A message as the lines of a multi-line response (RFC 1939 §3), piece by piece.

use memchr::memmem::Finder;
use memchr::{memchr_iter, memrchr};

const CRLF: &[u8] = b"\r\n";

/// Puts dots before the lines of a message that begin with one, and ends it. Pieces may be cut
/// anywhere.
#[derive(Debug)]
pub struct DotStuffing {
    at_line_start: bool,
    is_empty: bool,
    /// CRLF or its beginning, which the end may bring itself.
    held: &'static [u8],
    finder: Finder<'static>,
}

impl Default for DotStuffing {
    fn default() -> Self {
        Self { at_line_start: true, is_empty: true, held: b"", finder: Finder::new(b"\n.") }
    }
}

impl DotStuffing {
    /// Appends to `out` what is sent of the next piece of the message.
    pub fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        if piece.is_empty() {
            return;
        }
        self.is_empty = false;
        let held = std::mem::take(&mut self.held);
        let (rest, now) = match (held, piece) {
            // The rest of the CRLF that was begun.
            (b"\r", b"\n") => (&[][..], CRLF),
            (held, piece) => {
                self.stuff(held, out);
                split_end(piece)
            }
        };
        self.stuff(rest, out);
        self.held = now;
    }

    /// What ends the response, after all of the message.
    ///
    /// QUIRK(Thunderbird, all): loses the end of a message where the period and its CRLF come
    /// apart. They are one piece, with the line end before them.
    pub fn end(self) -> &'static [u8] {
        match (self.is_empty, self.held) {
            (true, _) => b".\r\n",
            (false, b"\r") => b"\r\r\n.\r\n",
            (false, _) => b"\r\n.\r\n",
        }
    }

    fn stuff(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let Some(first) = bytes.first() else { return };
        if self.at_line_start && *first == b'.' {
            out.push(b'.');
        }
        let start = out.len();
        // DEVIATION(RFC 1939 §3): a line begins after a bare LF too: where a program takes it for a
        // line end, a lone period after it would end the response, and the sender of the message
        // could go on with replies of its own making. Others keep the additional period.
        let mut rest = bytes;
        while let Some(at) = self.finder.find(rest) {
            let (line, next) = rest.split_at(at + 1);
            out.extend_from_slice(line);
            out.push(b'.');
            rest = next;
        }
        out.extend_from_slice(rest);
        self.at_line_start = bytes.ends_with(b"\n");
        replace_nul(out, start);
    }
}

/// A piece without the CRLF at its end, or without its CR; and that.
fn split_end(piece: &[u8]) -> (&[u8], &'static [u8]) {
    if let Some(rest) = piece.strip_suffix(CRLF) {
        return (rest, CRLF);
    }
    match piece.strip_suffix(b"\r") {
        Some(rest) => (rest, b"\r"),
        None => (piece, b""),
    }
}

/// QUIRK(Outlook, all): stops at a NUL and waits for ever. RFC 6856 §2.1 has no binary
/// messages in POP3, so no other program counts on one either; it becomes the byte that
/// Dovecot makes of it, and the size stays what it is.
fn replace_nul(out: &mut [u8], start: usize) {
    let mut from = start;
    while let Some(at) = out.get(from..).and_then(|rest| memchr::memchr(0, rest)) {
        from += at;
        if let Some(byte) = out.get_mut(from) {
            *byte = 0x80;
        }
    }
}

/// The size that is told: octets as sent, without dots that are put before lines
/// (RFC 1939 §11), with the CRLF that the last line may lack.
pub fn octets(header: &[u8], body: &[u8]) -> u64 {
    let ends = match body {
        [] => header.is_empty() || header.ends_with(CRLF),
        [b'\n'] => header.ends_with(b"\r"),
        body => body.ends_with(CRLF),
    };
    (header.len() + body.len() + if ends { 0 } else { CRLF.len() }) as u64
}

/// RFC 1939 §7: TOP always has the empty line after the header. A message that is all header has
/// none, and programs would wait for it.
pub fn end_header(header: &mut Vec<u8>) {
    if !ends_with_empty_line(header) {
        let open = !header.is_empty() && !header.ends_with(b"\n");
        header.extend_from_slice(if open { b"\r\n\r\n" } else { CRLF });
    }
}

/// How much of the next piece of a body belongs to its first `lines` lines, of which those that
/// end in it are taken off.
pub fn top_of(piece: &[u8], lines: &mut u32) -> usize {
    if *lines == 0 {
        return 0;
    }
    for at in memchr_iter(b'\n', piece) {
        *lines -= 1;
        if *lines == 0 {
            return at + 1;
        }
    }
    piece.len()
}

/// Whether the last line of a header is the empty one.
fn ends_with_empty_line(header: &[u8]) -> bool {
    let Some(lines) = header.strip_suffix(b"\n") else { return false };
    let last = memrchr(b'\n', lines).map_or(lines, |at| lines.get(at + 1..).unwrap_or_default());
    matches!(last, b"" | b"\r")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is sent of a message that comes in pieces of so many bytes.
    fn sent(message: &[u8], piece_bytes: usize) -> Vec<u8> {
        let (mut stuffing, mut out) = (DotStuffing::default(), Vec::new());
        message.chunks(piece_bytes).for_each(|piece| stuffing.push(piece, &mut out));
        out.extend_from_slice(stuffing.end());
        out
    }

    /// However it is cut, the same is sent.
    fn wire(message: &[u8]) -> String {
        let whole = sent(message, usize::MAX);
        for piece_bytes in 1..=message.len() {
            assert!(sent(message, piece_bytes) == whole, "in pieces of {piece_bytes}");
        }
        whole.escape_ascii().to_string().replace("\\r\\n", "|")
    }

    #[test]
    fn whole_messages() {
        let table: &[(&[u8], &[u8], &str, u64)] = &[
            (b"A: b\r\n\r\n", b"text\r\n", "A: b||text|.|", 14),
            (b"A: b\r\n\r\n", b"text", "A: b||text|.|", 14),
            (b"A: b\r\n\r\n", b"text\r", "A: b||text\\r|.|", 15),
            (b"A: b\r\n\r\n", b"text\n", "A: b||text\\n|.|", 15),
            (b"A: b\r\n\r\n", b"", "A: b||.|", 8),
            (b"A: b\r\n", b"", "A: b|.|", 6),
            (b"A: b", b"", "A: b|.|", 6),
            (b"", b"", ".|", 0),
            (b"", b"\r\n", "|.|", 2),
            (b"\r\n", b"", "|.|", 2),
            (b"\r", b"\n", "|.|", 2),
            (b"a\n", b"\n", "a\\n\\n|.|", 5),
            (b"", b".", "..|.|", 3),
            (b"", b".\r\n", "..|.|", 3),
            (b".A: b\r\n\r\n", b".\r\n..\r\n.x.\r\n", "..A: b||..|...|..x.|.|", 21),
            (b"A: b\r\n\r\n", b"one\r\n.", "A: b||one|..|.|", 16),
            (b"A: b\r\n\r\n", b"\n.\n+OK", "A: b||\\n..\\n+OK|.|", 16),
            (b"A: b\r\n\r\n", b"a.b\r\n.\r.\r\n", "A: b||a.b|..\\r.|.|", 18),
            (b"A: \0\r\n\r\n", b"\0.\0\r\n", "A: \\x80||\\x80.\\x80|.|", 13),
        ];
        for (header, body, expect, octets) in table {
            assert_eq!(super::octets(header, body), *octets, "{expect}");
            assert_eq!(wire(&[*header, body].concat()), *expect);
        }
    }

    #[test]
    fn tops_of_messages() {
        let table: &[(&[u8], &[u8], u32, &str)] = &[
            (b"A: b\r\n\r\n", b"1\r\n2\r\n3\r\n", 0, "A: b||.|"),
            (b"A: b\r\n\r\n", b"1\r\n2\r\n3\r\n", 2, "A: b||1|2|.|"),
            (b"A: b\r\n\r\n", b"1\r\n2\r\n3\r\n", 3, "A: b||1|2|3|.|"),
            (b"A: b\r\n\r\n", b"1\r\n2\r\n3", u32::MAX, "A: b||1|2|3|.|"),
            (b"A: b\r\n\r\n", b".\r\n2\r\n", 1, "A: b||..|.|"),
            (b"A: b\n\n", b"1\n2\n", 1, "A: b\\n\\n1\\n|.|"),
            (b"A: b\r\n", b"", 0, "A: b||.|"),
            (b"A: b", b"", 5, "A: b||.|"),
            (b"A: b\n", b"", 5, "A: b\\n|.|"),
            (b"\r\n", b"1\r\n", 1, "|1|.|"),
            (b"", b"", 1, "|.|"),
            (b"", b"1\r\n2\r\n", 1, "1|.|"),
        ];
        for (header, body, lines, expect) in table {
            for piece_bytes in 1..=body.len().max(1) {
                let (mut message, mut left) = (header.to_vec(), *lines);
                if body.is_empty() || left == 0 {
                    end_header(&mut message);
                }
                for piece in body.chunks(piece_bytes) {
                    message.extend_from_slice(&piece[..top_of(piece, &mut left)]);
                }
                assert_eq!(wire(&message), *expect, "{lines}");
            }
        }
    }
}
