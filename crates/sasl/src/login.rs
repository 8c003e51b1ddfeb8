//! LOGIN: two prompts, name then password. It was never more than an expired draft
//! (draft-murchison-sasl-login), but Outlook and many devices speak nothing else to SMTP.

use crate::{
    Answer, Credentials, Failure, Mechanism, Password, Step,
    mechanism::{NAME_BYTES_MAX, PASSWORD_BYTES_MAX, ask, conclude, parse_text},
};

/// The state of a LOGIN exchange: what is expected next.
#[derive(Default)]
pub(crate) enum Login {
    /// The user name.
    #[default]
    Name,
    /// The password of this user name.
    Password(String),
    /// The exchange is over.
    Finished,
}

impl Mechanism for Login {
    fn step(&mut self, response: Option<&[u8]>) -> Step {
        // QUIRK(Outlook, all): compares the prompts letter by letter, so they are exactly these.
        match (std::mem::replace(self, Self::Finished), response) {
            (Self::Name, None) => {
                *self = Self::Name;
                Step::Challenge(b"Username:".to_vec())
            }
            // QUIRK(Outlook, all): sends the user name as initial response, which the draft
            // does not know.
            (Self::Name, Some(name)) => match parse_text(name, NAME_BYTES_MAX) {
                Ok(name) => {
                    *self = Self::Password(name);
                    Step::Challenge(b"Password:".to_vec())
                }
                Err(failure) => Step::Failed(failure),
            },
            (Self::Password(authcid), Some(password)) => {
                match parse_text(password, PASSWORD_BYTES_MAX) {
                    Ok(password) => ask(Credentials {
                        authzid: None,
                        authcid,
                        password: Password::new(password),
                    }),
                    Err(failure) => Step::Failed(failure),
                }
            }
            (Self::Password(_), None) | (Self::Finished, _) => Step::Failed(Failure::Malformed),
        }
    }

    fn answer(&mut self, answer: Answer) -> Step {
        conclude(&answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompts_then_credentials() {
        let expected = || {
            ask(Credentials {
                authzid: None,
                authcid: "tim@example.test".into(),
                password: "pw".into(),
            })
        };
        let mut asked = Login::default();
        assert_eq!(asked.step(None), Step::Challenge(b"Username:".to_vec()));
        assert_eq!(asked.step(Some(b"tim@example.test")), Step::Challenge(b"Password:".to_vec()));
        assert_eq!(asked.step(Some(b"pw")), expected());
        assert_eq!(asked.step(Some(b"pw")), Step::Failed(Failure::Malformed));

        let mut unasked = Login::default();
        assert_eq!(unasked.step(Some(b"tim@example.test")), Step::Challenge(b"Password:".to_vec()));
        assert_eq!(unasked.step(Some(b"pw")), expected());
    }

    #[test]
    fn bad_parts_end_it() {
        let table: &[(&[u8], &[u8], Failure)] = &[
            (b"tim", b"", Failure::Malformed),
            (b"tim", b"a\0b", Failure::Malformed),
            (b"tim", b"\xff", Failure::Malformed),
            (b"tim", &[b'p'; 1_025], Failure::TooLong),
        ];
        for (name, password, expect) in table {
            let mut login = Login::default();
            assert_eq!(login.step(Some(name)), Step::Challenge(b"Password:".to_vec()));
            assert_eq!(login.step(Some(password)), Step::Failed(*expect), "{password:?}");
            assert_eq!(login.step(Some(b"pw")), Step::Failed(Failure::Malformed));
        }
        for (name, expect) in [(&b""[..], Failure::Malformed), (&[b'n'; 513], Failure::TooLong)] {
            assert_eq!(Login::default().step(Some(name)), Step::Failed(expect));
        }
    }
}
