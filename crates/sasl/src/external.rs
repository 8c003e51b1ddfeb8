//! EXTERNAL (RFC 4422 §A): the client was identified below, by its TLS certificate.

use crate::{
    Answer, Failure, Mechanism, Question, Step,
    mechanism::{NAME_BYTES_MAX, conclude, parse_text},
};

/// The state of an EXTERNAL exchange: whether its one message was seen.
#[derive(Default)]
pub(crate) struct External {
    finished: bool,
}

impl Mechanism for External {
    fn step(&mut self, response: Option<&[u8]>) -> Step {
        if std::mem::replace(&mut self.finished, response.is_some()) {
            return Step::Failed(Failure::Malformed);
        }
        // RFC 4422 §A.1: initial-response = *( UTF8-char-no-nul ), possibly empty.
        let authzid = match response {
            None => return Step::Challenge(Vec::new()),
            Some(b"") => Ok(None),
            Some(authzid) => parse_text(authzid, NAME_BYTES_MAX).map(Some),
        };
        match authzid {
            Ok(authzid) => Step::Ask(Question::Certificate { authzid }),
            Err(failure) => Step::Failed(failure),
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
    fn messages() {
        let ask = |authzid: Option<&str>| {
            Step::Ask(Question::Certificate { authzid: authzid.map(str::to_owned) })
        };
        // RFC 4422 §A.3: both examples, and what is no identity.
        let table: &[(&[u8], Step)] = &[
            (b"", ask(None)),
            (b"fred@example.com", ask(Some("fred@example.com"))),
            (b"fred\0", Step::Failed(Failure::Malformed)),
            (b"\xff", Step::Failed(Failure::Malformed)),
            (&[b'x'; 513], Step::Failed(Failure::TooLong)),
        ];
        for (message, expect) in table {
            let mut external = External::default();
            assert_eq!(external.step(None), Step::Challenge(Vec::new()));
            assert_eq!(external.step(Some(message)), *expect, "{message:?}");
            // Whatever came of it, there is no second time.
            assert_eq!(external.step(Some(b"")), Step::Failed(Failure::Malformed));
        }
        let mut external = External::default();
        external.step(Some(b""));
        assert_eq!(external.answer(Answer::Accepted), Step::Accepted);
        assert_eq!(external.step(Some(b"")), Step::Failed(Failure::Malformed));
        assert_eq!(External::default().answer(Answer::Refused), Step::Failed(Failure::Refused));
    }
}
