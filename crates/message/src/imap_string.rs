//! `string` and `nstring` as a server sends them (RFC 9051 §4.3).

/// LIMIT: a longer value is sent as a literal, because clients bound the lines they read.
const QUOTED_BYTES_MAX: usize = 4096;

/// Appends `value` as a quoted string where that may hold it, else as a literal. CR, LF and NUL
/// are left out: no field that comes here may hold them, and RFC 9051 §9 allows no NUL at all.
pub(crate) fn push_string(out: &mut Vec<u8>, value: &[u8]) {
    let is_plain = |byte: &u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
    if value.len() <= QUOTED_BYTES_MAX && value.iter().all(is_plain) {
        out.push(b'"');
        out.extend_from_slice(value);
        out.push(b'"');
        return;
    }
    let kept = || value.iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n' | 0));
    if value.len() > QUOTED_BYTES_MAX || !value.is_ascii() {
        out.push(b'{');
        push_number(out, kept().count());
        out.extend_from_slice(b"}\r\n");
        out.extend(kept());
        return;
    }
    out.push(b'"');
    for byte in kept() {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
}

/// `nstring = string / nil`.
pub(crate) fn push_nstring(out: &mut Vec<u8>, value: Option<&[u8]>) {
    match value {
        Some(value) => push_string(out, value),
        None => out.extend_from_slice(b"NIL"),
    }
}

/// `number` in decimal.
pub(crate) fn push_number(out: &mut Vec<u8>, number: usize) {
    let mut digits = [0u8; 20];
    let mut rest = number;
    let mut used = 0;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
        used += 1;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(digits.len() - used..).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_take_the_form_that_may_hold_them() {
        for (value, expect) in [
            (&b""[..], &b"\"\""[..]),
            (b"a b", b"\"a b\""),
            (b"a\"b\\c", b"\"a\\\"b\\\\c\""),
            (b"a\tb\x7f", b"\"a\tb\x7f\""),
            (b"a\r\nb\0c", b"\"abc\""),
            (b"caf\xc3\xa9\0", b"{5}\r\ncaf\xc3\xa9"),
        ] {
            let mut out = Vec::new();
            push_string(&mut out, value);
            assert_eq!(out, expect);
        }
        let mut out = Vec::new();
        push_string(&mut out, &[b'x'; 4097]);
        assert!(out.starts_with(b"{4097}\r\nxxx"));
        out.clear();
        push_nstring(&mut out, None);
        push_number(&mut out, 0);
        push_number(&mut out, usize::MAX);
        assert_eq!(out, b"NIL018446744073709551615");
    }
}
