//! Modified UTF-7, in which IMAP4rev1 spells mailbox names (RFC 3501 §5.1.3).
//!
//! Printable ASCII stands for itself, `&` is `&-`, everything else is UTF-16 in base64 between
//! `&` and `-`, with `,` in place of `/` and no padding.
//!
//! **Invariant:** every name has exactly one spelling; [`decode`] refuses all others, so
//! `decode(x) == Ok(y)` exactly if `encode(y) == x`.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

/// Why a name is not modified UTF-7.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Mutf7Error {
    /// A byte that is not printable ASCII.
    #[error("a byte that is not printable ASCII")]
    NotPrintable,
    /// `&` without its `-`.
    #[error("& without closing -")]
    Unclosed,
    /// A character outside the alphabet, or bits left over.
    #[error("malformed base64")]
    Base64,
    /// Half a surrogate pair.
    #[error("malformed UTF-16")]
    Surrogate,
    /// Printable ASCII in base64, or two runs side by side: it has a shorter spelling.
    #[error("not the shortest spelling")]
    NotCanonical,
}

/// Appends `name` in modified UTF-7 to `out`.
pub fn encode(name: &str, out: &mut Vec<u8>) {
    let mut bits: u32 = 0;
    let mut count = 0;
    let mut shifted = false;
    for c in name.chars() {
        if matches!(c, ' '..='~') {
            if shifted {
                unshift(&mut bits, &mut count, out);
                shifted = false;
            }
            out.push(c as u8);
            if c == '&' {
                out.push(b'-');
            }
            continue;
        }
        if !shifted {
            out.push(b'&');
            shifted = true;
        }
        let mut units = [0; 2];
        for unit in c.encode_utf16(&mut units) {
            bits = (bits << 16) | u32::from(*unit);
            count += 16;
            while count >= 6 {
                count -= 6;
                out.push(letter(bits >> count));
            }
            bits &= (1 << count) - 1;
        }
    }
    if shifted {
        unshift(&mut bits, &mut count, out);
    }
}

fn unshift(bits: &mut u32, count: &mut u32, out: &mut Vec<u8>) {
    if *count > 0 {
        out.push(letter(*bits << (6 - *count)));
    }
    (*bits, *count) = (0, 0);
    out.push(b'-');
}

fn letter(bits: u32) -> u8 {
    ALPHABET.get((bits & 63) as usize).copied().unwrap_or(b'A')
}

fn value(letter: u8) -> Option<u32> {
    let value = match letter {
        b'A'..=b'Z' => letter - b'A',
        b'a'..=b'z' => letter - b'a' + 26,
        b'0'..=b'9' => letter - b'0' + 52,
        b'+' => 62,
        b',' => 63,
        _ => return None,
    };
    Some(u32::from(value))
}

/// Reads modified UTF-7, strictly.
pub fn decode(bytes: &[u8]) -> Result<String, Mutf7Error> {
    let mut out = String::with_capacity(bytes.len());
    let mut rest = bytes;
    // Where the last base64 run ended, to see two of them side by side.
    let mut after_run = false;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if !(0x20..0x7f).contains(&byte) {
            return Err(Mutf7Error::NotPrintable);
        }
        if byte != b'&' {
            out.push(char::from(byte));
            after_run = false;
            continue;
        }
        let end = rest.iter().position(|&b| b == b'-').ok_or(Mutf7Error::Unclosed)?;
        let (run, tail) = rest.split_at_checked(end).ok_or(Mutf7Error::Unclosed)?;
        rest = tail.get(1..).unwrap_or_default();
        if run.is_empty() {
            out.push('&');
            after_run = false;
            continue;
        }
        if after_run {
            return Err(Mutf7Error::NotCanonical);
        }
        decode_run(run, &mut out)?;
        after_run = true;
    }
    Ok(out)
}

fn decode_run(run: &[u8], out: &mut String) -> Result<(), Mutf7Error> {
    let mut units = Vec::with_capacity(run.len() * 6 / 16);
    let (mut bits, mut count) = (0_u32, 0);
    for &byte in run {
        bits = (bits << 6) | value(byte).ok_or(Mutf7Error::Base64)?;
        count += 6;
        if count >= 16 {
            count -= 16;
            units.push((bits >> count) as u16);
            bits &= (1 << count) - 1;
        }
    }
    // RFC 3501 §5.1.3: only the zero bits that fill the last letter may be left.
    if count >= 6 || bits != 0 {
        return Err(Mutf7Error::Base64);
    }
    for c in char::decode_utf16(units) {
        let c = c.map_err(|_| Mutf7Error::Surrogate)?;
        // RFC 3501 §5.1.3: base64 MUST NOT be used for what can represent itself.
        if matches!(c, ' '..='~') {
            return Err(Mutf7Error::NotCanonical);
        }
        out.push(c);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(name: &str) -> String {
        let mut out = Vec::new();
        encode(name, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn known_answers_both_ways() {
        for (name, wire) in [
            ("", ""),
            ("INBOX", "INBOX"),
            ("a&b", "a&-b"),
            ("&", "&-"),
            ("~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
            ("Entwürfe", "Entw&APw-rfe"),
            ("Éléments envoyés", "&AMk-l&AOk-ments envoy&AOk-s"),
            ("😀", "&2D3eAA-"),
            ("a\tb", "a&AAk-b"),
            ("é-", "&AOk--"),
            ("é&", "&AOk-&-"),
            ("☺!", "&Jjo-!"),
        ] {
            assert_eq!(encoded(name), wire);
            assert_eq!(decode(wire.as_bytes()).as_deref(), Ok(name));
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for (wire, error) in [
            ("&", Mutf7Error::Unclosed),
            ("&Jjo", Mutf7Error::Unclosed),
            ("a&b", Mutf7Error::Unclosed),
            ("&Jjo!", Mutf7Error::Unclosed),
            ("&Jj/-", Mutf7Error::Base64),
            ("&Jjp-", Mutf7Error::Base64),
            ("&JjoA-", Mutf7Error::Base64),
            ("&A-", Mutf7Error::Base64),
            ("&AGE-", Mutf7Error::NotCanonical),
            ("&ACY-", Mutf7Error::NotCanonical),
            ("&U,BTFw-&ZeVnLIqe-", Mutf7Error::NotCanonical),
            ("&2D0-", Mutf7Error::Surrogate),
            ("&3gA-", Mutf7Error::Surrogate),
            ("Entw\u{fc}rfe", Mutf7Error::NotPrintable),
            ("a\tb", Mutf7Error::NotPrintable),
        ] {
            assert_eq!(decode(wire.as_bytes()), Err(error), "{wire}");
        }
    }

    #[test]
    fn one_spelling_for_each_name() {
        let mut rng = fastrand::Rng::with_seed(3);
        for _ in 0..20_000 {
            let name: String = (0..rng.usize(0..8))
                .map(|_| if rng.bool() { rng.char('\0'..=char::MAX) } else { rng.char(' '..='~') })
                .collect();
            assert_eq!(decode(encoded(&name).as_bytes()).as_deref(), Ok(name.as_str()));
            let noise: Vec<u8> =
                (0..rng.usize(0..10)).map(|_| b"&-AbO,+9 k/"[rng.usize(0..11)]).collect();
            if let Ok(name) = decode(&noise) {
                assert_eq!(encoded(&name).as_bytes(), noise);
            }
        }
    }
}
