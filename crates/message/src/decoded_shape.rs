//! What a BODYSTRUCTURE says of a content without its transfer encoding (RFC 5524 §3.2), counted
//! while the content comes, wherever its pieces are cut.

/// LIMIT: RFC 2045 §2.7, the longest line of 7bit and 8bit data.
const LINE_BYTES_MAX: u64 = 998;

/// The octets and lines of a content, and the identity encoding that says the most of it
/// (RFC 2045 §6.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecodedShape {
    pub(crate) size_bytes: usize,
    pub(crate) lines: usize,
    pub(crate) encoding: &'static str,
}

/// Counts a content.
#[derive(Debug, Clone, Copy, Default)]
pub struct DecodedMeter {
    size_bytes: usize,
    lines: usize,
    /// LF without CR before them.
    bare: usize,
    /// The bytes so far of a line that has no end yet.
    line_bytes: u64,
    /// Whether a CR came last.
    is_after_cr: bool,
    is_8bit: bool,
    /// Whether there is a NUL, a CR that ends no line, or a line that is too long.
    is_binary: bool,
}

impl DecodedMeter {
    /// Takes the next piece.
    pub fn push(&mut self, piece: &[u8]) {
        for &byte in piece {
            let ends_cr = std::mem::replace(&mut self.is_after_cr, byte == b'\r');
            self.is_binary |= byte == 0 || ends_cr && byte != b'\n';
            self.is_8bit |= !byte.is_ascii();
            match byte {
                b'\n' => {
                    self.lines += 1;
                    self.bare += usize::from(!ends_cr);
                    self.line_bytes = 0;
                }
                b'\r' => {}
                _ => self.line_bytes += 1,
            }
            self.is_binary |= self.line_bytes > LINE_BYTES_MAX;
        }
        self.size_bytes += piece.len();
    }

    /// What came, `with_crlf` where each LF is to have a CR before it and none had.
    pub fn finish(self, with_crlf: bool) -> DecodedShape {
        let added = if with_crlf { self.bare } else { 0 };
        let is_binary = self.is_binary || self.is_after_cr || self.bare > added;
        let encoding = match (is_binary, self.is_8bit) {
            (true, _) => "binary",
            (false, true) => "8bit",
            (false, false) => "7bit",
        };
        DecodedShape { size_bytes: self.size_bytes + added, lines: self.lines, encoding }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_is_counted_wherever_it_is_cut() {
        let (long, longer) = ("x".repeat(998), "x".repeat(999));
        for (content, with_crlf, size_bytes, lines, encoding) in [
            ("", false, 0, 0, "7bit"),
            ("a", false, 1, 0, "7bit"),
            ("a\r\nb\r\n", false, 6, 2, "7bit"),
            ("ä\r\n", false, 4, 1, "8bit"),
            ("ä\n\n", false, 4, 2, "binary"),
            ("ä\n\n", true, 6, 2, "8bit"),
            ("a\rb", false, 3, 0, "binary"),
            ("a\r", false, 2, 0, "binary"),
            ("a\r\r\n", false, 4, 1, "binary"),
            ("a\0\r\n", false, 4, 1, "binary"),
            (&format!("{long}\r\n{long}"), false, 1998, 1, "7bit"),
            (&format!("{long}\n{long}"), true, 1998, 1, "7bit"),
            (&format!("a\r\n{longer}"), false, 1002, 1, "binary"),
        ] {
            for cut in 0..=content.len() {
                let (one, other) = content.as_bytes().split_at(cut);
                let mut meter = DecodedMeter::default();
                meter.push(one);
                meter.push(other);
                let expect = DecodedShape { size_bytes, lines, encoding };
                assert_eq!(meter.finish(with_crlf), expect, "{content:?} at {cut}");
            }
        }
    }
}
