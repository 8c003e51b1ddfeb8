//! Binary parts of an appended message made text: outside of BINARY[…] no response may hold NUL
//! (RFC 9051 §4.3.1), and RFC 3516 §4.4 lets the server choose the transfer encoding.

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use message::{Encoding, Limits, Part, PartKind, Summary, header_fields};

/// RFC 2045 §6.8: lines of at most 76 characters.
const BYTES_IN_LINE: usize = 57;

const FIELD: &str = "Content-Transfer-Encoding";

/// The message with every leaf part that holds NUL in base64, everything else byte for byte;
/// `None` where NUL stands elsewhere.
pub(super) fn without_nul(message: &[u8]) -> Option<Vec<u8>> {
    let parts = Summary::of(message, &Limits::default()).parts;
    let mut edits = Vec::new();
    for (_, part) in parts.iter() {
        let body = slice(message, &part.body);
        if is_leaf(&part) && part.encoding == Encoding::Identity && body.contains(&0) {
            declare(message, &part.mime, &mut edits)?;
            edits.push((part.body.clone(), base64_lines(body)));
        }
    }
    let encoded = apply(message, edits);
    (!encoded.contains(&0)).then_some(encoded)
}

fn is_leaf(part: &Part) -> bool {
    !matches!(part.kind, PartKind::Multipart | PartKind::Message)
}

/// Replaces the field that tells the encoding, or adds it as the last one.
fn declare(message: &[u8], mime: &Range<u32>, edits: &mut Vec<(Range<u32>, String)>) -> Option<()> {
    let header = slice(message, mime);
    if header.is_empty() {
        return None;
    }
    let mut field = Some(format!("{FIELD}: base64\r\n"));
    let mut end = mime.start;
    for found in header_fields(header) {
        let place = |at: usize| mime.start.saturating_add(u32::try_from(at).unwrap_or(u32::MAX));
        let range = place(found.range.start)..place(found.range.end);
        end = range.end;
        if found.is(FIELD) {
            edits.push((range, field.take().unwrap_or_default()));
        }
    }
    edits.extend(field.map(|field| (end..end, field)));
    Some(())
}

fn base64_lines(body: &[u8]) -> String {
    let mut text = String::with_capacity(body.len() / 3 * 4 + body.len() / 24 + 8);
    for line in body.chunks(BYTES_IN_LINE) {
        STANDARD.encode_string(line, &mut text);
        text.push_str("\r\n");
    }
    text
}

/// Parts come in document order, a part's header before its body: so do the edits.
fn apply(message: &[u8], edits: Vec<(Range<u32>, String)>) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len() + message.len() / 2);
    let mut done = 0;
    for (range, text) in edits {
        out.extend_from_slice(slice(message, &(done..range.start)));
        out.extend_from_slice(text.as_bytes());
        done = range.end;
    }
    out.extend_from_slice(message.get(done as usize..).unwrap_or_default());
    out
}

fn slice<'m>(message: &'m [u8], range: &Range<u32>) -> &'m [u8] {
    message.get(range.start as usize..range.end as usize).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nul_is_encoded_where_it_can_be() {
        for (message, expect) in [
            ("Subject: a\r\n\r\nb", Some("Subject: a\r\n\r\nb")),
            (
                "Subject: a\r\n\r\n\0\u{1}",
                Some("Subject: a\r\nContent-Transfer-Encoding: base64\r\n\r\nAAE=\r\n"),
            ),
            (
                "CONTENT-TRANSFER-ENCODING: binary\r\nSubject: a\r\n\r\n\0\0\0",
                Some("Content-Transfer-Encoding: base64\r\nSubject: a\r\n\r\nAAAA\r\n"),
            ),
            (
                "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n--b\r\n\
                 Content-Type: image/png\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\0\0\0\r\n\
                 --b--\r\n",
                Some(
                    "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n--b\r\n\
                     Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA\r\n\
                     \r\n--b--\r\n",
                ),
            ),
            ("Subject: \0\r\n\r\nb", None),
            ("Content-Transfer-Encoding: base64\r\n\r\nAA\0A", None),
            ("\0", None),
        ] {
            let found = without_nul(message.as_bytes());
            let found = found.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
            assert_eq!(found.as_deref(), expect, "{message:?}");
        }
    }

    #[test]
    fn lines_stay_short() {
        let text = base64_lines(&[0; 58]);
        assert_eq!(text, format!("{}\r\nAA==\r\n", "A".repeat(76)));
    }
}
