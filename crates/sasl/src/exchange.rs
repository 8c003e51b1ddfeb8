//! PLAIN and LOGIN in base64, for protocols that do not drive `auth::Dialog` yet.

use crate::wire::{self, Response};
use crate::{Credentials, Failure, Mechanism, Question, Step, start_password};

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
        let mut exchange = Self { mechanism: start_password(name)? };
        let reply = match initial {
            None => exchange.advance(None),
            Some(text) => exchange.take(wire::decode_initial(text)),
        };
        Some((exchange, reply))
    }

    /// Takes the next line of the client, without its line end.
    pub fn respond(&mut self, line: &[u8]) -> Reply {
        self.take(wire::decode_line(line))
    }

    fn take(&mut self, response: Result<Response, Failure>) -> Reply {
        match response {
            Ok(bytes) => self.advance(Some(&bytes)),
            Err(failure) => Reply::Failed(failure),
        }
    }

    fn advance(&mut self, response: Option<&[u8]>) -> Reply {
        match self.mechanism.step(response) {
            Step::Challenge(bytes) => Reply::Continue(wire::encode(&bytes)),
            Step::Ask(Question::Password(credentials)) => Reply::Credentials(credentials),
            Step::Failed(failure) => Reply::Failed(failure),
            // Neither mechanism asks anything else, and neither ends without an answer.
            Step::Ask(_) | Step::Accepted => Reply::Failed(Failure::Malformed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RESPONSE_BYTES_MAX;

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
