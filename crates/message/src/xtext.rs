//! xtext (RFC 3461 §4), the encoding of parameters in SMTP, back to what it stands for.

/// Decodes `+XX`; what is no xtext stays as it is. Control characters become `?`: the result
/// may stand in a header field.
pub fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte == b'+'
            && let Some((digits, after)) = after.split_at_checked(2)
            && let Some(decoded) = hex(digits)
        {
            bytes.push(decoded);
            rest = after;
        } else {
            bytes.push(byte);
        }
    }
    let text = String::from_utf8_lossy(&bytes);
    text.chars().map(|char| if char.is_control() { '?' } else { char }).collect()
}

fn hex(digits: &[u8]) -> Option<u8> {
    let text = std::str::from_utf8(digits).ok()?;
    text.bytes().all(|byte| byte.is_ascii_hexdigit()).then_some(())?;
    u8::from_str_radix(text, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xtext_is_decoded() {
        for (text, decoded) in [
            ("QQ314159+2B", "QQ314159+"),
            ("Bob+2Bx@Example.COM", "Bob+x@Example.COM"),
            ("a+", "a+"),
            ("a+2", "a+2"),
            ("a+zz", "a+zz"),
            ("a+0D+0Ab: c", "a??b: c"),
        ] {
            assert_eq!(decode(text), decoded);
        }
    }
}
