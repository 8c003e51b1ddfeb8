//! The shape every mechanism has, and how each is started.

use crate::{
    Answer, Channel, Credentials, Name, Question, bearer::Bearer, external::External, login::Login,
    plain::Plain, scram::Scram,
};

/// One running exchange of one mechanism, on decoded bytes.
///
/// `step` is called first with `None` when the client sent no initial response, else with that
/// response; afterwards with each response in turn. A question is followed by `answer`. After
/// anything but a challenge or a question the exchange is over, and a further step fails.
pub trait Mechanism: Send {
    /// Consumes one client response and says what comes next.
    fn step(&mut self, response: Option<&[u8]>) -> Step;

    /// Takes the answer to the question of the last step and says what comes next.
    fn answer(&mut self, answer: Answer) -> Step;
}

/// What a mechanism wants after one step.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Send these bytes and come back with the response.
    Challenge(Vec<u8>),
    /// Find this out and come back with the answer.
    Ask(Question),
    /// The exchange is complete: who was asked about last is signed in.
    Accepted,
    /// The exchange is over without result.
    Failed(Failure),
}

/// Why an exchange ended without anybody signed in.
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
    /// The channel binding is missing, unknown or another than ours: somebody may stand between
    /// the client and us.
    ChannelBinding,
    /// The answer was no.
    Refused,
}

/// Starts a mechanism on a connection. `plus_offered` says whether a `-PLUS` form was announced
/// on it; `nonce` is fresh, random and printable (RFC 5802 §5.1).
pub fn start(name: Name, channel: &Channel, plus_offered: bool, nonce: &str) -> Box<dyn Mechanism> {
    match name {
        Name::Plain => Box::new(Plain::default()),
        Name::Login => Box::new(Login::default()),
        Name::Scram { hash, plus } => {
            let bindings = channel.bindings.clone();
            Box::new(Scram::new(hash, plus, plus_offered, bindings, nonce))
        }
        Name::OauthBearer => Box::new(Bearer::oauthbearer()),
        Name::Xoauth2 => Box::new(Bearer::xoauth2()),
        Name::External => Box::new(External::default()),
    }
}

/// The last step of PLAIN and LOGIN: asks for the password to be checked.
pub(crate) fn ask(credentials: Credentials) -> Step {
    Step::Ask(Question::Password(credentials))
}

/// What mechanisms without a last word make of an answer.
pub(crate) fn conclude(answer: &Answer) -> Step {
    match answer {
        Answer::Accepted => Step::Accepted,
        Answer::Refused | Answer::Verifiers(_) => Step::Failed(Failure::Refused),
    }
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
