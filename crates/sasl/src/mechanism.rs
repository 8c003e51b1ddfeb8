//! The shape every mechanism has, and the table of those that exist.

use crate::{Credentials, login::Login, plain::Plain};

/// One running exchange of one mechanism, on decoded bytes.
///
/// `step` is called first with `None` when the client sent no initial response, else with that
/// response; afterwards with each response in turn. After anything but a challenge the exchange
/// is over, and a further step fails.
pub trait Mechanism: Send {
    /// Consumes one client response and says what comes next.
    fn step(&mut self, response: Option<&[u8]>) -> Step;
}

/// What a mechanism wants after one step.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Send these bytes (base64 added by [`crate::Exchange`]) and come back with the response.
    Challenge(&'static [u8]),
    /// The exchange is complete; the credentials are to be checked.
    Credentials(Credentials),
    /// The exchange is over without result.
    Failed(Failure),
}

/// Why an exchange ended without credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The client sent `*` (RFC 4422 §3.5): answered like a refusal, but nobody's fault.
    Cancelled,
    /// The response is not base64.
    NotBase64,
    /// The decoded response is not what the mechanism defines.
    Malformed,
    /// The response or a part of it is longer than we take.
    TooLong,
}

/// Makes a mechanism ready for its first step.
type Make = fn() -> Box<dyn Mechanism>;

/// Mechanism names as announced, with how to start each. PLAIN first: it is what programs
/// should pick, LOGIN is there for those that know nothing else.
pub const MECHANISMS: [(&str, Make); 2] =
    [("PLAIN", || Box::new(Plain::default())), ("LOGIN", || Box::new(Login::default()))];

/// Starts the mechanism of this name; `None` if there is none.
///
/// RFC 4422 §3.1: names are upper case by definition; clients send any case in SMTP and IMAP,
/// whose own grammar makes the word case-insensitive.
pub fn start(name: &[u8]) -> Option<Box<dyn Mechanism>> {
    MECHANISMS
        .iter()
        .find(|(known, _)| known.as_bytes().eq_ignore_ascii_case(name))
        .map(|(_, make)| make())
}

/// LIMIT: longest user name, twice over what RFC 5321 §4.5.3.1 allows an address (254 octets),
/// and twice the 255 that RFC 4616 §2 demands.
pub(crate) const NAME_BYTES_MAX: usize = 512;

/// LIMIT: longest password; argon2 takes time in proportion, and no human types more. The
/// password policy in `auth` has the same bound.
pub(crate) const PASSWORD_BYTES_MAX: usize = 1_024;

/// Reads one name or password: UTF-8, not empty, no NUL, at most `bytes_max` long.
pub(crate) fn parse_text(bytes: &[u8], bytes_max: usize) -> Result<String, Failure> {
    if bytes.len() > bytes_max {
        return Err(Failure::TooLong);
    }
    if bytes.is_empty() || bytes.contains(&0) {
        return Err(Failure::Malformed);
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(_) => Err(Failure::Malformed),
    }
}
