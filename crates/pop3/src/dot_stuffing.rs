//! A message as the lines of a multi-line response (RFC 1939 §3).

use memchr::memmem::Finder;
use memchr::{memchr_iter, memrchr};

const CRLF: &[u8] = b"\r\n";

/// A message, or its beginning, in the two pieces in which it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageText {
    header: Vec<u8>,
    body: Vec<u8>,
}

impl MessageText {
    /// A whole message. `header` has the empty line after it, if the message has one.
    pub fn new(header: Vec<u8>, body: Vec<u8>) -> Self {
        let mut message = Self { header, body };
        message.replace_nul();
        message
    }

    /// The header, the empty line, and `lines` lines of the body (RFC 1939 §7, TOP).
    pub fn top(header: Vec<u8>, body: Vec<u8>, lines: u32) -> Self {
        let mut message = Self { header, body };
        // RFC 1939 §7: the empty line is always sent. A message that is all header has none, and
        // programs would wait for it.
        if message.body.is_empty() && !ends_with_empty_line(&message.header) {
            let open = !message.header.is_empty() && !message.header.ends_with(b"\n");
            message.header.extend_from_slice(if open { b"\r\n\r\n" } else { CRLF });
        }
        let end = match lines.checked_sub(1) {
            Some(last) => memchr_iter(b'\n', &message.body).nth(last as usize).map(|at| at + 1),
            None => Some(0),
        };
        if let Some(end) = end {
            message.body.truncate(end);
            message.body.shrink_to_fit();
        }
        message.replace_nul();
        message
    }

    /// QUIRK(Outlook, all): stops at a NUL and waits for ever. RFC 6856 §2.1 has no binary
    /// messages in POP3, so no other program counts on one either; it becomes the byte that
    /// Dovecot makes of it, and the size stays what it is.
    fn replace_nul(&mut self) {
        for part in [&mut self.header, &mut self.body] {
            let mut from = 0;
            while let Some(at) = part.get(from..).and_then(|rest| memchr::memchr(0, rest)) {
                from += at;
                if let Some(byte) = part.get_mut(from) {
                    *byte = 0x80;
                }
            }
        }
    }

    /// The size that is told: octets as sent, without dots that are put before lines
    /// (RFC 1939 §11), with the CRLF that the last line may lack.
    pub fn octets(&self) -> u64 {
        let (header, body) = self.without_end();
        let end = if self.is_empty() { 0 } else { CRLF.len() };
        (header.len() + body.len() + end) as u64
    }

    fn is_empty(&self) -> bool {
        self.header.is_empty() && self.body.is_empty()
    }

    /// All but the CRLF at its end.
    fn without_end(&self) -> (&[u8], &[u8]) {
        let (header, body) = (self.header.as_slice(), self.body.as_slice());
        match body {
            [] => (header.strip_suffix(CRLF).unwrap_or(header), body),
            b"\n" => match header.strip_suffix(b"\r") {
                Some(header) => (header, &[]),
                None => (header, body),
            },
            _ => (header, body.strip_suffix(CRLF).unwrap_or(body)),
        }
    }

    /// Everything that follows the first line of the response, to be sent part by part.
    pub fn into_outgoing(mut self) -> Outgoing {
        let end: &'static [u8] = if self.is_empty() { b".\r\n" } else { b"\r\n.\r\n" };
        let (header, body) = self.without_end();
        let (header, body) = (header.len(), body.len());
        self.header.truncate(header);
        self.body.truncate(body);
        Outgoing {
            parts: parts_of(self.header, self.body),
            at_line_start: true,
            finder: Finder::new(b"\n."),
            end,
        }
    }
}

/// LIMIT: what is given back at once when it was sent.
const PART_BYTES: usize = 1024 * 1024;

/// The parts of a message, the first one last. A long body is cut from its end, so that never much
/// more than it is in memory.
fn parts_of(header: Vec<u8>, mut body: Vec<u8>) -> Vec<Vec<u8>> {
    let mut parts = Vec::with_capacity(2 + body.len() / PART_BYTES);
    while body.len() > PART_BYTES {
        parts.push(body.split_off((body.len() - 1) / PART_BYTES * PART_BYTES));
        body.shrink_to_fit();
    }
    parts.push(body);
    parts.push(header);
    parts
}

/// A message on its way. Each part is taken, its pieces are written, and it is dropped; the end
/// comes last.
#[derive(Debug)]
pub struct Outgoing {
    /// What is left, the next one last.
    parts: Vec<Vec<u8>>,
    at_line_start: bool,
    finder: Finder<'static>,
    end: &'static [u8],
}

impl Outgoing {
    /// The next part.
    pub fn take_part(&mut self) -> Option<Vec<u8>> {
        self.parts.pop()
    }

    /// How many bytes the parts have that were not taken yet.
    pub fn bytes_left(&self) -> u64 {
        self.parts.iter().map(|part| part.len() as u64).sum()
    }

    /// The pieces of a part as they are sent, to be written one by one.
    pub fn pieces<'p>(&'p mut self, part: &'p [u8]) -> Pieces<'p> {
        Pieces { outgoing: self, part }
    }

    /// What ends the response.
    ///
    /// QUIRK(Thunderbird, all): loses the end of a message where the period and its CRLF come
    /// apart. They are one piece, with the line end before them.
    pub fn end(&self) -> &'static [u8] {
        self.end
    }
}

/// See [`Outgoing::pieces`].
#[derive(Debug)]
pub struct Pieces<'p> {
    outgoing: &'p mut Outgoing,
    part: &'p [u8],
}

impl<'p> Iterator for Pieces<'p> {
    type Item = &'p [u8];

    fn next(&mut self) -> Option<&'p [u8]> {
        let first = *self.part.first()?;
        if std::mem::take(&mut self.outgoing.at_line_start) && first == b'.' {
            return Some(b".");
        }
        // A line begins after a bare LF too: where a program takes it for a line end, a lone
        // period after it would end the response, and the sender of the message could go on
        // with replies of its own making.
        let end = self.outgoing.finder.find(self.part).map_or(self.part.len(), |at| at + 1);
        let (piece, rest) = self.part.split_at(end);
        self.part = rest;
        self.outgoing.at_line_start = piece.ends_with(b"\n");
        Some(piece)
    }
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

    fn sent(message: MessageText) -> Vec<u8> {
        let (mut outgoing, mut bytes) = (message.into_outgoing(), Vec::new());
        while let Some(part) = outgoing.take_part() {
            outgoing.pieces(&part).for_each(|piece| bytes.extend_from_slice(piece));
        }
        bytes.extend_from_slice(outgoing.end());
        bytes
    }

    fn wire(message: MessageText) -> String {
        sent(message).escape_ascii().to_string().replace("\\r\\n", "|")
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
            let message = MessageText::new(header.to_vec(), body.to_vec());
            assert_eq!(message.octets(), *octets, "{expect}");
            assert_eq!(wire(message), *expect);
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
            let message = MessageText::top(header.to_vec(), body.to_vec(), *lines);
            assert_eq!(wire(message), *expect, "{lines}");
        }
    }

    #[test]
    fn long_bodies_go_out_in_parts() {
        // A line that begins with a period, at the border of two parts and right before it.
        for at in [PART_BYTES - 1, PART_BYTES, PART_BYTES + 1] {
            let mut body = vec![b'x'; 2 * PART_BYTES + 2];
            body[at - 2..=at].copy_from_slice(b"\r\n.");
            body[2 * PART_BYTES..].copy_from_slice(b"\r\n");
            let message = MessageText::new(b"A: b\r\n\r\n".to_vec(), body.clone());
            let mut outgoing = message.clone().into_outgoing();
            assert_eq!(outgoing.bytes_left(), 2 * PART_BYTES as u64 + 8);
            assert_eq!(outgoing.take_part().unwrap(), b"A: b\r\n\r\n");
            assert_eq!(outgoing.take_part().unwrap().len(), PART_BYTES);
            assert_eq!(outgoing.bytes_left(), PART_BYTES as u64);
            body.insert(at, b'.');
            let expect = [b"A: b\r\n\r\n", body.as_slice(), b".\r\n"].concat();
            assert!(sent(message) == expect, "{at}");
        }
    }
}
