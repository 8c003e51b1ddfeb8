//! quoted-printable and base64 as bodies have them (RFC 2045 §6.7, §6.8).

/// RFC 2045 §6.7 and §6.8: characters of an encoded line.
const LINE_MAX: usize = 76;
/// RFC 5322 §2.1.1: characters of any line.
pub(super) const PLAIN_LINE_MAX: usize = 998;

/// Whether it can go anywhere as it is.
pub(super) fn is_plain_text(bytes: &[u8]) -> bool {
    let mut lines = bytes.split(|&byte| byte == b'\n').peekable();
    while let Some(line) = lines.next() {
        let is_last = lines.peek().is_none();
        let text = if is_last { Some(line) } else { line.strip_suffix(b"\r") };
        let fits = text.is_some_and(|text| {
            text.len() <= PLAIN_LINE_MAX
                && text.iter().all(|&byte| byte.is_ascii() && byte != 0 && byte != b'\r')
        });
        if !fits {
            return false;
        }
    }
    true
}

/// A text whose lines end with CRLF; `None` for what has other line ends, or so much to be quoted
/// that base64 is shorter. It makes less than 1.4 bytes of each.
pub(super) fn quoted_printable(text: &[u8]) -> Option<Vec<u8>> {
    let quoted = count_quoted(text);
    // Each takes three characters for one, against four for three.
    if quoted * 6 > text.len() {
        return None;
    }
    let characters = text.len() + 2 * quoted;
    // A soft break comes after 73 characters or more.
    let mut out = Vec::with_capacity(characters + characters / (LINE_MAX - 3) * 3 + 3);
    let mut lines = text.split(|&byte| byte == b'\n').peekable();
    while let Some(line) = lines.next() {
        let is_last = lines.peek().is_none();
        let line = if is_last { line } else { line.strip_suffix(b"\r")? };
        if line.contains(&b'\r') {
            return None;
        }
        push_line(&mut out, line);
        if !is_last {
            out.extend_from_slice(b"\r\n");
        }
    }
    Some(out)
}

/// How many bytes of a text cannot stand for themselves.
fn count_quoted(text: &[u8]) -> usize {
    let count = |line: &[u8]| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let quoted = |at: usize, byte: u8| !is_literal(byte, at + 1 == line.len());
        line.iter().enumerate().filter(|(at, byte)| quoted(*at, **byte)).count()
    };
    text.split(|&byte| byte == b'\n').map(count).sum()
}

/// RFC 2045 §6.7: whether a byte may stand for itself.
fn is_literal(byte: u8, is_last_of_line: bool) -> bool {
    match byte {
        b'=' => false,
        // RFC 2045 §6.7 (3): no blank at the end of a line.
        b' ' | b'\t' => !is_last_of_line,
        _ => byte.is_ascii_graphic(),
    }
}

fn push_line(out: &mut Vec<u8>, line: &[u8]) {
    let mut column = 0;
    for (at, &byte) in line.iter().enumerate() {
        let literal = is_literal(byte, at + 1 == line.len());
        let width = if literal { 1 } else { 3 };
        // A soft break takes a character itself.
        if column + width > LINE_MAX - 1 {
            out.extend_from_slice(b"=\r\n");
            column = 0;
        }
        match literal {
            true => out.push(byte),
            false => out.extend_from_slice(format!("={byte:02X}").as_bytes()),
        }
        column += width;
    }
}

/// Encodes any bytes as lines of base64.
pub(super) fn base64_lines(bytes: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = Vec::with_capacity(bytes.len() / 54 * 74 + 80);
    for line in bytes.chunks(LINE_MAX / 4 * 3) {
        for group in line.chunks(3) {
            let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or(0));
            let word = byte(0) << 16 | byte(1) << 8 | byte(2);
            for place in 0..4 {
                let digit = DIGITS[(word >> (18 - 6 * place) & 63) as usize];
                out.push(if place > group.len() { b'=' } else { digit });
            }
        }
        out.extend_from_slice(b"\r\n");
    }
    out
}
