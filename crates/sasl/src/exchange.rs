//! The base64 dress of an exchange, the same in IMAP, SMTP, POP3 and ManageSieve.

use base64::{
    Engine as _,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use zeroize::Zeroizing;

use crate::{Credentials, Failure, Mechanism, Step, start};

/// LIMIT: longest base64 text taken from a peer in one response, without its line end:
/// RFC 4954 §4 calls 12288 octets sufficient for any mechanism in use.
pub const RESPONSE_BYTES_MAX: usize = 12_288;

/// Strict alphabet; padding must be right if present.
///
/// QUIRK(hand-written SMTP clients, many): leave the `=` at the end away. Nothing else can be
/// meant by such a text, so it is taken.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What the session does next.
#[derive(Debug, PartialEq, Eq)]
pub enum Reply {
    /// Send this base64 text (possibly empty) after `+ ` or `334 `, then feed the next line.
    Continue(String),
    /// Check these.
    Credentials(Credentials),
    /// Refuse the command.
    Failed(Failure),
}

/// One AUTHENTICATE or AUTH command under way.
pub struct Exchange {
    mechanism: Box<dyn Mechanism>,
}

impl Exchange {
    /// Starts the mechanism `name`; `None` if we have none of this name.
    ///
    /// `initial` is the initial response as it stood in the command, still base64: a lone `=`
    /// is an empty response, `None` no response (RFC 4954 §4, RFC 9051 §6.2.2).
    pub fn start(name: &[u8], initial: Option<&[u8]>) -> Option<(Self, Reply)> {
        let mut exchange = Self { mechanism: start(name)? };
        let reply = match initial {
            None => exchange.advance(None),
            Some(b"=") => exchange.advance(Some(b"")),
            Some(text) => exchange.decode(text),
        };
        Some((exchange, reply))
    }

    /// Takes the next line of the client, without its line end.
    pub fn respond(&mut self, line: &[u8]) -> Reply {
        // RFC 4422 §3.5: the protocols spell "abort" as a single asterisk (RFC 4954 §4,
        // RFC 9051 §6.2.2), which is not base64.
        if line == b"*" {
            return Reply::Failed(Failure::Cancelled);
        }
        self.decode(line)
    }

    fn decode(&mut self, text: &[u8]) -> Reply {
        if text.len() > RESPONSE_BYTES_MAX {
            return Reply::Failed(Failure::TooLong);
        }
        match BASE64.decode(text) {
            Ok(bytes) => self.advance(Some(&Zeroizing::new(bytes))),
            Err(_) => Reply::Failed(Failure::NotBase64),
        }
    }

    fn advance(&mut self, response: Option<&[u8]>) -> Reply {
        match self.mechanism.step(response) {
            Step::Challenge(bytes) => Reply::Continue(BASE64.encode(bytes)),
            Step::Credentials(credentials) => Reply::Credentials(credentials),
            Step::Failed(failure) => Reply::Failed(failure),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Renders a reply as one word for the tables.
    fn word(reply: &Reply) -> String {
        match reply {
            Reply::Continue(text) => format!("+{text}"),
            Reply::Credentials(c) => format!(
                "ok {}/{}/{}",
                c.authzid.as_deref().unwrap_or("-"),
                c.authcid,
                c.password.as_str()
            ),
            Reply::Failed(failure) => format!("{failure:?}"),
        }
    }

    fn check(name: &str, initial: Option<&str>, lines: &[&str], expect: &[&str]) {
        let (mut exchange, first) =
            Exchange::start(name.as_bytes(), initial.map(str::as_bytes)).unwrap();
        let mut seen = vec![word(&first)];
        seen.extend(lines.iter().map(|line| word(&exchange.respond(line.as_bytes()))));
        assert_eq!(seen, expect, "{name} {initial:?} {lines:?}");
    }

    #[test]
    fn dialogues() {
        // RFC 4954 §4.1: the initial response of its PLAIN examples.
        check("PLAIN", Some("dGVzdAB0ZXN0ADEyMzQ="), &[], &["ok test/test/1234"]);
        check("plain", None, &["dGVzdAB0ZXN0ADEyMzQ="], &["+", "ok test/test/1234"]);
        check("PLAIN", None, &["*"], &["+", "Cancelled"]);
        check("PLAIN", Some("="), &[], &["Malformed"]);
        check("PLAIN", None, &["="], &["+", "NotBase64"]);
        check("PLAIN", None, &[""], &["+", "Malformed"]);
        check("PLAIN", Some("dGVzdAB0ZXN0ADEyMzQ"), &[], &["ok test/test/1234"]);
        check("PLAIN", Some("dGVz dAB0"), &[], &["NotBase64"]);
        check("PLAIN", Some("*"), &[], &["NotBase64"]);
        check("PLAIN", Some("dGVzdAB0ZXN0ADEyMzQ=="), &[], &["NotBase64"]);
        check(
            "LOGIN",
            None,
            &["dGVzdA==", "MTIzNA=="],
            &["+VXNlcm5hbWU6", "+UGFzc3dvcmQ6", "ok -/test/1234"],
        );
        check("LOGIN", Some("dGVzdA=="), &["MTIzNA=="], &["+UGFzc3dvcmQ6", "ok -/test/1234"]);
        check("LOGIN", None, &["dGVzdA==", "*"], &["+VXNlcm5hbWU6", "+UGFzc3dvcmQ6", "Cancelled"]);
        check("LOGIN", None, &["!"], &["+VXNlcm5hbWU6", "NotBase64"]);
    }

    #[test]
    fn unknown_mechanisms_do_not_start() {
        for name in ["", "CRAM-MD5", "PLAI", "PLAINX", "XOAUTH2"] {
            assert!(Exchange::start(name.as_bytes(), None).is_none(), "{name}");
        }
    }

    #[test]
    fn long_responses_are_refused_before_decoding() {
        let text = "A".repeat(RESPONSE_BYTES_MAX + 4);
        check("PLAIN", Some(&text), &[], &["TooLong"]);
        check("PLAIN", None, &[&text], &["+", "TooLong"]);
        check("PLAIN", None, &[&text[..RESPONSE_BYTES_MAX]], &["+", "Malformed"]);
    }
}
