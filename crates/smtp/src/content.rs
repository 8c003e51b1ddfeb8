//! The content of a message on its way in: framing, transparency, and what is refused.
//!
//! [`Content`] is fed whatever the network gave and appends the message to a buffer. It
//! finds the end of `DATA` (RFC 5321 §4.1.1.4), removes the stuffed periods (§4.5.2) and
//! notes what makes the message unacceptable, without ever losing its place: a refused
//! message is still read to its true end, so that nothing inside it is taken for a command.
//!
//! **Invariants:** the end of `DATA` is CRLF `.` CRLF and nothing else; CR and LF occur in
//! accepted text only as CRLF; feeding a message byte by byte gives the same result as
//! feeding it whole; once a fault is noted nothing more is stored.
//! **Absent:** any I/O, any look at header fields (`header.rs` does that).

use memchr::memchr3;

/// Bounds on one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContentLimits {
    /// Bytes of the message, stuffed periods not counted (RFC 1870 §5).
    pub message_bytes_max: u64,
    /// Bytes of one line, its CRLF not counted.
    pub line_bytes_max: usize,
}

/// How the end of the content is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// `DATA`: periods are stuffed and a line of one period ends the message.
    Dotted,
    /// `BDAT`: the client counts the bytes; none of them is special.
    Chunked,
}

/// What the lines of the content may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// 7 or 8 bit text: lines end with CRLF, and there is no NUL.
    Text,
    /// `BODY=BINARYMIME` (RFC 3030 §3): the body is any bytes; the header section is text.
    Binary,
}

/// Why the content cannot be accepted. Where several hold, the greatest is reported, which
/// keeps the answer independent of how the network cut the stream into pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ContentFault {
    /// A line is longer than the limit.
    LineTooLong,
    /// A NUL byte outside a binary body.
    Nul,
    /// A carriage return that no line feed follows.
    BareCr,
    /// A line feed that no carriage return precedes.
    BareLf,
    /// More bytes than the limit.
    TooBig,
}

/// What came of one piece of input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fed {
    /// The input is used up, and the message goes on.
    More,
    /// The message ended after this many bytes; what follows are commands.
    Ended(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Position {
    /// Right after CRLF, or at the very beginning.
    LineStart,
    /// Somewhere in a line.
    InLine,
    /// After a CR in a line.
    AfterCr,
    /// After a period at the start of a line (dotted framing only).
    AfterDot,
    /// After a period and a CR at the start of a line (dotted framing only).
    AfterDotCr,
}

/// Reader of one message.
#[derive(Debug)]
pub struct Content {
    framing: Framing,
    encoding: Encoding,
    limits: ContentLimits,
    position: Position,
    in_header: bool,
    line_bytes: usize,
    message_bytes: u64,
    fault: Option<ContentFault>,
    discarding: bool,
    eight_bit: bool,
}

impl Content {
    /// A reader at the first byte of a message.
    pub fn new(framing: Framing, encoding: Encoding, limits: ContentLimits) -> Self {
        Self {
            framing,
            encoding,
            limits,
            // RFC 5321 §4.1.1.4: the CRLF of the DATA command is the one before the first
            // line, so that a first line of one period ends an empty message.
            position: Position::LineStart,
            in_header: true,
            line_bytes: 0,
            message_bytes: 0,
            fault: None,
            discarding: false,
            eight_bit: false,
        }
    }

    /// Why the message cannot be accepted, as far as it was read.
    pub fn fault(&self) -> Option<ContentFault> {
        self.fault
    }

    /// Bytes of the message so far, stuffed periods and the end mark not counted.
    pub fn message_bytes(&self) -> u64 {
        self.message_bytes
    }

    /// Whether what was stored holds bytes outside ASCII.
    pub fn is_eight_bit(&self) -> bool {
        self.eight_bit
    }

    /// Notes at once that a message of so many more bytes would be too big.
    pub fn expect(&mut self, bytes: u64) {
        if self.message_bytes.saturating_add(bytes) > self.limits.message_bytes_max {
            self.note(ContentFault::TooBig);
        }
    }

    /// Stores nothing from here on; only the end of the message is of interest.
    pub fn discard(&mut self) {
        self.discarding = true;
    }

    /// Takes the next piece of input and appends what belongs to the message to `out`, never
    /// more than `input.len()` bytes. Nothing is appended once a fault is noted.
    pub fn feed(&mut self, input: &[u8], out: &mut Vec<u8>) -> Fed {
        let mut copied = 0;
        let mut at = 0;
        while let Some(&byte) = input.get(at) {
            match self.position {
                Position::LineStart if byte == b'.' && self.framing == Framing::Dotted => {
                    self.copy(input, copied, at, out);
                    at += 1;
                    copied = at;
                    self.position = Position::AfterDot;
                }
                Position::LineStart => self.position = Position::InLine,
                Position::InLine => at = self.scan_line(input, at),
                Position::AfterCr if byte == b'\n' => {
                    at += 1;
                    self.end_line();
                }
                Position::AfterCr => {
                    self.note(ContentFault::BareCr);
                    self.position = Position::InLine;
                }
                Position::AfterDot if byte == b'\r' => {
                    at += 1;
                    copied = at;
                    self.position = Position::AfterDotCr;
                }
                // RFC 5321 §4.5.2: the period is deleted when other characters follow it.
                Position::AfterDot => self.position = Position::InLine,
                // Only CRLF "." CRLF ends the data: RFC 5321 §4.1.1.4.
                Position::AfterDotCr if byte == b'\n' => return Fed::Ended(at + 1),
                Position::AfterDotCr => {
                    self.note(ContentFault::BareCr);
                    self.position = Position::InLine;
                }
            }
        }
        self.copy(input, copied, at, out);
        Fed::More
    }

    /// Says that the last chunk is complete; a CR at the very end was a bare one.
    pub fn finish(&mut self) {
        if self.position == Position::AfterCr && !self.in_binary_body() {
            self.note(ContentFault::BareCr);
        }
    }

    /// Goes on from `at` inside a line to its CR, to a byte that may not be there, or to the
    /// end of the input; returns where reading goes on.
    fn scan_line(&mut self, input: &[u8], at: usize) -> usize {
        let rest = input.get(at..).unwrap_or_default();
        if self.in_binary_body() {
            self.count(rest.len());
            return input.len();
        }
        let Some(length) = memchr3(b'\r', b'\n', 0, rest) else {
            self.count(rest.len());
            self.lengthen_line(rest.len());
            return input.len();
        };
        self.count(length + 1);
        self.lengthen_line(length);
        match rest.get(length) {
            Some(b'\r') => self.position = Position::AfterCr,
            // RFC 5321 §2.3.8: CR and LF may be sent only as CRLF. A line feed taken for a
            // line end here and not by the next server is how messages are smuggled.
            Some(b'\n') => self.note(ContentFault::BareLf),
            // RFC 2045 §2.8: no NUL in text, 7 or 8 bit.
            _ => self.note(ContentFault::Nul),
        }
        at + length + 1
    }

    fn end_line(&mut self) {
        self.count(1);
        self.in_header &= self.line_bytes > 0;
        self.line_bytes = 0;
        self.position = Position::LineStart;
    }

    fn in_binary_body(&self) -> bool {
        self.encoding == Encoding::Binary && !self.in_header
    }

    fn count(&mut self, bytes: usize) {
        self.message_bytes = self.message_bytes.saturating_add(bytes as u64);
        if self.message_bytes > self.limits.message_bytes_max {
            self.note(ContentFault::TooBig);
        }
    }

    fn lengthen_line(&mut self, bytes: usize) {
        self.line_bytes = self.line_bytes.saturating_add(bytes);
        if self.line_bytes > self.limits.line_bytes_max {
            self.note(ContentFault::LineTooLong);
        }
    }

    fn note(&mut self, fault: ContentFault) {
        self.fault = self.fault.max(Some(fault));
    }

    fn copy(&mut self, input: &[u8], from: usize, to: usize, out: &mut Vec<u8>) {
        if self.fault.is_none() && !self.discarding {
            let part = input.get(from..to).unwrap_or_default();
            self.eight_bit |= !part.is_ascii();
            out.extend_from_slice(part);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: ContentLimits = ContentLimits { message_bytes_max: 60, line_bytes_max: 20 };

    type Outcome = (Vec<u8>, Option<ContentFault>, Option<usize>);

    /// Feeds `wire` in pieces of `step` bytes; gives the message, the fault, and how many bytes
    /// were taken when it ended.
    fn read(framing: Framing, encoding: Encoding, wire: &[u8], step: usize) -> Outcome {
        let mut content = Content::new(framing, encoding, LIMITS);
        let mut out = Vec::new();
        let mut taken = 0;
        for piece in wire.chunks(step) {
            match content.feed(piece, &mut out) {
                Fed::More => taken += piece.len(),
                Fed::Ended(bytes) => return (out, content.fault(), Some(taken + bytes)),
            }
        }
        content.finish();
        (out, content.fault(), None)
    }

    fn check_dotted(
        wire: &[u8],
        message: Option<&[u8]>,
        fault: Option<ContentFault>,
        end: Option<usize>,
    ) {
        for step in [1, 2, 3, 5, wire.len().max(1)] {
            let (out, got_fault, got_end) = read(Framing::Dotted, Encoding::Text, wire, step);
            let shown = String::from_utf8_lossy(wire).into_owned();
            assert_eq!((got_fault, got_end), (fault, end), "{shown:?} in steps of {step}");
            if let Some(message) = message {
                assert_eq!(out, message, "{shown:?} in steps of {step}");
            }
        }
    }

    #[test]
    fn dots_are_unstuffed_and_the_end_is_found() {
        let cases: &[(&[u8], &[u8], usize)] = &[
            (b".\r\n", b"", 3),
            (b"a\r\n.\r\nQUIT\r\n", b"a\r\n", 6),
            (b"a\r\n..\r\n.\r\n", b"a\r\n.\r\n", 10),
            (b"..a\r\n.b\r\n...\r\n.\r\n", b".a\r\nb\r\n..\r\n", 17),
            (b"\r\n\r\n.\r\n", b"\r\n\r\n", 7),
            (b"a.\r\n.\r\n", b"a.\r\n", 7),
            (b". \r\n.\r\n", b" \r\n", 7),
            (b"\xc3\xa9\xff\r\n.\r\n", b"\xc3\xa9\xff\r\n", 8),
        ];
        for (wire, message, end) in cases {
            check_dotted(wire, Some(message), None, Some(*end));
        }
    }

    #[test]
    fn nothing_but_crlf_dot_crlf_ends_the_data() {
        use ContentFault::{BareCr, BareLf, Nul};
        // Every published variant of SMTP smuggling, then the true end.
        let cases: &[(&[u8], ContentFault)] = &[
            (b"a\n.\nX\r\n.\r\n", BareLf),
            (b"a\n.\r\nX\r\n.\r\n", BareLf),
            (b"a\r.\rX\r\n.\r\n", BareCr),
            (b"a\r.\r\nX\r\n.\r\n", BareCr),
            (b"a\r\n.\nX\r\n.\r\n", BareLf),
            (b"a\r\n.\rX\r\n.\r\n", BareCr),
            (b"a\r\n.\r\r\nX\r\n.\r\n", BareCr),
            (b"a\r\r\n.\r\n", BareCr),
            (b"a\n\r\n.\r\n", BareLf),
            (b"a\r\n\n.\r\n\r\n.\r\n", BareLf),
            (b"a\r\n\x00.\r\nX\r\n.\r\n", Nul),
            (b"a\r\n.\x00\r\nX\r\n.\r\n", Nul),
            (b"a\r\n.\r\x00\nX\r\n.\r\n", BareLf),
            (b"a\r\x00\n.\r\nX\r\n.\r\n", BareLf),
            (b"a\x00\r\n.\r\n", Nul),
            (b"a\n.\x00\nX\r\n.\r\n", BareLf),
        ];
        for (wire, fault) in cases {
            check_dotted(wire, None, Some(*fault), Some(wire.len()));
        }
    }

    #[test]
    fn limits_hold_and_the_place_is_kept() {
        let exact = [&[b'a'; 20][..], b"\r\n.\r\n"].concat();
        check_dotted(&exact, Some(&exact[..22]), None, Some(25));
        let long = [&[b'a'; 21][..], b"\r\n.\r\n"].concat();
        check_dotted(&long, None, Some(ContentFault::LineTooLong), Some(26));
        let full = [&b"12345678\r\n".repeat(6)[..], b".\r\n"].concat();
        check_dotted(&full, Some(&full[..60]), None, Some(63));
        let big = [&b"12345678\r\n".repeat(6)[..], b"\r\n.\r\n"].concat();
        check_dotted(&big, None, Some(ContentFault::TooBig), Some(65));
    }

    #[test]
    fn nothing_is_stored_after_a_fault() {
        let mut content = Content::new(Framing::Dotted, Encoding::Text, LIMITS);
        let mut out = Vec::new();
        assert_eq!(content.feed(b"a\nb", &mut out), Fed::More);
        assert_eq!(content.feed(b"more\r\n", &mut out), Fed::More);
        assert_eq!(out, b"");
        assert_eq!(content.feed(b".\r\n", &mut out), Fed::Ended(3));
    }

    #[test]
    fn chunks_are_taken_as_they_are() {
        let cases: &[(&[u8], Encoding, Option<ContentFault>)] = &[
            (b"A: b\r\n\r\n.\r\n..\r\nx", Encoding::Text, None),
            (b"A: b\r\n\r\nx\ny", Encoding::Text, Some(ContentFault::BareLf)),
            (b"A: b\r\n\r\nx\ry", Encoding::Text, Some(ContentFault::BareCr)),
            (b"A: b\r\n\r\nx\r", Encoding::Text, Some(ContentFault::BareCr)),
            (b"A: b\r\n\r\nx\0", Encoding::Text, Some(ContentFault::Nul)),
            (b"A: b\r\n\r\nx\0\n\r.\r\n.\n\r", Encoding::Binary, None),
            (b"A: b\nC: d\r\n\r\n", Encoding::Binary, Some(ContentFault::BareLf)),
            (b"A: \0\r\n\r\n", Encoding::Binary, Some(ContentFault::Nul)),
            (b"A: b\r", Encoding::Binary, Some(ContentFault::BareCr)),
        ];
        for (wire, encoding, fault) in cases {
            for step in [1, 2, 3, wire.len()] {
                let (out, got, end) = read(Framing::Chunked, *encoding, wire, step);
                assert_eq!((got, end), (*fault, None), "{wire:?} in steps of {step}");
                if fault.is_none() {
                    assert_eq!(&out, wire);
                }
            }
        }
    }

    #[test]
    fn bytes_outside_ascii_are_noted() {
        for (wire, eight_bit) in
            [(&b"a: b\r\n\r\n..c\r\n.\r\n"[..], false), (b"\xe9\r\n.\r\n", true)]
        {
            for step in [1, wire.len()] {
                let mut content = Content::new(Framing::Dotted, Encoding::Text, LIMITS);
                wire.chunks(step).for_each(|piece| {
                    content.feed(piece, &mut Vec::new());
                });
                assert_eq!(content.is_eight_bit(), eight_bit, "{wire:?} by {step}");
            }
        }
    }

    #[test]
    fn any_cut_gives_the_same_result() {
        let mut random = fastrand::Rng::with_seed(5321);
        for round in 0..4_000 {
            let wire: Vec<u8> =
                (0..random.usize(1..40)).map(|_| b"\r\n..a\0"[random.usize(0..6)]).collect();
            let whole = read(Framing::Dotted, Encoding::Text, &wire, wire.len());
            let step = random.usize(1..=wire.len());
            let cut = read(Framing::Dotted, Encoding::Text, &wire, step);
            assert_eq!((whole.1, whole.2), (cut.1, cut.2), "round {round}: {wire:?} by {step}");
            if whole.1.is_none() {
                assert_eq!(whole.0, cut.0, "round {round}: {wire:?} by {step}");
                if let Some(end) = whole.2 {
                    assert!(wire[..end].ends_with(b".\r\n"));
                }
            }
        }
    }
}
