//! The base64 dress of an exchange, the same in IMAP, SMTP, POP3 and ManageSieve.

use base64::{
    Engine as _,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use zeroize::Zeroizing;

use crate::Failure;

/// LIMIT: longest base64 text taken from a peer in one response, without its line end:
/// RFC 4954 §4 calls 12288 octets sufficient for any mechanism in use.
pub const RESPONSE_BYTES_MAX: usize = 12_288;

/// Strict alphabet; padding must be right if present.
///
/// QUIRK(hand-written SMTP clients, many): leave the `=` at the end away. Nothing else can be
/// meant by such a text, so it is taken.
pub(crate) const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A decoded response, wiped when dropped.
pub type Response = Zeroizing<Vec<u8>>;

/// A challenge as it is sent.
pub fn encode(challenge: &[u8]) -> String {
    BASE64.encode(challenge)
}

/// An initial response as it stood in the command: a lone `=` is an empty one (RFC 4954 §4,
/// RFC 9051 §6.2.2).
pub fn decode_initial(text: &[u8]) -> Result<Response, Failure> {
    match text {
        b"=" => Ok(Response::default()),
        text => decode(text),
    }
}

/// A line of the client, without its line end.
pub fn decode_line(line: &[u8]) -> Result<Response, Failure> {
    // RFC 4422 §3.5: the protocols spell "abort" as a single asterisk (RFC 4954 §4,
    // RFC 9051 §6.2.2), which is not base64.
    match line {
        b"*" => Err(Failure::Cancelled),
        line => decode(line),
    }
}

fn decode(text: &[u8]) -> Result<Response, Failure> {
    if text.len() > RESPONSE_BYTES_MAX {
        return Err(Failure::TooLong);
    }
    BASE64.decode(text).map(Zeroizing::new).map_err(|_| Failure::NotBase64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn responses() {
        let longest = "A".repeat(RESPONSE_BYTES_MAX);
        let table: &[(&str, Result<usize, Failure>)] = &[
            ("", Ok(0)),
            ("dGVzdA==", Ok(4)),
            ("dGVzdA", Ok(4)),
            ("dGVzdA=", Ok(4)),
            ("dGVz dA==", Err(Failure::NotBase64)),
            ("=", Err(Failure::NotBase64)),
            ("*", Err(Failure::Cancelled)),
            (&longest, Ok(RESPONSE_BYTES_MAX / 4 * 3)),
        ];
        for (text, expect) in table {
            let decoded = decode_line(text.as_bytes()).map(|bytes| bytes.len());
            assert_eq!(decoded, *expect, "{text}");
        }
        assert_eq!(decode_line(format!("{longest}A").as_bytes()), Err(Failure::TooLong));
        assert_eq!(decode_initial(b"=").map(|bytes| bytes.len()), Ok(0));
        assert_eq!(decode_initial(b"*"), Err(Failure::NotBase64));
        assert_eq!(encode(b""), "");
    }
}
