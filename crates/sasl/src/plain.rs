//! PLAIN (RFC 4616): one message with everything in it.

use crate::{
    Answer, Credentials, Failure, Mechanism, Password, Step,
    mechanism::{NAME_BYTES_MAX, PASSWORD_BYTES_MAX, ask, conclude, parse_text},
};

/// The state of a PLAIN exchange: whether its one message was seen.
#[derive(Default)]
pub(crate) struct Plain {
    finished: bool,
}

impl Mechanism for Plain {
    fn step(&mut self, response: Option<&[u8]>) -> Step {
        let Some(message) = response else {
            // RFC 4616 §2: the server has nothing to say first, so its challenge is empty.
            return Step::Challenge(Vec::new());
        };
        if self.finished {
            return Step::Failed(Failure::Malformed);
        }
        self.finished = true;
        match parse_message(message) {
            Ok(credentials) => ask(credentials),
            Err(failure) => Step::Failed(failure),
        }
    }

    fn answer(&mut self, answer: Answer) -> Step {
        conclude(&answer)
    }
}

/// RFC 4616 §2, `message = [authzid] UTF8NUL authcid UTF8NUL passwd`.
fn parse_message(message: &[u8]) -> Result<Credentials, Failure> {
    let mut parts = message.splitn(3, |&byte| byte == 0);
    let (Some(authzid), Some(authcid), Some(password)) = (parts.next(), parts.next(), parts.next())
    else {
        return Err(Failure::Malformed);
    };
    let authzid = match authzid {
        b"" => None,
        name => Some(parse_text(name, NAME_BYTES_MAX)?),
    };
    Ok(Credentials {
        authzid,
        authcid: parse_text(authcid, NAME_BYTES_MAX)?,
        // RFC 4616 §2: a third NUL would stand in the password, where it may not.
        password: Password::new(parse_text(password, PASSWORD_BYTES_MAX)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(authzid: Option<&str>, authcid: &str, password: &str) -> Step {
        ask(Credentials {
            authzid: authzid.map(str::to_owned),
            authcid: authcid.into(),
            password: password.into(),
        })
    }

    #[test]
    fn messages() {
        let long_name = [b"\0".as_slice(), &[b'n'; 513], b"\0pw"].concat();
        let long_password = [b"\0tim\0".as_slice(), &[b'p'; 1_025]].concat();
        let widest = [b"\0".as_slice(), &[b'n'; 512], b"\0", &[b'p'; 1_024]].concat();
        let table: &[(&[u8], Step)] = &[
            // RFC 4616 §4, both examples.
            (b"\0tim\0tanstaaftanstaaf", credentials(None, "tim", "tanstaaftanstaaf")),
            (b"Ursel\0Kurt\0xipj3plmq", credentials(Some("Ursel"), "Kurt", "xipj3plmq")),
            ("\0jul\u{e9}\0p\u{2603}".as_bytes(), credentials(None, "jul\u{e9}", "p\u{2603}")),
            (&widest, credentials(None, &"n".repeat(512), &"p".repeat(1_024))),
            (b"", Step::Failed(Failure::Malformed)),
            (b"\0", Step::Failed(Failure::Malformed)),
            (b"\0\0", Step::Failed(Failure::Malformed)),
            (b"tim", Step::Failed(Failure::Malformed)),
            (b"\0tim", Step::Failed(Failure::Malformed)),
            (b"\0tim\0", Step::Failed(Failure::Malformed)),
            (b"\0\0secret", Step::Failed(Failure::Malformed)),
            (b"\0tim\0a\0b", Step::Failed(Failure::Malformed)),
            (b"\0tim\0\xff", Step::Failed(Failure::Malformed)),
            (b"\xc3\0tim\0pw", Step::Failed(Failure::Malformed)),
            (&long_name, Step::Failed(Failure::TooLong)),
            (&long_password, Step::Failed(Failure::TooLong)),
        ];
        for (message, expect) in table {
            assert_eq!(Plain::default().step(Some(message)), *expect, "{message:?}");
        }
    }

    #[test]
    fn empty_challenge_when_nothing_came_along() {
        let mut plain = Plain::default();
        assert_eq!(plain.step(None), Step::Challenge(Vec::new()));
        assert_eq!(plain.step(Some(b"\0tim\0pw")), credentials(None, "tim", "pw"));
        assert_eq!(plain.step(Some(b"\0tim\0pw")), Step::Failed(Failure::Malformed));
    }
}
