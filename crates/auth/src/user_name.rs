//! What programs send as user name, made into an address.

use storage::Address;

/// The address meant by a user name; `None` when it is none.
pub(crate) fn parse_user_name(name: &str) -> Option<Address> {
    // People copy names with a blank at the end; no address ends in one.
    let name = name.trim_matches([' ', '\t']);
    if name.contains('@') {
        return Address::parse(name).ok();
    }
    // QUIRK(iOS, 18.4): user names come percent-encoded (`julie%40example.test`). They are
    // decoded once, and only where the name would be no address as it stands: a `%` may be part
    // of a local part.
    Address::parse(&percent_decode(name)?).ok()
}

/// Decodes `%XX` once; `None` when a `%` is followed by anything else or the result is no UTF-8.
fn percent_decode(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let (&[high, low], after) = rest.split_first_chunk()?;
        rest = after;
        decoded.push(hex(high)? << 4 | hex(low)?);
    }
    String::from_utf8(decoded).ok()
}

fn hex(digit: u8) -> Option<u8> {
    let value = char::from(digit).to_digit(16)?;
    u8::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let table = [
            ("julie@example.test", Some("julie@example.test")),
            (" Julie@Example.Test\t", Some("julie@example.test")),
            ("julie%40example.test", Some("julie@example.test")),
            ("jul%C3%A9%40example.test", Some("jul\u{e9}@example.test")),
            ("a%2540b@example.test", Some("a%2540b@example.test")),
            ("julie%2540example.test", None),
            ("julie%4", None),
            ("julie%", None),
            ("julie%+4example.test", None),
            ("%ff%40example.test", None),
            ("julie%40exa%00mple.test", None),
            ("julie", None),
            ("", None),
            ("@", None),
        ];
        for (name, expect) in table {
            let expect = expect.map(|text| Address::parse(text).unwrap());
            assert_eq!(parse_user_name(name), expect, "{name}");
        }
    }
}
