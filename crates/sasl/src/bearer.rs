//! OAUTHBEARER (RFC 7628) and XOAUTH2: one message with a token in it, and where the token is
//! refused, an error that the client has to acknowledge.

use zeroize::Zeroizing;

use crate::{
    Answer, BearerToken, Failure, Mechanism, Password, Question, Step,
    mechanism::{NAME_BYTES_MAX, parse_text},
    scram::parse_saslname,
};

/// LIMIT: longest token. Ours have 60 characters; signed ones of others a few thousand.
const TOKEN_BYTES_MAX: usize = 8_192;

/// RFC 7628 §3.1, `kvsep`.
const KVSEP: u8 = 1;

/// What a token that is not good is answered: RFC 7628 §3.2.2.
const OAUTHBEARER_ERROR: &[u8] = br#"{"status":"invalid_token","schemes":"bearer"}"#;

/// QUIRK(Google's clients and their copies, XOAUTH2): look for a status of digits.
const XOAUTH2_ERROR: &[u8] = br#"{"status":"401","schemes":"bearer"}"#;

/// A token exchange of either form.
pub(crate) struct Bearer {
    parse: fn(&[u8]) -> Result<Message, Failure>,
    error: &'static [u8],
    state: State,
}

/// The message that is expected next.
enum State {
    Message,
    Answer,
    /// The error was sent; the client has to say that it has seen it.
    Acknowledgement,
    Finished,
}

/// The parts of the client's message.
#[derive(Debug, PartialEq, Eq)]
struct Message {
    authzid: Option<String>,
    /// Absent where a client only asks what would be needed (RFC 7628 §4.3).
    token: Option<Password>,
}

/// `kvpair`: key and value.
type Pair<'a> = (&'a [u8], &'a [u8]);

impl Bearer {
    pub(crate) fn oauthbearer() -> Self {
        Self { parse: parse_oauthbearer, error: OAUTHBEARER_ERROR, state: State::Message }
    }

    pub(crate) fn xoauth2() -> Self {
        Self { parse: parse_xoauth2, error: XOAUTH2_ERROR, state: State::Message }
    }

    fn refuse(&mut self) -> Step {
        self.state = State::Acknowledgement;
        Step::Challenge(self.error.to_vec())
    }
}

impl Mechanism for Bearer {
    fn step(&mut self, response: Option<&[u8]>) -> Step {
        match (std::mem::replace(&mut self.state, State::Finished), response) {
            (State::Message, None) => {
                self.state = State::Message;
                Step::Challenge(Vec::new())
            }
            (State::Message, Some(message)) => match (self.parse)(message) {
                Ok(Message { authzid, token: Some(token) }) => {
                    self.state = State::Answer;
                    Step::Ask(Question::Token(BearerToken { authzid, token }))
                }
                Ok(_) => self.refuse(),
                Err(failure) => Step::Failed(failure),
            },
            // RFC 7628 §3.2.3: the client answers the error with a single %x01, or cancels.
            // What it sends makes no difference any more.
            (State::Acknowledgement, Some(_)) => Step::Failed(Failure::Refused),
            _ => Step::Failed(Failure::Malformed),
        }
    }

    fn answer(&mut self, answer: Answer) -> Step {
        match (std::mem::replace(&mut self.state, State::Finished), answer) {
            (State::Answer, Answer::Accepted) => Step::Accepted,
            (State::Answer, _) => self.refuse(),
            _ => Step::Failed(Failure::Malformed),
        }
    }
}

/// RFC 7628 §3.1: `client-resp = (gs2-header kvsep *kvpair kvsep) / kvsep`.
fn parse_oauthbearer(message: &[u8]) -> Result<Message, Failure> {
    // RFC 5801 §4, gs2-header: `F,` (nonstandard), then `n`, `y` or `p=…`, then the authzid.
    let mut parts = message.splitn(3, |&byte| byte == b',');
    let (Some(flag), Some(authzid), Some(rest)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(Failure::Malformed);
    };
    // RFC 7628 §3.1: there is no form with channel binding.
    if flag != b"n" && flag != b"y" {
        return Err(Failure::Malformed);
    }
    let authzid = match authzid {
        b"" => None,
        name => {
            let name = name.strip_prefix(b"a=").ok_or(Failure::Malformed)?;
            Some(parse_saslname(name)?)
        }
    };
    let pairs = rest.strip_prefix(&[KVSEP]).ok_or(Failure::Malformed)?;
    let mut token = None;
    for (key, value) in parse_pairs(pairs)? {
        // RFC 7628 §3.1: host, port and others are for signatures over the request, which bearer
        // tokens have none of.
        if key == b"auth" {
            token = parse_authorization(value)?;
        }
    }
    Ok(Message { authzid, token })
}

/// Google's form: `user={name}^Aauth=Bearer {token}^A^A`.
fn parse_xoauth2(message: &[u8]) -> Result<Message, Failure> {
    let mut authzid = None;
    let mut token = None;
    for (key, value) in parse_pairs(message)? {
        match key {
            b"user" => authzid = Some(parse_text(value, NAME_BYTES_MAX)?),
            b"auth" => token = parse_authorization(value)?,
            _ => {}
        }
    }
    match authzid {
        None => Err(Failure::Malformed),
        authzid => Ok(Message { authzid, token }),
    }
}

/// RFC 7628 §3.1: `kvpair = key "=" value kvsep`, any number of them, and a last `kvsep`.
fn parse_pairs(bytes: &[u8]) -> Result<Vec<Pair<'_>>, Failure> {
    let pairs = bytes.strip_suffix(&[KVSEP]).ok_or(Failure::Malformed)?;
    let Some(pairs) = pairs.strip_suffix(&[KVSEP]) else {
        return if pairs.is_empty() { Ok(Vec::new()) } else { Err(Failure::Malformed) };
    };
    let pairs = pairs.split(|&byte| byte == KVSEP);
    pairs.map(|pair| parse_pair(pair).ok_or(Failure::Malformed)).collect()
}

/// `key = 1*(ALPHA)`; the value is up to whoever reads it.
fn parse_pair(pair: &[u8]) -> Option<Pair<'_>> {
    let (key, rest) = pair.split_at_checked(pair.iter().position(|&byte| byte == b'=')?)?;
    let named = !key.is_empty() && key.iter().all(u8::is_ascii_alphabetic);
    named.then_some((key, rest.get(1..)?))
}

/// RFC 6750 §2.1: `"Bearer" 1*SP b64token`; the scheme in any case. Nothing at all is a client's
/// way to ask what is needed.
fn parse_authorization(value: &[u8]) -> Result<Option<Password>, Failure> {
    if value.is_empty() {
        return Ok(None);
    }
    let (scheme, token) = value.split_at_checked(b"Bearer ".len()).ok_or(Failure::Malformed)?;
    if !scheme.eq_ignore_ascii_case(b"Bearer ") {
        return Err(Failure::Malformed);
    }
    let token = token.trim_ascii_start();
    let is_token_byte = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(byte);
    if token.is_empty() || !token.iter().all(is_token_byte) {
        return Err(Failure::Malformed);
    }
    if token.len() > TOKEN_BYTES_MAX {
        return Err(Failure::TooLong);
    }
    let text = Zeroizing::new(parse_text(token, TOKEN_BYTES_MAX)?);
    Ok(Some(Password::from(text.as_str())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(authzid: Option<&str>, token: &str) -> Step {
        let authzid = authzid.map(str::to_owned);
        Step::Ask(Question::Token(BearerToken { authzid, token: token.into() }))
    }

    const MALFORMED: Step = Step::Failed(Failure::Malformed);

    #[test]
    fn oauthbearer_messages() {
        let long = format!("n,,\x01auth=Bearer {}\x01\x01", "t".repeat(8_193));
        let table: &[(&str, Step)] = &[
            // RFC 7628 §4.1.
            (
                "n,a=user@example.com,\x01host=server.example.com\x01port=143\x01\
                 auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\x01\x01",
                ask(Some("user@example.com"), "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg=="),
            ),
            ("n,,\x01auth=BeArEr  t0k\x01\x01", ask(None, "t0k")),
            ("y,a=a=2Cb=3Dc,\x01auth=Bearer t\x01\x01", ask(Some("a,b=c"), "t")),
            // RFC 7628 §4.3: nothing but a question.
            (
                "n,a=user@example.com,\x01host=server.example.com\x01port=143\x01auth=\x01\x01",
                Step::Challenge(OAUTHBEARER_ERROR.to_vec()),
            ),
            ("n,,\x01\x01", Step::Challenge(OAUTHBEARER_ERROR.to_vec())),
            // RFC 7628 §4.4 has `user=` where its own grammar has `a=`.
            ("n,user=someuser@example.com,\x01auth=Bearer t\x01\x01", MALFORMED),
            ("p=tls-exporter,,\x01auth=Bearer t\x01\x01", MALFORMED),
            ("n,,\x01auth=Basic dDp0\x01\x01", MALFORMED),
            ("n,,\x01auth=Bearer \x01\x01", MALFORMED),
            ("n,,\x01auth=Bearer a b\x01\x01", MALFORMED),
            ("n,,\x01auth=Bearer t\x01", MALFORMED),
            ("n,,\x01=x\x01\x01", MALFORMED),
            ("n,,auth=Bearer t\x01\x01", MALFORMED),
            ("n,a=,\x01auth=Bearer t\x01\x01", MALFORMED),
            ("\x01", MALFORMED),
            ("", MALFORMED),
            (&long, Step::Failed(Failure::TooLong)),
        ];
        for (message, expect) in table {
            let mut bearer = Bearer::oauthbearer();
            assert_eq!(bearer.step(None), Step::Challenge(Vec::new()));
            assert_eq!(bearer.step(Some(message.as_bytes())), *expect, "{message:?}");
        }
    }

    #[test]
    fn xoauth2_messages() {
        let table: &[(&str, Step)] = &[
            // Google's own example.
            (
                "user=someuser@example.com\x01auth=Bearer ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg\x01\x01",
                ask(Some("someuser@example.com"), "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg"),
            ),
            ("user=a@b\x01auth=\x01\x01", Step::Challenge(XOAUTH2_ERROR.to_vec())),
            ("auth=Bearer t\x01\x01", MALFORMED),
            ("user=\x01auth=Bearer t\x01\x01", MALFORMED),
            ("user=a@b auth=Bearer t", MALFORMED),
        ];
        for (message, expect) in table {
            assert_eq!(Bearer::xoauth2().step(Some(message.as_bytes())), *expect, "{message:?}");
        }
    }

    #[test]
    fn refusals_are_acknowledged() {
        // RFC 7628 §4.3: the error, the dummy response, the refusal.
        let mut bearer = Bearer::oauthbearer();
        assert_eq!(bearer.step(Some(b"n,,\x01auth=Bearer t\x01\x01")), ask(None, "t"));
        let error = bearer.answer(Answer::Refused);
        assert_eq!(error, Step::Challenge(OAUTHBEARER_ERROR.to_vec()));
        assert_eq!(bearer.step(Some(b"\x01")), Step::Failed(Failure::Refused));
        assert_eq!(bearer.step(Some(b"\x01")), MALFORMED);

        let mut bearer = Bearer::xoauth2();
        bearer.step(Some(b"user=a@b\x01auth=Bearer t\x01\x01"));
        assert_eq!(bearer.answer(Answer::Accepted), Step::Accepted);
        assert_eq!(bearer.answer(Answer::Accepted), MALFORMED);
    }
}
