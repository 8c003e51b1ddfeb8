//! How a literal is announced at the end of a line.

/// A literal the client is about to send, or to offer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Announced {
    /// The size of the literal in octets, as announced.
    pub(super) size_bytes: u64,
    /// Whether the client waits for a continuation request first.
    pub(super) synchronising: bool,
}

/// The literal announced at the end of `line`, `"{" number64 ["+"] "}"`. A size above 2^64 counts
/// as the largest.
pub(super) fn announced_literal(line: &[u8]) -> Option<Announced> {
    let inside = line.strip_suffix(b"}")?;
    let (inside, synchronising) = match inside.strip_suffix(b"+") {
        Some(inside) => (inside, false),
        None => (inside, true),
    };
    let open = inside.iter().rposition(|b| !b.is_ascii_digit())?;
    let digits = inside.get(open + 1..)?;
    if inside.get(open) != Some(&b'{') || digits.is_empty() {
        return None;
    }
    let mut size_bytes: u64 = 0;
    for digit in digits {
        size_bytes = size_bytes.saturating_mul(10).saturating_add(u64::from(digit - b'0'));
    }
    Some(Announced { size_bytes, synchronising })
}

/// Whether a quoted string is open at the end of `line`: then `{5}` is part of it, and the line
/// is wrong but announces nothing.
pub(super) fn inside_quotes(line: &[u8]) -> bool {
    let (mut open, mut escaped) = (false, false);
    for &byte in line {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if open => escaped = true,
            b'"' => open = !open,
            _ => {}
        }
    }
    open
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_exact_form_announces() {
        for (line, expect) in [
            ("a {5}", Some((5, true))),
            ("a {0+}", Some((0, false))),
            ("a ~{007}", Some((7, true))),
            ("{99999999999999999999999}", Some((u64::MAX, true))),
            ("a {}", None),
            ("a {+}", None),
            ("a {5-}", None),
            ("a {5} ", None),
            ("a {-5}", None),
            ("5}", None),
            ("a {5", None),
            ("", None),
        ] {
            let expect =
                expect.map(|(size_bytes, synchronising)| Announced { size_bytes, synchronising });
            assert_eq!(announced_literal(line.as_bytes()), expect, "{line}");
        }
        for (line, expect) in
            [("a \"b", true), ("a \"b\"", false), ("\"\\\"", true), ("\\\"", true), ("", false)]
        {
            assert_eq!(inside_quotes(line.as_bytes()), expect, "{line}");
        }
    }
}
