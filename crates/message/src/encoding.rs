//! Content-Transfer-Encoding (RFC 2045 §6.1): naming it and undoing it.

use std::borrow::Cow;

use crate::Error;

/// How the body of a part is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Encoding {
    /// 7bit, 8bit, binary, or no such field: the bytes are the content.
    #[default]
    Identity,
    /// quoted-printable (RFC 2045 §6.7).
    QuotedPrintable,
    /// base64 (RFC 2045 §6.8).
    Base64,
    /// Something else. RFC 2045 §6.4: the content is then opaque.
    Unknown,
}

impl Encoding {
    /// `encoding := "Content-Transfer-Encoding" ":" mechanism`, comments already removed.
    pub fn of_mechanism(mechanism: &[u8]) -> Self {
        const KNOWN: [(&str, Encoding); 6] = [
            ("", Encoding::Identity),
            ("7bit", Encoding::Identity),
            ("8bit", Encoding::Identity),
            ("binary", Encoding::Identity),
            ("quoted-printable", Encoding::QuotedPrintable),
            ("base64", Encoding::Base64),
        ];
        KNOWN
            .iter()
            .find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(mechanism))
            .map_or(Self::Unknown, |(_, encoding)| *encoding)
    }

    fn codec(self) -> Result<mail_parser::Encoding, Error> {
        match self {
            Self::Identity => Ok(mail_parser::Encoding::None),
            Self::QuotedPrintable => Ok(mail_parser::Encoding::QuotedPrintable),
            Self::Base64 => Ok(mail_parser::Encoding::Base64),
            Self::Unknown => Err(Error::UnknownEncoding),
        }
    }
}

/// The content of a body, for BINARY (RFC 9051 §6.4.5). Damaged base64 and quoted-printable are
/// decoded as far as they go; an encoding nobody knows is an error.
pub fn decode_part(body: &[u8], encoding: Encoding) -> Result<Cow<'_, [u8]>, Error> {
    Ok(encoding.codec()?.decode(body))
}

/// The length [`decode_part`] would give, for BINARY.SIZE, mostly without decoding.
pub fn decoded_len(body: &[u8], encoding: Encoding) -> Result<usize, Error> {
    Ok(encoding.codec()?.decoded_len(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_decoded() {
        for (mechanism, body, expect) in [
            ("7bit", &b"a=20b"[..], Ok(&b"a=20b"[..])),
            ("", b"\0\xff", Ok(b"\0\xff")),
            ("Quoted-Printable", b"a=20b=\r\nc=3D", Ok(b"a bc=")),
            ("quoted-printable", b"100=ZZ", Ok(b"100=ZZ")),
            ("BASE64", b"AAEC\r\nAwQF", Ok(b"\0\x01\x02\x03\x04\x05")),
            ("base64", b"AA*EC", Ok(b"\0\x01\x02")),
            ("base64", b"", Ok(b"")),
            ("x-uuencode", b"x", Err(Error::UnknownEncoding)),
        ] {
            let encoding = Encoding::of_mechanism(mechanism.as_bytes());
            let decoded = decode_part(body, encoding);
            assert_eq!(decoded.as_deref(), expect.as_ref().map(|b| *b), "{mechanism}");
            assert_eq!(decoded_len(body, encoding), expect.map(<[u8]>::len), "{mechanism}");
        }
    }
}
