//! Characters that stand for themselves in a URL, and those that are escaped (RFC 5092 §8).

use std::fmt;

/// RFC 5092 §11 `achar`.
pub(super) fn is_achar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$'()*+,&=".contains(&byte)
}

/// RFC 5092 §11 `bchar`.
pub(super) fn is_bchar(byte: u8) -> bool {
    is_achar(byte) || matches!(byte, b':' | b'@' | b'/')
}

/// Text with its escapes undone, which must be UTF-8 (RFC 5092 §8); `None` where a character is
/// not allowed as it stands.
pub(super) fn decode(text: &str, allowed: fn(u8) -> bool) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
                let (high, low) = (digit(bytes.next())?, digit(bytes.next())?);
                out.push(u8::try_from(high * 16 + low).ok()?);
            }
            _ if allowed(byte) => out.push(byte),
            _ => return None,
        }
    }
    String::from_utf8(out).ok()
}

pub(super) fn encode(
    f: &mut fmt::Formatter<'_>,
    text: &str,
    allowed: fn(u8) -> bool,
) -> fmt::Result {
    for byte in text.bytes() {
        match allowed(byte) {
            true => write!(f, "{}", char::from(byte))?,
            false => write!(f, "%{byte:02X}")?,
        }
    }
    Ok(())
}

/// Slashes at the ends would be taken for those of the URL.
pub(super) fn encode_path(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    let inside = text.trim_matches('/');
    let start = text.len() - text.trim_start_matches('/').len();
    f.write_str(&"%2F".repeat(start))?;
    encode(f, inside, is_bchar)?;
    let end = text.len() - start - inside.len();
    f.write_str(&"%2F".repeat(end))
}
